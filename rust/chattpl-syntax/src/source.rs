//! The template's text with its newlines normalized, and the way back to the caller's bytes.

use memchr::{memchr, memchr_iter};

use crate::span::Span;

/// A template's text as the lexer reads it.
///
/// `\r\n` and `\r` have become `\n`, and one newline at the very end is gone, as in Jinja2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The normalized text; every span indexes into it.
    pub text: String,
    lines: LineIndex,
    /// Offsets in `text` of the newlines that were written `\r\n`, ascending.
    crlf: Vec<u32>,
    /// Bytes of the caller's text.
    original_len: u32,
}

impl Source {
    /// Normalizes `original`, which must be shorter than 4 GiB for spans to be exact.
    pub fn new(original: &str) -> Self {
        let (mut text, mut crlf) = normalize_newlines(original);
        if text.ends_with('\n') {
            text.pop();
            if crlf.last() == Some(&(text.len() as u32)) {
                crlf.pop();
            }
        }
        let lines = LineIndex::new(&text);
        Source { text, lines, crlf, original_len: original.len() as u32 }
    }

    /// The byte offset in the caller's text of a byte offset in [`Source::text`].
    ///
    /// Past the text stands the newline that was cut off its end, if any.
    pub fn original_offset(&self, offset: u32) -> u32 {
        if offset as usize > self.text.len() {
            return self.original_len;
        }
        offset + self.crlf.partition_point(|&newline| newline < offset) as u32
    }

    /// The span in the caller's bytes.
    pub fn original_span(&self, span: Span) -> Span {
        Span::new(self.original_offset(span.start), self.original_offset(span.end))
    }

    /// Line and column of a byte offset, both from 1, the column in characters.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.lines.line(offset);
        let before = &self.text[self.lines.start_byte(line) as usize..offset as usize];
        (line, before.chars().count() as u32 + 1)
    }

    /// The text of a line, counted from 1, without its newline; empty past the end.
    pub fn line_text(&self, line: u32) -> &str {
        let start = self.lines.start_byte(line) as usize;
        let rest = &self.text[start..];
        &rest[..memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())]
    }

    /// Where the lines start.
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }
}

/// Where each line of a text starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
    end: u32,
}

impl LineIndex {
    /// Finds the lines of `text`; only `\n` ends a line.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr_iter(b'\n', text.as_bytes()).map(|newline| newline as u32 + 1));
        LineIndex { starts, end: text.len() as u32 }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, offset: u32) -> u32 {
        self.starts.partition_point(|&start| start <= offset) as u32
    }

    /// First byte of a line counted from 1; the end of the text for lines past it.
    pub fn start_byte(&self, line: u32) -> u32 {
        let index = line.saturating_sub(1) as usize;
        self.starts.get(index).copied().unwrap_or(self.end)
    }

    /// Number of lines, at least one.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }
}

fn normalize_newlines(original: &str) -> (String, Vec<u32>) {
    let mut text = String::with_capacity(original.len());
    let mut crlf = Vec::new();
    let mut rest = original;
    while let Some(at) = memchr(b'\r', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('\n') {
            crlf.push(text.len() as u32);
            rest = after;
        }
        text.push('\n');
    }
    text.push_str(rest);
    (text, crlf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_back_to_the_callers_bytes() {
        let source = Source::new("a\r\nb\rc\r\n");
        assert_eq!(source.text, "a\nb\nc");
        let back: Vec<u32> = (0..=5).map(|offset| source.original_offset(offset)).collect();
        assert_eq!(back, [0, 1, 3, 4, 5, 6]);
        assert_eq!(source.original_span(Span::new(5, 6)), Span::new(6, 8));
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("é\nöx");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(5), (2, 2));
        assert_eq!(source.line_text(2), "öx");
    }
}
