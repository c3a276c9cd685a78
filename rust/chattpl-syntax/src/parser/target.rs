//! What assignments, loops and parameters bind.

use super::expr::Node;
use super::Parser;
use crate::ast::{BinaryOp, Expr, ExprKind, Name, Target, UnaryOp};
use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::span::Span;
use crate::token::Op;

/// Whether `ns.x` may be a target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespaces {
    Allowed,
    Refused,
}

/// One element of a target: parsed already, or an expression that may turn out to be none.
enum Element {
    Attribute(Target),
    Expr(Node),
}

impl Parser<'_> {
    /// A name that may be bound.
    pub(super) fn assignable_name(&mut self) -> Checked<Name> {
        let name = self.expect_name()?;
        if matches!(&*name.text, "true" | "false" | "none" | "True" | "False" | "None") {
            return Err(cannot_assign("name", name.span, name.span.start));
        }
        Ok(name)
    }

    /// A name, a tuple of names, or an attribute of a namespace.
    pub(super) fn target(&mut self, namespaces: Namespaces) -> Checked<Target> {
        let start = self.current.span.start;
        let mut line_at = self.line_at();
        let mut elements = Vec::new();
        let mut is_tuple = false;
        loop {
            if is_tuple {
                self.expect_op(Op::Comma)?;
            }
            if self.at_tuple_end() {
                break;
            }
            elements.push(self.target_element(namespaces)?);
            if !self.at_op(Op::Comma) {
                break;
            }
            is_tuple = true;
            line_at = self.line_at();
        }
        let span = Span::new(start, self.previous.end);
        if is_tuple {
            let items = elements.into_iter().map(|element| to_target(element).ok()).collect::<Option<Vec<_>>>();
            return items.map(|items| Target::Tuple(items, span)).ok_or_else(|| cannot_assign("tuple", span, line_at));
        }
        match elements.pop() {
            Some(element) => {
                to_target(element).map_err(|node| cannot_assign(class_name(&node.expr), node.expr.span, node.line_at))
            }
            None => {
                let message = format!("Expected an expression, got '{}'", self.describe());
                Err(self.fail(code::SYNTAX, message))
            }
        }
    }

    fn target_element(&mut self, namespaces: Namespaces) -> Checked<Element> {
        let is_plain_name =
            self.at_name() && !matches!(self.text(), "true" | "false" | "none" | "True" | "False" | "None");
        let (start, name) = (self.current.span, self.text());
        let node = self.primary()?;
        if namespaces == Namespaces::Allowed && is_plain_name && self.at_op(Op::Dot) {
            self.advance()?;
            let attribute = self.expect_name()?;
            let namespace = Name { text: name.into(), span: start };
            return Ok(Element::Attribute(Target::Attribute { namespace, attribute }));
        }
        Ok(Element::Expr(node))
    }
}

/// The target that an expression spells, or the expression back.
fn to_target(element: Element) -> Result<Target, Node> {
    match element {
        Element::Attribute(target) => Ok(target),
        Element::Expr(node) if is_assignable(&node.expr) => Ok(expr_to_target(*node.expr)),
        Element::Expr(node) => Err(node),
    }
}

fn is_assignable(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(_) => true,
        ExprKind::Tuple(items) => items.iter().all(is_assignable),
        _ => false,
    }
}

fn expr_to_target(expr: Expr) -> Target {
    match expr.kind {
        ExprKind::Name(text) => Target::Name(Name { text, span: expr.span }),
        ExprKind::Tuple(items) => Target::Tuple(items.into_iter().map(expr_to_target).collect(), expr.span),
        _ => unreachable!("only names and tuples are assignable"),
    }
}

fn cannot_assign(class: &str, span: Span, line_at: u32) -> Box<Fault> {
    let hint = match class {
        "getitem" | "getattr" => Some("only names and `namespace.attribute` can be set; build a new value instead"),
        "const" | "name" => Some("`true`, `false`, `none` and literals can't be assigned"),
        _ => None,
    };
    Fault::syntax(code::NAME, format!("can't assign to '{class}'"), span)
        .on_line_of(line_at)
        .hint(hint.map(str::to_owned))
}

/// The name of Jinja2's node class, lower case.
fn class_name(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Const(_) => "const",
        ExprKind::Name(_) => "name",
        ExprKind::List(_) => "list",
        ExprKind::Tuple(_) => "tuple",
        ExprKind::Dict(_) => "dict",
        ExprKind::Unary(UnaryOp::Not, _) => "not",
        ExprKind::Unary(UnaryOp::Neg, _) => "neg",
        ExprKind::Unary(UnaryOp::Pos, _) => "pos",
        ExprKind::Binary(BinaryOp::Add, ..) => "add",
        ExprKind::Binary(BinaryOp::Sub, ..) => "sub",
        ExprKind::Binary(BinaryOp::Mul, ..) => "mul",
        ExprKind::Binary(BinaryOp::Div, ..) => "div",
        ExprKind::Binary(BinaryOp::FloorDiv, ..) => "floordiv",
        ExprKind::Binary(BinaryOp::Mod, ..) => "mod",
        ExprKind::Binary(BinaryOp::Pow, ..) => "pow",
        ExprKind::And(..) => "and",
        ExprKind::Or(..) => "or",
        ExprKind::Compare(..) => "compare",
        ExprKind::Concat(_) => "concat",
        ExprKind::Conditional { .. } => "condexpr",
        ExprKind::Getattr(..) => "getattr",
        ExprKind::Getitem(..) => "getitem",
        ExprKind::Slice { .. } => "slice",
        ExprKind::Call(..) => "call",
        ExprKind::Filter { .. } => "filter",
        ExprKind::Test { .. } => "test",
    }
}
