//! Which expressions read a field of a message or call, and what is done with what they read.

use chattpl_syntax::ast::{CompareOp, Const, Expr, ExprKind, Stmt, StmtKind};
use chattpl_syntax::Span;

use crate::index::{Item, NodeId, Nodes};

/// What an expression reads a field of, and the field: `x.content`, `x['content']`, `x.get('content')`.
pub fn field_of(expr: &Expr) -> Option<(&Expr, &str)> {
    match &expr.kind {
        ExprKind::Getattr(object, name) => Some((object, &name.text)),
        ExprKind::Getitem(object, index) => Some((object, text_of(index)?)),
        ExprKind::Call(callee, args) => match &callee.kind {
            ExprKind::Getattr(object, method) if &*method.text == "get" => {
                Some((object, text_of(args.positional.first()?)?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The text of a string literal.
pub fn text_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Const(Const::Str(text)) => Some(text),
        _ => None,
    }
}

/// Whether an expression is a variable, a field or the result of `get`.
pub fn is_place(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Name(_)) || field_of(expr).is_some()
}

/// The expressions whose value is used as a text or a list and not only asked about: printed, joined, filtered, searched,
/// looped over, assigned or passed on. Reads of a field come first, then variables.
pub fn used_places<'t>(nodes: &Nodes<'t>, field: &str) -> Vec<&'t Expr> {
    let used: Vec<&'t Expr> =
        nodes.exprs().filter(|(id, expr)| is_place(expr) && is_used(nodes, *id)).map(|(_, expr)| expr).collect();
    let (fields, others): (Vec<_>, Vec<_>) =
        used.into_iter().partition(|expr| field_of(expr).is_some_and(|(_, name)| name == field));
    let names = others.into_iter().filter(|expr| matches!(expr.kind, ExprKind::Name(_)));
    fields.into_iter().chain(names).collect()
}

/// The reads of a field among [`used_places`].
pub fn used_fields<'t>(nodes: &Nodes<'t>, field: &str) -> Vec<&'t Expr> {
    used_places(nodes, field).into_iter().filter(|expr| field_of(expr).is_some()).collect()
}

/// Whether a value goes on from here, other than as the answer to a question about it.
pub fn is_used(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let (id, span) = passed_on(nodes, id);
    match nodes.get(id).parent.map(|parent| nodes.get(parent).item) {
        Some(Item::Stmt(stmt)) => match &stmt.kind {
            StmtKind::Output(_) | StmtKind::Set { .. } => true,
            StmtKind::For(node) => node.iter.span == span,
            _ => false,
        },
        Some(Item::Expr(parent)) => is_used_by(parent, span),
        _ => false,
    }
}

fn is_used_by(parent: &Expr, span: Span) -> bool {
    match &parent.kind {
        ExprKind::Binary(..) | ExprKind::Concat(_) | ExprKind::Filter { .. } => true,
        ExprKind::Getattr(object, _) => object.span == span,
        ExprKind::Getitem(object, index) => object.span == span && matches!(index.kind, ExprKind::Slice { .. }),
        ExprKind::Call(callee, _) => callee.span != span,
        ExprKind::Compare(_, rest) => rest
            .iter()
            .any(|(operator, right)| matches!(operator, CompareOp::In | CompareOp::NotIn) && right.span == span),
        _ => false,
    }
}

/// Whether an expression's text becomes output right here: it is printed, joined to a text, or filtered on its way there.
pub fn is_printed(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let (id, span) = passed_on(nodes, id);
    match nodes.get(id).parent.map(|parent| nodes.get(parent).item) {
        Some(Item::Stmt(Stmt { kind: StmtKind::Output(_), .. })) => true,
        Some(Item::Expr(parent)) => match &parent.kind {
            ExprKind::Binary(..) | ExprKind::Concat(_) => true,
            ExprKind::Filter { input: Some(input), .. } => input.span == span,
            _ => false,
        },
        _ => false,
    }
}

/// The outermost expression whose value may be that of `id`: `x or y` and `x if ... else y` pass `x` on.
fn passed_on(nodes: &Nodes<'_>, id: NodeId) -> (NodeId, Span) {
    let span = nodes.get(id).span();
    let Some(parent) = nodes.get(id).parent else {
        return (id, span);
    };
    let passes = match nodes.get(parent).item {
        Item::Expr(Expr { kind: ExprKind::Or(..), .. }) => true,
        Item::Expr(Expr { kind: ExprKind::Conditional { test, .. }, .. }) => test.span != span,
        _ => false,
    };
    if passes {
        passed_on(nodes, parent)
    } else {
        (id, span)
    }
}

/// Whether one span lies in another.
pub fn lies_in(inner: Span, outer: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
