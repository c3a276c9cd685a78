//! Drives `str.format` in the order in which Python works and raises errors.

use std::borrow::Cow;
use std::ops::Range;

use super::classify::isdigit;
use super::error::FormatError;
use super::field_name::{index_of, split_field_name, FieldPart};
use super::format_arg::{Body, FormatArg, Formatted, Number};
use super::format_spec::format_spec;
use super::repr::{ascii_of_repr, repr_str};
use super::strformat::{parse_format, FormatPiece};

const TO_AUTOMATIC: &str = "cannot switch from manual field specification to automatic field numbering";
const TO_MANUAL: &str = "cannot switch from automatic field numbering to manual field specification";

/// Whose messages and order of work to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatDialect {
    /// `str.format` itself, as outside of Jinja's sandbox.
    Builtin,
    /// `string.Formatter`, which Jinja's sandbox puts in its place.
    Formatter,
}

/// Where fields find their values.
pub trait FieldSource {
    /// A field's value.
    type Arg: FormatArg;

    /// Returns a positional argument.
    ///
    /// # Errors
    /// `IndexError` where there is none: `Replacement index 0 out of range for positional
    /// args tuple` under [`FormatDialect::Builtin`], else `tuple index out of range`.
    fn positional(&mut self, index: usize) -> Result<Self::Arg, ArgError<Self>>;

    /// Returns a keyword argument.
    ///
    /// # Errors
    /// `KeyError` where there is none.
    fn named(&mut self, name: &str) -> Result<Self::Arg, ArgError<Self>>;

    /// Takes one step of a field name.
    ///
    /// # Errors
    /// What the attribute or item access raises.
    fn part(&mut self, of: Self::Arg, part: FieldPart<'_>) -> Result<Self::Arg, ArgError<Self>>;
}

type ArgError<S> = <<S as FieldSource>::Arg as FormatArg>::Error;

/// A part of the result of [`format_fields`].
#[derive(Clone, Debug)]
pub enum FormatOutput<A> {
    /// Bytes of the format string.
    Literal(Range<usize>),
    /// A formatted value.
    Field {
        /// The value before its conversion.
        arg: A,
        /// What became of it.
        formatted: Formatted,
        /// Whether `!r`, `!s` or `!a` was applied.
        converted: bool,
    },
}

/// Formats the fields of `format`, raising errors in the order in which Python raises them.
///
/// `sink` fails where it asks for the `str()` of an argument and that raises.
///
/// # Errors
/// What parsing, formatting, the arguments or `sink` raise.
pub fn format_fields<S: FieldSource>(
    format: &str,
    source: &mut S,
    dialect: FormatDialect,
    sink: &mut dyn FnMut(FormatOutput<S::Arg>) -> Result<(), ArgError<S>>,
) -> Result<(), ArgError<S>> {
    let mut driver = Driver { source, dialect, numbering: Numbering::Unset };
    driver.expand(format, 2, sink)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Unset,
    Automatic(usize),
    Manual,
}

/// What the first part of a field name refers to.
enum FirstPart<'n> {
    Index(usize),
    Name(&'n str),
}

struct Driver<'s, S: FieldSource> {
    source: &'s mut S,
    dialect: FormatDialect,
    numbering: Numbering,
}

