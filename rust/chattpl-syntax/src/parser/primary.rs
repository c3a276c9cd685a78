//! Names, literals, and what stands in brackets.

use super::expr::{Conditionals, Node};
use super::Parser;
use crate::ast::{Const, ExprKind};
use crate::diagnostic::code;
use crate::fault::Checked;
use crate::token::{Op, TokenKind};

/// How a tuple without brackets is read.
#[derive(Clone, Copy)]
pub(super) struct TupleRules {
    pub conditionals: Conditionals,
    /// Whether nothing at all is the empty tuple.
    pub bracketed: bool,
}

impl TupleRules {
    /// An expression or tuple up to the end of the tag.
    pub const PLAIN: TupleRules = TupleRules { conditionals: Conditionals::Allowed, bracketed: false };
}

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Checked<Node> {
        match self.current.kind {
            Some(TokenKind::Name) => self.name_or_constant(),
            Some(TokenKind::String) => self.string(),
            Some(TokenKind::Integer | TokenKind::Float) => self.number(),
            Some(TokenKind::Op(Op::LParen)) => self.parentheses(),
            Some(TokenKind::Op(Op::LBracket)) => self.list(),
            Some(TokenKind::Op(Op::LBrace)) => self.dict(),
            _ => Err(self.unexpected()),
        }
    }

    fn name_or_constant(&mut self) -> Checked<Node> {
        let kind = match self.text() {
            "true" | "True" => ExprKind::Const(Const::Bool(true)),
            "false" | "False" => ExprKind::Const(Const::Bool(false)),
            "none" | "None" => ExprKind::Const(Const::None),
            name => ExprKind::Name(name.into()),
        };
        let start = self.current.span.start;
        self.advance()?;
        self.node(start, kind, 0, start)
    }

    /// Adjacent literals join, as in Python.
    fn string(&mut self) -> Checked<Node> {
        let start = self.current.span.start;
        let mut joined = String::new();
        while let Some(Const::Str(text)) = &self.current.value {
            joined.push_str(text);
            self.advance()?;
        }
        self.node(start, ExprKind::Const(Const::Str(joined.into())), 0, start)
    }

    fn number(&mut self) -> Checked<Node> {
        let start = self.current.span.start;
        let value = self.current.value.take().expect("number tokens carry their value");
        self.advance()?;
        self.node(start, ExprKind::Const(value), 0, start)
    }

    /// Brackets widen the span of what they hold.
    fn parentheses(&mut self) -> Checked<Node> {
        let start = self.current.span.start;
        self.advance()?;
        let mut node = self.tuple(TupleRules { bracketed: true, ..TupleRules::PLAIN })?;
        self.expect_op(Op::RParen)?;
        node.expr.span.start = start;
        node.expr.span.end = self.previous.end;
        Ok(node)
    }

    /// An expression, or a tuple when a comma follows it.
    pub(super) fn tuple(&mut self, rules: TupleRules) -> Checked<Node> {
        let start = self.current.span.start;
        let mut line_at = self.line_at();
        let mut items = Vec::new();
        let mut below = 0;
        let mut is_tuple = false;
        loop {
            if is_tuple {
                self.expect_op(Op::Comma)?;
            }
            if self.at_tuple_end() {
                break;
            }
            let item = self.expression_with(rules.conditionals)?;
            if !self.at_op(Op::Comma) {
                if !is_tuple {
                    return Ok(item);
                }
                below = below.max(item.height);
                items.push(*item.expr);
                break;
            }
            is_tuple = true;
            below = below.max(item.height);
            items.push(*item.expr);
            line_at = self.line_at();
        }
        if !is_tuple && !rules.bracketed {
            let message = format!("Expected an expression, got '{}'", self.describe());
            return Err(self.fail(code::SYNTAX, message));
        }
        self.node(start, ExprKind::Tuple(items), below, line_at)
    }

    /// Jinja2 means `in` and `recursive` to end a tuple too, but its test for them never holds.
    pub(super) fn at_tuple_end(&self) -> bool {
        matches!(
            self.current.kind,
            Some(TokenKind::VariableEnd(_) | TokenKind::BlockEnd(_) | TokenKind::Op(Op::RParen))
        )
    }

    fn list(&mut self) -> Checked<Node> {
        let start = self.current.span.start;
        self.advance()?;
        let mut items = Vec::new();
        let mut below = 0;
        while !self.at_op(Op::RBracket) {
            if !items.is_empty() {
                self.expect_op(Op::Comma)?;
                if self.at_op(Op::RBracket) {
                    break;
                }
            }
            let item = self.expression()?;
            below = below.max(item.height);
            items.push(*item.expr);
        }
        self.expect_op(Op::RBracket)?;
        self.node(start, ExprKind::List(items), below, start)
    }

    fn dict(&mut self) -> Checked<Node> {
        let start = self.current.span.start;
        self.advance()?;
        let mut pairs = Vec::new();
        let mut below = 0;
        while !self.at_op(Op::RBrace) {
            if !pairs.is_empty() {
                self.expect_op(Op::Comma)?;
                if self.at_op(Op::RBrace) {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect_op(Op::Colon)?;
            let value = self.expression()?;
            below = below.max(key.height).max(value.height);
            pairs.push((*key.expr, *value.expr));
        }
        self.expect_op(Op::RBrace)?;
        self.node(start, ExprKind::Dict(pairs), below, start)
    }
}
