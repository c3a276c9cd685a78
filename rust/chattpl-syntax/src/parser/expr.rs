//! Operators: one loop climbs all binary levels.

use super::Parser;
use crate::ast::{BinaryOp, CompareOp, Expr, ExprKind, UnaryOp};
use crate::fault::{Checked, Fault};
use crate::span::Span;
use crate::token::{Op, TokenKind};
use crate::MAX_DEPTH;

/// An expression with what its parents need to know.
pub(super) struct Node {
    pub expr: Box<Expr>,
    /// Levels of the tree below and with it.
    pub height: u32,
    /// A byte on the line that Jinja2's node carries.
    pub line_at: u32,
}

/// Whether `a if b` may be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Conditionals {
    Allowed,
    Refused,
}

/// Binary levels, the loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Compare,
    Additive,
    Concat,
    Multiplicative,
    Power,
    Unary,
}

impl Level {
    /// The next tighter level.
    fn tighter(self) -> Level {
        match self {
            Level::Or => Level::And,
            Level::And => Level::Not,
            Level::Not => Level::Compare,
            Level::Compare => Level::Additive,
            Level::Additive => Level::Concat,
            Level::Concat => Level::Multiplicative,
            Level::Multiplicative => Level::Power,
            Level::Power | Level::Unary => Level::Unary,
        }
    }
}

/// A binary operator at the current token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Infix {
    Or,
    And,
    Compare(CompareOp),
    Concat,
    Arithmetic(BinaryOp),
}

impl Infix {
    fn level(self) -> Level {
        match self {
            Infix::Or => Level::Or,
            Infix::And => Level::And,
            Infix::Compare(_) => Level::Compare,
            Infix::Concat => Level::Concat,
            Infix::Arithmetic(BinaryOp::Add | BinaryOp::Sub) => Level::Additive,
            Infix::Arithmetic(BinaryOp::Pow) => Level::Power,
            Infix::Arithmetic(_) => Level::Multiplicative,
        }
    }

    fn of_op(op: Op) -> Option<Infix> {
        Some(match op {
            Op::Add => Infix::Arithmetic(BinaryOp::Add),
            Op::Sub => Infix::Arithmetic(BinaryOp::Sub),
            Op::Mul => Infix::Arithmetic(BinaryOp::Mul),
            Op::Div => Infix::Arithmetic(BinaryOp::Div),
            Op::FloorDiv => Infix::Arithmetic(BinaryOp::FloorDiv),
            Op::Mod => Infix::Arithmetic(BinaryOp::Mod),
            Op::Pow => Infix::Arithmetic(BinaryOp::Pow),
            Op::Tilde => Infix::Concat,
            Op::Eq => Infix::Compare(CompareOp::Eq),
            Op::Ne => Infix::Compare(CompareOp::Ne),
            Op::Lt => Infix::Compare(CompareOp::Lt),
            Op::LtEq => Infix::Compare(CompareOp::Le),
            Op::Gt => Infix::Compare(CompareOp::Gt),
            Op::GtEq => Infix::Compare(CompareOp::Ge),
            _ => return None,
        })
    }
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Checked<Node> {
        self.expression_with(Conditionals::Allowed)
    }

    pub(super) fn expression_with(&mut self, conditionals: Conditionals) -> Checked<Node> {
        if self.depth >= MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let node = match conditionals {
            Conditionals::Allowed => self.conditional(),
            Conditionals::Refused => self.binary(Level::Or),
        };
        self.depth -= 1;
        node
    }

    fn conditional(&mut self) -> Checked<Node> {
        let mut line_at = self.line_at();
        let mut then = self.binary(Level::Or)?;
        while self.skip_keyword("if")? {
            let test = self.binary(Level::Or)?;
            let otherwise = if self.skip_keyword("else")? { Some(self.expression()?) } else { None };
            let below = then.height.max(test.height).max(otherwise.as_ref().map_or(0, |node| node.height));
            let start = then.expr.span.start;
            let kind =
                ExprKind::Conditional { test: test.expr, then: then.expr, otherwise: otherwise.map(|node| node.expr) };
            then = self.node(start, kind, below, line_at)?;
            line_at = self.line_at();
        }
        Ok(then)
    }

    /// Parses operators of `loosest` level and tighter.
    fn binary(&mut self, loosest: Level) -> Checked<Node> {
        let start_line = self.line_at();
        let mut left = if loosest <= Level::Not { self.negation()? } else { self.unary()? };
        let mut last_level = None;
        while let Some(infix) = self.infix()? {
            let level = infix.level();
            if level < loosest {
                break;
            }
            let line_at = if last_level == Some(level) { self.line_at() } else { start_line };
            last_level = Some(level);
            left = match infix {
                Infix::Compare(_) => self.comparison(left)?,
                Infix::Concat => self.concatenation(left, line_at)?,
                _ => self.two_operands(infix, left, line_at)?,
            };
        }
        Ok(left)
    }

