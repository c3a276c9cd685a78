//! The syntax tree as one list, parents before children, so that static rules need no walk of their own.

use chattpl_syntax::ast::{Const, Expr, ExprKind, For, Stmt, StmtKind, Target, Template};
use chattpl_syntax::visit::{walk_expr, walk_stmt, walk_target, walk_template, Visitor};
use chattpl_syntax::Span;

/// Index of a node in [`Nodes`].
pub type NodeId = u32;

/// A statement, expression or target of the tree.
#[derive(Debug, Clone, Copy)]
pub enum Item<'t> {
    /// A statement.
    Stmt(&'t Stmt),
    /// An expression.
    Expr(&'t Expr),
    /// What an assignment or loop binds.
    Target(&'t Target),
}

/// One node with its place in the tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t> {
    /// What it is.
    pub item: Item<'t>,
    /// The node around it.
    pub parent: Option<NodeId>,
    /// One past its last descendant.
    pub end: NodeId,
}

/// All nodes of a template in source order.
#[derive(Debug, Default)]
pub struct Nodes<'t> {
    items: Vec<Node<'t>>,
}

impl<'t> Nodes<'t> {
    /// Lists the nodes of a template.
    pub fn of(template: &'t Template) -> Self {
        let mut collector = Collector { items: Vec::new(), parent: None };
        walk_template(&mut collector, template);
        Nodes { items: collector.items }
    }

    /// The node with this index.
    ///
    /// # Panics
    /// Panics if there is none.
    pub fn get(&self, id: NodeId) -> Node<'t> {
        self.items[id as usize]
    }

    /// All nodes with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Node<'t>)> + '_ {
        self.items.iter().enumerate().map(|(id, node)| (id as NodeId, *node))
    }

    /// All statements with their indices.
    pub fn stmts(&self) -> impl Iterator<Item = (NodeId, &'t Stmt)> + '_ {
        self.iter().filter_map(|(id, node)| match node.item {
            Item::Stmt(stmt) => Some((id, stmt)),
            _ => None,
        })
    }

    /// All expressions with their indices.
    pub fn exprs(&self) -> impl Iterator<Item = (NodeId, &'t Expr)> + '_ {
        self.iter().filter_map(|(id, node)| match node.item {
            Item::Expr(expr) => Some((id, expr)),
            _ => None,
        })
    }

    /// The nodes below one.
    pub fn inside(&self, id: NodeId) -> impl Iterator<Item = (NodeId, Node<'t>)> + '_ {
        (id + 1..self.get(id).end).map(|id| (id, self.get(id)))
    }

    /// The nodes around one, the innermost first.
    pub fn around(&self, id: NodeId) -> impl Iterator<Item = (NodeId, Node<'t>)> + '_ {
        std::iter::successors(self.get(id).parent, |id| self.get(*id).parent).map(|id| (id, self.get(id)))
    }

    /// The innermost statement whose span covers an offset; text and tags alike.
    pub fn stmt_at(&self, offset: u32) -> Option<(NodeId, &'t Stmt)> {
        self.stmts().filter(|(_, stmt)| stmt.span.start <= offset && offset < stmt.span.end).last()
    }

    /// The loops over the list of messages (or over names set from it), in source order.
    pub fn message_loops(&self) -> impl Iterator<Item = (NodeId, &'t Stmt, &'t For)> + '_ {
        self.stmts().filter_map(|(id, stmt)| match &stmt.kind {
            StmtKind::For(node) if mentions_messages(&node.iter) => Some((id, stmt, &**node)),
            _ => None,
        })
    }
}

impl Node<'_> {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self.item {
            Item::Stmt(stmt) => stmt.span,
            Item::Expr(expr) => expr.span,
            Item::Target(target) => target_span(target),
        }
    }
}

/// Where a target stands.
pub fn target_span(target: &Target) -> Span {
    match target {
        Target::Name(name) => name.span,
        Target::Attribute { namespace, attribute } => namespace.span.to(attribute.span),
        Target::Tuple(_, span) => *span,
    }
}

/// Whether an expression is a name that holds messages by its spelling: `messages`, `loop_messages`, ...
fn mentions_messages(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => name.contains("messages"),
        ExprKind::Getattr(object, name) => name.text.contains("messages") || mentions_messages(object),
        // One message is no list of them.
        ExprKind::Getitem(object, index) => {
            !matches!(index.kind, ExprKind::Const(Const::Int(_))) && mentions_messages(object)
        }
        ExprKind::Filter { input: Some(input), .. } => mentions_messages(input),
        ExprKind::Call(callee, args) => mentions_messages(callee) || args.positional.iter().any(mentions_messages),
        ExprKind::Binary(_, left, right) => mentions_messages(left) || mentions_messages(right),
        _ => false,
    }
}

struct Collector<'t> {
    items: Vec<Node<'t>>,
    parent: Option<NodeId>,
}

impl<'t> Collector<'t> {
    fn with(&mut self, item: Item<'t>, walk: impl FnOnce(&mut Self)) {
        let id = self.items.len();
        self.items.push(Node { item, parent: self.parent, end: 0 });
        let outer = self.parent.replace(id as NodeId);
        walk(self);
        self.parent = outer;
        self.items[id].end = self.items.len() as NodeId;
    }
}

impl<'t> Visitor<'t> for Collector<'t> {
    fn visit_stmt(&mut self, stmt: &'t Stmt) {
        self.with(Item::Stmt(stmt), |collector| walk_stmt(collector, stmt));
    }

    fn visit_expr(&mut self, expr: &'t Expr) {
        self.with(Item::Expr(expr), |collector| walk_expr(collector, expr));
    }

    fn visit_target(&mut self, target: &'t Target) {
        self.with(Item::Target(target), |collector| walk_target(collector, target));
    }
}
