//! Errors of rendering, worded as Jinja2, Python or `transformers` word them.

use std::fmt;

use chattpl_syntax::Span;

use crate::pytext::{self, FormatError};

/// The exception class that `transformers` raises in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ErrorClass {
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    RecursionError,
    RuntimeError,
    MemoryError,
    AssertionError,
    SyntaxError,
    UndefinedError,
    SecurityError,
    TemplateError,
    TemplateRuntimeError,
    TemplateAssertionError,
    TemplateSyntaxError,
    FilterArgumentError,
    /// One of ours: a limit or bad input.
    Own,
}

impl ErrorClass {
    /// The class's name; Jinja2's carry the prefix `jinja2.`; empty for our own.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::TypeError => "TypeError",
            ErrorClass::ValueError => "ValueError",
            ErrorClass::KeyError => "KeyError",
            ErrorClass::IndexError => "IndexError",
            ErrorClass::AttributeError => "AttributeError",
            ErrorClass::OverflowError => "OverflowError",
            ErrorClass::ZeroDivisionError => "ZeroDivisionError",
            ErrorClass::RecursionError => "RecursionError",
            ErrorClass::RuntimeError => "RuntimeError",
            ErrorClass::MemoryError => "MemoryError",
            ErrorClass::AssertionError => "AssertionError",
            ErrorClass::SyntaxError => "SyntaxError",
            ErrorClass::UndefinedError => "jinja2.UndefinedError",
            ErrorClass::SecurityError => "jinja2.SecurityError",
            ErrorClass::TemplateError => "jinja2.TemplateError",
            ErrorClass::TemplateRuntimeError => "jinja2.TemplateRuntimeError",
            ErrorClass::TemplateAssertionError => "jinja2.TemplateAssertionError",
            ErrorClass::TemplateSyntaxError => "jinja2.TemplateSyntaxError",
            ErrorClass::FilterArgumentError => "jinja2.FilterArgumentError",
            ErrorClass::Own => "",
        }
    }
}

/// Codes of the errors this crate reports.
pub mod code {
    /// The template raised as it would under Jinja2 and `transformers`.
    pub const RAISED: &str = "CE010";
    /// Too many instructions.
    pub const INSTRUCTIONS: &str = "CE020";
    /// Too much output or memory.
    pub const OUTPUT: &str = "CE021";
    /// Calls or data nested too deeply.
    pub const DEPTH: &str = "CE022";
    /// Messages, tools or documents of the wrong shape.
    pub const SHAPE: &str = "CE030";
    /// An object that contains itself.
    pub const CYCLE: &str = "CE031";
    /// Text that is not valid UTF-8.
    pub const ENCODING: &str = "CE032";
    /// JSON text that does not parse.
    pub const JSON: &str = "CE033";
}

/// Why a conversation could not be rendered.
#[derive(Debug, Clone)]
pub struct RenderError(Box<ErrorBody>);

#[derive(Debug, Clone)]
struct ErrorBody {
    class: ErrorClass,
    code: &'static str,
    message: String,
    span: Option<Span>,
    place: Option<String>,
    hint: Option<String>,
}

impl RenderError {
    /// An error that Jinja2 or Python would raise, with their message.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        RenderError(Box::new(ErrorBody {
            class,
            code: code::RAISED,
            message: message.into(),
            span: None,
            place: None,
            hint: None,
        }))
    }

    /// An error of our own.
    pub fn own(code: &'static str, message: impl Into<String>, hint: &str) -> Self {
        let mut error = RenderError::new(ErrorClass::Own, message);
        error.0.code = code;
        error.0.hint = Some(hint.to_owned());
        error
    }

    /// The same error under another code.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    /// The same error with a way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error, placed in the input (`messages[3].content`).
    #[must_use]
    pub fn at_input(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// The same error, placed in the template unless it has a place already.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        if self.0.span.is_none() {
            self.0.span = Some(span);
        }
        self
    }

    /// The exception class raised by `transformers` in this case.
    pub fn class(&self) -> ErrorClass {
        self.0.class
    }

    /// The stable code, `CT…`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The message, word for word.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in the template it happened.
    pub fn span(&self) -> Option<Span> {
        self.0.span
    }

    /// Where in the input it happened.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// The way out.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for RenderError {}

impl From<FormatError> for RenderError {
    fn from(error: FormatError) -> Self {
        let class = match error.class {
            pytext::ErrorClass::Assertion => ErrorClass::AssertionError,
            pytext::ErrorClass::Index => ErrorClass::IndexError,
            pytext::ErrorClass::Key => ErrorClass::KeyError,
            pytext::ErrorClass::Memory => ErrorClass::MemoryError,
            pytext::ErrorClass::Overflow => ErrorClass::OverflowError,
            pytext::ErrorClass::Type => ErrorClass::TypeError,
            pytext::ErrorClass::Value => ErrorClass::ValueError,
            pytext::ErrorClass::ZeroDivision => ErrorClass::ZeroDivisionError,
        };
        if class == ErrorClass::MemoryError {
            let most = FormatError::MAX_PADDING;
            let message = format!("a field or number of more than {most} characters");
            return RenderError::new(class, message)
                .with_code(code::OUTPUT)
                .with_hint("a chat template has no use for so wide a field");
        }
        RenderError::new(class, error.message)
    }
}

pub(crate) type Result<T> = std::result::Result<T, RenderError>;

pub(crate) fn type_error<T>(message: impl Into<String>) -> Result<T> {
    Err(RenderError::new(ErrorClass::TypeError, message))
}

pub(crate) fn value_error<T>(message: impl Into<String>) -> Result<T> {
    Err(RenderError::new(ErrorClass::ValueError, message))
}
