//! Drives `%` formatting in the order in which CPython works and raises errors.

use std::ops::Range;

use super::error::FormatError;
use super::format_arg::{FormatArg, Formatted};
use super::percent::{parse_percent, Directive, PercentPiece, Size};
use super::percent_value::apply_percent;
use super::pyint::PyInt;

/// Where `%` finds its arguments.
///
/// A tuple gives its items one after the other, any other value gives itself once.
pub trait PercentArgs {
    /// One argument.
    type Arg: FormatArg;

    /// Returns the next argument, if any is left.
    fn next(&mut self) -> Option<Self::Arg>;

    /// Says whether [`next`](PercentArgs::next) would return an argument.
    fn has_next(&self) -> bool;

    /// Says whether the right operand can be subscripted and is neither tuple nor str.
    ///
    /// Python counts lists, dicts and undefined values; keys are then looked up in
    /// it, and left-over arguments are no error.
    fn is_mapping(&self) -> bool;

    /// Looks a key up in the right operand.
    ///
    /// # Errors
    /// What the subscript raises.
    fn lookup(&mut self, key: &str) -> Result<Self::Arg, ArgError<Self>>;
}

type ArgError<S> = <<S as PercentArgs>::Arg as FormatArg>::Error;

/// A part of the result of [`format_percent`].
#[derive(Clone, Debug)]
pub enum PercentOutput<A> {
    /// Bytes of the format string.
    Literal(Range<usize>),
    /// A formatted argument.
    Field {
        /// The argument.
        arg: A,
        /// What became of it.
        formatted: Formatted,
        /// Bytes of the directive in the format string.
        span: Range<usize>,
    },
}

/// Formats `args` by `format`, raising errors in the order in which CPython raises them.
///
/// `sink` fails where it asks for the `str()` of an argument and that raises.
///
/// # Errors
/// What formatting, the arguments or `sink` raise.
pub fn format_percent<S: PercentArgs>(
    format: &str,
    args: &mut S,
    sink: &mut dyn FnMut(PercentOutput<S::Arg>) -> Result<(), ArgError<S>>,
) -> Result<(), ArgError<S>> {
    let mut source = ArgSource { args, keyed: None };
    for piece in parse_percent(format) {
        match piece {
            PercentPiece::Literal(range) => sink(PercentOutput::Literal(range))?,
            PercentPiece::OpenKey => return Err(source.open_key_error().into()),
            PercentPiece::Broken(mut directive, error) => {
                source.resolve(format, &mut directive)?;
                return Err(error.into());
            }
            PercentPiece::Directive(mut directive) => {
                source.resolve(format, &mut directive)?;
                let arg = source.take()?;
                let formatted = apply_percent(&directive, &arg)?;
                sink(PercentOutput::Field { arg, formatted, span: directive.span })?;
            }
        }
    }
    if source.args.has_next() && !source.args.is_mapping() {
        let message = "not all arguments converted during string formatting";
        return Err(FormatError::type_(message).into());
    }
    Ok(())
}

/// Hands out arguments: those of the operand until a key was looked up, then the found one.
struct ArgSource<'a, S: PercentArgs> {
    args: &'a mut S,
    keyed: Option<Option<S::Arg>>,
}

impl<S: PercentArgs> ArgSource<'_, S> {
    fn take(&mut self) -> Result<S::Arg, FormatError> {
        let taken = match &mut self.keyed {
            Some(found) => found.take(),
            None => self.args.next(),
        };
        taken.ok_or_else(|| FormatError::type_("not enough arguments for format string"))
    }

    fn open_key_error(&self) -> FormatError {
        if self.args.is_mapping() {
            FormatError::value("incomplete format key")
        } else {
            FormatError::type_("format requires a mapping")
        }
    }

    /// Looks up the key and puts numbers in the place of stars.
    fn resolve(&mut self, format: &str, directive: &mut Directive) -> Result<(), ArgError<S>> {
        if let Some(key) = directive.key.clone() {
            if !self.args.is_mapping() {
                return Err(FormatError::type_("format requires a mapping").into());
            }
            self.keyed = Some(Some(self.args.lookup(&format[key])?));
        }
        if directive.width == Some(Size::Star) {
            let width = star_width(&self.take_int()?)?;
            directive.flags.left |= width < 0;
            directive.width = Some(Size::Fixed(usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX)));
        }
        if directive.precision == Some(Size::Star) {
            let precision = star_precision(&self.take_int()?)?;
            directive.precision = Some(Size::Fixed(precision));
        }
        Ok(())
    }

    fn take_int(&mut self) -> Result<PyInt, FormatError> {
        let number = self.take()?.number().and_then(|number| number.as_int());
        number.ok_or_else(|| FormatError::type_("* wants int"))
    }
}

fn star_width(value: &PyInt) -> Result<i64, FormatError> {
    let message = "Python int too large to convert to C ssize_t";
    value.to_i64().ok_or_else(|| FormatError::overflow(message))
}

fn star_precision(value: &PyInt) -> Result<usize, FormatError> {
    let narrow = value.to_i64().and_then(|value| i32::try_from(value).ok());
    let message = "Python int too large to convert to C int";
    let precision = narrow.ok_or_else(|| FormatError::overflow(message))?;
    Ok(usize::try_from(precision).unwrap_or(0))
}
