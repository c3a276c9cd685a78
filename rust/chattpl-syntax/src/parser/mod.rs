//! Recursive descent over the tokens; statements and expressions each have their own file.

mod args;
mod blocks;
mod expr;
mod postfix;
mod primary;
mod stmt;
mod target;

use crate::ast::{Const, Name, Template};
use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::hint;
use crate::literal::{decode_string, parse_float, parse_integer, LiteralError};
use crate::source::Source;
use crate::span::Span;
use crate::token::{Op, Token, TokenKind};
use crate::unicode::is_identifier;

/// Parses the tokens of `source`; `fault` is the lexer's error after the last token.
pub(crate) fn parse(source: &Source, tokens: &[Token], fault: Option<Box<Fault>>) -> Checked<Template> {
    let mut parser = Parser {
        source,
        tokens,
        lexer_fault: fault,
        current: Current { index: 0, kind: None, span: Span::default(), value: None },
        previous: Span::default(),
        depth: 0,
        open_tags: Vec::new(),
        end_tags: Vec::new(),
        blocks: Vec::new(),
    };
    parser.current = parser.load(0)?;
    let body = parser.template_body()?;
    parser.check_block_names()?;
    Ok(Template { body })
}

/// The token that the parser stands on.
struct Current {
    /// Its place among the tokens.
    index: usize,
    /// None at the end of the template.
    kind: Option<TokenKind>,
    span: Span,
    /// Value of a literal.
    value: Option<Const>,
}

struct Parser<'s> {
    source: &'s Source,
    tokens: &'s [Token],
    lexer_fault: Option<Box<Fault>>,
    current: Current,
    /// The token before `current`.
    previous: Span,
    /// Expressions inside each other that are being parsed.
    depth: u32,
    /// Names of the statements being parsed, outermost first.
    open_tags: Vec<Span>,
    /// Tags that may end each open body, outermost first.
    end_tags: Vec<&'static [&'static str]>,
    /// Names of `{% block %}`s with the place of their tag.
    blocks: Vec<(Name, u32)>,
}

impl<'s> Parser<'s> {
    /// Loads the first token from `index` on that is no trivia; this is where errors of the lexer surface.
    fn load(&self, index: usize) -> Checked<Current> {
        let rest = self.tokens.get(index..).unwrap_or_default();
        let Some(skipped) = rest.iter().position(|token| !token.kind.is_trivia()) else {
            let end = self.source.text.len() as u32;
            return match &self.lexer_fault {
                Some(fault) => Err(fault.clone()),
                None => Ok(Current { index: self.tokens.len(), kind: None, span: Span::new(end, end), value: None }),
            };
        };
        let token = rest[skipped];
        let value = self.literal(token)?;
        Ok(Current { index: index + skipped, kind: Some(token.kind), span: token.span, value })
    }

    fn literal(&self, token: Token) -> Checked<Option<Const>> {
        let text = self.text_of(token.span);
        let value = match token.kind {
            TokenKind::Name if !is_identifier(text) => {
                return Err(Fault::syntax(code::NAME, "Invalid character in identifier", token.span));
            }
            TokenKind::String => decode_string(&text[1..text.len() - 1]).map(|text| Const::Str(text.into())),
            TokenKind::Integer => parse_integer(text),
            TokenKind::Float => parse_float(text).map(Const::Float),
            _ => return Ok(None),
        };
        value.map(Some).map_err(|error| match error {
            LiteralError::Python(message) => {
                let hint = message.contains("escape").then(|| "write `\\\\` for a backslash itself".to_owned());
                Fault::syntax(code::LITERAL, message, token.span).hint(hint)
            }
            LiteralError::Unsupported(message) => {
                Fault::limit(code::LITERAL, message, token.span).hint(Some("write the character itself".to_owned()))
            }
        })
    }

