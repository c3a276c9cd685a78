//! `lint` and the rules' manuals.

use chattpl_lint::{
    behaviour, manual, Applicability, Engines, Finding, Profile, Rule, Selector, Settings, Subject, Supplied, RULES,
};
use chattpl_syntax::{Source, Span};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::engines::Given;
use crate::tokenizer::Tokenizer;

/// `(start, end, replacement)`; offsets count the characters of the caller's text.
type Edit = (usize, usize, String);
/// `(title, safe, edits)`.
type Fix = (String, bool, Vec<Edit>);
/// `(line, column, end_line, end_column)`, from 1.
type Place = (u32, u32, u32, u32);
/// `(code, name, message, place, shape, fix, related)`.
type Diagnostic = (&'static str, &'static str, String, Place, Option<&'static str>, Option<Fix>, Vec<(Place, String)>);
/// `(code, name, reason)`.
type NotEvaluated = (&'static str, &'static str, String);
/// Findings, rules that could not look, silenced findings with their reasons.
type Report = (Vec<Diagnostic>, Vec<NotEvaluated>, Vec<(Diagnostic, String)>);
/// `(shape, with the generation prompt, way, digest, error, text or message, tokens)`.
type Render = (&'static str, bool, &'static str, String, Option<String>, String, Option<usize>);
/// Whether contents are parts, whether arguments are JSON text; the renders.
type Behaviour = (bool, bool, Vec<Render>);
/// `(code, name, kind, profiles, manual)`.
type RuleFacts = (&'static str, &'static str, &'static str, Vec<&'static str>, String);

/// What the caller says: which rules, and what is known besides the template.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request {
    profile: String,
    select: Vec<String>,
    extend_select: Vec<String>,
    ignore: Vec<String>,
    tokens: Vec<(String, String)>,
    stop_tokens: Option<Vec<String>>,
    other_template: Option<(String, String)>,
    engines: Option<Given>,
}

impl Request {
    fn settings(&self) -> PyResult<Settings> {
        let profile = Profile::by_name(&self.profile).ok_or_else(|| {
            let names = Profile::ALL.map(Profile::name).join(", ");
            PyValueError::new_err(format!("no profile is called `{}`; the profiles are {names}", self.profile))
        })?;
        let read = |names: &[String]| -> PyResult<Vec<Selector>> {
            names.iter().map(|name| Selector::parse(name).map_err(PyValueError::new_err)).collect()
        };
        Ok(Settings {
            profile,
            select: read(&self.select)?,
            extend_select: read(&self.extend_select)?,
            ignore: read(&self.ignore)?,
        })
    }

    fn subject(self, source: &str, name: Option<&str>, tokenizer: Option<&Tokenizer>) -> Subject {
        let supplied = Supplied {
            tokens: self.tokens,
            encoder: tokenizer.and_then(|tokenizer| tokenizer.engine().own().cloned()),
            stop_tokens: self.stop_tokens,
            other_template: self.other_template,
            engines: self.engines.map(Engines::from).unwrap_or_default(),
        };
        Subject::new(source, name, supplied)
    }
}

/// Lints a template.
#[pyfunction]
#[pyo3(signature = (source, request, name=None, tokenizer=None))]
pub fn lint(
    py: Python<'_>,
    source: &str,
    request: Request,
    name: Option<&str>,
    tokenizer: Option<&Tokenizer>,
) -> PyResult<Report> {
    let settings = request.settings()?;
    let (subject, report) = py.detach(|| {
        let subject = request.subject(source, name, tokenizer);
        let report = chattpl_lint::lint(&subject, &settings);
        (subject, report)
    });
    let convert = |finding: Finding| diagnostic(&subject, finding);
    Ok((
        report.findings.into_iter().map(convert).collect(),
        report.not_evaluated.into_iter().map(|(rule, reason)| (rule.code, rule.name, reason.0)).collect(),
        report.suppressed.into_iter().map(|(finding, reason)| (convert(finding), reason)).collect(),
    ))
}

