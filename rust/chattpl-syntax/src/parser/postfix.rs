//! What follows an operand: `.x`, `[x]`, calls, filters, tests.

use super::expr::Node;
use super::Parser;
use crate::ast::{Args, Expr, ExprKind, Name, UnaryOp};
use crate::diagnostic::code;
use crate::fault::Checked;
use crate::token::{Op, TokenKind};

impl Parser<'_> {
    pub(super) fn postfix(&mut self, mut node: Node) -> Checked<Node> {
        loop {
            node = match self.current.kind {
                Some(TokenKind::Op(Op::Dot)) => self.attribute(node)?,
                Some(TokenKind::Op(Op::LBracket)) => self.subscript(node)?,
                Some(TokenKind::Op(Op::LParen)) => self.call(node)?,
                _ => return Ok(node),
            };
        }
    }

    /// `.name`, or `.0` for an integer index.
    #[inline(never)]
    fn attribute(&mut self, object: Node) -> Checked<Node> {
        let dot_at = self.current.span.start;
        self.advance()?;
        let (kind, span, line_at) = (self.current.kind, self.current.span, self.line_at());
        let value = self.current.value.take();
        self.advance()?;
        let start = object.expr.span.start;
        let kind = match (kind, value) {
            (Some(TokenKind::Name), _) => {
                ExprKind::Getattr(object.expr, Name { text: self.text_of(span).into(), span })
            }
            (Some(TokenKind::Integer), Some(value)) => {
                let index = Expr { span, kind: ExprKind::Const(value) };
                ExprKind::Getitem(object.expr, Box::new(index))
            }
            _ => {
                let mut fault = self.fail(code::SYNTAX, "expected name or number");
                fault.span = span;
                return Err(fault.on_line_of(line_at));
            }
        };
        self.node(start, kind, object.height, dot_at)
    }

    /// `[index]`; with commas the index is a tuple.
    #[inline(never)]
    fn subscript(&mut self, object: Node) -> Checked<Node> {
        let bracket_at = self.current.span.start;
        self.advance()?;
        let mut parts = Vec::new();
        let mut below = object.height;
        let inner = self.current.span.start;
        while !self.at_op(Op::RBracket) {
            if !parts.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            let part = self.index_or_slice()?;
            below = below.max(part.height);
            parts.push(part);
        }
        let index = if parts.len() == 1 {
            parts.pop().expect("the length is one")
        } else {
            let height = parts.iter().map(|part| part.height).max().unwrap_or(0);
            self.node(inner, ExprKind::Tuple(parts.into_iter().map(|part| *part.expr).collect()), height, bracket_at)?
        };
        self.expect_op(Op::RBracket)?;
        let below = below.max(index.height);
        let start = object.expr.span.start;
        let kind = ExprKind::Getitem(object.expr, index.expr);
        self.node(start, kind, below, bracket_at)
    }

    #[inline(never)]
    fn index_or_slice(&mut self) -> Checked<Node> {
        let (start_byte, line_at) = (self.current.span.start, self.line_at());
        let start = if self.at_op(Op::Colon) {
            None
        } else {
            let index = self.expression()?;
            if !self.at_op(Op::Colon) {
                return Ok(index);
            }
            Some(index)
        };
        self.advance()?;
        let stop = self.slice_part()?;
        let step = if self.skip_op(Op::Colon)? { self.slice_part()? } else { None };
        let below = [&start, &stop, &step].into_iter().flatten().map(|node| node.height).max().unwrap_or(0);
        let boxed = |node: Option<Node>| node.map(|node| node.expr);
        let kind = ExprKind::Slice { start: boxed(start), stop: boxed(stop), step: boxed(step) };
        self.node(start_byte, kind, below, line_at)
    }

    fn slice_part(&mut self) -> Checked<Option<Node>> {
        match self.current.kind {
            Some(TokenKind::Op(Op::Colon | Op::RBracket | Op::Comma)) => Ok(None),
            _ => self.expression().map(Some),
        }
    }

    #[inline(never)]
    fn call(&mut self, callee: Node) -> Checked<Node> {
        let (start, paren_at) = (callee.expr.span.start, self.current.span.start);
        let (args, args_height) = self.call_args()?;
        let below = callee.height.max(args_height);
        self.node(start, ExprKind::Call(callee.expr, Box::new(args)), below, paren_at)
    }

    pub(super) fn filters_and_tests(&mut self, mut node: Node) -> Checked<Node> {
        loop {
            node = match self.current.kind {
                Some(TokenKind::Op(Op::Pipe)) => {
                    self.advance()?;
                    self.filter(Some(node))?
                }
                Some(TokenKind::Op(Op::LParen)) => self.call(node)?,
                Some(TokenKind::Name) if self.text() == "is" => self.test(node)?,
                _ => return Ok(node),
            };
        }
    }

    /// One filter, from its name on.
    #[inline(never)]
    pub(super) fn filter(&mut self, input: Option<Node>) -> Checked<Node> {
        let line_at = self.line_at();
        let start = input.as_ref().map_or(self.current.span.start, |input| input.expr.span.start);
        let name = self.dotted_name()?;
        let (args, args_height) = if self.at_op(Op::LParen) { self.call_args()? } else { (Args::default(), 0) };
        let below = input.as_ref().map_or(0, |input| input.height).max(args_height);
        let input = input.map(|input| input.expr);
        self.node(start, ExprKind::Filter { input, name, args: Box::new(args) }, below, line_at)
    }

    /// `is name`, `is not name`, with arguments in brackets or one bare argument.
    #[inline(never)]
    fn test(&mut self, input: Node) -> Checked<Node> {
        let (start, is_at) = (input.expr.span.start, self.current.span.start);
        self.advance()?;
        let negated = self.skip_keyword("not")?;
        let name = self.dotted_name()?;
        let (args, args_height) = self.test_args()?;
        let below = input.height.max(args_height);
        let kind = ExprKind::Test { input: input.expr, name, args: Box::new(args) };
        let node = self.node(start, kind, below, is_at)?;
        if !negated {
            return Ok(node);
        }
        self.node(start, ExprKind::Unary(UnaryOp::Not, node.expr), node.height, is_at)
    }

    /// `a` or `a.b.c`, dots included.
    fn dotted_name(&mut self) -> Checked<Name> {
        let mut name = self.expect_name()?;
        if !self.at_op(Op::Dot) {
            return Ok(name);
        }
        let mut text = name.text.into_string();
        while self.skip_op(Op::Dot)? {
            let part = self.expect_name()?;
            text.push('.');
            text.push_str(&part.text);
            name.span.end = part.span.end;
        }
        Ok(Name { text: text.into(), span: name.span })
    }
}
