//! What is wrong with a template, and its printers.

use std::fmt::Write;

use crate::fault::Fault;
use crate::source::Source;
use crate::span::Span;

/// Characters of a source line that the text printer shows at most.
const MAX_SHOWN: usize = 100;

/// The codes of this crate, in one place.
pub mod code {
    /// General syntax error.
    pub const SYNTAX: &str = "CE001";
    /// Unknown tag.
    pub const UNKNOWN_TAG: &str = "CE002";
    /// Block that is never closed, or closed by the wrong tag.
    pub const UNCLOSED_BLOCK: &str = "CE003";
    /// Malformed string, number or identifier literal.
    pub const LITERAL: &str = "CE004";
    /// Nested past [`crate::MAX_DEPTH`], or too large to compile.
    pub const TOO_DEEP: &str = "CE005";
    /// A name that can't be assigned, defined twice, or spelled so.
    pub const NAME: &str = "CE006";
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The template can't be used.
    Error,
    /// The template works, but hardly as meant.
    Warning,
}

impl Severity {
    /// The word of the printers.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// The exception that Jinja2 raises for the same template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// `jinja2.TemplateSyntaxError`.
    TemplateSyntaxError,
    /// `jinja2.TemplateAssertionError`.
    TemplateAssertionError,
    /// Python's `SyntaxError`: Jinja2's compiler wrote code that Python refuses.
    SyntaxError,
    /// Python's `AssertionError`, from inside Jinja2's compiler.
    AssertionError,
}

impl ErrorClass {
    /// The class's name in `jinja2.exceptions`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::TemplateSyntaxError => "TemplateSyntaxError",
            ErrorClass::TemplateAssertionError => "TemplateAssertionError",
            ErrorClass::SyntaxError => "SyntaxError",
            ErrorClass::AssertionError => "AssertionError",
        }
    }
}

/// One fault of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// One of [`code`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in Jinja2's words where it has some.
    pub message: String,
    /// Jinja2's message word for word, without its `line N` tail; none where Jinja2 raises no template error.
    pub jinja_message: Option<String>,
    /// The exception that Jinja2 raises.
    pub error_class: ErrorClass,
    /// The line that Jinja2 reports, from 1; `span` may start on another.
    pub lineno: u32,
    /// Where the fault stands in [`Source::text`].
    pub span: Span,
    /// What to do about it.
    pub hint: Option<String>,
    /// The template's name, where the caller gave one.
    pub name: Option<Box<str>>,
}

impl Diagnostic {
    pub(crate) fn from_fault(fault: Fault, source: &Source, name: Option<&str>) -> Self {
        Diagnostic {
            code: fault.code,
            severity: Severity::Error,
            jinja_message: fault.worded_by_jinja.then(|| fault.message.clone()),
            message: fault.message,
            error_class: fault.class,
            lineno: source.lines().line(fault.line_at),
            span: fault.span,
            hint: fault.hint,
            name: name.map(Box::from),
        }
    }

    /// Prints the fault with its source line, a caret line and the hint; ends with a newline.
    ///
    /// `source` is the one that was parsed.
    pub fn to_text(&self, source: &Source) -> String {
        let (line, column) = source.line_column(self.span.start);
        let margin = " ".repeat(line.to_string().len() + 2);
        let (shown, carets) = excerpt(source, self.span, line, column);
        let mut text = format!("{}[{}]: {}\n", self.severity.name(), self.code, self.message);
        let place = format!("{}:{line}:{column}", self.name.as_deref().unwrap_or("<template>"));
        writeln!(text, "{}--> {place}", &margin[1..]).expect("writing to a string can't fail");
        writeln!(text, "{margin}|\n {line} | {shown}\n{margin}| {carets}").expect("writing to a string can't fail");
        if let Some(hint) = &self.hint {
            writeln!(text, "{margin}= help: {hint}").expect("writing to a string can't fail");
        }
        text
    }

    /// Prints the fault as one JSON object; lines and columns count from 1, `start` and `end` are bytes of the
    /// caller's text.
    pub fn to_json(&self, source: &Source) -> String {
        let (line, column) = source.line_column(self.span.start);
        let (end_line, end_column) = source.line_column(self.span.end);
        let original = source.original_span(self.span);
        let text = |value: Option<&str>| value.map_or("null".to_owned(), json_string);
        format!(
            "{{\"code\":{},\"severity\":{},\"message\":{},\"jinja_message\":{},\"error_class\":{},\"lineno\":{},\
             \"name\":{},\"line\":{line},\"column\":{column},\"end_line\":{end_line},\"end_column\":{end_column},\
             \"start\":{},\"end\":{},\"hint\":{}}}",
            json_string(self.code),
            json_string(self.severity.name()),
            json_string(&self.message),
            text(self.jinja_message.as_deref()),
            json_string(self.error_class.name()),
            self.lineno,
            text(self.name.as_deref()),
            original.start,
            original.end,
            text(self.hint.as_deref()),
        )
    }
}

/// The source line of a span, cut to a readable width, and the carets below it.
fn excerpt(source: &Source, span: Span, line: u32, column: u32) -> (String, String) {
    let text = source.line_text(line);
    let line_end = source.lines().start_byte(line) as usize + text.len();
    let marked_end = (span.end as usize).clamp(span.start as usize, line_end.max(span.start as usize));
    let width = source.text[span.start as usize..marked_end].chars().count().clamp(1, MAX_SHOWN);
    let before = column as usize - 1;
    let skipped = if before + width > MAX_SHOWN { before.saturating_sub(MAX_SHOWN / 2) } else { 0 };
    let mut shown = String::from(if skipped > 0 { "..." } else { "" });
    let indent = shown.len() + before - skipped;
    let visible = text.chars().skip(skipped).take(MAX_SHOWN.max(before - skipped + width));
    shown.extend(visible.map(|character| if character.is_control() { ' ' } else { character }));
    (shown.trim_end().to_owned(), " ".repeat(indent) + &"^".repeat(width))
}

/// A JSON string literal, quotes included.
pub fn json_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if (control as u32) < 0x20 => {
                write!(quoted, "\\u{:04x}", control as u32).expect("writing to a string can't fail");
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