/// Lints and repairs a template: its new text, and how many fixes were applied.
#[pyfunction]
#[pyo3(signature = (source, request, name=None, tokenizer=None, unsafe_fixes=false))]
pub fn lint_fix(
    py: Python<'_>,
    source: &str,
    request: Request,
    name: Option<&str>,
    tokenizer: Option<&Tokenizer>,
    unsafe_fixes: bool,
) -> PyResult<(String, usize)> {
    let settings = request.settings()?;
    let least = if unsafe_fixes { Applicability::Unsafe } else { Applicability::Safe };
    let fixed = py.detach(|| chattpl_lint::fix_all(&request.subject(source, name, tokenizer), &settings, least));
    Ok((fixed.text, fixed.applied))
}

/// The codes of the rules that run.
#[pyfunction]
pub fn lint_enabled(request: Request) -> PyResult<Vec<&'static str>> {
    let settings = request.settings()?;
    Ok(RULES.iter().filter(|rule| settings.enables(rule)).map(|rule| rule.code).collect())
}

/// What a template takes and prints, as JSON text.
#[pyfunction]
#[pyo3(signature = (source, request, name=None, tokenizer=None))]
pub fn lint_profile(
    py: Python<'_>,
    source: &str,
    request: Request,
    name: Option<&str>,
    tokenizer: Option<&Tokenizer>,
) -> PyResult<String> {
    let profile = py.detach(|| {
        let subject = request.subject(source, name, tokenizer);
        chattpl_lint::profile::of(&chattpl_lint::Context::new(&subject)).map(|profile| profile.to_json().to_string())
    });
    profile.map_err(|reason| PyValueError::new_err(reason.0))
}

/// What a template does with the probe conversations.
#[pyfunction]
#[pyo3(signature = (source, request, name=None, tokenizer=None))]
pub fn lint_behaviour(
    py: Python<'_>,
    source: &str,
    request: Request,
    name: Option<&str>,
    tokenizer: Option<&Tokenizer>,
) -> Behaviour {
    let found = py.detach(|| {
        let subject = request.subject(source, name, tokenizer);
        behaviour::of(&chattpl_lint::Context::new(&subject))
    });
    let convert = |render: behaviour::Render| {
        let digest = format!("{:032x}", render.digest);
        (render.shape, render.prompt, render.way.name(), digest, render.error, render.text, render.tokens)
    };
    (found.form.parts, found.form.string_arguments, found.renders.into_iter().map(convert).collect())
}

/// What the probe conversations are known by.
#[pyfunction]
pub fn lint_table_digest() -> String {
    format!("{:032x}", behaviour::table_digest())
}

/// Every rule, by code.
#[pyfunction]
pub fn lint_rules() -> Vec<RuleFacts> {
    RULES.iter().copied().map(facts).collect()
}

fn facts(rule: &'static Rule) -> RuleFacts {
    let profiles = Profile::ALL.into_iter().filter(|profile| rule.is_in(*profile)).map(Profile::name).collect();
    (rule.code, rule.name, rule.kind.name(), profiles, manual::markdown(rule))
}

fn diagnostic(subject: &Subject, finding: Finding) -> Diagnostic {
    let source = &subject.source;
    let fix = finding.fix.map(|fix| {
        let edit = |edit: chattpl_lint::Edit| {
            let (start, end) = characters(&subject.original, source, edit.span);
            (start, end, edit.replacement)
        };
        (fix.title, fix.applicability == Applicability::Safe, fix.edits.into_iter().map(edit).collect())
    });
    let related = finding.related.into_iter().map(|(span, what)| (place(source, span), what)).collect();
    (finding.code, finding.name, finding.message, place(source, finding.span), finding.shape, fix, related)
}

fn place(source: &Source, span: Span) -> Place {
    let ((line, column), (end_line, end_column)) = (source.line_column(span.start), source.line_column(span.end));
    (line, column, end_line, end_column)
}

/// A span in characters of the caller's text.
fn characters(original: &str, source: &Source, span: Span) -> (usize, usize) {
    let span = source.original_span(span);
    let start = original[..span.start as usize].chars().count();
    (start, start + original[span.range()].chars().count())
}
