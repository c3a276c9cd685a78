//! Jinja's `wordwrap`: Python's `textwrap`, line by line.

use std::borrow::Cow;
use std::ops::Range;

use super::charprops::{decimal_value, is_whitespace, is_word};
use super::error::FormatError;
use super::index::char_count;
use super::split::splitlines;
use super::Piece;

/// How `wordwrap` breaks lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapOptions {
    /// Most characters of a line.
    pub width: i64,
    /// Break words that are longer than a line.
    pub break_long_words: bool,
    /// Break words after hyphens.
    pub break_on_hyphens: bool,
}

impl Default for WrapOptions {
    fn default() -> Self {
        WrapOptions { width: 79, break_long_words: true, break_on_hyphens: true }
    }
}

/// Returns the parts of Jinja's `wordwrap`; `wrapstring` joins the lines.
///
/// # Errors
/// `ValueError` where the width is not positive and there is a line to wrap.
pub fn wordwrap<'w>(text: &str, options: WrapOptions, wrapstring: &'w str) -> Result<Vec<Piece<'w>>, FormatError> {
    let mut pieces = Vec::new();
    for (number, line) in splitlines(text, false).into_iter().enumerate() {
        let Ok(width @ 1..) = usize::try_from(options.width) else {
            let width = options.width;
            return Err(FormatError::value(format!("invalid width {width} (must be > 0)")));
        };
        if number > 0 {
            push_join(wrapstring, &mut pieces);
        }
        let start = line.start;
        let wrapped = Wrapper { line: &text[line], width, options }.wrap();
        for (number, part) in wrapped.into_iter().enumerate() {
            if number > 0 {
                push_join(wrapstring, &mut pieces);
            }
            pieces.push(Piece::Source(start + part.start..start + part.end));
        }
    }
    Ok(pieces)
}

fn push_join<'w>(wrapstring: &'w str, pieces: &mut Vec<Piece<'w>>) {
    if !wrapstring.is_empty() {
        pieces.push(Piece::Inserted(Cow::Borrowed(wrapstring)));
    }
}

/// A stretch of a line that is broken only where it is too long.
#[derive(Clone, Debug)]
struct Chunk {
    bytes: Range<usize>,
    chars: usize,
    /// End of the last character that is no whitespace.
    visible_end: usize,
}

impl Chunk {
    fn new(line: &str, bytes: Range<usize>) -> Self {
        let text = &line[bytes.clone()];
        let visible_end = bytes.start + text.trim_end_matches(is_whitespace).len();
        Chunk { chars: char_count(text), visible_end, bytes }
    }

    fn is_blank(&self) -> bool {
        self.visible_end <= self.bytes.start
    }
}

struct Wrapper<'t> {
    line: &'t str,
    width: usize,
    options: WrapOptions,
}

impl Wrapper<'_> {
    fn wrap(&self) -> Vec<Range<usize>> {
        let mut chunks = self.chunks();
        chunks.reverse();
        let mut lines = Vec::new();
        while let Some(next) = chunks.last() {
            if next.is_blank() && !lines.is_empty() {
                chunks.pop();
            }
            if let Some(line) = self.take_line(&mut chunks) {
                lines.push(line);
            }
        }
        lines
    }

    /// Takes the chunks of one line off the end of `chunks`.
    fn take_line(&self, chunks: &mut Vec<Chunk>) -> Option<Range<usize>> {
        let mut taken: Vec<Chunk> = Vec::new();
        let mut used = 0;
        while let Some(next) = pop_if(chunks, |next| used + next.chars <= self.width) {
            used += next.chars;
            taken.push(next);
        }
        if let Some(long) = pop_if(chunks, |next| next.chars > self.width) {
            self.take_long_word(long, used, chunks, &mut taken);
        }
        if taken.last().is_some_and(Chunk::is_blank) {
            taken.pop();
        }
        Some(taken.first()?.bytes.start..taken.last()?.bytes.end)
    }

    fn take_long_word(&self, long: Chunk, used: usize, chunks: &mut Vec<Chunk>, taken: &mut Vec<Chunk>) {
        if !self.options.break_long_words {
            if taken.is_empty() {
                taken.push(long);
            } else {
                chunks.push(long);
            }
            return;
        }
        let cut = long.bytes.start + self.cut_of(&self.line[long.bytes.clone()], self.width - used);
        let head = Chunk::new(self.line, long.bytes.start..cut);
        if cut < long.bytes.end {
            let chars = long.chars - head.chars;
            chunks.push(Chunk { bytes: cut..long.bytes.end, chars, ..long });
        }
        taken.push(head);
    }

    /// Returns the byte after which to break a word of which `space` characters fit.
    fn cut_of(&self, word: &str, space: usize) -> usize {
        // Looks at no more of the word than fits, so that long words take linear time.
        let end = word.char_indices().nth(space).map_or(word.len(), |(at, _)| at);
        if !self.options.break_on_hyphens {
            return end;
        }
        match word[..end].rfind('-') {
            Some(hyphen) if word[..hyphen].contains(|c| c != '-') => hyphen + 1,
            _ => end,
        }
    }

    fn chunks(&self) -> Vec<Chunk> {
        let mut splitter = Splitter::new(self.line, self.options.break_on_hyphens);
        let mut chunks = Vec::new();
        let mut start = 0;
        while start < splitter.chars.len() {
            let end = splitter.end_of_chunk(start);
            chunks.push(Chunk::new(self.line, splitter.byte(start)..splitter.byte(end)));
            start = end;
        }
        chunks
    }
}