    fn two_operands(&mut self, infix: Infix, left: Node, line_at: u32) -> Checked<Node> {
        self.advance()?;
        let right = self.binary(infix.level().tighter())?;
        let below = left.height.max(right.height);
        let start = left.expr.span.start;
        let (left, right) = (left.expr, right.expr);
        let kind = match infix {
            Infix::Or => ExprKind::Or(left, right),
            Infix::And => ExprKind::And(left, right),
            Infix::Arithmetic(op) => ExprKind::Binary(op, left, right),
            Infix::Compare(_) | Infix::Concat => unreachable!("they take more than two operands"),
        };
        self.node(start, kind, below, line_at)
    }

    fn comparison(&mut self, left: Node) -> Checked<Node> {
        let start = left.expr.span.start;
        let mut below = left.height;
        let mut rest = Vec::new();
        while let Some(Infix::Compare(op)) = self.infix()? {
            if op == CompareOp::NotIn {
                self.advance()?;
            }
            self.advance()?;
            let right = self.binary(Level::Additive)?;
            below = below.max(right.height);
            rest.push((op, *right.expr));
        }
        let kind = ExprKind::Compare(left.expr, rest);
        self.node(start, kind, below, self.line_at())
    }

    fn concatenation(&mut self, left: Node, line_at: u32) -> Checked<Node> {
        let start = left.expr.span.start;
        let mut below = left.height;
        let mut parts = vec![*left.expr];
        while self.skip_op(Op::Tilde)? {
            let part = self.binary(Level::Multiplicative)?;
            below = below.max(part.height);
            parts.push(*part.expr);
        }
        self.node(start, ExprKind::Concat(parts), below, line_at)
    }

    /// The binary operator at the current token, `not in` included.
    fn infix(&self) -> Checked<Option<Infix>> {
        Ok(match self.current.kind {
            Some(TokenKind::Op(op)) => Infix::of_op(op),
            Some(TokenKind::Name) => match self.text() {
                "or" => Some(Infix::Or),
                "and" => Some(Infix::And),
                "in" => Some(Infix::Compare(CompareOp::In)),
                "not" if self.keyword_follows("in")? => Some(Infix::Compare(CompareOp::NotIn)),
                _ => None,
            },
            _ => None,
        })
    }

    /// `not` binds looser than comparison.
    fn negation(&mut self) -> Checked<Node> {
        let mut negations: Vec<Span> = Vec::new();
        while self.at_keyword("not") {
            negations.push(self.current.span);
            self.advance()?;
        }
        if negations.is_empty() {
            return self.unary();
        }
        let mut node = self.binary(Level::Compare)?;
        for not in negations.into_iter().rev() {
            let kind = ExprKind::Unary(UnaryOp::Not, node.expr);
            node = self.node(not.start, kind, node.height, not.start)?;
        }
        Ok(node)
    }

    /// Signs bind tighter than every binary operator and looser than postfix; filters and tests come last.
    fn unary(&mut self) -> Checked<Node> {
        let mut signs: Vec<(UnaryOp, Span)> = Vec::new();
        while let Some(op) = self.sign() {
            signs.push((op, self.current.span));
            self.advance()?;
        }
        let primary = self.primary()?;
        let mut node = self.postfix(primary)?;
        for (op, sign) in signs.into_iter().rev() {
            let kind = ExprKind::Unary(op, node.expr);
            node = self.node(sign.start, kind, node.height, sign.start)?;
        }
        self.filters_and_tests(node)
    }

    fn sign(&self) -> Option<UnaryOp> {
        match self.current.kind {
            Some(TokenKind::Op(Op::Sub)) => Some(UnaryOp::Neg),
            Some(TokenKind::Op(Op::Add)) => Some(UnaryOp::Pos),
            _ => None,
        }
    }

    /// Makes a node that reaches from `start` to the last token taken, one level above `below`.
    pub(super) fn node(&self, start: u32, kind: ExprKind, below: u32, line_at: u32) -> Checked<Node> {
        let span = Span::new(start, self.previous.end);
        if below >= MAX_DEPTH {
            return Err(Fault::too_deep(span).on_line_of(line_at));
        }
        Ok(Node { expr: Box::new(Expr { span, kind }), height: below + 1, line_at })
    }
}
