//! What a format operation asks of its arguments, and what it gives back.

use std::borrow::Cow;
use std::ops::Range;

use super::error::FormatError;
use super::pyint::PyInt;
use super::repr::ascii_of_repr;

/// The value of a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A `bool`
    Bool(bool),
    /// An `int`
    Int(PyInt),
    /// A `float`
    Float(f64),
}

impl Number {
    /// Returns the value of an `int` or `bool`.
    pub fn as_int(&self) -> Option<PyInt> {
        match self {
            Number::Bool(value) => Some(PyInt::Small(i64::from(*value))),
            Number::Int(value) => Some(value.clone()),
            Number::Float(_) => None,
        }
    }
}

/// An argument of `%` or `str.format`.
///
/// `Error` is what the engine raises; the text functions turn their own
/// [`FormatError`]s into it and pass the argument's errors through.
pub trait FormatArg {
    /// What the argument's own conversions raise.
    type Error: From<FormatError>;

    /// Returns `type(arg).__name__`.
    fn type_name(&self) -> Cow<'_, str>;

    /// Returns the value of a `bool`, `int` or `float`, and `None` for anything else.
    fn number(&self) -> Option<Number>;

    /// Returns the text of a `str`, and `None` for anything else.
    fn as_str(&self) -> Option<&str>;

    /// Returns what `str(arg)` gives.
    ///
    /// # Errors
    /// Whatever the conversion raises.
    fn text(&self) -> Result<Cow<'_, str>, Self::Error>;

    /// Returns what `repr(arg)` gives.
    ///
    /// # Errors
    /// Whatever the conversion raises.
    fn repr(&self) -> Result<Cow<'_, str>, Self::Error>;

    /// Returns what `ascii(arg)` gives.
    ///
    /// # Errors
    /// Whatever the conversion raises.
    fn ascii(&self) -> Result<String, Self::Error> {
        self.repr().map(|repr| ascii_of_repr(&repr))
    }

    /// Converts with `__int__` a value that is no number; `None` if it has none.
    ///
    /// # Errors
    /// Whatever the conversion raises.
    fn coerce_int(&self) -> Result<Option<PyInt>, Self::Error> {
        Ok(None)
    }

    /// Converts with `__float__` a value that is no number; `None` if it has none.
    ///
    /// # Errors
    /// Whatever the conversion raises.
    fn coerce_float(&self) -> Result<Option<f64>, Self::Error> {
        Ok(None)
    }

    /// Checks a format specification before it is read.
    ///
    /// # Errors
    /// Whatever the value's own `__format__` says against it.
    fn check_spec(&self, _spec: &str) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The formatted text of one argument, apart from its padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// All of `str(arg)`, unchanged.
    Verbatim,
    /// These bytes of `str(arg)`.
    Part(Range<usize>),
    /// Text made by formatting.
    Text(String),
}

/// One argument after formatting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// Fill characters before the body.
    pub padding_left: String,
    /// What the argument became.
    pub body: Body,
    /// Fill characters after the body.
    pub padding_right: String,
}

impl Formatted {
    /// Wraps a body that needs no padding.
    pub fn unpadded(body: Body) -> Self {
        Formatted { padding_left: String::new(), body, padding_right: String::new() }
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Formatted::unpadded(Body::Text(text.into()))
    }

    /// Returns the whole text; `str_of_arg` is what `str(arg)` gives.
    pub fn join(&self, str_of_arg: &str) -> String {
        let body = match &self.body {
            Body::Verbatim => str_of_arg,
            Body::Part(range) => str_of_arg.get(range.clone()).unwrap_or(""),
            Body::Text(text) => text,
        };
        format!("{}{body}{}", self.padding_left, self.padding_right)
    }
}

/// Repeats a fill character.
///
/// # Errors
/// `MemoryError` where the padding is longer than [`FormatError::MAX_PADDING`].
pub(super) fn fill(c: char, count: usize) -> Result<String, FormatError> {
    FormatError::check_size(count)?;
    Ok(std::iter::repeat_n(c, count).collect())
}
