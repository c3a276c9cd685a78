//! Stripping, splitting and cutting, answered as byte ranges of the text.

use std::ops::Range;

use memchr::memmem;

use super::charprops::{is_linebreak, is_whitespace};
use super::error::FormatError;

/// The ends of a text to strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `lstrip`
    Left,
    /// `rstrip`
    Right,
    /// `strip`
    Both,
}

/// Where splitting starts to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `split`
    FromLeft,
    /// `rsplit`
    FromRight,
}

/// Returns what is left after stripping `chars`, or whitespace where it is `None`.
pub fn strip_range(text: &str, chars: Option<&str>, side: Side) -> Range<usize> {
    match chars {
        None => strip_by(text, side, is_whitespace),
        Some(set) => match CharSet::new(set) {
            CharSet::One(wanted) => strip_by(text, side, |c| c == wanted),
            CharSet::Many(sorted) => strip_by(text, side, |c| sorted.binary_search(&c).is_ok()),
        },
    }
}

/// A set to strip, ready for look-ups in logarithmic time.
enum CharSet {
    One(char),
    Many(Vec<char>),
}

impl CharSet {
    fn new(set: &str) -> Self {
        let mut sorted: Vec<char> = set.chars().collect();
        sorted.sort_unstable();
        sorted.dedup();
        match sorted[..] {
            [only] => CharSet::One(only),
            _ => CharSet::Many(sorted),
        }
    }
}

fn strip_by(text: &str, side: Side, strips: impl Fn(char) -> bool) -> Range<usize> {
    let mut kept = text;
    if side != Side::Right {
        kept = kept.trim_start_matches(&strips);
    }
    let start = text.len() - kept.len();
    if side != Side::Left {
        kept = kept.trim_end_matches(&strips);
    }
    start..start + kept.len()
}

/// Splits into lines as `str.splitlines(keepends)` does.
pub fn splitlines(text: &str, keepends: bool) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_linebreak(c) {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(start..if keepends { end } else { at });
        start = end;
    }
    if start < text.len() {
        lines.push(start..text.len());
    }
    lines
}

/// Splits at runs of whitespace as `str.split(None, maxsplit)` does.
///
/// `maxsplit` of `None` is no limit; callers map Python's negative numbers to it.
pub fn split_whitespace(text: &str, maxsplit: Option<usize>, direction: Direction) -> Vec<Range<usize>> {
    let limit = maxsplit.unwrap_or(usize::MAX);
    let mut words = match direction {
        Direction::FromLeft => split_words_left(text, limit),
        Direction::FromRight => split_words_right(text, limit),
    };
    if direction == Direction::FromRight {
        words.reverse();
    }
    words
}

fn split_words_left(text: &str, limit: usize) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        at += skip_left(&text[at..], is_whitespace);
        if at == text.len() {
            return words;
        }
        if words.len() == limit {
            words.push(at..text.len());
            return words;
        }
        let end = at + skip_left(&text[at..], |c| !is_whitespace(c));
        words.push(at..end);
        at = end;
    }
}

fn split_words_right(text: &str, limit: usize) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut end = text.len();
    loop {
        end = text[..end].trim_end_matches(is_whitespace).len();
        if end == 0 {
            return words;
        }
        if words.len() == limit {
            words.push(0..end);
            return words;
        }
        let start = text[..end].trim_end_matches(|c| !is_whitespace(c)).len();
        words.push(start..end);
        end = start;
    }
}

/// Counts the bytes of the leading characters that match.
fn skip_left(text: &str, matches: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(matches).len()
}