impl<S: FieldSource> Driver<'_, S> {
    fn expand(
        &mut self,
        format: &str,
        levels_left: usize,
        sink: &mut dyn FnMut(FormatOutput<S::Arg>) -> Result<(), ArgError<S>>,
    ) -> Result<(), ArgError<S>> {
        for piece in parse_format(format) {
            match piece? {
                FormatPiece::Literal(range) => sink(FormatOutput::Literal(range))?,
                FormatPiece::Field { name, conversion, spec } => {
                    let arg = self.value(&format[name])?;
                    let converted = self.convert(&arg, conversion)?;
                    let spec = self.spec(&format[spec], levels_left)?;
                    let was_converted = !matches!(conversion, None | Some('\0'));
                    if !was_converted {
                        arg.check_spec(&spec)?;
                    }
                    let formatted = match converted {
                        None => format_spec(&spec, &arg)?,
                        Some(text) => format_converted(&spec, text, conversion)?,
                    };
                    sink(FormatOutput::Field { arg, formatted, converted: was_converted })?;
                }
            }
        }
        Ok(())
    }

    /// Expands the fields inside a spec.
    fn spec(&mut self, spec: &str, levels_left: usize) -> Result<String, ArgError<S>> {
        let expands = self.dialect == FormatDialect::Formatter || spec.contains('{');
        if !expands {
            return Ok(spec.to_owned());
        }
        let least = if self.dialect == FormatDialect::Builtin { 2 } else { 1 };
        if levels_left < least {
            return Err(FormatError::value("Max string recursion exceeded").into());
        }
        let mut out = String::new();
        self.expand(spec, levels_left - 1, &mut |output| {
            match output {
                FormatOutput::Literal(range) => out.push_str(&spec[range]),
                FormatOutput::Field { arg, formatted, .. } => match formatted.body {
                    Body::Text(_) => out.push_str(&formatted.join("")),
                    _ => out.push_str(&formatted.join(&arg.text()?)),
                },
            }
            Ok(())
        })?;
        Ok(out)
    }

    fn value(&mut self, name: &str) -> Result<S::Arg, ArgError<S>> {
        let (first, steps) = split_field_name(name);
        let mut value = match self.number(name, first)? {
            FirstPart::Index(index) => self.source.positional(index)?,
            FirstPart::Name(name) => self.source.named(name)?,
        };
        for step in steps {
            value = self.source.part(value, step?)?;
        }
        Ok(value)
    }

    fn number<'n>(&mut self, name: &str, first: &'n str) -> Result<FirstPart<'n>, FormatError> {
        match self.dialect {
            FormatDialect::Builtin => self.number_builtin(first),
            FormatDialect::Formatter => self.number_formatter(name, first),
        }
    }

    fn number_builtin<'n>(&mut self, first: &'n str) -> Result<FirstPart<'n>, FormatError> {
        match (index_of(first)?, self.numbering) {
            (Some(_), Numbering::Automatic(_)) => Err(FormatError::value(TO_MANUAL)),
            (Some(index), _) => {
                self.numbering = Numbering::Manual;
                Ok(FirstPart::Index(index))
            }
            (None, _) if !first.is_empty() => Ok(FirstPart::Name(first)),
            (None, Numbering::Manual) => Err(FormatError::value(TO_AUTOMATIC)),
            (None, _) => Ok(FirstPart::Index(self.take_number())),
        }
    }

    fn number_formatter<'n>(&mut self, name: &str, first: &'n str) -> Result<FirstPart<'n>, FormatError> {
        if name.is_empty() {
            if self.numbering == Numbering::Manual {
                return Err(FormatError::value(TO_AUTOMATIC));
            }
            return Ok(FirstPart::Index(self.take_number()));
        }
        if isdigit(name) {
            if matches!(self.numbering, Numbering::Automatic(taken) if taken > 0) {
                return Err(FormatError::value(TO_AUTOMATIC));
            }
            self.numbering = Numbering::Manual;
        }
        Ok(index_of(first)?.map_or(FirstPart::Name(first), FirstPart::Index))
    }

    fn take_number(&mut self) -> usize {
        let next = match self.numbering {
            Numbering::Automatic(next) => next,
            _ => 0,
        };
        self.numbering = Numbering::Automatic(next + 1);
        next
    }

    /// Applies `!s`, `!r` or `!a`; `None` where the value stays as it is.
    fn convert(&self, arg: &S::Arg, conversion: Option<char>) -> Result<Option<String>, ArgError<S>> {
        match conversion {
            None | Some('\0') => Ok(None),
            Some('s') if arg.as_str().is_some() => Ok(None),
            Some('s') => Ok(Some(arg.text()?.into_owned())),
            Some('r') => Ok(Some(arg.repr()?.into_owned())),
            Some('a') => Ok(Some(arg.ascii()?)),
            Some(other) => Err(self.unknown_conversion(other).into()),
        }
    }

    fn unknown_conversion(&self, conversion: char) -> FormatError {
        let code = u32::from(conversion);
        if self.dialect == FormatDialect::Formatter || (code > 32 && code < 127) {
            FormatError::value(format!("Unknown conversion specifier {conversion}"))
        } else {
            FormatError::value(format!("Unknown conversion specifier \\x{code:x}"))
        }
    }
}

/// The text that a conversion gave, as an argument of its own.
struct ConvertedText {
    text: String,
}

impl FormatArg for ConvertedText {
    type Error = FormatError;

    fn type_name(&self) -> Cow<'_, str> {
        "str".into()
    }

    fn number(&self) -> Option<Number> {
        None
    }

    fn as_str(&self) -> Option<&str> {
        Some(&self.text)
    }

    fn text(&self) -> Result<Cow<'_, str>, FormatError> {
        Ok(self.text.as_str().into())
    }

    fn repr(&self) -> Result<Cow<'_, str>, FormatError> {
        Ok(repr_str(&self.text).into())
    }

    fn ascii(&self) -> Result<String, FormatError> {
        Ok(ascii_of_repr(&repr_str(&self.text)))
    }
}

fn format_converted(spec: &str, text: String, conversion: Option<char>) -> Result<Formatted, FormatError> {
    let converted = ConvertedText { text };
    let mut formatted = format_spec(spec, &converted)?;
    // After `!s` the text is that of `str(arg)`, of which a body may be a part.
    if conversion != Some('s') {
        formatted.body = Body::Text(match formatted.body {
            Body::Verbatim => converted.text,
            Body::Part(range) => converted.text[range].to_owned(),
            Body::Text(text) => text,
        });
    }
    Ok(formatted)
}
