//! HTML text: MarkupSafe's `escape` and `striptags`, and `html.unescape`.

use std::borrow::Cow;
use std::ops::Range;

use super::html_entities::{INVALID_CODE_POINTS, INVALID_REFERENCES, NAMED};
use super::scan::{next_match, Word};
use super::split::{split_whitespace, Direction};
use super::Piece;

/// Longest name that a reference may have, in characters, without its semicolon.
const MAX_NAME_CHARS: usize = 32;

/// Iterates over the parts of an escaped text: source stretches and entities in turn.
#[derive(Clone, Debug)]
pub struct EscapeHtml<'t> {
    bytes: &'t [u8],
    at: usize,
}

/// Escapes `&`, `<`, `>`, `'` and `"` as MarkupSafe does.
pub fn escape_html(text: &str) -> EscapeHtml<'_> {
    EscapeHtml { bytes: text.as_bytes(), at: 0 }
}

impl Iterator for EscapeHtml<'_> {
    type Item = Piece<'static>;

    fn next(&mut self) -> Option<Piece<'static>> {
        let start = self.at;
        let first = *self.bytes.get(start)?;
        if let Some(entity) = entity_of(first) {
            self.at += 1;
            return Some(Piece::Replaced { text: Cow::Borrowed(entity), source: start..self.at });
        }
        let is_escaped = |word: Word| b"&<>'\"".iter().fold(0, |found, byte| found | word.bytes_equal(*byte));
        self.at = next_match(self.bytes, start, is_escaped).unwrap_or(self.bytes.len());
        Some(Piece::Source(start..self.at))
    }
}

fn entity_of(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\'' => Some("&#39;"),
        b'"' => Some("&#34;"),
        _ => None,
    }
}

/// Removes tags and comments, collapses whitespace and unescapes, as `Markup.striptags` does.
pub fn striptags(text: &str) -> Vec<Piece<'static>> {
    let collapsed = Collapsed::new(text);
    let mut pieces = Vec::new();
    for piece in unescape_html(&collapsed.text) {
        match piece {
            Piece::Source(range) => collapsed.push_source(range, &mut pieces),
            Piece::Replaced { text, source } => {
                pieces.push(Piece::Replaced { text, source: collapsed.source_of(source) })
            }
            inserted => pieces.push(inserted),
        }
    }
    pieces
}

/// A text without its tags, and with one space between words.
struct Collapsed {
    text: String,
    /// Ranges of `text` and of the source they stem from, in order; a space stands for all that was between two words.
    parts: Vec<(Range<usize>, Range<usize>)>,
}

impl Collapsed {
    fn new(source: &str) -> Self {
        let kept = text_between_tags(source);
        let joined: String = kept.iter().map(|range| &source[range.clone()]).collect();
        let mut collapsed = Collapsed { text: String::new(), parts: Vec::new() };
        let mut first = (0, 0);
        for word in split_whitespace(&joined, None, Direction::FromLeft) {
            first = collapsed.push_word(source, &kept, first, word);
        }
        collapsed
    }

    /// Adds the word at `word` of the kept text; `first` says which kept range to begin with, and where that one starts.
    fn push_word(
        &mut self,
        source: &str,
        kept: &[Range<usize>],
        (mut at, mut start): (usize, usize),
        word: Range<usize>,
    ) -> (usize, usize) {
        let mut from = word.start;
        let mut space = !self.text.is_empty();
        while from < word.end {
            let range = &kept[at];
            let end = start + range.len();
            if end <= from {
                (at, start) = (at + 1, end);
                continue;
            }
            let part = range.start + (from - start)..range.start + (word.end.min(end) - start);
            if std::mem::take(&mut space) {
                let before = self.parts.last().map_or(0, |(_, source)| source.end);
                self.push(" ", before..part.start);
            }
            from += part.len();
            self.push(&source[part.clone()], part);
        }
        (at, start)
    }

    fn push(&mut self, text: &str, source: Range<usize>) {
        let start = self.text.len();
        self.text.push_str(text);
        self.parts.push((start..self.text.len(), source));
    }

    /// The parts that the byte range of the text lies in.
    fn parts_of(&self, range: &Range<usize>) -> &[(Range<usize>, Range<usize>)] {
        let first = self.parts.partition_point(|(part, _)| part.end <= range.start);
        let end = self.parts.partition_point(|(part, _)| part.start < range.end);
        &self.parts[first..end.max(first)]
    }

    fn push_source(&self, range: Range<usize>, pieces: &mut Vec<Piece<'static>>) {
        for (part, source) in self.parts_of(&range) {
            if &self.text[part.clone()] == " " {
                pieces.push(Piece::Replaced { text: Cow::Borrowed(" "), source: source.clone() });
                continue;
            }
            let start = source.start + range.start.saturating_sub(part.start);
            let end = source.end - part.end.saturating_sub(range.end);
            pieces.push(Piece::Source(start..end));
        }
    }

