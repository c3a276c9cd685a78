//! CT104: the first message is read where there may be none.

use chattpl_syntax::ast::{Const, Expr, ExprKind, Stmt, StmtKind};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::probe::{is_constraint, shape, Ask};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `messages[0].role` and the like where nothing makes sure that there is a message.
    ///
    /// ## Why
    /// An empty conversation, as servers warm up with, ends in an `UndefinedError` instead of an empty prompt or a message
    /// that says what is wrong.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if messages[0].role == 'system' -%}{{- messages[0].content + ';' -}}{%- endif -%}
    /// {%- for message in messages if message.role != 'system' -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if messages and messages[0].role == 'system' -%}{{- messages[0].content + ';' -}}{%- endif -%}
    /// {%- for message in messages if message.role != 'system' -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT104",
    name: "unguarded-first-message",
    family: Correctness,
    kind: Static,
    profiles: [Serve],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let first = nodes.exprs().find(|(id, expr)| is_first_message(expr) && is_looked_into(nodes, *id) && !is_guarded(nodes, *id));
    let Some((_, expr)) = first else {
        return Ok(Vec::new());
    };
    // A guard may be written in ways that the tree does not show, so the crash itself has to be seen.
    let crashes = match &*context.probes()?.get(Ask::whole(shape("empty"))) {
        Err(error) => !is_constraint(error),
        Ok(_) => false,
    };
    let message = "`messages[0]` is looked into without a test that there is a message";
    Ok(crashes.then(|| Finding::new(rule, expr.span, message).on_shape("empty")).into_iter().collect())
}

fn is_messages(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if &**name == "messages")
}

fn is_first_message(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Getitem(object, index) => is_messages(object) && matches!(index.kind, ExprKind::Const(Const::Int(0))),
        ExprKind::Filter { input: Some(input), name, .. } => is_messages(input) && &*name.text == "first",
        _ => false,
    }
}

/// Whether an attribute or item of the expression is read.
fn is_looked_into(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let parent = nodes.get(id).parent.map(|parent| nodes.get(parent).item);
    matches!(parent, Some(Item::Expr(Expr { kind: ExprKind::Getattr(..) | ExprKind::Getitem(..), .. })))
}

/// Whether a condition, or a loop over messages, around an expression makes sure that there is a message.
fn is_guarded(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let span = nodes.get(id).span();
    nodes.around(id).any(|(_, node)| match node.item {
        Item::Expr(Expr { kind: ExprKind::And(left, _), .. }) => left.span.end <= span.start && asks_for_messages(left),
        Item::Expr(Expr { kind: ExprKind::Conditional { test, .. }, .. }) => asks_for_messages(test),
        Item::Stmt(Stmt { kind: StmtKind::If(node), .. }) => {
            let inside = |stmt: &Stmt| stmt.span.start <= span.start && span.end <= stmt.span.end;
            node.branches.iter().any(|branch| branch.body.iter().any(inside) && asks_for_messages(&branch.test))
        }
        Item::Stmt(Stmt { kind: StmtKind::For(node), .. }) => {
            node.iter.span.end <= span.start && asks_for_messages(&node.iter)
        }
        _ => false,
    })
}

/// Whether an expression reads `messages` as a whole: its truth, its length, its elements.
fn asks_for_messages(expr: &Expr) -> bool {
    struct Found(bool);
    impl<'t> chattpl_syntax::visit::Visitor<'t> for Found {
        fn visit_expr(&mut self, expr: &'t Expr) {
            match &expr.kind {
                ExprKind::Getitem(object, index) if is_messages(object) => {
                    self.0 |= matches!(index.kind, ExprKind::Slice { .. });
                }
                _ if is_messages(expr) => self.0 = true,
                _ => chattpl_syntax::visit::walk_expr(self, expr),
            }
        }
    }
    let mut found = Found(false);
    chattpl_syntax::visit::Visitor::visit_expr(&mut found, expr);
    found.0
}
