//! `str.replace`.

use std::borrow::Cow;

use super::split::finds;
use super::Piece;

/// Returns the parts of `text.replace(old, new, count)`; a `count` of `None` is no limit.
///
/// Where `old` is empty, `new` is inserted around every character.
pub fn replace<'n>(text: &str, old: &str, new: &'n str, count: Option<usize>) -> Vec<Piece<'n>> {
    let limit = count.unwrap_or(usize::MAX);
    if old.is_empty() {
        return insert_between(text, new, limit);
    }
    let mut pieces = Vec::new();
    let mut clean_from = 0;
    for at in finds(text, old).take(limit) {
        if clean_from < at {
            pieces.push(Piece::Source(clean_from..at));
        }
        clean_from = at + old.len();
        pieces.push(Piece::Replaced { text: Cow::Borrowed(new), source: at..clean_from });
    }
    if clean_from < text.len() {
        pieces.push(Piece::Source(clean_from..text.len()));
    }
    pieces
}

fn insert_between<'n>(text: &str, new: &'n str, limit: usize) -> Vec<Piece<'n>> {
    let mut pieces = Vec::new();
    let mut clean_from = 0;
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for at in ends.take(limit) {
        if clean_from < at {
            pieces.push(Piece::Source(clean_from..at));
        }
        clean_from = at;
        pieces.push(Piece::Inserted(Cow::Borrowed(new)));
    }
    if clean_from < text.len() {
        pieces.push(Piece::Source(clean_from..text.len()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::join_pieces;
    use super::*;

    #[test]
    fn counts_limit_replacements() {
        let joined = |old, count| join_pieces("aéa", &replace("aéa", old, "-", count));
        assert_eq!(joined("a", None), "-é-");
        assert_eq!(joined("a", Some(1)), "-éa");
        assert_eq!(joined("", None), "-a-é-a-");
        assert_eq!(joined("", Some(2)), "-a-éa");
        assert_eq!(joined("a", Some(0)), "aéa");
    }
}
