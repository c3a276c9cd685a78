//! Runs rules over a template.

use std::panic::{catch_unwind, AssertUnwindSafe};

use chattpl_syntax::Span;

use crate::context::{Context, Subject};
use crate::finding::Finding;
use crate::fix::{self, Applicability};
use crate::probe::{shapes, Ask, Probes};
use crate::rule::{NotEvaluated, Profile, Rule};
use crate::rules::{render_fails, suppression_without_reason, syntax_error, unused_suppression, RULES};
use crate::suppress::{silences, suppressions, Suppression};

/// Names rules: a code or the start of one (`CT1`), a rule's name, or `ALL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// A text that names no rule.
    pub fn parse(text: &str) -> Result<Selector, String> {
        if RULES.iter().any(|rule| Selector::matches_rule(text, rule.code, rule.name)) {
            return Ok(Selector(text.to_owned()));
        }
        Err(format!("`{text}` names no rule; `chattpl rule --all` lists them"))
    }

    /// Whether the selector names a rule.
    pub fn matches(&self, rule: &Rule) -> bool {
        Selector::matches_rule(&self.0, rule.code, rule.name)
    }

    pub(crate) fn matches_rule(text: &str, code: &str, name: &str) -> bool {
        let is_prefix = text.len() >= 2 && code.starts_with(text);
        text == "ALL" || is_prefix || text == name
    }
}

/// Which rules run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The set of rules to begin with.
    pub profile: Profile,
    /// Only these, whatever the profile; empty for the profile's.
    pub select: Vec<Selector>,
    /// These besides.
    pub extend_select: Vec<Selector>,
    /// Not these.
    pub ignore: Vec<Selector>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { profile: Profile::Default, select: Vec::new(), extend_select: Vec::new(), ignore: Vec::new() }
    }
}

impl Settings {
    /// Whether a rule runs.
    ///
    /// A rule named in full by `select` or `extend_select` runs even where `ignore` names its family.
    pub fn enables(&self, rule: &Rule) -> bool {
        let chosen = if self.select.is_empty() {
            rule.is_in(self.profile)
        } else {
            self.select.iter().any(|selector| selector.matches(rule))
        };
        let added = self.extend_select.iter().any(|selector| selector.matches(rule));
        let longest = |selectors: &[Selector]| {
            let matching = selectors.iter().filter(|selector| selector.matches(rule));
            matching.map(|selector| if selector.0 == rule.name { rule.code.len() } else { selector.0.len() }).max()
        };
        let named = longest(&self.select).max(longest(&self.extend_select)).unwrap_or(0);
        (chosen || added) && longest(&self.ignore).is_none_or(|ignored| ignored < named)
    }
}

