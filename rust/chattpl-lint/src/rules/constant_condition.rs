//! CT012: a condition that is the same for every conversation.

use chattpl_syntax::ast::{CompareOp, Const, Expr, ExprKind, Stmt, StmtKind};

use crate::context::Context;
use crate::declare_rule;
use crate::expr::{alike, comparison, conjuncts, differ, disjuncts, negated};
use crate::finding::Finding;
use crate::index::{Item, Nodes};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports conditions that are always true or always false, such as `role == 'user' or 'system'`,
    /// `x != 'a' or x != 'b'`, and `{% if true %}`.
    ///
    /// ## Why
    /// One side of the condition never runs; most often another condition was meant.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role != 'user' or message.role != 'tool' -%}{{- '*' -}}{%- endif -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '*assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role != 'user' and message.role != 'tool' -%}{{- '*' -}}{%- endif -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '*assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT012",
    name: "constant-condition",
    family: Dialect,
    kind: Static,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let mut found = Vec::new();
    for condition in conditions(context.nodes()?) {
        if let Some((culprit, truth)) = constant_part(condition) {
            let message = match culprit.kind {
                ExprKind::Const(_) => format!("`{}` is always {truth}, and decides the condition", context.slice(culprit.span)),
                _ => format!("this condition is always {truth}"),
            };
            found.push(Finding::new(rule, culprit.span, message));
        }
    }
    Ok(found)
}

/// Every expression that decides what runs or which value is taken.
pub(super) fn conditions<'t>(nodes: &Nodes<'t>) -> Vec<&'t Expr> {
    let mut found = Vec::new();
    for (_, node) in nodes.iter() {
        match node.item {
            Item::Stmt(Stmt { kind: StmtKind::If(node), .. }) => found.extend(node.branches.iter().map(|branch| &branch.test)),
            Item::Stmt(Stmt { kind: StmtKind::For(node), .. }) => found.extend(&node.filter),
            Item::Expr(Expr { kind: ExprKind::Conditional { test, .. }, .. }) => found.push(test),
            _ => {}
        }
    }
    found
}

/// The part that makes a condition constant, and its truth; `None` where conversations decide.
fn constant_part(condition: &Expr) -> Option<(&Expr, bool)> {
    if let Some(truth) = truth(condition) {
        return Some((condition, truth));
    }
    match &condition.kind {
        ExprKind::Or(..) => {
            let operands = disjuncts(condition);
            let decisive = operands.iter().find_map(|operand| constant_part(operand).filter(|(_, truth)| *truth));
            decisive.or_else(|| excludes(&operands, CompareOp::Ne).then_some((condition, true)))
        }
        ExprKind::And(..) => {
            let operands = conjuncts(condition);
            let decisive = operands.iter().find_map(|operand| constant_part(operand).filter(|(_, truth)| !*truth));
            decisive.or_else(|| excludes(&operands, CompareOp::Eq).then_some((condition, false)))
        }
        _ => negated(condition).and_then(constant_part).map(|(_, truth)| (condition, !truth)),
    }
}

/// Whether two operands compare one value with two texts: `x != 'a'`, `x != 'b'`; also `x` and `not x`.
fn excludes(operands: &[&Expr], operator: CompareOp) -> bool {
    let compared = |expr: &'_ Expr| comparison(expr).is_some_and(|(_, found, _)| found == operator);
    operands.iter().enumerate().any(|(at, left)| {
        operands[at + 1..].iter().any(|right| {
            let opposite = |one: &Expr, other: &Expr| negated(one).is_some_and(|inner| alike(inner, other));
            let pair = comparison(left).zip(comparison(right)).filter(|_| compared(left) && compared(right));
            pair.is_some_and(|((a, _, b), (c, _, d))| alike(a, c) && differ(b, d))
                || opposite(left, right)
                || opposite(right, left)
        })
    })
}

/// The truth of an expression of literals, and of a value compared with itself.
pub(super) fn truth(expr: &Expr) -> Option<bool> {
    match &expr.kind {
        ExprKind::Const(value) => Some(match value {
            Const::None => false,
            Const::Bool(value) => *value,
            Const::Int(value) => *value != 0,
            Const::BigInt(_) => true,
            Const::Float(value) => *value != 0.0,
            Const::Str(text) => !text.is_empty(),
        }),
        ExprKind::List(items) | ExprKind::Tuple(items) => Some(!items.is_empty()),
        ExprKind::Dict(items) => Some(!items.is_empty()),
        ExprKind::Compare(..) => {
            let (left, operator, right) = comparison(expr)?;
            let same = alike(left, right) && !matches!(left.kind, ExprKind::Call(..));
            match operator {
                CompareOp::Eq | CompareOp::Le | CompareOp::Ge if same => Some(true),
                CompareOp::Ne | CompareOp::Lt | CompareOp::Gt if same => Some(false),
                CompareOp::Eq if differ(left, right) => Some(false),
                CompareOp::Ne if differ(left, right) => Some(true),
                _ => None,
            }
        }
        _ => None,
    }
}
