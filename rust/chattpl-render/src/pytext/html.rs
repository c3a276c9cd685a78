//! HTML text: MarkupSafe's `escape` and `striptags`, and `html.unescape`.

use std::borrow::Cow;
use std::ops::Range;

use super::html_entities::{INVALID_CODE_POINTS, INVALID_REFERENCES, NAMED};
use super::scan::next_match;
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
        let is_escaped = |b| (b == b'&') | (b == b'<') | (b == b'>') | (b == b'\'') | (b == b'"');
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
pub fn striptags(text: &str) -> String {
    let kept: String = text_between_tags(text).into_iter().map(|range| &text[range]).collect();
    let words = split_whitespace(&kept, None, Direction::FromLeft);
    let words: Vec<&str> = words.into_iter().map(|range| &kept[range]).collect();
    unescape_html(&words.join(" "))
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
pub fn unescape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        rest = match reference(after, &mut out) {
            Some(length) => &after[length..],
            None => {
                out.push('&');
                after
            }
        };
    }
    out.push_str(rest);
    out
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
        assert_eq!(striptags("Main &raquo;\t<em>About</em><!-- > -->\n x < y"), "Main » About x < y");
        assert_eq!(unescape_html("&notit; &#128; &#x110000; &amp &bogus; &#1;&"), "¬it; € \u{fffd} & &bogus; &");
    }
}
