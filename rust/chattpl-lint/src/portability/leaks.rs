//! Names that engines without a scope for each turn of a loop carry into the next turn.

use chattpl_syntax::ast::{Expr, ExprKind, For, If, Stmt, StmtKind, Target};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::index::{Item, Node, NodeId, Nodes};
use crate::reads::lies_in;
use crate::rule::NotEvaluated;

/// Reads of names that the loop around them sets, but not in every turn before the read. In Jinja2 such a read sees what
/// the name was before the loop; an engine that clears nothing shows it the value of an earlier turn.
///
/// # Errors
/// The template does not parse.
pub fn conditional_sets<'c>(context: &'c Context<'_>) -> Result<impl Iterator<Item = Span> + 'c, NotEvaluated> {
    let nodes = context.nodes()?;
    let reads = nodes.exprs().filter_map(move |(id, expr)| match &expr.kind {
        ExprKind::Name(name) if may_be_of_another_turn(nodes, id, name) => Some(expr.span),
        _ => None,
    });
    Ok(reads)
}

fn may_be_of_another_turn(nodes: &Nodes<'_>, id: NodeId, name: &str) -> bool {
    let Some((around, node)) = loop_around(nodes, id) else {
        return false;
    };
    let span = nodes.get(id).span();
    let in_head =
        lies_in(span, node.iter.span) || node.filter.as_ref().is_some_and(|filter| lies_in(span, filter.span));
    !in_head
        && !keeps_itself(nodes, id, name)
        && !binds(&node.target, name)
        && sets(&node.body, name)
        && !is_set_before(nodes, id, around, name)
}

/// Whether a read stands in `{% set name = name if name is defined else ... %}`, which is the same in every turn.
fn keeps_itself(nodes: &Nodes<'_>, id: NodeId, name: &str) -> bool {
    let set = nodes.around(id).find_map(|(at, node)| match node.item {
        Item::Stmt(Stmt { kind: StmtKind::Set { target, .. }, .. }) => Some((at, target)),
        _ => None,
    });
    set.is_some_and(|(at, target)| {
        let asks = |node: &Node<'_>| match node.item {
            Item::Expr(Expr { kind: ExprKind::Test { input, name: test, .. }, .. }) => {
                &*test.text == "defined" && matches!(&input.kind, ExprKind::Name(asked) if **asked == *name)
            }
            _ => false,
        };
        binds(target, name) && nodes.inside(at).any(|(_, node)| asks(&node))
    })
}

/// The innermost loop around a node, unless a macro or a captured body is between.
fn loop_around<'t>(nodes: &Nodes<'t>, id: NodeId) -> Option<(NodeId, &'t For)> {
    for (around, node) in nodes.around(id) {
        match node.item {
            Item::Stmt(Stmt { kind: StmtKind::For(node), .. }) => return Some((around, node)),
            Item::Stmt(Stmt { kind: StmtKind::Macro(_) | StmtKind::CallBlock(_) | StmtKind::SetBlock(_), .. }) => {
                return None
            }
            _ => {}
        }
    }
    None
}

fn binds(target: &Target, name: &str) -> bool {
    match target {
        Target::Name(bound) => *bound.text == *name,
        Target::Attribute { .. } => false,
        Target::Tuple(items, _) => items.iter().any(|item| binds(item, name)),
    }
}

/// Whether statements of one turn set a name, on some way through them.
fn sets(body: &[Stmt], name: &str) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Set { target, .. } => binds(target, name),
        StmtKind::SetBlock(node) => binds(&node.target, name),
        StmtKind::If(node) => {
            node.branches.iter().any(|branch| sets(&branch.body, name)) || sets(&node.otherwise, name)
        }
        _ => false,
    })
}

/// Whether statements of one turn set a name on every way through them.
fn always_sets(body: &[Stmt], name: &str) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Set { target, .. } => binds(target, name),
        StmtKind::SetBlock(node) => binds(&node.target, name),
        StmtKind::If(node) => all_branches(node, &|body| always_sets(body, name) || leaves(body)),
        _ => false,
    })
}

fn all_branches(node: &If, holds: &dyn Fn(&[Stmt]) -> bool) -> bool {
    node.branches.iter().all(|branch| holds(&branch.body)) && holds(&node.otherwise)
}

/// Whether statements end the turn, or the render.
fn leaves(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break | StmtKind::Continue => true,
        StmtKind::Output(Expr { kind: ExprKind::Call(callee, _), .. }) => {
            matches!(&callee.kind, ExprKind::Name(name) if &**name == "raise_exception")
        }
        StmtKind::If(node) => all_branches(node, &leaves),
        _ => false,
    })
}

/// Whether every way from the start of a turn to a node sets the name.
fn is_set_before(nodes: &Nodes<'_>, id: NodeId, around: NodeId, name: &str) -> bool {
    let span = nodes.get(id).span();
    let inside = nodes.around(id).take_while(|(at, _)| *at != around).map(|(_, node)| node);
    let own = std::iter::once(nodes.get(around));
    inside.chain(own).any(|node| match node.item {
        Item::Stmt(stmt) => bodies(stmt).into_iter().any(|body| {
            let at = body.iter().position(|stmt| lies_in(span, stmt.span));
            at.is_some_and(|at| always_sets(&body[..at], name))
        }),
        _ => false,
    })
}

/// The lists of statements inside a statement that run in the scope around it, or in its loop.
fn bodies(stmt: &Stmt) -> Vec<&[Stmt]> {
    match &stmt.kind {
        StmtKind::If(node) => node.branches.iter().map(|branch| &*branch.body).chain([&*node.otherwise]).collect(),
        StmtKind::For(node) => vec![&*node.body],
        StmtKind::With(node) => vec![&*node.body],
        StmtKind::FilterBlock(node) => vec![&*node.body],
        StmtKind::Generation(body) => vec![&**body],
        _ => Vec::new(),
    }
}
