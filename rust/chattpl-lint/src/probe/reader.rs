//! Which expression of the template reads a field of messages: the place to point at for data that is printed changed.

use chattpl_syntax::ast::{Const, Expr, ExprKind, Stmt, StmtKind, Target};
use chattpl_syntax::Span;

use super::locate::{branches_of, first_line, message_loop};
use crate::context::Context;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::NotEvaluated;

/// The roles that templates write branches for.
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// The expression that reads a field of the messages of a role: one that is printed, if there is such a one, else one that
/// is assigned or passed on, else the loop over messages.
///
/// # Errors
/// The template does not parse.
pub fn reader_of(context: &Context<'_>, role: &str, field: &str) -> Result<Span, NotEvaluated> {
    let nodes = context.nodes()?;
    let own = branches_of(nodes, role);
    let others: Vec<Span> =
        ROLES.iter().filter(|other| **other != role).flat_map(|other| branches_of(nodes, other)).collect();
    let weigh = |(id, span): (NodeId, Span)| {
        let within = |spans: &[Span]| spans.iter().any(|outer| covers(*outer, span));
        let is_own = within(&own) || role == "system" && is_first(nodes, id);
        let foreign = !is_own && (within(&others) || is_first(nodes, id));
        let (printed, kept) = (is_printed(nodes, id), is_kept(nodes, id));
        (8 * u8::from(!foreign) + 4 * u8::from(printed || kept) + 2 * u8::from(is_own) + u8::from(printed), span)
    };
    // Of equals, the first stands.
    let best = reads_of(nodes, field).map(weigh).reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best.filter(|(weight, _)| *weight >= 8) {
        Some((_, span)) => Ok(span),
        None => message_loop(context),
    }
}

/// As [`reader_of`], of the first of the fields that is read at all.
///
/// # Errors
/// The template does not parse.
pub fn reader_of_any(context: &Context<'_>, role: &str, fields: &[&str]) -> Result<Span, NotEvaluated> {
    let nodes = context.nodes()?;
    match fields.iter().find(|field| reads_of(nodes, field).next().is_some()) {
        Some(field) => reader_of(context, role, field),
        None => message_loop(context),
    }
}

/// The expressions that strip white space, each with what it strips, in source order.
///
/// # Errors
/// The template does not parse.
pub fn trims(context: &Context<'_>) -> Result<Vec<(Span, Span)>, NotEvaluated> {
    let trimmed = context.nodes()?.exprs().filter_map(|(_, expr)| Some((expr.span, trimmed_by(expr)?)));
    Ok(trimmed.collect())
}

/// The first expression that is the name, else the first line.
///
/// # Errors
/// The template does not parse.
pub fn first_read(context: &Context<'_>, names: &[&str]) -> Result<Span, NotEvaluated> {
    let read = context.scopes()?.uses().iter().find(|read| names.contains(&read.name));
    Ok(read.map_or_else(|| first_line(context), |read| read.span))
}

/// Whether the template reads an attribute or key of this name of what it loops over as messages.
///
/// # Errors
/// The template does not parse.
pub fn is_read(context: &Context<'_>, field: &str) -> Result<bool, NotEvaluated> {
    let nodes = context.nodes()?;
    let found = nodes.exprs().filter(|(_, expr)| reads(expr, field)).any(|(_, expr)| match &expr.kind {
        ExprKind::Getattr(object, _) | ExprKind::Getitem(object, _) => is_message(nodes, object),
        ExprKind::Call(callee, _) => match &callee.kind {
            ExprKind::Getattr(object, _) => is_message(nodes, object),
            _ => false,
        },
        _ => false,
    });
    Ok(found)
}

/// Whether an expression is one message: by its spelling, an element of a list of messages, or what a loop over them binds.
fn is_message(nodes: &Nodes<'_>, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => {
            let binds = |target: &Target| matches!(target, Target::Name(bound) if bound.text == *name);
            name.contains("message") || nodes.message_loops().any(|(_, _, node)| binds(&node.target))
        }
        ExprKind::Getitem(object, _) => is_message(nodes, object),
        ExprKind::Getattr(_, name) => name.text.contains("message"),
        _ => false,
    }
}

/// The expressions that read an attribute or key of this name.
fn reads_of<'a>(nodes: &'a Nodes<'_>, field: &'a str) -> impl Iterator<Item = (NodeId, Span)> + 'a {
    nodes.exprs().filter(move |(_, expr)| reads(expr, field)).map(|(id, expr)| (id, expr.span))
}

fn reads(expr: &Expr, field: &str) -> bool {
    let is_field = |expr: &Expr| matches!(&expr.kind, ExprKind::Const(Const::Str(text)) if **text == *field);
    match &expr.kind {
        ExprKind::Getattr(_, name) => *name.text == *field,
        ExprKind::Getitem(_, index) => is_field(index),
        ExprKind::Call(callee, args) => {
            let get = matches!(&callee.kind, ExprKind::Getattr(_, name) if &*name.text == "get");
            get && args.positional.first().is_some_and(is_field)
        }
        _ => false,
    }
}

/// What an expression strips of white space, if it does.
fn trimmed_by(expr: &Expr) -> Option<Span> {
    match &expr.kind {
        ExprKind::Filter { input: Some(input), name, .. } if &*name.text == "trim" => Some(input.span),
        ExprKind::Call(callee, _) => match &callee.kind {
            ExprKind::Getattr(object, name) if matches!(&*name.text, "strip" | "lstrip" | "rstrip") => {
                Some(object.span)
            }
            _ => None,
        },
        _ => None,
    }
}

fn covers(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Whether a read is one of the first message alone: `messages[0].content`.
fn is_first(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let Item::Expr(Expr { kind: ExprKind::Getattr(object, _) | ExprKind::Getitem(object, _), .. }) = nodes.get(id).item
    else {
        return false;
    };
    matches!(&object.kind, ExprKind::Getitem(_, index) if matches!(index.kind, ExprKind::Const(Const::Int(0))))
}

/// Whether an expression stands in an output, and in no condition inside it.
fn is_printed(nodes: &Nodes<'_>, id: NodeId) -> bool {
    !is_tested(nodes, id)
        && nodes.around(id).any(|(_, node)| matches!(node.item, Item::Stmt(Stmt { kind: StmtKind::Output(_), .. })))
}

/// Whether an expression stands in an assignment, a loop or an output, and in no condition.
fn is_kept(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let statement = nodes.around(id).find_map(|(_, node)| match node.item {
        Item::Stmt(stmt) => Some(stmt),
        _ => None,
    });
    !is_tested(nodes, id) && statement.is_some_and(|stmt| !matches!(stmt.kind, StmtKind::If(_)))
}

/// Whether an expression is asked about rather than used.
fn is_tested(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let span = nodes.get(id).span();
    nodes.around(id).any(|(_, node)| match node.item {
        Item::Expr(Expr { kind: ExprKind::Compare(..) | ExprKind::Test { .. }, .. }) => true,
        Item::Expr(Expr { kind: ExprKind::Conditional { test, .. }, .. }) => {
            test.span.start <= span.start && span.end <= test.span.end
        }
        _ => false,
    })
}
