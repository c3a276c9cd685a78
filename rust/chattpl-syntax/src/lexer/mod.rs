//! Cuts a template into tokens, whitespace control applied.
//!
//! Jinja2 lexes lazily, so its parser meets an error of the lexer only when it asks for that token. The lexer here
//! therefore returns the tokens before the error together with the error.

mod tag;

use memchr::{memchr, memmem};

use crate::diagnostic::code;
use crate::fault::{Checked, Fault};
use crate::span::Span;
use crate::token::{delimiter_len, Control, Op, Token, TokenKind};
use crate::unicode::is_space;
use tag::Tag;

/// Cuts normalized text into tokens up to its end or the first error.
pub(crate) fn tokenize(text: &str) -> (Vec<Token>, Option<Box<Fault>>) {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::with_capacity(text.len() / 6), open: Vec::new() };
    let fault = lexer.template().err();
    (lexer.tokens, fault)
}

struct Lexer<'s> {
    text: &'s str,
    /// End of the last token.
    at: usize,
    tokens: Vec<Token>,
    /// Brackets open in the current tag, outermost first.
    open: Vec<Op>,
}

/// End of a `raw` or `endraw` tag before trimmed whitespace, and both markers.
type RawTag = (usize, Control, Control);

impl Lexer<'_> {
    fn template(&mut self) -> Checked<()> {
        while let Some(tag) = self.next_tag() {
            match self.raw_tag(tag, "raw", false) {
                Some(raw) => self.raw_block(tag, raw)?,
                None => self.ordinary_tag(tag)?,
            }
        }
        self.push_if_any(TokenKind::Text, self.text.len());
        Ok(())
    }

    /// Takes the text before `tag`, its opening delimiter, and what follows up to the closing one.
    fn ordinary_tag(&mut self, tag: usize) -> Checked<()> {
        let kind = self.text.as_bytes()[tag + 1];
        let control = self.control_at(tag + 2);
        self.text_before_tag(tag, control, TokenKind::Text, kind != b'{');
        let end = tag + delimiter_len(control);
        match kind {
            b'#' => self.comment(control, end),
            b'%' => {
                self.push(TokenKind::BlockBegin(control), end);
                self.tag(Tag::Block)
            }
            _ => {
                self.push(TokenKind::VariableBegin(control), end);
                self.tag(Tag::Variable)
            }
        }
    }

    /// Where the next `{{`, `{%` or `{#` starts.
    fn next_tag(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut from = self.at;
        loop {
            let brace = from + memchr(b'{', &bytes[from..])?;
            if matches!(bytes.get(brace + 1), Some(b'{' | b'%' | b'#')) {
                return Some(brace);
            }
            from = brace + 1;
        }
    }

    fn control_at(&self, at: usize) -> Control {
        match self.text.as_bytes().get(at) {
            Some(b'-') => Control::Strip,
            Some(b'+') => Control::Keep,
            _ => Control::Default,
        }
    }

    /// Matches `{% word %}` at `tag`.
    fn raw_tag(&self, tag: usize, word: &str, keep_allowed: bool) -> Option<RawTag> {
        let after = self.text[tag..].strip_prefix("{%")?;
        let open = self.control_at(tag + 2);
        let after = &after[usize::from(open != Control::Default)..];
        let after = after.trim_start_matches(is_space).strip_prefix(word)?.trim_start_matches(is_space);
        let close = self.control_at(self.text.len() - after.len());
        if close == Control::Keep && !keep_allowed {
            return None;
        }
        let after = after[usize::from(close != Control::Default)..].strip_prefix("%}")?;
        Some((self.text.len() - after.len(), open, close))
    }

    /// Emits the text up to `tag`, without the whitespace that the tag's marker or `lstrip_blocks` removes.
    fn text_before_tag(&mut self, tag: usize, control: Control, kind: TokenKind, lstrip: bool) {
        let text = &self.text[self.at..tag];
        let kept = match control {
            Control::Strip => text.trim_end_matches(is_space).len(),
            Control::Default if lstrip => self.without_indentation(text),
            Control::Default | Control::Keep => text.len(),
        };
        self.push_if_any(kind, self.at + kept);
        self.push_if_any(TokenKind::Trimmed, tag);
    }

    /// Length of `text`, which starts at the current position, without whitespace between line start and its end.
    fn without_indentation(&self, text: &str) -> usize {
        let line = text.trim_end_matches(|character| character != '\n' && is_space(character));
        let at_line_start = self.at == 0 || self.text.as_bytes()[self.at - 1] == b'\n';
        if line.ends_with('\n') || (line.is_empty() && at_line_start) {
            line.len()
        } else {
            text.len()
        }
    }

    /// Removes what a closing delimiter removes: all whitespace for `-`, else one newline after blocks and comments.
    fn trim_after(&mut self, control: Control, trim_newline: bool) {
        let rest = &self.text[self.at..];
        let trimmed = match control {
            Control::Strip => rest.len() - rest.trim_start_matches(is_space).len(),
            Control::Default if trim_newline => usize::from(rest.starts_with('\n')),
            Control::Default | Control::Keep => 0,
        };
        self.push_if_any(TokenKind::Trimmed, self.at + trimmed);
    }

    fn raw_block(&mut self, tag: usize, (end, open, close): RawTag) -> Checked<()> {
        self.text_before_tag(tag, open, TokenKind::Text, true);
        self.push(TokenKind::RawBegin { open, close }, end);
        self.trim_after(close, false);
        self.raw_body()
    }

    fn raw_body(&mut self) -> Checked<()> {
        let mut from = self.at;
        while let Some(found) = memmem::find(&self.text.as_bytes()[from..], b"{%") {
            let tag = from + found;
            if let Some((end, open, close)) = self.raw_tag(tag, "endraw", true) {
                self.text_before_tag(tag, open, TokenKind::RawText, true);
                self.push(TokenKind::RawEnd { open, close }, end);
                self.trim_after(close, true);
                return Ok(());
            }
            from = tag + 2;
        }
        self.unclosed("Missing end of raw directive", "close it with `{% endraw %}`")
    }

    fn comment(&mut self, control: Control, begin_end: usize) -> Checked<()> {
        self.push(TokenKind::CommentBegin(control), begin_end);
        let bytes = self.text.as_bytes();
        let Some(found) = memmem::find(&bytes[self.at..], b"#}") else {
            return self.unclosed("Missing end of comment tag", "close it with `#}`");
        };
        let mut end = self.at + found;
        let marker = if end > self.at { self.control_at(end - 1) } else { Control::Default };
        end -= usize::from(marker != Control::Default);
        self.push_if_any(TokenKind::Comment, end);
        self.push(TokenKind::CommentEnd(marker), self.at + delimiter_len(marker));
        self.trim_after(marker, true);
        Ok(())
    }

    /// Fails when text follows the opening delimiter, the last token; nothing after it is no error in Jinja2.
    fn unclosed(&mut self, message: &str, advice: &str) -> Checked<()> {
        if self.at == self.text.len() {
            return Ok(());
        }
        let opened = self.tokens.iter().rev().find(|token| token.kind != TokenKind::Trimmed);
        let span = opened.expect("the opening delimiter was pushed").span;
        let fault = Fault::syntax(code::UNCLOSED_BLOCK, message, span).hint(Some(advice.to_owned()));
        Err(fault.on_line_of(self.at as u32))
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        self.tokens.push(Token { kind, span: Span::new(self.at as u32, end as u32) });
        self.at = end;
    }

    fn push_if_any(&mut self, kind: TokenKind, end: usize) {
        if end > self.at {
            self.push(kind, end);
        }
    }
}
