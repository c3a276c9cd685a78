//! Places inside a piece that no token of the vocabulary spans.
//!
//! Byte pair encoding joins neighbours into tokens, so a boundary between two characters that stand side by side in no
//! token stays a boundary: the two sides can be encoded apart, with the same result. Sentences of Chinese fall into words
//! this way, and SentencePiece text into words at its space marks, each short enough for the table of known pieces.

use super::spaces::Spaces;
use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::table::Table;
use crate::vocabulary::TokenTable;

/// Pairs of characters that some token holds side by side, whole or in part.
///
/// A pair that is in the set may be there by accident of hashing; one that is not is in no token.
#[derive(Debug, Clone)]
pub(crate) struct Cuts {
    /// One bit for each pair of ASCII characters.
    ascii: Box<[u64; 256]>,
    /// One bit for each value of [`hash`], of pairs that a token holds.
    pairs: Table<u64>,
    /// One bit for each value of [`edge_hash`], of a character and the first byte of the next one, of which a token does not
    /// hold all.
    tails: Table<u64>,
    /// The same of a character and the last byte of the one before.
    heads: Table<u64>,
    /// One bit for each pair of a last byte and a first byte, for tokens that hold but a part of both characters.
    parts: Table<u64>,
}

const PAIR_BITS: u32 = 20;
/// Few tokens hold parts of characters beside others.
const EDGE_BITS: u32 = 14;
/// Words of each table.
const PAIR_WORDS: usize = 1 << (PAIR_BITS - 6);
const EDGE_WORDS: usize = 1 << (EDGE_BITS - 6);
const PART_WORDS: usize = 1 << (16 - 6);

impl Cuts {
    /// Of the tokens as they stand, and as they stand in a text with spaces for their marks.
    pub fn new(tokens: &TokenTable, spaces: Option<&Spaces>) -> Self {
        let empty = |words: usize| Table::from(vec![0; words]);
        let mut cuts = Cuts {
            ascii: Box::new([0; 256]),
            pairs: empty(PAIR_WORDS),
            tails: empty(EDGE_WORDS),
            heads: empty(EDGE_WORDS),
            parts: empty(PART_WORDS),
        };
        for (_, token) in tokens.iter() {
            cuts.add(token);
            if let Some(token) = spaces.and_then(|spaces| spaces.put_into(token)) {
                cuts.add(&token);
            }
        }
        cuts
    }

    pub fn put_into(&self, image: &mut Writer) {
        image.table(&*self.ascii);
        [&self.pairs, &self.tails, &self.heads, &self.parts].into_iter().for_each(|bits| image.table(bits));
    }

    pub fn of(image: &mut Reader) -> Result<Self, TokenError> {
        let ascii: Table<u64> = image.table()?;
        let (pairs, tails, heads, parts) = (image.table()?, image.table()?, image.table()?, image.table()?);
        let words = [&pairs, &tails, &heads, &parts].map(|bits: &Table<u64>| bits.len());
        match (<[u64; 256]>::try_from(&*ascii), words) {
            (Ok(ascii), [PAIR_WORDS, EDGE_WORDS, EDGE_WORDS, PART_WORDS]) => {
                Ok(Cuts { ascii: Box::new(ascii), pairs, tails, heads, parts })
            }
            _ => Err(image.damaged("places to cut of another size")),
        }
    }

    fn add(&mut self, token: &[u8]) {
        let mut left = None;
        let mut at = 0;
        while at < token.len() {
            let right =
                char_at(token, at).filter(|&(_, end)| token[at + 1..end].iter().all(|&byte| is_continuation(byte)));
            let right = right.filter(|_| !is_continuation(token[at]));
            if at > 0 && !is_continuation(token[at]) {
                let (last, first) = (u32::from(token[at - 1]), u32::from(token[at]));
                match (left, right) {
                    (Some(left), Some((right, _))) if left < 0x80 && right < 0x80 => {
                        set(&mut *self.ascii, (left << 7 | right) as usize)
                    }
                    (Some(left), Some((right, _))) => set(self.pairs.make_mut(), hash(left, right)),
                    (Some(left), None) => set(self.tails.make_mut(), edge_hash(left, first)),
                    (None, Some((right, _))) => set(self.heads.make_mut(), edge_hash(right, last)),
                    (None, None) => set(self.parts.make_mut(), (last << 8 | first) as usize),
                }
            }
            // What is left of a character that is not whole is gone through byte by byte.
            (left, at) = right.map_or((None, at + 1), |(bits, end)| (Some(bits), end));
        }
    }

