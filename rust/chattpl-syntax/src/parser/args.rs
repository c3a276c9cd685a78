//! Arguments of calls, filters and tests, and parameters of macros.

use super::expr::Node;
use super::Parser;
use crate::ast::{Args, Name, Signature};
use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::token::{Op, TokenKind};

impl Parser<'_> {
    /// Arguments in parentheses and the height of the tallest.
    pub(super) fn call_args(&mut self) -> Checked<(Args, u32)> {
        let paren = self.current.span;
        let ensure = |holds: bool| match holds {
            true => Ok(()),
            false => Err(Fault::syntax(code::SYNTAX, "invalid syntax for function call expression", paren)),
        };
        self.advance()?;
        let mut args = Args::default();
        let mut height = 0;
        let mut first = true;
        while !self.at_op(Op::RParen) {
            if !first {
                self.expect_op(Op::Comma)?;
                if self.at_op(Op::RParen) {
                    break;
                }
            }
            first = false;
            let value;
            if self.at_op(Op::Mul) {
                ensure(args.star.is_none() && args.double_star.is_none())?;
                value = self.argument_after_sign()?;
                args.star = Some(*value.expr);
            } else if self.at_op(Op::Pow) {
                ensure(args.double_star.is_none())?;
                value = self.argument_after_sign()?;
                args.double_star = Some(*value.expr);
            } else if self.at_keyword_argument()? {
                ensure(args.double_star.is_none())?;
                let name = self.keyword_name()?;
                value = self.expression()?;
                args.keywords.push((name, *value.expr));
            } else {
                ensure(args.star.is_none() && args.double_star.is_none() && args.keywords.is_empty())?;
                value = self.expression()?;
                args.positional.push(*value.expr);
            }
            height = height.max(value.height);
        }
        self.expect_op(Op::RParen)?;
        Ok((args, height))
    }

    fn argument_after_sign(&mut self) -> Checked<Node> {
        self.advance()?;
        self.expression()
    }

    fn at_keyword_argument(&self) -> Checked<bool> {
        Ok(self.at_name() && self.peek()?.kind == Some(TokenKind::Op(Op::Assign)))
    }

    fn keyword_name(&mut self) -> Checked<Name> {
        let name = self.expect_name()?;
        self.expect_op(Op::Assign)?;
        Ok(name)
    }

    /// Arguments of a test: in parentheses, or one that follows bare.
    pub(super) fn test_args(&mut self) -> Checked<(Args, u32)> {
        let bare = match self.current.kind {
            Some(TokenKind::Op(Op::LParen)) => return self.call_args(),
            Some(TokenKind::Name) => !matches!(self.text(), "else" | "or" | "and"),
            Some(TokenKind::String | TokenKind::Integer | TokenKind::Float) => true,
            Some(TokenKind::Op(Op::LBracket | Op::LBrace)) => true,
            _ => false,
        };
        if !bare {
            return Ok((Args::default(), 0));
        }
        if self.at_keyword("is") {
            let hint = "put the first test in parentheses, or join two with `and`";
            return Err(self.fail(code::SYNTAX, "You cannot chain multiple tests with is").hint(Some(hint.to_owned())));
        }
        let primary = self.primary()?;
        let value = self.postfix(primary)?;
        Ok((Args { positional: vec![*value.expr], ..Args::default() }, value.height))
    }

    /// Parameters in parentheses, defaults last.
    pub(super) fn signature(&mut self) -> Checked<Signature> {
        let mut signature = Signature::default();
        self.expect_op(Op::LParen)?;
        while !self.at_op(Op::RParen) {
            if !signature.params.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            let param = self.assignable_name()?;
            if self.skip_op(Op::Assign)? {
                signature.defaults.push(*self.expression()?.expr);
            } else if !signature.defaults.is_empty() {
                return Err(self.fail(code::NAME, "non-default argument follows default argument"));
            }
            signature.params.push(param);
        }
        self.expect_op(Op::RParen)?;
        Ok(signature)
    }
}
