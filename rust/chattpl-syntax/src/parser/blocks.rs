//! Statements that name or wrap a body, and those that load other templates.

use super::Parser;
use crate::ast::{
    Block, CallBlock, Const, Expr, ExprKind, FilterBlock, Load, LoadKind, Macro, Name, Signature, Stmt, StmtKind,
};
use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::token::{Op, TokenKind};
use crate::unicode::is_space;

impl Parser<'_> {
    pub(super) fn macro_definition(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let name = self.assignable_name()?;
        let signature = self.signature()?;
        let body = self.closed_body(&["endmacro"])?;
        Ok(StmtKind::Macro(Box::new(Macro { name, signature, body })))
    }

    pub(super) fn call_block(&mut self) -> Checked<StmtKind> {
        let tag_at = self.current.span.start;
        self.advance()?;
        let signature = if self.at_op(Op::LParen) { self.signature()? } else { Signature::default() };
        let call = *self.expression()?.expr;
        if !matches!(call.kind, ExprKind::Call(..)) {
            return Err(Fault::syntax(code::SYNTAX, "expected call", call.span).on_line_of(tag_at));
        }
        let body = self.closed_body(&["endcall"])?;
        Ok(StmtKind::CallBlock(Box::new(CallBlock { signature, call, body })))
    }

    pub(super) fn filter_block(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let first = self.filter(None)?;
        let filter = *self.piped_filters(Some(first))?.expect("the first filter is there").expr;
        let body = self.closed_body(&["endfilter"])?;
        Ok(StmtKind::FilterBlock(Box::new(FilterBlock { filter, body })))
    }

    pub(super) fn named_block(&mut self) -> Checked<StmtKind> {
        let tag_at = self.current.span.start;
        self.advance()?;
        let name = self.expect_name()?;
        self.blocks.push((name.clone(), tag_at));
        let scoped = self.skip_keyword("scoped")?;
        let required = self.skip_keyword("required")?;
        if self.at_op(Op::Sub) {
            let message =
                "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an \
                           underscore instead.";
            return Err(self.fail(code::NAME, message));
        }
        let body = self.closed_body(&["endblock"])?;
        if required && !body.iter().all(is_blank_text) {
            return Err(self.fail(code::SYNTAX, "Required blocks can only contain comments or whitespace"));
        }
        self.skip_keyword(&name.text)?;
        Ok(StmtKind::Block(Box::new(Block { name, scoped, required, body })))
    }

    pub(super) fn extends(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let template = *self.expression()?.expr;
        Ok(load(LoadKind::Extends, template, Vec::new(), false))
    }

    pub(super) fn include(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let template = *self.expression()?.expr;
        let ignore_missing = self.at_keyword("ignore") && self.keyword_follows("missing")?;
        if ignore_missing {
            self.advance()?;
            self.advance()?;
        }
        self.skip_import_context()?;
        Ok(load(LoadKind::Include, template, Vec::new(), ignore_missing))
    }

    pub(super) fn import(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let template = *self.expression()?.expr;
        self.expect_keyword("as")?;
        let binds = vec![self.assignable_name()?];
        self.skip_import_context()?;
        Ok(load(LoadKind::Import, template, binds, false))
    }

    pub(super) fn import_from(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let template = *self.expression()?.expr;
        self.expect_keyword("import")?;
        let mut binds = Vec::new();
        loop {
            if !binds.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            if !self.at_name() {
                return Err(self.expected("name"));
            }
            if self.skip_value_context()? {
                break;
            }
            binds.push(self.imported_name()?);
            if self.skip_value_context()? || !self.at_op(Op::Comma) {
                break;
            }
        }
        Ok(load(LoadKind::FromImport, template, binds, false))
    }

    /// `name` or `name as alias`: the name that gets bound.
    fn imported_name(&mut self) -> Checked<Name> {
        let name = self.assignable_name()?;
        if name.text.starts_with('_') {
            let message = "names starting with an underline can not be imported";
            return Err(Fault::assertion(code::NAME, message, name.span));
        }
        if self.skip_keyword("as")? {
            return self.assignable_name();
        }
        Ok(name)
    }

    fn skip_import_context(&mut self) -> Checked<()> {
        if (self.at_keyword("with") || self.at_keyword("without")) && self.keyword_follows("context")? {
            self.advance()?;
            self.advance()?;
        }
        Ok(())
    }

    /// `with context` after imported names, where Jinja2 takes a string literal for the first word too.
    fn skip_value_context(&mut self) -> Checked<bool> {
        let word = match (&self.current.kind, &self.current.value) {
            (Some(TokenKind::Name), _) => self.text(),
            (_, Some(Const::Str(text))) => text,
            _ => return Ok(false),
        };
        if !matches!(word, "with" | "without") || !self.keyword_follows("context")? {
            return Ok(false);
        }
        self.advance()?;
        self.advance()?;
        Ok(true)
    }

    pub(super) fn keyword_follows(&self, word: &str) -> Checked<bool> {
        let next = self.peek()?;
        Ok(next.kind == Some(TokenKind::Name) && self.text_of(next.span) == word)
    }
}

fn load(kind: LoadKind, template: Expr, binds: Vec<Name>, ignore_missing: bool) -> StmtKind {
    StmtKind::Load(Box::new(Load { kind, template, binds, ignore_missing }))
}

fn is_blank_text(stmt: &Stmt) -> bool {
    matches!(&stmt.kind, StmtKind::Text(text) if text.chars().all(is_space))
}
