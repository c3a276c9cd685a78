//! Core errors as Python exceptions.

use chattpl_render::{Program, RenderError};
use chattpl_syntax::{Diagnostic, ErrorClass, Source};
use chattpl_tokens::TokenError;
use pyo3::prelude::*;

/// What `chattpl.errors.build_error` takes.
struct Parts<'a> {
    class: &'a str,
    message: &'a str,
    code: &'a str,
    location: Option<String>,
    hint: Option<&'a str>,
    excerpt: Option<String>,
}

fn build(py: Python<'_>, parts: Parts<'_>) -> PyErr {
    let made = py.import("chattpl.errors").and_then(|module| {
        let args = (parts.class, parts.message, parts.code, parts.location, parts.hint, parts.excerpt);
        module.call_method1("build_error", args)
    });
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// An error of rendering; its place is in the input or in the template.
pub fn render_error(py: Python<'_>, error: &RenderError, program: &Program) -> PyErr {
    let in_template = || {
        error.span().map(|span| {
            let (line, column) = program.source().line_column(span.start);
            format!("{}:{line}:{column}", program.name().unwrap_or("<template>"))
        })
    };
    let location = error.place().map(str::to_owned).or_else(in_template);
    build(
        py,
        Parts {
            class: error.class().name(),
            message: error.message(),
            code: error.code(),
            location,
            hint: error.hint(),
            excerpt: None,
        },
    )
}

/// An error of input that no template has seen.
pub fn input_error(py: Python<'_>, error: &RenderError) -> PyErr {
    let (class, message, code) = (error.class().name(), error.message(), error.code());
    let location = error.place().map(str::to_owned);
    build(py, Parts { class, message, code, location, hint: error.hint(), excerpt: None })
}

/// A syntax error, with the line it stands in.
pub fn syntax_error(py: Python<'_>, diagnostic: &Diagnostic, source: &str) -> PyErr {
    let source = Source::new(source);
    let (line, column) = source.line_column(diagnostic.span.start);
    let class = match diagnostic.error_class {
        ErrorClass::TemplateSyntaxError => "jinja2.TemplateSyntaxError",
        ErrorClass::TemplateAssertionError => "jinja2.TemplateAssertionError",
        ErrorClass::SyntaxError => "SyntaxError",
        ErrorClass::AssertionError => "AssertionError",
    };
    let text = diagnostic.to_text(&source);
    let excerpt: Vec<&str> = text.lines().skip(2).filter(|line| !line.trim_start().starts_with("= ")).collect();
    build(
        py,
        Parts {
            class,
            message: diagnostic.jinja_message.as_deref().unwrap_or(&diagnostic.message),
            code: diagnostic.code,
            location: Some(format!("{}:{line}:{column}", diagnostic.name.as_deref().unwrap_or("<template>"))),
            hint: diagnostic.hint.as_deref(),
            excerpt: Some(excerpt.join("\n")),
        },
    )
}

/// An error of vocabularies and encoding.
pub fn token_error(py: Python<'_>, error: &TokenError) -> PyErr {
    build(
        py,
        Parts {
            class: "",
            message: &error.message,
            code: error.code,
            location: error.location.clone(),
            hint: error.hint.as_deref(),
            excerpt: None,
        },
    )
}

/// The root of our errors.
pub fn base(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("chattpl.errors")?.getattr("ChatTemplateError")
}

/// Where a row stands.
pub struct RowPlace<'a> {
    /// Its number, from 1.
    pub row: usize,
    /// Its line, from 1, where the source has lines.
    pub line: Option<usize>,
    /// The name of the source.
    pub source: Option<&'a str>,
}

/// The same error with the place of its row; errors of others are left alone.
pub fn in_row(py: Python<'_>, error: PyErr, place: &RowPlace<'_>) -> PyErr {
    let placed = || -> PyResult<()> {
        let args = (error.value(py), place.row, place.line, place.source);
        py.import("chattpl.errors")?.call_method1("place_in_row", args)?;
        Ok(())
    };
    match placed() {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// Code, message and place of an error, for a row that is left out.
pub fn described(py: Python<'_>, error: &PyErr) -> PyResult<(String, String, Option<String>)> {
    let value = error.value(py);
    if !value.is_instance(&base(py)?)? {
        // Of Python itself, such as a lone surrogate.
        return Ok(("CE030".to_owned(), value.to_string(), None));
    }
    let part = |name: &str| value.getattr(name);
    Ok((part("code")?.extract()?, part("message")?.extract()?, part("location")?.extract()?))
}