    fn text_of(&self, span: Span) -> &'s str {
        &self.source.text[span.range()]
    }

    fn text(&self) -> &'s str {
        self.text_of(self.current.span)
    }

    /// The token after the current one.
    fn peek(&self) -> Checked<Current> {
        self.load(self.current.index + 1)
    }

    /// Steps to the next token; stays at the end of the template.
    fn advance(&mut self) -> Checked<()> {
        if self.current.kind.is_some() {
            let next = self.peek()?;
            self.previous = self.current.span;
            self.current = next;
        }
        Ok(())
    }

    fn at_end(&self) -> bool {
        self.current.kind.is_none()
    }

    fn at_name(&self) -> bool {
        self.current.kind == Some(TokenKind::Name)
    }

    fn at_op(&self, op: Op) -> bool {
        self.current.kind == Some(TokenKind::Op(op))
    }

    fn at_keyword(&self, word: &str) -> bool {
        self.at_name() && self.text() == word
    }

    fn at_block_end(&self) -> bool {
        matches!(self.current.kind, Some(TokenKind::BlockEnd(_)))
    }

    /// A byte on the line that Jinja2 gives the current token: the end is on the line of the last token.
    fn line_at(&self) -> u32 {
        if self.at_end() {
            self.previous.start
        } else {
            self.current.span.start
        }
    }

    fn skip_op(&mut self, op: Op) -> Checked<bool> {
        let found = self.at_op(op);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn skip_keyword(&mut self, word: &str) -> Checked<bool> {
        let found = self.at_keyword(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_op(&mut self, op: Op) -> Checked<()> {
        if !self.at_op(op) {
            return Err(self.expected(op.text()));
        }
        self.advance()
    }

    fn expect_keyword(&mut self, word: &str) -> Checked<()> {
        if !self.at_keyword(word) {
            return Err(self.expected(word));
        }
        self.advance()
    }

    fn expect_name(&mut self) -> Checked<Name> {
        if !self.at_name() {
            return Err(self.expected("name"));
        }
        let name = Name { text: self.text().into(), span: self.current.span };
        self.advance()?;
        Ok(name)
    }

    fn expect_block_end(&mut self) -> Checked<()> {
        if !self.at_block_end() {
            return Err(self.expected("end of statement block"));
        }
        self.advance()
    }

    fn expect_variable_end(&mut self) -> Checked<()> {
        if !matches!(self.current.kind, Some(TokenKind::VariableEnd(_))) {
            return Err(self.expected("end of print statement"));
        }
        self.advance()
    }

    /// The current token in the words of Jinja2's messages.
    fn describe(&self) -> &'s str {
        match self.current.kind {
            None => "end of template",
            Some(TokenKind::Name) => self.text(),
            Some(kind) => kind.describe(),
        }
    }

    fn expected(&self, expected: &str) -> Box<Fault> {
        let found = self.describe();
        let message = if self.at_end() {
            format!("unexpected end of template, expected '{expected}'.")
        } else {
            format!("expected token '{expected}', got '{found}'")
        };
        self.fail(code::SYNTAX, message).hint(self.advice(found, expected))
    }

    fn unexpected(&self) -> Box<Fault> {
        let found = self.describe();
        self.fail(code::SYNTAX, format!("unexpected '{found}'")).hint(self.advice(found, ""))
    }

    fn advice(&self, found: &str, expected: &str) -> Option<String> {
        let tag = self.open_tags.last().map_or("", |tag| self.text_of(*tag));
        hint::for_unexpected(tag, self.text_of(self.previous), found, expected)
    }

    /// A fault at the current token.
    fn fail(&self, code: &'static str, message: impl Into<String>) -> Box<Fault> {
        Fault::syntax(code, message, self.current.span).on_line_of(self.line_at())
    }

    /// The fault of nesting past the limit at the current token.
    fn too_deep(&self) -> Box<Fault> {
        Fault::too_deep(self.current.span).on_line_of(self.line_at())
    }

    fn check_block_names(&self) -> Checked<()> {
        let mut seen = std::collections::HashSet::new();
        for (name, tag_at) in &self.blocks {
            if !seen.insert(&name.text) {
                let message = format!("block '{}' defined twice", name.text);
                return Err(Fault::assertion(code::NAME, message, name.span).on_line_of(*tag_at));
            }
        }
        Ok(())
    }
}
