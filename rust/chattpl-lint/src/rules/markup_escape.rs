//! CT114: `safe` makes a text that HTML-escapes what is joined to it.

use chattpl_syntax::ast::{BinaryOp, Const, Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::index::Nodes;
use crate::probe::trial::tried;
use crate::probe::{shape, Ask, Outcome};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `safe` filters because of which `"` is printed as `&#34;`, `<` as `&lt;` and so on: seen in a render, or
    /// certain because a literal with such a character is added to the filtered text.
    ///
    /// ## Why
    /// Nothing is escaped in chat templates, so `safe` has nothing to prevent. But what it returns is marked as HTML, and a
    /// plain text that is added to it is escaped.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if reasoning_effort is defined -%}{{- 'Effort: "' + reasoning_effort | safe + '";' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if reasoning_effort is defined -%}{{- 'Effort: "' + reasoning_effort + '";' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT114",
    name: "markup-escape",
    family: Correctness,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: Always,
    since: "0.1.0",
    check: check,
}

/// Conversations with characters that HTML escapes.
const SHAPES: [&str; 8] = [
    "quotes-and-unicode", "marker-like", "nested-unicode-arguments", "arguments-string", "result-json", "tool-answer",
    "parallel-calls", "tool-syntax-like",
];

/// Filters tried one by one; templates have far fewer.
const MAX_TRIALS: usize = 24;

/// What HTML-escaping writes.
const ENTITIES: [&str; 5] = ["&#34;", "&#39;", "&lt;", "&gt;", "&amp;"];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let mut found = Vec::new();
    let filters = nodes.exprs().filter_map(|(_, expr)| safe_input(expr).map(|(input, end)| (expr, input, end)));
    for (index, (expr, input, end)) in filters.enumerate() {
        let filter = Span::new(input.span.end, end);
        let shape = if index < MAX_TRIALS { shown_by(context, filter)? } else { None };
        if shape.is_none() && !is_joined_to_markup(nodes, expr) {
            continue;
        }
        let message = format!("texts that are added to `{}` are HTML-escaped", context.slice(expr.span));
        let edit = Edit::delete(filter);
        let finding = Finding::new(rule, expr.span, message).with_fix(Fix::changing("leave `safe` out", vec![edit]));
        found.push(match shape {
            Some(shape) => finding.on_shape(shape),
            None => finding,
        });
    }
    Ok(found)
}

/// What `x | safe` filters, and where the filter ends.
fn safe_input(expr: &Expr) -> Option<(&Expr, u32)> {
    match &expr.kind {
        ExprKind::Filter { input: Some(input), name, .. } if &*name.text == "safe" => Some((input, name.span.end)),
        _ => None,
    }
}

/// The conversation that has fewer entities in its text once the filter is left out.
fn shown_by(context: &Context<'_>, filter: Span) -> Result<Option<&'static str>, NotEvaluated> {
    let probes = context.probes()?;
    let edit = [Edit::delete(filter)];
    for name in SHAPES {
        let ask = Ask::natural(shape(name));
        let before = entities(&probes.get(ask));
        if before > 0 && tried(context, &edit, ask).is_some_and(|outcome| outcome.is_ok() && entities(&outcome) < before) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn entities(outcome: &Outcome) -> usize {
    let count = |text: &str| ENTITIES.iter().map(|entity| text.matches(entity).count()).sum();
    outcome.as_ref().map_or(0, |printed| count(&printed.text))
}

/// Whether a literal with a character that HTML escapes is added to the filtered text.
fn is_joined_to_markup(nodes: &Nodes<'_>, filter: &Expr) -> bool {
    nodes.exprs().any(|(_, expr)| match &expr.kind {
        ExprKind::Binary(BinaryOp::Add, left, right) => {
            is_markup_of(left, filter) && needs_escape(right) || is_markup_of(right, filter) && needs_escape(left)
        }
        _ => false,
    })
}

/// Whether an expression is the filter, or a sum that it makes markup of.
fn is_markup_of(expr: &Expr, filter: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Add, left, right) => is_markup_of(left, filter) || is_markup_of(right, filter),
        _ => expr.span == filter.span,
    }
}

fn needs_escape(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Const(Const::Str(text)) => text.contains(['<', '>', '&', '"', '\'']),
        ExprKind::Binary(BinaryOp::Add, left, right) => needs_escape(left) || needs_escape(right),
        _ => false,
    }
}
