//! CT608: the date decides what a template does.

use std::collections::HashSet;

use chattpl_syntax::ast::{Expr, ExprKind, Stmt, StmtKind};

use super::constant_condition::conditions;
use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::{Checked, Rule};
use crate::scope::Scopes;

declare_rule! {
    /// ## What it does
    /// Reports conditions on what `strftime_now(...)` gives, directly or through a name.
    ///
    /// ## Why
    /// The template passes every test today and does something else on another day: the way to hide a change, and no
    /// format needs it. Printing the date is another matter.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if strftime_now('%Y') > '2026' -%}{{- 'new;' -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT608",
    name: "date-gated-branch",
    family: Security,
    kind: Static,
    profiles: [Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let found = conditions(nodes).into_iter().filter(|condition| asks_date(scopes, condition));
    let message = "the date decides this condition, so the template behaves otherwise on another day";
    let mut found: Vec<Finding> = found.map(|condition| Finding::new(rule, condition.span, message)).collect();
    for (id, inner) in nodes.exprs() {
        if is_comparison(inner) && !stands_in_condition(nodes, id) && asks_date(scopes, inner) {
            found.push(Finding::new(rule, inner.span, message));
        }
    }
    Ok(found)
}

/// Whether an expression compares, so that a name set to it may decide a condition.
fn is_comparison(inner: &Expr) -> bool {
    matches!(&inner.kind, ExprKind::Compare(..))
}

/// Whether a condition around the expression is reported in its place.
fn stands_in_condition(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let span = nodes.get(id).span();
    let covers = |test: &Expr| test.span.start <= span.start && span.end <= test.span.end;
    nodes.around(id).any(|(_, node)| match node.item {
        Item::Stmt(Stmt { kind: StmtKind::If(node), .. }) => node.branches.iter().any(|branch| covers(&branch.test)),
        Item::Stmt(Stmt { kind: StmtKind::For(node), .. }) => node.filter.as_ref().is_some_and(covers),
        Item::Expr(Expr { kind: ExprKind::Conditional { test, .. }, .. }) => covers(test),
        _ => false,
    })
}

/// Whether some comparison, search or number of the condition is of the clock's.
fn asks_date(scopes: &Scopes<'_>, condition: &Expr) -> bool {
    expr::any(condition, &mut |inner| match &inner.kind {
        ExprKind::Compare(left, rest) => {
            is_clock(scopes, left) || rest.iter().any(|(_, right)| is_clock(scopes, right))
        }
        ExprKind::Test { input, name, .. } => {
            matches!(&*name.text, "eq" | "equalto" | "ne" | "gt" | "ge" | "lt" | "le" | "in" | "odd" | "even" | "divisibleby")
                && is_clock(scopes, input)
        }
        ExprKind::Call(..) => expr::method_call(inner).is_some_and(|(object, name, _)| {
            matches!(name, "startswith" | "endswith") && is_clock(scopes, object)
        }),
        _ => false,
    })
}

/// Whether an expression is made from what the clock says.
fn is_clock(scopes: &Scopes<'_>, value: &Expr) -> bool {
    let (mut open, mut seen) = (vec![value], HashSet::new());
    while let Some(value) = open.pop() {
        let mut names = Vec::new();
        let reads_clock = expr::any(value, &mut |inner| {
            names.extend(expr::name(inner).map(|_| inner.span));
            expr::function_call(inner).is_some_and(|(name, _)| name == "strftime_now")
        });
        if reads_clock {
            return true;
        }
        let values = names.into_iter().flat_map(|span| scopes.reaching_at(span)).filter_map(|binding| binding.value);
        open.extend(values.filter(|value| seen.insert(value.span)));
    }
    false
}
