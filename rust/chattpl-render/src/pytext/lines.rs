//! Jinja's `indent` and `wordcount`.

use std::borrow::Cow;

use super::charprops::is_word;
use super::split::splitlines;
use super::Piece;

/// Which lines Jinja's `indent` indents besides the ordinary ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndentOptions {
    /// Also the first line.
    pub first: bool,
    /// Also empty lines.
    pub blank: bool,
}

/// Returns the parts of Jinja's `indent`: line ends become `\n`, `indention` is inserted.
pub fn indent<'i>(text: &str, indention: &'i str, options: IndentOptions) -> Vec<Piece<'i>> {
    let mut pieces = Vec::new();
    let mut last_end = 0;
    for (number, line) in lines_of(text).into_iter().enumerate() {
        if number > 0 {
            push_line_end(text, last_end..line.start, &mut pieces);
        }
        let indents = match number {
            0 => options.first,
            _ => options.blank || !line.is_empty(),
        };
        if indents && !indention.is_empty() {
            pieces.push(Piece::Inserted(Cow::Borrowed(indention)));
        }
        last_end = line.end;
        push_source(line, &mut pieces);
    }
    pieces
}

/// Splits into the lines of `text + "\n"`.
fn lines_of(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut lines = splitlines(text, false);
    // With the newline added, a text ending in `\r` still has one line end there.
    let ends_line = text.chars().next_back().is_none_or(super::charprops::is_linebreak);
    if ends_line && !text.ends_with('\r') {
        lines.push(text.len()..text.len());
    }
    lines
}

fn push_line_end(text: &str, end: std::ops::Range<usize>, pieces: &mut Vec<Piece<'_>>) {
    if &text[end.clone()] == "\n" {
        push_source(end, pieces);
    } else {
        pieces.push(Piece::Replaced { text: Cow::Borrowed("\n"), source: end });
    }
}

fn push_source(range: std::ops::Range<usize>, pieces: &mut Vec<Piece<'_>>) {
    match pieces.last_mut() {
        Some(Piece::Source(last)) if last.end == range.start => last.end = range.end,
        _ if range.is_empty() => {}
        _ => pieces.push(Piece::Source(range)),
    }
}

/// Counts the words of a text as Jinja's `wordcount` does: matches of `\w+`.
pub fn wordcount(text: &str) -> usize {
    let mut in_word = false;
    let mut words = 0;
    for c in text.chars() {
        let was_in_word = in_word;
        in_word = is_word(c);
        words += usize::from(in_word && !was_in_word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::join_pieces;
    use super::*;

    #[test]
    fn lines_are_indented_but_for_the_first_and_empty_ones() {
        let text = "a\r\nb\n\nc\n";
        let plain = indent(text, "  ", IndentOptions::default());
        assert_eq!(join_pieces(text, &plain), "a\n  b\n\n  c\n");
        let all = indent(text, "  ", IndentOptions { first: true, blank: true });
        assert_eq!(join_pieces(text, &all), "  a\n  b\n  \n  c\n  ");
    }

    #[test]
    fn words_are_runs_of_word_characters() {
        assert_eq!(wordcount("it's 2½ naïve_words —"), 4);
    }
}
