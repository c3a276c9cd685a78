//! Comments that silence findings: `{# chattpl: ignore[CT205] reason #}`.
//!
//! On a line of its own such a comment covers the next line, or the next tag where that is longer; beside other text it
//! covers its line; `ignore-file[...]` covers the template. A reason is mandatory.

use chattpl_syntax::{Parsed, Source, Span, TokenKind};

use crate::finding::Finding;
use crate::lint::Selector;

/// One comment that silences findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppression {
    /// The whole comment, delimiters included.
    pub span: Span,
    /// Codes, prefixes or names between the brackets, each with its place.
    pub codes: Vec<(String, Span)>,
    /// Why; empty where none is given.
    pub reason: String,
    /// Where findings have to start to be silenced.
    pub covers: Span,
}

/// The suppressions of a template in source order.
pub fn suppressions(parsed: &Parsed) -> Vec<Suppression> {
    let mut found = Vec::new();
    for (index, token) in parsed.tokens.iter().enumerate() {
        if token.kind != TokenKind::Comment {
            continue;
        }
        let begin = index.checked_sub(1).map_or(token.span, |before| parsed.tokens[before].span);
        let end = parsed.tokens.get(index + 1).map_or(token.span, |after| after.span);
        let whole = begin.to(end);
        let text = &parsed.source.text[token.span.range()];
        found.extend(read(text, token.span.start).map(|read| Suppression {
            covers: if read.file { Span::new(0, u32::MAX) } else { covered(parsed, whole, index) },
            span: whole,
            codes: read.codes,
            reason: read.reason,
        }));
    }
    found
}

/// Whether a suppression names a finding's rule and covers its place.
pub fn silences(suppression: &Suppression, finding: &Finding) -> bool {
    let Span { start, end } = suppression.covers;
    let covered = start <= finding.span.start && finding.span.start < end;
    covered && suppression.codes.iter().any(|(code, _)| Selector::matches_rule(code, finding.code, finding.name))
}

struct Read {
    file: bool,
    codes: Vec<(String, Span)>,
    reason: String,
}

/// Reads a comment's text that begins at `start`.
fn read(text: &str, start: u32) -> Option<Read> {
    let directive = text.trim_start().strip_prefix("chattpl:")?.trim_start();
    let (file, rest) = match directive.strip_prefix("ignore-file[") {
        Some(rest) => (true, rest),
        None => (false, directive.strip_prefix("ignore[")?),
    };
    let (list, reason) = rest.split_once(']')?;
    let mut at = start + (text.len() - rest.len()) as u32;
    let mut codes = Vec::new();
    for piece in list.split(',') {
        let code = piece.trim();
        let lead = (piece.len() - piece.trim_start().len()) as u32;
        if !code.is_empty() {
            codes.push((code.to_owned(), Span::new(at + lead, at + lead + code.len() as u32)));
        }
        at += piece.len() as u32 + 1;
    }
    Some(Read { file, codes, reason: reason.trim().to_owned() })
}

/// What the comment covers that is the token at `index`.
fn covered(parsed: &Parsed, whole: Span, index: usize) -> Span {
    let source = &parsed.source;
    let (start, end) = line_around(source, whole);
    let beside = !source.text[start as usize..whole.start as usize].trim().is_empty()
        || !source.text[whole.end as usize..end as usize].trim().is_empty();
    if beside {
        return Span::new(start, end);
    }
    let after = &source.text[whole.end as usize..];
    let blank = (after.len() - after.trim_start().len()) as u32;
    let next_line = line_around(source, Span::new(whole.end + blank, whole.end + blank)).1;
    let ends_tag = |kind| matches!(kind, TokenKind::BlockEnd(_) | TokenKind::VariableEnd(_));
    let begins_tag = |kind| matches!(kind, TokenKind::BlockBegin(_) | TokenKind::VariableBegin(_));
    let mut tokens = parsed.tokens[index..].iter();
    let begins = tokens.find(|token| begins_tag(token.kind)).map_or(u32::MAX, |token| token.span.start);
    let tag_end = match tokens.find(|token| ends_tag(token.kind)) {
        Some(token) if begins < next_line => token.span.end,
        _ => next_line,
    };
    Span::new(whole.end, next_line.max(tag_end))
}

/// The bytes from the start of a span's first line to the end of its last.
fn line_around(source: &Source, span: Span) -> (u32, u32) {
    let (first, last) = (source.lines().line(span.start), source.lines().line(span.end));
    let start = source.lines().start_byte(first);
    (start, source.lines().start_byte(last) + source.line_text(last).len() as u32)
}
