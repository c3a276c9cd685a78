//! Repairs: edits of the source, and how they are applied together.

use chattpl_syntax::{Source, Span};

use crate::finding::Finding;

/// What a fix promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applicability {
    /// The render of some conversation may change.
    Unsafe,
    /// Every probe conversation renders as before; checked before the fix is offered.
    Safe,
}

impl Applicability {
    /// The word of the printers.
    pub fn name(self) -> &'static str {
        match self {
            Applicability::Unsafe => "unsafe",
            Applicability::Safe => "safe",
        }
    }
}

/// Text that takes the place of a span; an insertion where the span is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced, in [`Source::text`].
    pub span: Span,
    /// What takes its place.
    pub replacement: String,
}

impl Edit {
    /// Replaces a span.
    pub fn replace(span: Span, replacement: impl Into<String>) -> Self {
        Edit { span, replacement: replacement.into() }
    }

    /// Inserts text at an offset.
    pub fn insert(offset: u32, text: impl Into<String>) -> Self {
        Edit::replace(Span::new(offset, offset), text)
    }

    /// Removes a span.
    pub fn delete(span: Span) -> Self {
        Edit::replace(span, "")
    }
}

/// Edits that belong together: all of them are applied, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    /// What it promises.
    pub applicability: Applicability,
    /// Ascending and disjoint.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// A fix that is believed to change no render; it is offered as safe only once that has been checked.
    pub fn safe(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Fix::new(title.into(), Applicability::Safe, edits)
    }

    /// A fix that changes what some conversation renders to.
    pub fn changing(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Fix::new(title.into(), Applicability::Unsafe, edits)
    }

    fn new(title: String, applicability: Applicability, mut edits: Vec<Edit>) -> Self {
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        Fix { title, applicability, edits }
    }

    fn covers(&self) -> Option<Span> {
        let (first, last) = (self.edits.first()?, self.edits.last()?);
        Some(first.span.to(last.span))
    }
}

/// A source after fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The new text of the caller's file, its line ends as they were.
    pub text: String,
    /// Indices of the findings whose fixes were applied.
    pub applied: Vec<usize>,
}

/// Applies the fixes of findings that promise at least `least`.
///
/// Of fixes that overlap the first counts; the others are for another round.
pub fn apply(original: &str, source: &Source, findings: &[Finding], least: Applicability) -> Fixed {
    let mut chosen: Vec<(Span, usize, &Fix)> = findings
        .iter()
        .enumerate()
        .filter_map(|(index, finding)| {
            let fix = finding.fix.as_ref().filter(|fix| fix.applicability >= least)?;
            Some((fix.covers()?, index, fix))
        })
        .collect();
    chosen.sort_by_key(|(span, index, _)| (span.start, span.end, *index));
    let mut applied = Vec::new();
    let mut edits: Vec<&Edit> = Vec::new();
    let mut free_from = None;
    for (span, index, fix) in chosen {
        // Insertions at one place would have no order, so touching counts as overlap there.
        if free_from.is_some_and(|free| span.start < free || span.start == free && span.start == span.end) {
            continue;
        }
        free_from = Some(span.end.max(span.start));
        edits.extend(&fix.edits);
        applied.push(index);
    }
    applied.sort_unstable();
    Fixed { text: edited(original, source, &edits), applied }
}

/// The caller's text after edits, which ascend and do not overlap.
pub fn edited(original: &str, source: &Source, edits: &[&Edit]) -> String {
    let mut text = String::with_capacity(original.len() + 64);
    let mut at = 0;
    for edit in edits {
        let span = source.original_span(edit.span);
        text.push_str(&original[at..span.start as usize]);
        text.push_str(&edit.replacement);
        at = span.end as usize;
    }
    text.push_str(&original[at..]);
    text
}