/// Splits at a separator as `str.split(sep, maxsplit)` does.
///
/// # Errors
/// `ValueError` where the separator is empty.
pub fn split_on(
    text: &str,
    sep: &str,
    maxsplit: Option<usize>,
    direction: Direction,
) -> Result<Vec<Range<usize>>, FormatError> {
    let limit = maxsplit.unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let cuts: Vec<usize> = match direction {
        Direction::FromLeft => finds(text, check_separator(sep)?).take(limit).collect(),
        Direction::FromRight => {
            let mut cuts: Vec<usize> = rfinds(text, check_separator(sep)?).take(limit).collect();
            cuts.reverse();
            cuts
        }
    };
    let mut start = 0;
    for cut in cuts {
        parts.push(start..cut);
        start = cut + sep.len();
    }
    parts.push(start..text.len());
    Ok(parts)
}

/// Cuts at the first separator as `str.partition` does: before, separator, after.
///
/// # Errors
/// `ValueError` where the separator is empty.
pub fn partition(text: &str, sep: &str) -> Result<[Range<usize>; 3], FormatError> {
    let end = text.len();
    Ok(match finds(text, check_separator(sep)?).next() {
        Some(at) => [0..at, at..at + sep.len(), at + sep.len()..end],
        None => [0..end, end..end, end..end],
    })
}

/// Cuts at the last separator as `str.rpartition` does: before, separator, after.
///
/// # Errors
/// `ValueError` where the separator is empty.
pub fn rpartition(text: &str, sep: &str) -> Result<[Range<usize>; 3], FormatError> {
    let end = text.len();
    Ok(match rfinds(text, check_separator(sep)?).next() {
        Some(at) => [0..at, at..at + sep.len(), at + sep.len()..end],
        None => [0..0, 0..0, 0..end],
    })
}

/// Returns what is left after `str.removeprefix`.
pub fn removeprefix(text: &str, prefix: &str) -> Range<usize> {
    let start = if text.starts_with(prefix) { prefix.len() } else { 0 };
    start..text.len()
}

/// Returns what is left after `str.removesuffix`.
pub fn removesuffix(text: &str, suffix: &str) -> Range<usize> {
    0..text.strip_suffix(suffix).map_or(text.len(), str::len)
}

fn check_separator(sep: &str) -> Result<&str, FormatError> {
    if sep.is_empty() {
        return Err(FormatError::value("empty separator"));
    }
    Ok(sep)
}

/// Finds a text that is not empty, left to right, without overlaps.
pub(super) fn finds<'t>(text: &'t str, wanted: &'t str) -> impl Iterator<Item = usize> + 't {
    memmem::find_iter(text.as_bytes(), wanted.as_bytes())
}

fn rfinds<'t>(text: &'t str, wanted: &'t str) -> impl Iterator<Item = usize> + 't {
    memmem::rfind_iter(text.as_bytes(), wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'t>(text: &'t str, ranges: &[Range<usize>]) -> Vec<&'t str> {
        ranges.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        let text = "a\r\nb\x0bc\u{2028}\n\x1d";
        assert_eq!(parts(text, &splitlines(text, false)), ["a", "b", "c", "", ""]);
        assert_eq!(parts(text, &splitlines(text, true)).concat(), text);
    }

    #[test]
    fn limits_leave_the_rest_whole() {
        let text = "  a  b c ";
        let left = split_whitespace(text, Some(1), Direction::FromLeft);
        assert_eq!(parts(text, &left), ["a", "b c "]);
        let right = split_whitespace(text, Some(1), Direction::FromRight);
        assert_eq!(parts(text, &right), ["  a  b", "c"]);
        let on = split_on("a,b,c", ",", Some(1), Direction::FromRight).expect("a separator");
        assert_eq!(parts("a,b,c", &on), ["a,b", "c"]);
    }

    #[test]
    fn an_empty_separator_is_an_error() {
        let error = split_on("a", "", None, Direction::FromLeft).expect_err("empty");
        assert_eq!(error.message, "empty separator");
    }

    #[test]
    fn strips_take_sets() {
        assert_eq!(strip_range("xyaxy", Some("yx"), Side::Both), 2..3);
        assert_eq!(strip_range("  ", None, Side::Right), 0..0);
    }
}