    /// Whether a token may hold but a part of the one or the other of two characters, and bytes of both.
    #[inline(always)]
    pub fn parted(&self, left: u32, right: u32) -> bool {
        // A NUL has one byte as well.
        let first = right >> (24 - (right | 1).leading_zeros() / 8 * 8);
        let last = left & 0xFF;
        get(&self.parts, (last << 8 | first) as usize)
            | get(&self.tails, edge_hash(left, first))
            | get(&self.heads, edge_hash(right, last))
    }

    /// Whether a token may hold bytes of both of two characters.
    #[inline(always)]
    fn joined(&self, left: u32, right: u32) -> bool {
        if left < 0x80 && right < 0x80 {
            return get(&*self.ascii, (left << 7 | right) as usize);
        }
        get(&self.pairs, hash(left, right)) | self.parted(left, right)
    }

    /// The first place after `start` where `text` can be cut, or its end.
    ///
    /// `start` is on a character boundary of `text`, which is UTF-8.
    pub fn next(&self, text: &[u8], start: usize) -> usize {
        let mut next = [0];
        self.fill(text, start, &mut next);
        next[0] as usize
    }

    /// Takes down the first places after `start` where `text` can be cut, its end the last; returns how many.
    ///
    /// `start` is on a character boundary of `text`, which is UTF-8 and less than 4 GiB, and before its end. There is room
    /// for one place at least.
    #[inline]
    pub fn fill(&self, text: &[u8], start: usize, places: &mut [u32]) -> usize {
        let mut count = 0;
        if let Some((mut left, mut at)) = char_at(text, start) {
            while let Some((right, after)) = char_at(text, at) {
                // Written and maybe written over: which places can be cut, nothing foretells.
                places[count] = at as u32;
                count += usize::from(!self.joined(left, right));
                if count == places.len() {
                    return count;
                }
                (left, at) = (right, after);
            }
        }
        places[count] = text.len() as u32;
        count + 1
    }
}

/// The character at `at` and where it ends, as the bits of its encoding (not its code point: only sameness matters).
#[inline(always)]
pub(super) fn char_at(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = u32::from(*text.get(at)?);
    if first < 0x80 {
        return Some((first, at + 1));
    }
    if first < 0xE0 {
        let &[_, second] = text[at..].first_chunk()?;
        return Some((first << 8 | u32::from(second), at + 2));
    }
    if first < 0xF0 {
        let &[_, second, third] = text[at..].first_chunk()?;
        return Some((first << 16 | u32::from(second) << 8 | u32::from(third), at + 3));
    }
    Some((u32::from_be_bytes(*text[at..].first_chunk()?), at + 4))
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

#[inline]
fn hash(left: u32, right: u32) -> usize {
    let key = u64::from(left) << 32 | u64::from(right);
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PAIR_BITS)) as usize
}

/// Of a character and a byte beside it.
#[inline]
fn edge_hash(character: u32, byte: u32) -> usize {
    let key = u64::from(character) << 8 | u64::from(byte);
    (key.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (64 - EDGE_BITS)) as usize
}

#[inline]
fn get(bits: &[u64], index: usize) -> bool {
    bits[index >> 6] >> (index & 63) & 1 == 1
}

fn set(bits: &mut [u64], index: usize) {
    bits[index >> 6] |= 1 << (index & 63);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A NUL is all zeroes, and a character like any other.
    #[test]
    fn tokens_that_end_in_nul_are_not_cut() {
        let tokens = TokenTable::from_pairs([(0, &b"\x81\0"[..]), (1, b"\0a"), (2, b"b")]).expect("sound");
        let cuts = Cuts::new(&tokens, None);
        let text = "\u{4e01}\0a".as_bytes();
        assert_eq!(cuts.next(text, 0), text.len());
        assert_eq!(cuts.next(b"\0\0", 0), 1);
    }
}
