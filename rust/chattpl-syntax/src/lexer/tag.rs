//! Tokens inside `{% %}` and `{{ }}`.

use memchr::memchr2;

use super::Lexer;
use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::hint;
use crate::span::Span;
use crate::token::{delimiter_len, Control, Op, TokenKind};
use crate::unicode::{class, digit, is_space, repr, Class};

/// Which delimiter ends the tag.
#[derive(Clone, Copy)]
pub(super) enum Tag {
    Block,
    Variable,
}

/// Whether a run of digits may start with an underscore.
#[derive(Clone, Copy, PartialEq)]
enum Leading {
    Allowed,
    Refused,
}

impl Lexer<'_> {
    /// Takes tokens up to the end of the tag, or of the template.
    pub(super) fn tag(&mut self, tag: Tag) -> Checked<()> {
        while self.at < self.text.len() {
            if self.open.is_empty() && self.tag_end(tag) {
                return Ok(());
            }
            self.tag_token()?;
        }
        Ok(())
    }

    /// Takes `%}` or `}}` with its marker when it stands here.
    fn tag_end(&mut self, tag: Tag) -> bool {
        let marker = self.control_at(self.at);
        let length = delimiter_len(marker);
        let delimiter = &self.text.as_bytes()[self.at + length - 2..];
        match tag {
            Tag::Block if delimiter.starts_with(b"%}") => {
                self.push(TokenKind::BlockEnd(marker), self.at + length);
                self.trim_after(marker, true);
            }
            Tag::Variable if delimiter.starts_with(b"}}") && marker != Control::Keep => {
                self.push(TokenKind::VariableEnd(marker), self.at + length);
                self.trim_after(marker, false);
            }
            _ => return false,
        }
        true
    }

    fn tag_token(&mut self) -> Checked<()> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next().expect("the caller checked that text remains");
        if is_space(first) {
            let length = rest.len() - rest.trim_start_matches(is_space).len();
            self.push(TokenKind::Whitespace, self.at + length);
        } else if let Some((kind, end)) = self.number(first) {
            self.push(kind, end);
        } else if class(first) >= Class::Word {
            let length = rest.find(|character| class(character) < Class::Word).unwrap_or(rest.len());
            self.push(TokenKind::Name, self.at + length);
        } else if let Some(end) = self.string(first) {
            self.push(TokenKind::String, end);
        } else if let Some(op) = Op::at_start(rest.as_bytes()) {
            self.operator(op)?;
        } else {
            return Err(self.unexpected_character(first));
        }
        Ok(())
    }

    fn number(&self, first: char) -> Option<(TokenKind, usize)> {
        digit(first)?;
        if let Some(end) = self.float() {
            return Some((TokenKind::Float, end));
        }
        let after_prefix = self.at + 2;
        let prefix = self.text.as_bytes().get(self.at + 1).map(u8::to_ascii_lowercase);
        let end = match (first, prefix) {
            ('0', Some(b'b')) => self.digits(after_prefix, Leading::Allowed, |digit| matches!(digit, '0' | '1')),
            ('0', Some(b'o')) => self.digits(after_prefix, Leading::Allowed, |digit| ('0'..='7').contains(&digit)),
            ('0', Some(b'x')) => self.digits(after_prefix, Leading::Allowed, |character| {
                character.is_ascii_hexdigit() || digit(character).is_some()
            }),
            _ => None,
        };
        let end = end.or_else(|| match first {
            '0' => self.digits(self.at, Leading::Refused, |digit| digit == '0'),
            '1'..='9' => self.digits(self.at, Leading::Refused, is_digit),
            _ => None,
        });
        end.map(|end| (TokenKind::Integer, end))
    }

    /// The end of a float that starts here, if one does; after a `.` none does.
    fn float(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        if self.at > 0 && bytes[self.at - 1] == b'.' {
            return None;
        }
        let whole = self.digits(self.at, Leading::Refused, is_digit)?;
        let fraction = match bytes.get(whole) {
            Some(b'.') => self.digits(whole + 1, Leading::Refused, is_digit),
            _ => None,
        };
        let mantissa = fraction.unwrap_or(whole);
        let exponent = match bytes.get(mantissa) {
            Some(b'e' | b'E') => {
                let signed = matches!(bytes.get(mantissa + 1), Some(b'+' | b'-'));
                self.digits(mantissa + 1 + usize::from(signed), Leading::Refused, is_digit)
            }
            _ => None,
        };
        exponent.or(fraction)
    }

    /// The end of a run of digits from `from`, single underscores between them allowed; none without a digit.
    fn digits(&self, from: usize, leading: Leading, accepts: impl Fn(char) -> bool) -> Option<usize> {
        let mut end = None;
        let mut at = from;
        loop {
            let rest = self.text.get(at..)?;
            let underscore = rest.starts_with('_') && (end.is_some() || leading == Leading::Allowed);
            match rest[usize::from(underscore)..].chars().next() {
                Some(digit) if accepts(digit) => at += usize::from(underscore) + digit.len_utf8(),
                _ => return end,
            }
            end = Some(at);
        }
    }

    /// The end of a string literal that starts here; none when its quote is missing.
    fn string(&self, quote: char) -> Option<usize> {
        if !matches!(quote, '\'' | '"') {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        loop {
            at += memchr2(quote as u8, b'\\', bytes.get(at..)?)?;
            if bytes[at] != b'\\' {
                return Some(at + 1);
            }
            // A character outside ASCII after the backslash has no byte equal to a quote or backslash.
            at += 2;
        }
    }

    fn operator(&mut self, op: Op) -> Checked<()> {
        let span = Span::new(self.at as u32, (self.at + op.text().len()) as u32);
        match op {
            Op::LBrace => self.open.push(Op::RBrace),
            Op::LParen => self.open.push(Op::RParen),
            Op::LBracket => self.open.push(Op::RBracket),
            Op::RBrace | Op::RParen | Op::RBracket => self.close_bracket(op, span)?,
            _ => {}
        }
        self.push(TokenKind::Op(op), span.end as usize);
        Ok(())
    }

    fn close_bracket(&mut self, op: Op, span: Span) -> Checked<()> {
        let message = match self.open.pop() {
            Some(expected) if expected == op => return Ok(()),
            Some(expected) => format!("unexpected '{}', expected '{}'", op.text(), expected.text()),
            None => format!("unexpected '{}'", op.text()),
        };
        let hint = hint::for_bracket(&self.text[..span.start as usize], &self.text[span.start as usize..]);
        Err(Fault::syntax(code::SYNTAX, message, span).hint(hint))
    }

    fn unexpected_character(&self, character: char) -> Box<Fault> {
        let index = self.text[..self.at].chars().count();
        let span = Span::new(self.at as u32, (self.at + character.len_utf8()) as u32);
        let (code, hint) = match character {
            '\'' | '"' => (code::LITERAL, Some(format!("the string that starts here has no closing `{character}`"))),
            _ => (code::SYNTAX, hint::for_character(&self.text[self.at..])),
        };
        Fault::syntax(code, format!("unexpected char {} at {index}", repr(character)), span).hint(hint)
    }
}

fn is_digit(character: char) -> bool {
    digit(character).is_some()
}
