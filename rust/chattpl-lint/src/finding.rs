//! What a rule reports, and where.

use chattpl_syntax::Span;

use crate::fix::Fix;
use crate::rule::Rule;

/// One fault of a template. Spans index into [`chattpl_syntax::Source::text`].
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's code.
    pub code: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where it is.
    pub span: Span,
    /// Other places that matter, each with what it is.
    pub related: Vec<(Span, String)>,
    /// How to repair it.
    pub fix: Option<Fix>,
    /// The probe conversation that shows it.
    pub shape: Option<&'static str>,
}

impl Finding {
    /// A finding without a fix.
    pub fn new(rule: &Rule, span: Span, message: impl Into<String>) -> Self {
        Finding {
            code: rule.code,
            name: rule.name,
            message: message.into(),
            span,
            related: Vec::new(),
            fix: None,
            shape: None,
        }
    }

    /// Names the conversation that shows it.
    pub fn on_shape(mut self, shape: &'static str) -> Self {
        self.shape = Some(shape);
        self
    }

    /// Adds a place that matters.
    pub fn related(mut self, span: Span, what: impl Into<String>) -> Self {
        self.related.push((span, what.into()));
        self
    }

    /// Adds a repair.
    pub fn with_fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}
