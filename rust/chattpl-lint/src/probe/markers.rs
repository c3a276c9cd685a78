//! Markers in text: `<|im_start|>`, `<think>`, `[INST]`, and which closes which.

use std::ops::Range;

/// Bytes that a marker may have.
const MAX_LEN: usize = 48;

/// Words that open, each with the one that closes.
const WORDS: [(&str, &str); 4] = [("start", "end"), ("START", "END"), ("begin", "end"), ("open", "close")];

/// The markers of a text in order: what stands in angle or square brackets and has no white space, quotes or brackets in it.
pub fn markers(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices(['<', '[']).filter_map(move |(start, opening)| {
        let closing = if opening == "<" { '>' } else { ']' };
        let rest = &text[start + 1..];
        let end =
            rest.find(|c: char| c == closing || c.is_whitespace() || matches!(c, '<' | '[' | '"' | '\'' | '`' | '{'))?;
        let whole = start..start + 1 + end + 1;
        let names = rest[..end].chars().any(char::is_alphabetic);
        (rest[end..].starts_with(closing) && names && whole.len() <= MAX_LEN).then_some(whole)
    })
}

/// The last marker of a text.
pub fn last_marker(text: &str) -> Option<&str> {
    markers(text).last().map(|range| &text[range])
}

/// The markers that may close one, likeliest first; none for a marker that closes.
pub fn closer_of(marker: &str) -> Vec<String> {
    let mut closers = Vec::new();
    let body = &marker[1..marker.len() - 1];
    // Those of a whole text may stand once at its beginning and after every turn.
    let of_text = ["of_text", "of▁sentence", "of_sentence"].iter().any(|word| body.contains(word));
    if body.starts_with('/') || of_text || marker == "<s>" {
        return closers;
    }
    for (open, close) in WORDS {
        if has_word(body, open) {
            closers.push(marker.replacen(open, close, 1));
        }
    }
    if let Some(name) = body.strip_prefix('|').filter(|name| marker.starts_with('<') && !name.ends_with('|')) {
        closers.push(format!("<{name}|>"));
    }
    closers.push(format!("{}/{}", &marker[..1], &marker[1..]));
    if let Some(name) = body.strip_prefix('|') {
        closers.push(format!("<|/{name}>"));
    }
    closers
}

/// Whether a word stands in a name by itself, and not inside another word.
fn has_word(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let before = name[..at].chars().next_back();
        let after = name[at + word.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}
