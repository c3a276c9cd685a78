//! `repr` of a string.

use std::fmt::Write;

use super::charprops::is_printable;

/// Returns what `repr(text)` gives.
pub fn repr_str(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    repr_str_into(text, &mut out);
    out
}

/// Appends what `repr(text)` gives.
pub fn repr_str_into(text: &str, out: &mut String) {
    let has = |byte| memchr::memchr(byte, text.as_bytes()).is_some();
    let quote = if has(b'\'') && !has(b'"') { '"' } else { '\'' };
    out.push(quote);
    let mut clean_from = 0;
    for (at, c) in text.char_indices() {
        if c != quote && c != '\\' && is_printable(c) {
            continue;
        }
        out.push_str(&text[clean_from..at]);
        push_escaped(c, out);
        clean_from = at + c.len_utf8();
    }
    out.push_str(&text[clean_from..]);
    out.push(quote);
}

/// Rewrites a `repr` text the way `ascii()` does.
pub(super) fn ascii_of_repr(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            push_code(c, &mut out);
        }
    }
    out
}

fn push_escaped(c: char, out: &mut String) {
    match c {
        '\'' | '"' | '\\' => {
            out.push('\\');
            out.push(c);
        }
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => push_code(c, out),
    }
}

fn push_code(c: char, out: &mut String) {
    let code = u32::from(c);
    let written = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_chosen_as_python_chooses_them() {
        assert_eq!(repr_str("a"), "'a'");
        assert_eq!(repr_str("it's"), "\"it's\"");
        assert_eq!(repr_str("it's \"x\""), "'it\\'s \"x\"'");
    }

    #[test]
    fn unprintable_characters_are_escaped_by_width() {
        assert_eq!(repr_str("\n\x00\u{a0}\u{2028}\u{e0001}é"), "'\\n\\x00\\xa0\\u2028\\U000e0001é'");
        assert_eq!(ascii_of_repr("'é😀'"), "'\\xe9\\U0001f600'");
    }
}