    fn source_of(&self, range: Range<usize>) -> Range<usize> {
        match self.parts_of(&range) {
            [] => 0..0,
            parts => {
                let ((first, from), (last, to)) = (&parts[0], &parts[parts.len() - 1]);
                let start = from.start + (range.start - first.start).min(from.len());
                start..to.end - (last.end - range.end).min(to.len())
            }
        }
    }
}

fn text_between_tags(text: &str) -> Vec<Range<usize>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let (from, closer) = if text[start..].starts_with("<!--") { (start + 4, "-->") } else { (start, ">") };
        let Some(length) = text[from..].find(closer) else {
            break;
        };
        kept.push(at..start);
        at = from + length + closer.len();
    }
    kept.push(at..text.len());
    kept
}

/// Replaces character references as Python's `html.unescape` does.
pub fn unescape_html(text: &str) -> Vec<Piece<'static>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(before) = text[at..].find('&') {
        let start = at + before;
        if start > at {
            pieces.push(Piece::Source(at..start));
        }
        let mut meaning = String::new();
        at = start + 1;
        match reference(&text[at..], &mut meaning) {
            Some(length) => {
                at += length;
                pieces.push(Piece::Replaced { text: Cow::Owned(meaning), source: start..at });
            }
            None => pieces.push(Piece::Source(start..at)),
        }
    }
    if at < text.len() {
        pieces.push(Piece::Source(at..text.len()));
    }
    pieces
}

/// Appends what the reference at the start of `text` stands for; returns its length.
fn reference(text: &str, out: &mut String) -> Option<usize> {
    match text.strip_prefix('#') {
        Some(number) => numeric_reference(number, out).map(|length| length + 1),
        None => named_reference(text, out),
    }
}

fn numeric_reference(text: &str, out: &mut String) -> Option<usize> {
    let (skipped, radix) = if text.starts_with(['x', 'X']) { (1, 16) } else { (0, 10) };
    let digits = &text[skipped..];
    let length = digits.chars().take_while(|c| c.is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let code = digits[..length]
        .chars()
        .fold(0u32, |code, c| code.saturating_mul(radix).saturating_add(c.to_digit(radix).unwrap_or(0)));
    push_code_point(code, out);
    let semicolon = usize::from(digits[length..].starts_with(';'));
    Some(skipped + length + semicolon)
}

fn push_code_point(code: u32, out: &mut String) {
    if let Ok(found) = INVALID_REFERENCES.binary_search_by_key(&code, |(number, _)| *number) {
        out.push_str(INVALID_REFERENCES[found].1);
        return;
    }
    let Some(c) = char::from_u32(code) else {
        out.push('\u{fffd}');
        return;
    };
    let after = INVALID_CODE_POINTS.partition_point(|&(first, _)| first <= code);
    let is_invalid = after > 0 && code <= INVALID_CODE_POINTS[after - 1].1;
    if !is_invalid {
        out.push(c);
    }
}

fn named_reference(text: &str, out: &mut String) -> Option<usize> {
    let in_name = |c: &char| !matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';');
    let name_len: usize = text.chars().take(MAX_NAME_CHARS).take_while(in_name).map(char::len_utf8).sum();
    if name_len == 0 {
        return None;
    }
    let length = name_len + usize::from(text[name_len..].starts_with(';'));
    if let Some(meaning) = lookup(&text[..length]) {
        out.push_str(meaning);
        return Some(length);
    }
    // The longest known beginning of at least two characters counts; all names are ASCII.
    for cut in (2..length).rev() {
        if let Some(meaning) = text.get(..cut).and_then(lookup) {
            out.push_str(meaning);
            out.push_str(&text[cut..length]);
            return Some(length);
        }
    }
    out.push('&');
    out.push_str(&text[..length]);
    Some(length)
}

fn lookup(name: &str) -> Option<&'static str> {
    let found = NAMED.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    Some(NAMED[found].1)
}

#[cfg(test)]
mod tests {
    use super::super::join_pieces;
    use super::*;

    #[test]
    fn markup_is_escaped_as_markupsafe_escapes_it() {
        let text = "é<a href='x'>&\"";
        let pieces: Vec<_> = escape_html(text).collect();
        assert_eq!(join_pieces(text, &pieces), "é&lt;a href=&#39;x&#39;&gt;&amp;&#34;");
        assert_eq!(pieces[0], Piece::Source(0..2));
    }

    #[test]
    fn tags_go_and_references_are_read() {
        let text = "Main &raquo;\t<em>Ab</em>out<!-- > -->\n x < y";
        let stripped = striptags(text);
        assert_eq!(join_pieces(text, &stripped), "Main » About x < y");
        assert_eq!(stripped[0], Piece::Source(0..4));
        let text = "&notit; &#128; &#x110000; &amp &bogus; &#1;&";
        assert_eq!(join_pieces(text, &unescape_html(text)), "¬it; € \u{fffd} & &bogus; &");
    }
}
