//! CT604: a template that can keep a server busy.

use std::collections::HashSet;

use chattpl_render::names::{functions, Type};
use chattpl_syntax::ast::{BinaryOp, Const, Expr, ExprKind, For, Stmt, StmtKind, Target};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::probe::locate::first_line;
use crate::probe::{is_runaway, shapes, was_not_run};
use crate::rule::{Checked, Rule};
use crate::scope::{Binding, BindingKind};

declare_rule! {
    /// ## What it does
    /// Reports loops over `range` inside each other that add up to a million turns or more, texts multiplied by a number of the
    /// caller's or a large one, powers, values that double in a loop, and templates that a probe conversation could not finish.
    ///
    /// ## Why
    /// Rendering happens in the server's own process, before any limit on tokens. Jinja2 bounds one `range`, and nothing
    /// else: one request stops the server or fills its memory.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if rule -%}{{- '-' * width -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if rule -%}{{- '-' * 20 -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT604",
    name: "unbounded-work",
    family: Security,
    kind: Probe,
    profiles: [Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// The longest `range` that the sandbox allows.
const MAX_RANGE: u64 = 100_000;

/// Turns of loops inside each other that are too many.
const MAX_TURNS: u64 = 1_000_000;

/// Copies or blanks of a text that are too many.
const MAX_COPIES: i64 = 10_000;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let mut found = Vec::new();
    for (id, node) in nodes.iter() {
        let seen = match node.item {
            Item::Stmt(stmt) => in_statement(nodes, id, stmt),
            Item::Expr(inner) => in_expression(context, inner),
            Item::Target(_) => None,
        };
        found.extend(seen.map(|(span, message)| Finding::new(rule, span, message)));
    }
    if found.is_empty() {
        found.extend(observed(rule, context));
    }
    Ok(found)
}

fn in_statement(nodes: &Nodes<'_>, id: NodeId, stmt: &Stmt) -> Option<(Span, String)> {
    match &stmt.kind {
        StmtKind::For(node) => {
            let turns = turns_of(node)?;
            let loops = nodes.around(id).filter_map(|(_, outer)| match outer.item {
                Item::Stmt(Stmt { kind: StmtKind::For(outer), .. }) => Some(&**outer),
                _ => None,
            });
            let around: Vec<u64> = loops.filter_map(turns_of).collect();
            let total = around.iter().fold(turns, |total, turns| total.saturating_mul(*turns));
            let many = !around.is_empty() && total >= MAX_TURNS;
            many.then(|| (node.iter.span, format!("loops over `range` inside each other run up to {total} times")))
        }
        StmtKind::Set { target, value } => {
            let in_loop = nodes.around(id).any(|(_, outer)| matches!(outer.item, Item::Stmt(Stmt { kind: StmtKind::For(_), .. })));
            let doubles = in_loop && copies(target, value) > 1;
            doubles.then(|| (value.span, "this value doubles with each turn of the loop".to_owned()))
        }
        _ => None,
    }
}

/// How often a loop over `range` runs at most; `None` for other loops, which the conversation bounds.
fn turns_of(node: &For) -> Option<u64> {
    let (_, args) = expr::function_call(&node.iter).filter(|(name, _)| *name == "range")?;
    let bounds: Vec<Option<i64>> = args.positional.iter().map(number).collect();
    match bounds[..] {
        [Some(stop)] => Some(stop.max(0) as u64),
        [Some(start), Some(stop)] => Some(stop.saturating_sub(start).max(0) as u64),
        // As many turns as a list of the conversation has elements.
        _ if args.positional.iter().any(|bound| expr::any(bound, &mut is_length)) => None,
        _ => Some(MAX_RANGE),
    }
}

fn is_length(inner: &Expr) -> bool {
    match &inner.kind {
        ExprKind::Filter { name, .. } => matches!(&*name.text, "length" | "count"),
        _ => expr::field(inner).is_some_and(|(object, _)| expr::name(object) == Some("loop")),
    }
}

fn number(inner: &Expr) -> Option<i64> {
    match &inner.kind {
        ExprKind::Const(Const::Int(value)) => Some(*value),
        ExprKind::Const(Const::BigInt(_)) => Some(i64::MAX),
        ExprKind::Binary(BinaryOp::Mul, left, right) => Some(number(left)?.saturating_mul(number(right)?)),
        ExprKind::Binary(BinaryOp::Pow, ..) => Some(i64::MAX),
        _ => None,
    }
}

/// How often an assignment joins the value that its target had.
fn copies(target: &Target, value: &Expr) -> usize {
    let is_target = |inner: &Expr| match target {
        Target::Name(name) => expr::name(inner) == Some(&name.text),
        Target::Attribute { namespace, attribute } => expr::field(inner)
            .is_some_and(|(object, field)| expr::name(object) == Some(&namespace.text) && *field == *attribute.text),
        Target::Tuple(..) => false,
    };
    match &value.kind {
        ExprKind::Binary(BinaryOp::Add, left, right) => copies(target, left) + copies(target, right),
        ExprKind::Binary(BinaryOp::Mul, left, right) => {
            let by = number(left).or_else(|| number(right)).unwrap_or(0).clamp(0, 2) as usize;
            by * (copies(target, left) + copies(target, right))
        }
        ExprKind::Concat(pieces) => pieces.iter().map(|piece| copies(target, piece)).sum(),
        _ => usize::from(is_target(value)),
    }
}

fn in_expression(context: &Context<'_>, inner: &Expr) -> Option<(Span, String)> {
    match &inner.kind {
        ExprKind::Binary(BinaryOp::Mul, left, right) => {
            let repeated = |text: &Expr| matches!(expr::type_of(text), Some(Type::Text | Type::List));
            let times = if repeated(left) { right } else { left };
            if !repeated(left) && !repeated(right) {
                return None;
            }
            match number(times) {
                Some(times) if times < MAX_COPIES => None,
                Some(times) => Some((inner.span, format!("a text is repeated {times} times"))),
                None if !is_callers(context, times) => None,
                None => Some((inner.span, "a text is repeated as often as the caller says, without a bound".to_owned())),
            }
        }
        ExprKind::Binary(BinaryOp::Pow, _, exponent) => {
            let large = number(exponent).is_none_or(|exponent| exponent > 1000);
            large.then(|| (inner.span, "a power without a bound makes a number of any length".to_owned()))
        }
        ExprKind::Filter { name, args, .. } if matches!(&*name.text, "center" | "indent") => padding(&name.text, args, name.span),
        ExprKind::Call(callee, args) => match expr::field(callee)? {
            (_, name @ ("center" | "ljust" | "rjust" | "zfill")) => padding(name, args, inner.span),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a number may be any that the caller likes: an argument, or a field of the conversation.
fn is_callers(context: &Context<'_>, number: &Expr) -> bool {
    let Ok(scopes) = context.scopes() else {
        return false;
    };
    let (mut open, mut seen) = (vec![number], HashSet::new());
    while let Some(number) = open.pop() {
        if expr::function_call(number).is_some() || expr::any(number, &mut is_length) {
            continue;
        }
        let mut names = Vec::new();
        expr::any(number, &mut |inner| {
            names.extend(expr::name(inner).map(|name| (name.to_owned(), inner.span)));
            false
        });
        for (name, span) in names {
            let bindings = scopes.reaching_at(span);
            if bindings.is_empty() && name != "loop" && !functions().contains(&&*name) {
                return true;
            }
            let given = bindings.into_iter().flat_map(|binding| match binding.kind {
                BindingKind::Parameter => arguments(context, binding),
                _ => binding.value.into_iter().collect(),
            });
            open.extend(given.filter(|value| seen.insert(value.span)));
        }
    }
    false
}

/// What the calls of a macro give one of its parameters.
fn arguments<'s>(context: &Context<'s>, parameter: &Binding<'_>) -> Vec<&'s Expr> {
    let Ok(nodes) = context.nodes() else {
        return Vec::new();
    };
    let of_macro = nodes.stmts().find_map(|(_, stmt)| match &stmt.kind {
        StmtKind::Macro(node) => {
            let at = node.signature.params.iter().position(|name| name.span == parameter.span)?;
            Some((&*node.name.text, at))
        }
        _ => None,
    });
    let Some((name, at)) = of_macro else {
        return Vec::new();
    };
    let calls = nodes.exprs().filter_map(|(_, call)| expr::function_call(call).filter(|(callee, _)| *callee == name));
    let given = calls.filter_map(|(_, args)| {
        let named = args.keywords.iter().find(|(key, _)| &*key.text == parameter.name).map(|(_, value)| value);
        args.positional.get(at).or(named)
    });
    given.collect()
}

fn padding(name: &str, args: &chattpl_syntax::ast::Args, span: Span) -> Option<(Span, String)> {
    let width = args.positional.first().and_then(number).filter(|width| *width >= MAX_COPIES)?;
    Some((span, format!("`{name}` pads with up to {width} characters")))
}

/// A probe conversation that could not be finished.
fn observed(rule: &Rule, context: &Context<'_>) -> Option<Finding> {
    let probes = context.probes().ok()?;
    shapes().iter().find_map(|shape| {
        let outcome = probes.natural(shape);
        let error = outcome.as_ref().as_ref().err().filter(|error| is_runaway(error) && !was_not_run(error))?;
        let span = error.span().unwrap_or_else(|| first_line(context));
        let message = format!("the conversation `{}` runs past a limit: {}", shape.name, error.message());
        Some(Finding::new(rule, span, message).on_shape(shape.name))
    })
}
