//! Bodies and control statements, and the faults of tags that don't match.

use super::expr::{Conditionals, Node};
use super::primary::TupleRules;
use super::target::Namespaces;
use super::Parser;
use crate::ast::{Autoescape, Branch, For, If, SetBlock, Stmt, StmtKind, With};
use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::hint;
use crate::span::Span;
use crate::token::{Op, TokenKind};
use crate::MAX_DEPTH;

/// What follows `if`, `elif` and `in`: an expression or tuple, no conditional.
const NO_CONDITIONAL: TupleRules = TupleRules { conditionals: Conditionals::Refused, bracketed: false };

impl Parser<'_> {
    /// Statements up to the end of the template.
    pub(super) fn template_body(&mut self) -> Checked<Vec<Stmt>> {
        self.body_until(&[])
    }

    /// A body up to one of `end_tags`, which is left current.
    pub(super) fn body(&mut self, end_tags: &'static [&'static str]) -> Checked<Vec<Stmt>> {
        self.skip_op(Op::Colon)?;
        self.expect_block_end()?;
        self.end_tags.push(end_tags);
        let body = self.body_until(end_tags)?;
        if self.at_end() {
            return Err(self.unclosed_block());
        }
        self.end_tags.pop();
        Ok(body)
    }

    /// A body with its end tag.
    pub(super) fn closed_body(&mut self, end_tags: &'static [&'static str]) -> Checked<Vec<Stmt>> {
        let body = self.body(end_tags)?;
        self.advance()?;
        Ok(body)
    }

    fn body_until(&mut self, end_tags: &[&str]) -> Checked<Vec<Stmt>> {
        let mut body = Vec::new();
        while let Some(kind) = self.current.kind {
            let start = self.current.span;
            match kind {
                TokenKind::Text | TokenKind::RawText => {
                    body.push(Stmt { span: start, kind: StmtKind::Text(self.text().into()) });
                    self.advance()?;
                }
                TokenKind::VariableBegin(_) => body.push(self.output(start)?),
                TokenKind::BlockBegin(_) => {
                    self.advance()?;
                    if self.at_name() && end_tags.contains(&self.text()) {
                        return Ok(body);
                    }
                    self.statement(start, &mut body)?;
                }
                _ => unreachable!("outside tags the lexer emits text and opening delimiters"),
            }
        }
        Ok(body)
    }

    fn output(&mut self, start: Span) -> Checked<Stmt> {
        self.advance()?;
        let value = self.tuple(TupleRules::PLAIN)?;
        self.expect_variable_end()?;
        Ok(Stmt { span: start.to(self.previous), kind: StmtKind::Output(*value.expr) })
    }

    /// One statement, from its tag name to its last `%}`.
    fn statement(&mut self, start: Span, body: &mut Vec<Stmt>) -> Checked<()> {
        if !self.at_name() {
            return Err(self.fail(code::SYNTAX, "tag name expected"));
        }
        if self.open_tags.len() >= MAX_DEPTH as usize {
            return Err(self.too_deep());
        }
        self.open_tags.push(self.current.span);
        let kinds = self.statement_kinds()?;
        self.open_tags.pop();
        self.expect_block_end()?;
        let span = start.to(self.previous);
        body.extend(kinds.into_iter().map(|kind| Stmt { span, kind }));
        Ok(())
    }

    fn statement_kinds(&mut self) -> Checked<Vec<StmtKind>> {
        let kind = match self.text() {
            "for" => self.for_loop(),
            "if" => self.if_branches(),
            "set" => self.set(),
            "with" => self.with(),
            "autoescape" => self.autoescape(),
            "print" => return self.print(),
            "generation" => self.generation(),
            "break" => self.advance().map(|()| StmtKind::Break),
            "continue" => self.advance().map(|()| StmtKind::Continue),
            "macro" => self.macro_definition(),
            "call" => self.call_block(),
            "filter" => self.filter_block(),
            "block" => self.named_block(),
            "include" => self.include(),
            "import" => self.import(),
            "from" => self.import_from(),
            "extends" => self.extends(),
            _ => Err(self.unknown_tag()),
        };
        Ok(vec![kind?])
    }

    fn for_loop(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let target = self.target(Namespaces::Refused)?;
        self.expect_keyword("in")?;
        let iter = *self.tuple(NO_CONDITIONAL)?.expr;
        let filter = if self.skip_keyword("if")? { Some(*self.expression()?.expr) } else { None };
        let recursive = self.skip_keyword("recursive")?;
        let body = self.body(&["endfor", "else"])?;
        let has_else = self.at_keyword("else");
        self.advance()?;
        let otherwise = if has_else { self.closed_body(&["endfor"])? } else { Vec::new() };
        Ok(StmtKind::For(Box::new(For { target, iter, filter, recursive, body, otherwise })))
    }

    fn if_branches(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let mut branches = Vec::new();
        loop {
            let test = *self.tuple(NO_CONDITIONAL)?.expr;
            let body = self.body(&["elif", "else", "endif"])?;
            branches.push(Branch { test, body });
            let ended_by = self.text();
            self.advance()?;
            let otherwise = match ended_by {
                "elif" => continue,
                "else" => self.closed_body(&["endif"])?,
                _ => Vec::new(),
            };
            return Ok(StmtKind::If(Box::new(If { branches, otherwise })));
        }
    }

    fn set(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let target = self.target(Namespaces::Allowed)?;
        if self.skip_op(Op::Assign)? {
            let value = *self.tuple(TupleRules::PLAIN)?.expr;
            return Ok(StmtKind::Set { target, value });
        }
        let filter = self.piped_filters(None)?.map(|node| *node.expr);
        let body = self.closed_body(&["endset"])?;
        Ok(StmtKind::SetBlock(Box::new(SetBlock { target, filter, body })))
    }

    /// Filters after `|`, as many as follow.
    pub(super) fn piped_filters(&mut self, mut input: Option<Node>) -> Checked<Option<Node>> {
        while self.skip_op(Op::Pipe)? {
            input = Some(self.filter(input)?);
        }
        Ok(input)
    }

    fn with(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let mut assignments = Vec::new();
        while !self.at_block_end() {
            if !assignments.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            let target = self.target(Namespaces::Refused)?;
            self.expect_op(Op::Assign)?;
            assignments.push((target, *self.expression()?.expr));
        }
        let body = self.closed_body(&["endwith"])?;
        Ok(StmtKind::With(Box::new(With { assignments, body })))
    }

    fn autoescape(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        let enabled = *self.expression()?.expr;
        let body = self.closed_body(&["endautoescape"])?;
        Ok(StmtKind::Autoescape(Box::new(Autoescape { enabled, body })))
    }

    /// `print a, b` writes each of its expressions.
    fn print(&mut self) -> Checked<Vec<StmtKind>> {
        self.advance()?;
        let mut outputs = Vec::new();
        while !self.at_block_end() {
            if !outputs.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            outputs.push(StmtKind::Output(*self.expression()?.expr));
        }
        Ok(outputs)
    }

    fn generation(&mut self) -> Checked<StmtKind> {
        self.advance()?;
        self.closed_body(&["endgeneration"]).map(StmtKind::Generation)
    }

    fn unknown_tag(&mut self) -> Box<Fault> {
        self.open_tags.pop();
        let name = self.text();
        let misplaced = matches!(name, "elif" | "else") || name.starts_with("end");
        let code = if misplaced { code::UNCLOSED_BLOCK } else { code::UNKNOWN_TAG };
        let open = self.open_tags.last().map(|tag| (self.text_of(*tag), self.source.lines().line(tag.start)));
        self.fail(code, self.nesting_message(Some(name))).hint(hint::for_unknown_tag(name, open))
    }

    fn unclosed_block(&self) -> Box<Fault> {
        let mut fault = self.fail(code::UNCLOSED_BLOCK, self.nesting_message(None));
        if let Some(&tag) = self.open_tags.last() {
            fault.span = tag;
            fault.hint = Some(hint::for_unclosed(self.text_of(tag), self.source.lines().line(tag.start)));
        }
        fault
    }

    /// Jinja2's message for the unknown tag `name`, or for the end of the template.
    fn nesting_message(&self, name: Option<&str>) -> String {
        let mut message = match name {
            Some(name) => format!("Encountered unknown tag '{name}'."),
            None => "Unexpected end of template.".to_owned(),
        };
        if let Some(end_tags) = self.end_tags.last() {
            let looking = end_tags.iter().map(|tag| format!("'{tag}'")).collect::<Vec<_>>().join(" or ");
            let expected_outside = self.end_tags.iter().any(|tags| name.is_some_and(|name| tags.contains(&name)));
            message.push_str(&if expected_outside {
                format!(
                    " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for \
                     {looking}."
                )
            } else {
                format!(" Jinja was looking for the following tags: {looking}.")
            });
        }
        if let Some(&tag) = self.open_tags.last() {
            message.push_str(&format!(" The innermost block that needs to be closed is '{}'.", self.text_of(tag)));
        }
        message
    }
}
