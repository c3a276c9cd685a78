//! CT108: an old turn is printed in another way because of where in the conversation it stands.

use std::rc::Rc;

use chattpl_syntax::ast::{Expr, ExprKind, Stmt, StmtKind};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::Edit;
use crate::index::{Item, NodeId, Nodes};
use crate::probe::trial::{affordable, tried};
use crate::probe::{common_prefix, shape, Ask, Outcome, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports conditions on `loop.last`, `loop.index` and the like that decide how a turn is printed, where a conversation
    /// cut after an assistant's turn is not the beginning of the whole, and would be without the condition.
    ///
    /// ## Why
    /// A turn that looks one way while it is the last, and another way afterwards, is not what the model was sampled with:
    /// the cache of the prompt is lost, and training over several turns sees other tokens.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + ('<now>' if loop.last else '') + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT108",
    name: "position-dependent-turn",
    family: Correctness,
    kind: Probe,
    profiles: [Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// The conversations that are cut after each of their assistant's turns.
const SHAPES: [&str; 5] =
    ["multi-turn", "multi-turn-system", "user-after-tool", "reasoning-multi-turn", "reasoning-tool-loop"];

/// What `loop` says of a turn's place that may change once the conversation goes on.
const ENDS: [&str; 2] = ["last", "nextitem"];

/// What `loop` counts; only a comparison with something else than a number tells an old turn from a new one.
const COUNTS: [&str; 5] = ["index", "index0", "revindex", "revindex0", "length"];

/// Conditions at most tried one by one.
const MAX_TRIALS: usize = 60;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let conditions = conditions(nodes);
    let mut found: Vec<Finding> = Vec::new();
    if conditions.is_empty() {
        return Ok(found);
    }
    for shape in SHAPES.map(shape) {
        for (cut, whole) in cuts(shape) {
            let probes = context.probes()?;
            let Some(at) = difference(&probes.get(cut), &probes.get(whole)) else {
                continue;
            };
            for condition in conditions.iter().take(affordable(context, whole, MAX_TRIALS)) {
                if !found.iter().any(|known| known.span == condition.span) && decides(context, condition, (cut, whole), at)? {
                    let text = context.slice(condition.span);
                    let message = format!("`{text}` decides how a turn is printed: it changes once the conversation goes on");
                    found.push(Finding::new(rule, condition.span, message).on_shape(shape.name));
                }
            }
        }
    }
    Ok(found)
}

/// The conversation up to each turn of the assistant but the last message, and the whole.
fn cuts(shape: &'static Shape) -> Vec<(Ask, Ask)> {
    let ends = (1..shape.messages().len()).filter(|&end| shape.role(end - 1) == "assistant");
    ends.map(|end| (Ask::whole(shape).upto(end), Ask::natural(shape))).collect()
}

/// The bytes that both share, where the first is not the beginning of the second.
fn difference(cut: &Rc<Outcome>, whole: &Rc<Outcome>) -> Option<usize> {
    match (&**cut, &**whole) {
        (Ok(cut), Ok(whole)) if !whole.text.starts_with(&cut.text) => Some(common_prefix(&cut.text, &whole.text)),
        _ => None,
    }
}

/// The conditions that ask for a turn's place: `loop.last`, or a comparison with `loop.index0` in it.
fn conditions<'t>(nodes: &Nodes<'t>) -> Vec<&'t Expr> {
    let mut found: Vec<&Expr> = Vec::new();
    for (id, expr) in nodes.exprs() {
        let Some(name) = of_loop(expr).filter(|_| in_message_loop(nodes, id)) else {
            continue;
        };
        let compared = nodes.around(id).map_while(|(_, node)| match node.item {
            Item::Expr(around) => Some(around),
            _ => None,
        });
        let comparison = compared.into_iter().find(|around| is_open(around, name));
        let Some(condition) = comparison.or(Some(expr).filter(|_| ENDS.contains(&name))) else {
            continue;
        };
        if !found.iter().any(|known| known.span == condition.span) {
            found.push(condition);
        }
    }
    found
}

/// Which attribute of `loop` is read, of those that tell a turn's place.
fn of_loop(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Getattr(object, name) => {
            let of_loop = matches!(&object.kind, ExprKind::Name(of) if &**of == "loop");
            let name = &*name.text;
            (of_loop && (ENDS.contains(&name) || COUNTS.contains(&name))).then_some(name)
        }
        _ => None,
    }
}

/// Whether an expression compares a turn's place with something that may change.
fn is_open(expr: &Expr, name: &str) -> bool {
    match &expr.kind {
        ExprKind::Compare(left, rest) => {
            let sides = std::iter::once(&**left).chain(rest.iter().map(|(_, right)| right));
            let counted = name.starts_with("rev") || name == "length";
            counted || sides.into_iter().all(|side| !matches!(side.kind, ExprKind::Const(_)))
        }
        _ => false,
    }
}

/// Whether the innermost loop around a node runs over messages.
fn in_message_loop(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let innermost = nodes.around(id).find(|(_, node)| matches!(node.item, Item::Stmt(Stmt { kind: StmtKind::For(_), .. })));
    innermost.is_some_and(|(around, _)| nodes.message_loops().any(|(id, ..)| id == around))
}

/// Whether the two texts share more, or all, once the condition has one answer for every turn.
fn decides(
    context: &Context<'_>,
    condition: &Expr,
    (cut, whole): (Ask, Ask),
    at: usize,
) -> Result<bool, NotEvaluated> {
    let answers = ["false", "true"].map(|answer| {
        let edit = [Edit::replace(condition.span, format!(" {answer} "))];
        let (cut, whole) = (tried(context, &edit, cut)?, tried(context, &edit, whole)?);
        let both = cut.is_ok() && whole.is_ok();
        both.then(|| difference(&cut, &whole))
    });
    // A condition that prints less everywhere moves differences without causing them.
    Ok(answers.into_iter().flatten().any(|left| left.is_none_or(|left| left > at + MIN_GAIN)))
}

/// Bytes that a difference has to move for the condition to have caused it.
const MIN_GAIN: usize = 24;

