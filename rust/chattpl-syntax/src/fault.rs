//! A fault while it travels up the parser, before its line number is known.

use crate::diagnostic::{code, ErrorClass};
use crate::span::Span;

/// What the lexer and parser return.
pub(crate) type Checked<T> = Result<T, Box<Fault>>;

/// A diagnostic in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub code: &'static str,
    pub message: String,
    /// Whether `message` is Jinja2's own.
    pub worded_by_jinja: bool,
    pub class: ErrorClass,
    /// A byte on the line that Jinja2 reports.
    pub line_at: u32,
    pub span: Span,
    pub hint: Option<String>,
}

impl Fault {
    /// A `TemplateSyntaxError` in Jinja2's words, reported on the line where `span` starts.
    pub fn syntax(code: &'static str, message: impl Into<String>, span: Span) -> Box<Fault> {
        Box::new(Fault {
            code,
            message: message.into(),
            worded_by_jinja: true,
            class: ErrorClass::TemplateSyntaxError,
            line_at: span.start,
            span,
            hint: None,
        })
    }

    /// A fault that Jinja2 reports as a `TemplateAssertionError`.
    pub fn assertion(code: &'static str, message: impl Into<String>, span: Span) -> Box<Fault> {
        let mut fault = Fault::syntax(code, message, span);
        fault.class = ErrorClass::TemplateAssertionError;
        fault
    }

    /// A limit of this parser, for which Jinja2 has no message of its own.
    pub fn limit(code: &'static str, message: impl Into<String>, span: Span) -> Box<Fault> {
        let mut fault = Fault::syntax(code, message, span);
        fault.worded_by_jinja = false;
        fault
    }

    /// The fault of a template nested past [`crate::MAX_DEPTH`].
    pub fn too_deep(span: Span) -> Box<Fault> {
        Fault::limit(code::TOO_DEEP, "template nested too deeply", span)
            .hint(Some("split the expression with `{% set %}`, or the blocks with macros".to_owned()))
    }

    /// Reports another line than that of the span.
    pub fn on_line_of(mut self: Box<Self>, offset: u32) -> Box<Fault> {
        self.line_at = offset;
        self
    }

    /// Adds advice.
    pub fn hint(mut self: Box<Self>, hint: Option<String>) -> Box<Fault> {
        self.hint = hint;
        self
    }
}
