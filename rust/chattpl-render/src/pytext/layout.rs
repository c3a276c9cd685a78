//! Padding to a width, and tabs.

use std::borrow::Cow;

use super::error::FormatError;
use super::index::char_count;
use super::Piece;

/// Fill characters to put around a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Characters before the text.
    pub left: usize,
    /// Characters after the text.
    pub right: usize,
}

/// Returns the padding of `str.center(width)`.
///
/// # Errors
/// `MemoryError` where it is more than [`FormatError::MAX_PADDING`].
pub fn center(text: &str, width: i64) -> Result<Padding, FormatError> {
    let missing = missing(text, width)?;
    let left = missing / 2 + (missing & usize::try_from(width).unwrap_or(0) & 1);
    Ok(Padding { left, right: missing - left })
}

/// Returns the padding of `str.ljust(width)`.
///
/// # Errors
/// `MemoryError` where it is more than [`FormatError::MAX_PADDING`].
pub fn ljust(text: &str, width: i64) -> Result<Padding, FormatError> {
    Ok(Padding { left: 0, right: missing(text, width)? })
}

/// Returns the padding of `str.rjust(width)`.
///
/// # Errors
/// `MemoryError` where it is more than [`FormatError::MAX_PADDING`].
pub fn rjust(text: &str, width: i64) -> Result<Padding, FormatError> {
    Ok(Padding { left: missing(text, width)?, right: 0 })
}

/// Returns the parts of `str.zfill(width)`: zeros go after a sign.
///
/// # Errors
/// `MemoryError` where it is more than [`FormatError::MAX_PADDING`].
pub fn zfill(text: &str, width: i64) -> Result<Vec<Piece<'static>>, FormatError> {
    let missing = missing(text, width)?;
    let sign = usize::from(text.starts_with(['+', '-']));
    if missing == 0 {
        return Ok(vec![Piece::Source(0..text.len())]);
    }
    let zeros = Piece::Inserted(Cow::Owned("0".repeat(missing)));
    Ok(vec![Piece::Source(0..sign), zeros, Piece::Source(sign..text.len())])
}

fn missing(text: &str, width: i64) -> Result<usize, FormatError> {
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(char_count(text));
    FormatError::check_size(missing)?;
    Ok(missing)
}

/// Returns the parts of `str.expandtabs(tabsize)`.
///
/// # Errors
/// `MemoryError` where the tabs would take more than [`FormatError::MAX_PADDING`].
pub fn expandtabs(text: &str, tabsize: i64) -> Result<Vec<Piece<'static>>, FormatError> {
    let tabsize = usize::try_from(tabsize).unwrap_or(0);
    let mut pieces = Vec::new();
    let mut column = 0usize;
    let mut clean_from = 0;
    let mut inserted = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '\t' => {
                push_source(&mut pieces, clean_from, at);
                clean_from = at + 1;
                let spaces = if tabsize == 0 { 0 } else { tabsize - column % tabsize };
                inserted = inserted.saturating_add(spaces);
                FormatError::check_size(inserted)?;
                column = column.saturating_add(spaces);
                pieces.push(Piece::Replaced { text: " ".repeat(spaces).into(), source: at..at + 1 });
            }
            '\n' | '\r' => column = 0,
            _ => column += 1,
        }
    }
    push_source(&mut pieces, clean_from, text.len());
    Ok(pieces)
}

fn push_source(pieces: &mut Vec<Piece<'_>>, start: usize, end: usize) {
    if start < end {
        pieces.push(Piece::Source(start..end));
    }
}

#[cfg(test)]
mod tests {
    use super::super::join_pieces;
    use super::*;

    #[test]
    fn odd_padding_leans_as_python_leans() {
        assert_eq!(center("ab", 5), Ok(Padding { left: 2, right: 1 }));
        assert_eq!(center("a", 4), Ok(Padding { left: 1, right: 2 }));
        assert_eq!(center("abc", -1), Ok(Padding::default()));
    }

    #[test]
    fn zeros_follow_the_sign_and_tabs_reach_their_stop() {
        let zeros = zfill("-4é", 5).expect("small");
        assert_eq!(join_pieces("-4é", &zeros), "-004é");
        let tabs = expandtabs("a\tb\n\tc", 4).expect("small");
        assert_eq!(join_pieces("a\tb\n\tc", &tabs), "a   b\n    c");
    }
}