fn pop_if(chunks: &mut Vec<Chunk>, wanted: impl Fn(&Chunk) -> bool) -> Option<Chunk> {
    if chunks.last().is_some_and(wanted) {
        chunks.pop()
    } else {
        None
    }
}

/// Finds chunks as the expressions `wordsep_re` and `wordsep_simple_re` do.
struct Splitter {
    chars: Vec<(usize, char)>,
    end_byte: usize,
    at_hyphens: bool,
}

impl Splitter {
    fn new(line: &str, at_hyphens: bool) -> Self {
        Splitter { chars: line.char_indices().collect(), end_byte: line.len(), at_hyphens }
    }

    fn byte(&self, at: usize) -> usize {
        self.chars.get(at).map_or(self.end_byte, |(byte, _)| *byte)
    }

    fn char(&self, at: usize) -> Option<char> {
        self.chars.get(at).map(|(_, c)| *c)
    }

    /// Tests the character that stands `back` places before `at`.
    fn before(&self, at: usize, back: usize, holds: fn(char) -> bool) -> bool {
        at.checked_sub(back).and_then(|at| self.char(at)).is_some_and(holds)
    }

    fn end_of_chunk(&mut self, start: usize) -> usize {
        if self.char(start).is_some_and(is_wrap_space) {
            return self.skip(start, is_wrap_space);
        }
        if !self.at_hyphens {
            return self.skip(start, |c| !is_wrap_space(c));
        }
        if self.before(start, 1, is_word_punctuation) {
            if let Some(end) = self.dashes_before_word(start) {
                return end;
            }
        }
        let mut at = start + 1;
        loop {
            match self.char(at) {
                None => return at,
                Some('-') if self.breaks_after_hyphen(at) => return at + 1,
                Some('-') if self.before(at, 1, is_word_punctuation) && self.dashes_before_word(at).is_some() => {
                    return at
                }
                Some(c) if is_wrap_space(c) => return at,
                Some(_) => at += 1,
            }
        }
    }

    fn skip(&self, start: usize, holds: fn(char) -> bool) -> usize {
        let rest = self.chars[start..].iter();
        start + rest.take_while(|(_, c)| holds(*c)).count()
    }

    /// Matches `-{2,}(?=\w)`.
    fn dashes_before_word(&self, start: usize) -> Option<usize> {
        let end = self.skip(start, |c| c == '-');
        (end >= start + 2 && self.char(end).is_some_and(is_word)).then_some(end)
    }

    /// Says whether the hyphen at `at` stands inside a word that may be broken there.
    fn breaks_after_hyphen(&self, at: usize) -> bool {
        let letter_before = |back| self.before(at, back, is_letter);
        let letters_before =
            letter_before(1) && (letter_before(2) || (self.before(at, 2, |c| c == '-') && letter_before(3)));
        let letter_at = |at| self.char(at).is_some_and(is_letter);
        let second = if self.char(at + 2) == Some('-') { at + 3 } else { at + 2 };
        letters_before && letter_at(at + 1) && letter_at(second)
    }
}

fn is_wrap_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ')
}

fn is_word_punctuation(c: char) -> bool {
    is_word(c) || matches!(c, '!' | '"' | '\'' | '&' | '.' | ',' | '?')
}

/// Matches `[^\d\W]`.
fn is_letter(c: char) -> bool {
    is_word(c) && decimal_value(c).is_none()
}

#[cfg(test)]
mod tests {
    use super::super::join_pieces;
    use super::*;

    fn wrap(text: &str, width: i64) -> String {
        let options = WrapOptions { width, ..WrapOptions::default() };
        join_pieces(text, &wordwrap(text, options, "|").expect("a positive width"))
    }

    #[test]
    fn lines_break_at_words_hyphens_and_dashes() {
        assert_eq!(
            wrap("Hello there -- you goof-ball, use the -b option!", 14),
            "Hello there --|you goof-ball,|use the -b|option!"
        );
        assert_eq!(wrap("  ab cd\n\nlong-hyphened", 6), "  ab|cd||long-h|yphene|d");
    }

    #[test]
    fn a_width_must_be_positive_where_it_is_used() {
        let options = WrapOptions { width: 0, ..WrapOptions::default() };
        assert_eq!(wordwrap("", options, "\n"), Ok(vec![]));
        assert!(wordwrap("a", options, "\n").is_err());
    }
}
