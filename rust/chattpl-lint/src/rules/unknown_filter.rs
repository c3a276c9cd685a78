//! CT002: a filter that nobody knows.

use chattpl_render::names;
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::{Checked, Rule};
use chattpl_syntax::ast::{Expr, ExprKind, Stmt, StmtKind};

declare_rule! {
    /// ## What it does
    /// Reports filters that neither Jinja2 nor `transformers` has, also those named in `map('...')`.
    ///
    /// ## Why
    /// Outside an `if` the template does not compile; inside one, rendering fails where the filter is reached, which may be
    /// with one conversation in a thousand. A test such as `'from_json' is filter` around it makes it safe.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '')|strip + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '')|string + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT002",
    name: "unknown-filter",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// What other languages call the filters of the dialect.
const OTHERWISE: [(&str, &str); 10] = [
    ("strip", "trim"),
    ("len", "length"),
    ("size", "length"),
    ("str", "string"),
    ("json", "tojson"),
    ("to_json", "tojson"),
    ("uppercase", "upper"),
    ("lowercase", "lower"),
    ("flatten", "sum(start=[])"),
    ("contains", "select('in', ...)"),
];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let mut found = Vec::new();
    for (id, applied) in nodes.exprs() {
        for (name, span) in expr::filters_applied(applied) {
            if names::filters().contains(&name) || asks_whether_known(nodes, id, "filter", name) {
                continue;
            }
            let hint = OTHERWISE.iter().find(|(other, _)| *other == name).map(|(_, known)| *known);
            let hint = hint.or_else(|| chattpl_syntax::nearest(name, names::filters().iter().copied()));
            found.push(Finding::new(rule, span, message(context, "filter", (name, span), hint)));
        }
    }
    Ok(found)
}

/// What is said about an unknown filter or test.
pub(super) fn message(context: &Context<'_>, kind: &str, (name, span): (&str, Span), hint: Option<&str>) -> String {
    let refused = matches!(&context.subject.program, Err(fault) if fault.span == span);
    let effect = match refused {
        true => "the template does not compile",
        false => "rendering fails where it is reached",
    };
    let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    format!("no {kind} is called `{name}`: {effect}{hint}")
}

/// Whether a condition around an expression asks `'name' is filter` (or `is test`).
pub(super) fn asks_whether_known(nodes: &Nodes<'_>, id: NodeId, kind: &str, wanted: &str) -> bool {
    let mut asks = |inner: &Expr| match &inner.kind {
        ExprKind::Test { input, name, .. } => &*name.text == kind && expr::text(input) == Some(wanted),
        _ => false,
    };
    nodes.around(id).any(|(_, node)| match node.item {
        Item::Stmt(Stmt { kind: StmtKind::If(node), .. }) => {
            node.branches.iter().any(|branch| expr::any(&branch.test, &mut asks))
        }
        Item::Expr(Expr { kind: ExprKind::Conditional { test, .. }, .. }) => expr::any(test, &mut asks),
        Item::Expr(Expr { kind: ExprKind::And(left, _), .. }) => expr::any(left, &mut asks),
        _ => false,
    })
}
