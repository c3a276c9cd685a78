//! Strings and floats as `json.dumps` writes them.

use std::borrow::Cow;
use std::ops::Range;

use super::float_text::repr_float;
use super::scan::{next_match, Word};
use super::Piece;

/// Which characters `json.dumps` leaves as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonCharset {
    /// `ensure_ascii=True`: printable ASCII.
    Ascii,
    /// `ensure_ascii=False`: everything but controls.
    Unicode,
}

/// Tells `sink` how `text` is written inside JSON quotes, in order and without gaps.
///
/// Stretches that stay as they are come as one [`Piece::Source`] each, every
/// escaped character as one [`Piece::Replaced`].
pub fn json_escape(text: &str, charset: JsonCharset, sink: &mut dyn FnMut(Piece<'_>)) {
    let bytes = text.as_bytes();
    let mut clean_from = 0;
    while let Some(at) = next_escape(bytes, clean_from, charset) {
        if at > clean_from {
            sink(Piece::Source(clean_from..at));
        }
        let Some(c) = text[at..].chars().next() else {
            return;
        };
        clean_from = at + c.len_utf8();
        emit_escape(c, at..clean_from, sink);
    }
    if clean_from < bytes.len() {
        sink(Piece::Source(clean_from..bytes.len()));
    }
}

/// Counts the bytes of `text` before the first character that must be escaped.
pub fn json_clean_prefix(text: &str, charset: JsonCharset) -> usize {
    next_escape(text.as_bytes(), 0, charset).unwrap_or(text.len())
}

/// Gives `push` the pieces of `text` as it is written inside JSON quotes; its first `clean` bytes need no escape.
pub fn json_escape_into(text: &str, clean: usize, charset: JsonCharset, mut push: impl FnMut(&str)) {
    push(&text[..clean]);
    let mut at = clean;
    while at < text.len() {
        let byte = text.as_bytes()[at];
        if byte < 0x80 {
            match short_escape(char::from(byte)) {
                Some(short) => push(short),
                None => emit_escape(char::from(byte), at..at + 1, &mut |piece| push(piece.text(text))),
            }
            at += 1;
        } else {
            let Some(c) = text[at..].chars().next() else { return };
            emit_escape(c, at..at + c.len_utf8(), &mut |piece| push(piece.text(text)));
            at += c.len_utf8();
        }
        let end = next_escape(text.as_bytes(), at, charset).unwrap_or(text.len());
        push(&text[at..end]);
        at = end;
    }
}

/// Appends `text` with its JSON quotes.
pub fn push_json_string(text: &str, charset: JsonCharset, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    json_escape(text, charset, &mut |piece| out.push_str(piece.text(text)));
    out.push('"');
}

/// Says whether any character of `text` must be escaped.
pub fn json_string_needs_escape(text: &str, charset: JsonCharset) -> bool {
    next_escape(text.as_bytes(), 0, charset).is_some()
}

/// Writes a float as `json.dumps` does, `NaN` and `Infinity` included.
pub fn json_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        repr_float(value)
    }
}

fn next_escape(bytes: &[u8], from: usize, charset: JsonCharset) -> Option<usize> {
    match charset {
        JsonCharset::Ascii => {
            next_match(bytes, from, |word| any_escape(word) | word.bytes_equal(0x7f) | word.bytes_beyond_ascii())
        }
        JsonCharset::Unicode => next_match(bytes, from, any_escape),
    }
}

fn any_escape(word: Word) -> u64 {
    word.bytes_below(0x20) | word.bytes_equal(b'"') | word.bytes_equal(b'\\')
}

fn short_escape(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        _ => return None,
    })
}

fn emit_escape(c: char, source: Range<usize>, sink: &mut dyn FnMut(Piece<'_>)) {
    if let Some(short) = short_escape(c) {
        return sink(Piece::Replaced { text: Cow::Borrowed(short), source });
    }
    let mut buffer = [0; 12];
    let mut len = 0;
    for unit in c.encode_utf16(&mut [0; 2]) {
        buffer[len] = b'\\';
        buffer[len + 1] = b'u';
        for place in 0..4 {
            let nibble = (*unit >> (12 - 4 * place)) & 0xf;
            buffer[len + 2 + place] = b"0123456789abcdef"[usize::from(nibble)];
        }
        len += 6;
    }
    let text = std::str::from_utf8(&buffer[..len]).unwrap_or_default();
    sink(Piece::Replaced { text: Cow::Borrowed(text), source });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dumps(text: &str, charset: JsonCharset) -> String {
        let mut out = String::new();
        push_json_string(text, charset, &mut out);
        out
    }

    #[test]
    fn strings_are_written_as_json_dumps_writes_them() {
        assert_eq!(dumps("a\"\\\n\u{1}\u{7f}é😀", JsonCharset::Unicode), "\"a\\\"\\\\\\n\\u0001\u{7f}é😀\"");
        assert_eq!(dumps("\u{7f}é😀", JsonCharset::Ascii), "\"\\u007f\\u00e9\\ud83d\\ude00\"");
    }

    #[test]
    fn a_clean_text_is_one_source_piece() {
        let text = "é".repeat(1000);
        let mut pieces = 0;
        json_escape(&text, JsonCharset::Unicode, &mut |piece| {
            assert_eq!(piece, Piece::Source(0..2000));
            pieces += 1;
        });
        assert_eq!(pieces, 1);
        assert!(!json_string_needs_escape(&text, JsonCharset::Unicode));
        assert!(json_string_needs_escape(&text, JsonCharset::Ascii));
    }

    #[test]
    fn floats_beyond_json_are_named() {
        assert_eq!(json_float(f64::NAN), "NaN");
        assert_eq!(json_float(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(json_float(1e16), "1e+16");
    }
}
