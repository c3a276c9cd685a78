//! From output, printed or missing, to the place of the template that answers for it.

use chattpl_syntax::ast::{Const, Expr, ExprKind, Stmt, StmtKind};
use chattpl_syntax::Span;

use super::{Printed, Shape};
use crate::context::Context;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::NotEvaluated;

/// The places whose text makes up a range of the output, in order of output; data has none of its own.
pub fn literals_of(context: &Context<'_>, printed: &Printed, range: std::ops::Range<usize>) -> Vec<Span> {
    let first = printed.segments.index_at(range.start);
    let inside = (first..printed.segments.len()).take_while(|index| printed.range(*index).start < range.end);
    let spans = inside.filter_map(|index| printed.segments.get(index).template_span);
    let mut places: Vec<Span> = spans.map(|span| context.normalized(span)).collect();
    places.dedup();
    places
}

/// The place that printed the byte at `offset`, or the nearest literal before it where that is data.
pub fn printer_of(context: &Context<'_>, printed: &Printed, offset: usize) -> Option<Span> {
    let index = printed.segments.index_at(offset).min(printed.segments.len().checked_sub(1)?);
    printed.literal_up_to(index).map(|span| context.normalized(span))
}

/// The best place to blame for data of a message that was not printed: the branch of its role, else the loop over
/// messages, else the first tag.
///
/// # Errors
/// The template does not parse.
pub fn loser_of(context: &Context<'_>, shape: &Shape, message: usize, field: &str) -> Result<Span, NotEvaluated> {
    let nodes = context.nodes()?;
    let role = shape.role(message);
    let branch = nodes.message_loops().find_map(|(id, ..)| branch_of(nodes, id, role, field));
    if let Some(span) = branch {
        return Ok(span);
    }
    message_loop(context)
}

/// The head of the loop over messages that has the most to print, else the first line.
///
/// # Errors
/// The template does not parse.
pub fn message_loop(context: &Context<'_>) -> Result<Span, NotEvaluated> {
    let nodes = context.nodes()?;
    Ok(*context.message_loop.get_or_init(|| main_loop(context, nodes)))
}

fn main_loop(context: &Context<'_>, nodes: &Nodes<'_>) -> Span {
    let loops = nodes.message_loops().map(|(id, stmt, node)| {
        let outputs = nodes.inside(id).filter(|(_, node)| is_output(node.item)).count();
        (outputs, Span::new(stmt.span.start, node.iter.span.end))
    });
    // Of equals, the first stands.
    let found = loops.reduce(|best, next| if next.0 > best.0 { next } else { best });
    found.map_or_else(|| first_line(context), |(_, span)| span)
}

fn is_output(item: Item<'_>) -> bool {
    matches!(item, Item::Stmt(Stmt { kind: StmtKind::Output(_) | StmtKind::Text(_), .. }))
}

/// The opening tag of the first `{% generation %}` block.
///
/// # Errors
/// There is none.
pub fn generation_tag(context: &Context<'_>) -> Result<Span, NotEvaluated> {
    let tag = context.nodes()?.stmts().find(|(_, stmt)| matches!(stmt.kind, StmtKind::Generation(_)));
    let (_, stmt) = tag.ok_or_else(|| NotEvaluated::because("the template has no `{% generation %}` blocks"))?;
    let end = context.slice(stmt.span).find("%}").map_or(stmt.span.end, |end| stmt.span.start + end as u32 + 2);
    Ok(Span::new(stmt.span.start, end))
}

/// The first line of the template.
pub fn first_line(context: &Context<'_>) -> Span {
    Span::new(0, context.subject.source.line_text(1).len() as u32)
}

/// The branch that handles a role: the one that reads the field, else the first.
fn branch_of(nodes: &Nodes<'_>, around: NodeId, role: &str, field: &str) -> Option<Span> {
    let mut first = None;
    for (_, node) in nodes.inside(around) {
        let Item::Stmt(Stmt { kind: StmtKind::If(branches), .. }) = node.item else {
            continue;
        };
        for branch in &branches.branches {
            if compares_with(&branch.test, role) {
                first = first.or(Some(branch.test.span));
                if branch.body.iter().any(|stmt| reads_field(nodes, stmt.span, field)) {
                    return Some(branch.test.span);
                }
            }
        }
    }
    first
}

/// The bodies of the branches that handle a role, in source order.
pub(super) fn branches_of(nodes: &Nodes<'_>, role: &str) -> Vec<Span> {
    let statements = nodes.stmts().filter_map(|(_, stmt)| match &stmt.kind {
        StmtKind::If(node) => Some(node),
        _ => None,
    });
    let branches = statements.flat_map(|node| &node.branches).filter(|branch| compares_with(&branch.test, role));
    let bodies = branches.filter_map(|branch| Some(branch.body.first()?.span.to(branch.body.last()?.span)));
    bodies.collect()
}

/// Whether an expression is true for one text only, or for some among which it is: `x == 'tool'`, `x in ['tool']`.
fn compares_with(test: &Expr, text: &str) -> bool {
    match &test.kind {
        ExprKind::Compare(_, rest) => rest.iter().any(|(operator, right)| {
            use chattpl_syntax::ast::CompareOp;
            matches!(operator, CompareOp::Eq | CompareOp::In) && holds_text(right, text)
        }),
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            compares_with(left, text) || compares_with(right, text)
        }
        _ => false,
    }
}

fn holds_text(expr: &Expr, text: &str) -> bool {
    match &expr.kind {
        ExprKind::Const(Const::Str(found)) => **found == *text,
        ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().any(|item| holds_text(item, text)),
        _ => false,
    }
}

/// Whether an expression inside a span reads an attribute or key of this name.
fn reads_field(nodes: &Nodes<'_>, span: Span, field: &str) -> bool {
    let inside = nodes.exprs().filter(|(_, expr)| span.start <= expr.span.start && expr.span.end <= span.end);
    inside.into_iter().any(|(_, expr)| match &expr.kind {
        ExprKind::Getattr(_, name) => *name.text == *field,
        ExprKind::Getitem(_, index) => holds_text(index, field),
        _ => false,
    })
}
