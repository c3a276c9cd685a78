//! CT112: where a template refuses conversations.

use chattpl_syntax::ast::{Expr, ExprKind, Stmt, StmtKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::reads::lies_in;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Lists the calls of `raise_exception`, each with its message and with the condition it stands under. It is information,
    /// and runs only in the profile `all`.
    ///
    /// ## Why
    /// What a template refuses is part of its format: data and clients have to keep to it.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'critic' -%}{{- raise_exception('no critics here') -}}{%- endif -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT112",
    name: "raise-inventory",
    family: Correctness,
    kind: Static,
    profiles: [],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let found = nodes.exprs().filter_map(|(id, expr)| {
        let argument = raised(expr)?;
        let condition = condition(nodes, id).map(|span| format!(" where `{}`", context.slice(span)));
        let message = format!("refuses a conversation{}: {argument}", condition.unwrap_or_default(), argument = shown(context, argument));
        Some(Finding::new(rule, expr.span, message))
    });
    Ok(found.collect())
}

/// The argument of a `raise_exception(...)`.
fn raised(expr: &Expr) -> Option<Option<&Expr>> {
    match &expr.kind {
        ExprKind::Call(callee, args) => match &callee.kind {
            ExprKind::Name(name) if &**name == "raise_exception" => Some(args.positional.first()),
            _ => None,
        },
        _ => None,
    }
}

fn shown(context: &Context<'_>, argument: Option<&Expr>) -> String {
    argument.map_or_else(|| "without a message".to_owned(), |argument| format!("`{}`", context.slice(argument.span)))
}

/// The test of the branch that a node stands in; an `else` has none.
fn condition(nodes: &Nodes<'_>, id: NodeId) -> Option<Span> {
    let span = nodes.get(id).span();
    let innermost = nodes.around(id).find_map(|(_, node)| match node.item {
        Item::Stmt(Stmt { kind: StmtKind::If(node), .. }) => Some(node),
        _ => None,
    })?;
    let branch = innermost.branches.iter().find(|branch| branch.body.iter().any(|stmt| lies_in(span, stmt.span)));
    branch.map(|branch| branch.test.span)
}
