//! Places in a text counted in characters, and searches that answer in them.

use std::ops::Range;

use memchr::memmem;

/// Counts the characters of a text.
pub fn char_count(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

/// Returns the byte at which character `index` starts, or the length past the end.
pub fn byte_of_char(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// Returns how many characters start before byte `at`.
pub fn char_of_byte(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| !is_continuation(**byte)).count()
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Returns the bytes of `text[start:end]`, negative places counting from the end.
///
/// `None` where `start` is past the end of the text or past `end`; there not even the
/// empty text is found.
pub fn slice_bytes(text: &str, start: Option<i64>, end: Option<i64>) -> Option<Range<usize>> {
    if start.is_none() && end.is_none() {
        return Some(0..text.len());
    }
    let chars = char_count(text);
    let start = place(start.unwrap_or(0), chars);
    let end = end.map_or(chars, |end| place(end, chars).min(chars));
    if start > end {
        return None;
    }
    let start_byte = byte_of_char(text, start);
    Some(start_byte..start_byte + byte_of_char(&text[start_byte..], end - start))
}

fn place(at: i64, chars: usize) -> usize {
    let magnitude = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at < 0 {
        chars.saturating_sub(magnitude)
    } else {
        magnitude
    }
}

/// Finds `wanted` in `text[start:end]`; the place is counted in characters of `text`.
pub fn find(text: &str, wanted: &str, start: Option<i64>, end: Option<i64>) -> Option<usize> {
    let range = slice_bytes(text, start, end)?;
    let found = memmem::find(&text.as_bytes()[range.clone()], wanted.as_bytes())?;
    Some(char_of_byte(text, range.start + found))
}

/// Finds `wanted` last in `text[start:end]`; the place is counted in characters of `text`.
pub fn rfind(text: &str, wanted: &str, start: Option<i64>, end: Option<i64>) -> Option<usize> {
    let range = slice_bytes(text, start, end)?;
    let found = memmem::rfind(&text.as_bytes()[range.clone()], wanted.as_bytes())?;
    Some(char_of_byte(text, range.start + found))
}

/// Counts `wanted` in `text[start:end]`, without overlaps.
pub fn count(text: &str, wanted: &str, start: Option<i64>, end: Option<i64>) -> usize {
    let Some(range) = slice_bytes(text, start, end) else {
        return 0;
    };
    if wanted.is_empty() {
        return char_count(&text[range]) + 1;
    }
    memmem::find_iter(&text.as_bytes()[range], wanted.as_bytes()).count()
}

/// Says whether `text[start:end]` starts with `prefix`.
pub fn starts_with(text: &str, prefix: &str, start: Option<i64>, end: Option<i64>) -> bool {
    slice_bytes(text, start, end).is_some_and(|range| text[range].starts_with(prefix))
}

/// Says whether `text[start:end]` ends with `suffix`.
pub fn ends_with(text: &str, suffix: &str, start: Option<i64>, end: Option<i64>) -> bool {
    slice_bytes(text, start, end).is_some_and(|range| text[range].ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        assert_eq!(find("aéxéx", "x", Some(3), None), Some(4));
        assert_eq!(rfind("aéxéx", "é", None, Some(-2)), Some(1));
        assert_eq!(slice_bytes("aéx", Some(-2), Some(9)), Some(1..4));
    }

    #[test]
    fn the_empty_text_is_found_up_to_the_end() {
        assert_eq!(find("abc", "", Some(3), None), Some(3));
        assert_eq!(find("abc", "", Some(4), None), None);
        assert_eq!(count("abc", "", None, None), 4);
    }
}
