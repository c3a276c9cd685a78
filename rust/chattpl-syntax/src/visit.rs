//! Read-only walk over a syntax tree.
//!
//! ```
//! use chattpl_syntax::ast::{Expr, ExprKind};
//! use chattpl_syntax::visit::{walk_expr, walk_template, Visitor};
//!
//! struct Names(Vec<String>);
//!
//! impl Visitor<'_> for Names {
//!     fn visit_expr(&mut self, expr: &Expr) {
//!         if let ExprKind::Name(name) = &expr.kind {
//!             self.0.push(name.to_string());
//!         }
//!         walk_expr(self, expr);
//!     }
//! }
//!
//! let parsed = chattpl_syntax::parse("{% for m in messages %}{{ m.role }}{% endfor %}", None).expect("valid");
//! let mut names = Names(Vec::new());
//! walk_template(&mut names, &parsed.template);
//! assert_eq!(names.0, ["messages", "m"]);
//! ```

use crate::ast::{Args, Expr, ExprKind, Signature, Stmt, StmtKind, Target, Template};

/// Sees every statement, expression and target; override a method and call its `walk_*` to go on below.
pub trait Visitor<'t> {
    /// Called for each statement before its parts.
    fn visit_stmt(&mut self, stmt: &'t Stmt) {
        walk_stmt(self, stmt);
    }

    /// Called for each expression before its parts.
    fn visit_expr(&mut self, expr: &'t Expr) {
        walk_expr(self, expr);
    }

    /// Called for each assignment or loop target before its parts.
    fn visit_target(&mut self, target: &'t Target) {
        walk_target(self, target);
    }
}

/// Visits the statements of a template in order.
pub fn walk_template<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, template: &'t Template) {
    walk_body(visitor, &template.body);
}

/// Visits statements in order.
pub fn walk_body<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, body: &'t [Stmt]) {
    body.iter().for_each(|stmt| visitor.visit_stmt(stmt));
}

/// Visits the parts of a statement in source order.
pub fn walk_stmt<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, stmt: &'t Stmt) {
    match &stmt.kind {
        StmtKind::Text(_) | StmtKind::Break | StmtKind::Continue => {}
        StmtKind::Output(expr) => visitor.visit_expr(expr),
        StmtKind::For(node) => {
            visitor.visit_target(&node.target);
            visitor.visit_expr(&node.iter);
            node.filter.iter().for_each(|filter| visitor.visit_expr(filter));
            walk_body(visitor, &node.body);
            walk_body(visitor, &node.otherwise);
        }
        StmtKind::If(node) => {
            for branch in &node.branches {
                visitor.visit_expr(&branch.test);
                walk_body(visitor, &branch.body);
            }
            walk_body(visitor, &node.otherwise);
        }
        StmtKind::Set { target, value } => {
            visitor.visit_target(target);
            visitor.visit_expr(value);
        }
        StmtKind::SetBlock(node) => {
            visitor.visit_target(&node.target);
            node.filter.iter().for_each(|filter| visitor.visit_expr(filter));
            walk_body(visitor, &node.body);
        }
        StmtKind::Macro(node) => {
            walk_signature(visitor, &node.signature);
            walk_body(visitor, &node.body);
        }
        StmtKind::CallBlock(node) => {
            walk_signature(visitor, &node.signature);
            visitor.visit_expr(&node.call);
            walk_body(visitor, &node.body);
        }
        StmtKind::FilterBlock(node) => {
            visitor.visit_expr(&node.filter);
            walk_body(visitor, &node.body);
        }
        StmtKind::With(node) => {
            for (target, value) in &node.assignments {
                visitor.visit_target(target);
                visitor.visit_expr(value);
            }
            walk_body(visitor, &node.body);
        }
        StmtKind::Block(node) => walk_body(visitor, &node.body),
        StmtKind::Generation(body) => walk_body(visitor, body),
        StmtKind::Autoescape(node) => {
            visitor.visit_expr(&node.enabled);
            walk_body(visitor, &node.body);
        }
        StmtKind::Load(node) => visitor.visit_expr(&node.template),
    }
}

/// Visits the parts of an expression in source order.
pub fn walk_expr<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, expr: &'t Expr) {
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Name(_) => {}
        ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Concat(items) => {
            items.iter().for_each(|item| visitor.visit_expr(item));
        }
        ExprKind::Dict(pairs) => {
            for (key, value) in pairs {
                visitor.visit_expr(key);
                visitor.visit_expr(value);
            }
        }
        ExprKind::Unary(_, operand) => visitor.visit_expr(operand),
        ExprKind::Binary(_, left, right)
        | ExprKind::And(left, right)
        | ExprKind::Or(left, right)
        | ExprKind::Getitem(left, right) => {
            visitor.visit_expr(left);
            visitor.visit_expr(right);
        }
        ExprKind::Compare(left, rest) => {
            visitor.visit_expr(left);
            rest.iter().for_each(|(_, right)| visitor.visit_expr(right));
        }
        ExprKind::Conditional { test, then, otherwise } => {
            visitor.visit_expr(then);
            visitor.visit_expr(test);
            otherwise.iter().for_each(|expr| visitor.visit_expr(expr));
        }
        ExprKind::Getattr(object, _) => visitor.visit_expr(object),
        ExprKind::Slice { start, stop, step } => {
            [start, stop, step].into_iter().flatten().for_each(|part| visitor.visit_expr(part));
        }
        ExprKind::Call(callee, args) => {
            visitor.visit_expr(callee);
            walk_args(visitor, args);
        }
        ExprKind::Filter { input, args, .. } => {
            input.iter().for_each(|input| visitor.visit_expr(input));
            walk_args(visitor, args);
        }
        ExprKind::Test { input, args, .. } => {
            visitor.visit_expr(input);
            walk_args(visitor, args);
        }
    }
}

/// Visits the parts of a tuple target.
pub fn walk_target<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, target: &'t Target) {
    if let Target::Tuple(items, _) = target {
        items.iter().for_each(|item| visitor.visit_target(item));
    }
}

/// Visits argument expressions: positional, keywords, `*`, `**`.
pub fn walk_args<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, args: &'t Args) {
    args.positional.iter().for_each(|value| visitor.visit_expr(value));
    args.keywords.iter().for_each(|(_, value)| visitor.visit_expr(value));
    args.star.iter().for_each(|value| visitor.visit_expr(value));
    args.double_star.iter().for_each(|value| visitor.visit_expr(value));
}

fn walk_signature<'t, V: Visitor<'t> + ?Sized>(visitor: &mut V, signature: &'t Signature) {
    signature.defaults.iter().for_each(|value| visitor.visit_expr(value));
}