/// What a run over one template found.
#[derive(Debug, Default)]
pub struct Report {
    /// Faults, by place and code.
    pub findings: Vec<Finding>,
    /// Rules that could not look, each with the reason.
    pub not_evaluated: Vec<(&'static Rule, NotEvaluated)>,
    /// Faults that a comment silences, each with the comment's reason.
    pub suppressed: Vec<(Finding, String)>,
}

/// Runs the enabled rules over a template.
pub fn lint(subject: &Subject, settings: &Settings) -> Report {
    let context = Context::new(subject);
    let mut report = Report::default();
    let mut found = Vec::new();
    for rule in RULES.iter().copied().filter(|rule| settings.enables(rule)) {
        match checked(rule, &context) {
            Ok(findings) => found.extend(findings),
            Err(reason) => report.not_evaluated.push((rule, reason)),
        }
    }
    drop_said_better(&mut found);
    let comments = subject.parsed.as_ref().map(suppressions).unwrap_or_default();
    let mut used = vec![false; comments.len()];
    for finding in found {
        match comments.iter().position(|comment| silences(comment, &finding)) {
            Some(index) => {
                used[index] = true;
                report.suppressed.push((finding, comments[index].reason.clone()));
            }
            None => report.findings.push(finding),
        }
    }
    report.findings.extend(about_comments(&context, settings, &comments, &used));
    for finding in &mut report.findings {
        hold_to_promise(&context, finding);
    }
    report.findings.sort_by(|a, b| (a.span.start, a.code, a.span.end).cmp(&(b.span.start, b.code, b.span.end)));
    report
}

/// Drops what the parser, the compiler or a failed render says about a place where a rule of the dialect says what is wrong.
fn drop_said_better(found: &mut Vec<Finding>) {
    let general = [syntax_error::RULE.code, render_fails::RULE.code];
    let is_dialect = |finding: &&Finding| finding.code.starts_with("CT0") && !general.contains(&finding.code);
    let known: Vec<Span> = found.iter().filter(is_dialect).map(|finding| finding.span).collect();
    let covers = |outer: Span, inner: &Span| outer.start <= inner.start && inner.end <= outer.end;
    found.retain(|finding| !general.contains(&finding.code) || !known.iter().any(|known| covers(finding.span, known)));
}

/// Runs one check; a fault inside it is no fault of the template.
fn checked(rule: &'static Rule, context: &Context<'_>) -> crate::rule::Checked {
    let done = catch_unwind(AssertUnwindSafe(|| (rule.check)(rule, context)));
    done.unwrap_or_else(|_| Err(NotEvaluated::because("the rule failed; please report the template")))
}

/// Findings about the comments that silence findings.
fn about_comments(context: &Context<'_>, settings: &Settings, comments: &[Suppression], used: &[bool]) -> Vec<Finding> {
    let mut found = Vec::new();
    if settings.enables(&suppression_without_reason::RULE) {
        found.extend(comments.iter().filter_map(suppression_without_reason::finding));
    }
    if settings.enables(&unused_suppression::RULE) {
        // A comment for a rule that did not run may well be needed.
        let could_match = |comment: &&Suppression| {
            let named =
                |rule: &&Rule| comment.codes.iter().any(|(code, _)| Selector::matches_rule(code, rule.code, rule.name));
            RULES.iter().copied().filter(|rule| named(rule)).all(|rule| settings.enables(rule))
        };
        let unused = comments.iter().zip(used).filter(|(_, used)| !**used).map(|(comment, _)| comment);
        found.extend(unused.filter(could_match).map(|comment| unused_suppression::finding(context, comment)));
    }
    found
}

/// Takes the promise back from a safe fix that changes a render.
fn hold_to_promise(context: &Context<'_>, finding: &mut Finding) {
    let Some(fix) = finding.fix.as_mut().filter(|fix| fix.applicability == Applicability::Safe) else {
        return;
    };
    let subject = context.subject;
    let edits: Vec<&fix::Edit> = fix.edits.iter().collect();
    let text = fix::edited(&subject.original, &subject.source, &edits);
    let fixed = Subject::new(text, subject.name.as_deref(), subject.supplied.clone());
    let fixed = Context::new(&fixed);
    let same = match (context.probes(), fixed.probes()) {
        (Ok(before), Ok(after)) => renders_alike(before, after),
        _ => false,
    };
    if !same {
        fix.applicability = Applicability::Unsafe;
    }
}

/// Whether two templates print the same, or fail with the same words, on every shape.
pub fn renders_alike(before: &Probes<'_>, after: &Probes<'_>) -> bool {
    shapes().iter().flat_map(|shape| [Ask::whole(shape), Ask::whole(shape).prompted()]).all(|ask| {
        match (&*before.get(ask), &*after.get(ask)) {
            (Ok(before), Ok(after)) => before.text == after.text && before.generation == after.generation,
            (Err(before), Err(after)) => before.message() == after.message(),
            _ => false,
        }
    })
}

/// A template after rounds of fixes.
#[derive(Debug)]
pub struct FixedTemplate {
    /// The caller's text with the fixes.
    pub text: String,
    /// How many fixes were applied.
    pub applied: usize,
}

/// Rounds after which fixes that keep making room for others are left alone.
const MAX_ROUNDS: usize = 20;

/// Lints and applies fixes that promise at least `least`, until none is left.
///
/// A round whose result does not parse is undone.
pub fn fix_all(subject: &Subject, settings: &Settings, least: Applicability) -> FixedTemplate {
    let mut fixed = FixedTemplate { text: subject.original.clone(), applied: 0 };
    let mut current = Subject::new(fixed.text.clone(), subject.name.as_deref(), subject.supplied.clone());
    for _ in 0..MAX_ROUNDS {
        let findings = lint(&current, settings).findings;
        let round = fix::apply(&current.original, &current.source, &findings, least);
        if round.applied.is_empty() {
            break;
        }
        let next = Subject::new(round.text, subject.name.as_deref(), subject.supplied.clone());
        if next.parsed.is_err() {
            break;
        }
        fixed.text.clone_from(&next.original);
        fixed.applied += round.applied.len();
        current = next;
    }
    fixed
}
