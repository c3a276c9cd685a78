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

/// Pairs of characters that some token holds side by side.
///
/// A pair that is in the set may be there by accident of hashing; one that is not is in no token.
#[derive(Debug, Clone)]
pub(crate) struct Cuts {
    /// One bit for each pair of ASCII characters.
    ascii: Box<[u64; 256]>,
    /// One bit for each value of [`hash`].
    pairs: Table<u64>,
    /// One bit for each pair of a last byte and a first byte, for tokens that hold but a part of one of the two characters.
    /// Which parts they are stands in `pairs`, as those of the bits of a character that the token has.
    parts: Table<u64>,
    /// The same for tokens that are not UTF-8 even but for their ends.
    odd: Table<u64>,
}

const PAIR_BITS: u32 = 20;
/// Bits for as many pairs, in words.
const PAIR_WORDS: usize = 1 << (PAIR_BITS - 6);
/// The same for pairs of bytes.
const BYTE_WORDS: usize = 1 << (16 - 6);

impl Cuts {
    /// Of the tokens as they stand, and as they stand in a text with spaces for their marks.
    pub fn new(tokens: &TokenTable, spaces: Option<&Spaces>) -> Self {
        let of_bytes = || Table::from(vec![0; BYTE_WORDS]);
        let mut cuts =
            Cuts { ascii: Box::new([0; 256]), pairs: vec![0; PAIR_WORDS].into(), parts: of_bytes(), odd: of_bytes() };
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
        [&self.pairs, &self.parts, &self.odd].into_iter().for_each(|bits| image.table(bits));
    }

    pub fn of(image: &mut Reader) -> Result<Self, TokenError> {
        let ascii: Table<u64> = image.table()?;
        let (pairs, parts, odd) = (image.table()?, image.table()?, image.table()?);
        let lengths = [&pairs, &parts, &odd].map(|bits: &Table<u64>| bits.len());
        match (<[u64; 256]>::try_from(&*ascii), lengths) {
            (Ok(ascii), [PAIR_WORDS, BYTE_WORDS, BYTE_WORDS]) => Ok(Cuts { ascii: Box::new(ascii), pairs, parts, odd }),
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
                match (left, right) {
                    (Some(left), Some((right, _))) if left < 0x80 && right < 0x80 => {
                        set(&mut *self.ascii, (left << 7 | right) as usize)
                    }
                    (Some(left), Some((right, _))) => set(self.pairs.make_mut(), hash(left, right)),
                    (left, right) => {
                        let index = usize::from(token[at - 1]) << 8 | usize::from(token[at]);
                        set(self.parts.make_mut(), index);
                        let left = left.or_else(|| end_of_char(&token[..at]));
                        match left.zip(right.map(|(right, _)| right).or_else(|| begin_of_char(&token[at..]))) {
                            Some((left, right)) => set(self.pairs.make_mut(), hash(left, right)),
                            None => set(self.odd.make_mut(), index),
                        }
                    }
                }
            }
            // What is left of a character that is not whole is gone through byte by byte.
            (left, at) = right.map_or((None, at + 1), |(bits, end)| (Some(bits), end));
        }
    }

    /// Whether a token may hold but a part of the one or the other of two characters, and bytes of both.
    #[inline]
    pub fn parted(&self, left: u32, right: u32) -> bool {
        // A NUL has one byte as well.
        let first = right >> (24 - (right | 1).leading_zeros() / 8 * 8);
        let index = (left as usize & 0xFF) << 8 | first as usize;
        get(&self.parts, index) && self.parted_finely(left, right, index)
    }

    #[inline(never)]
    fn parted_finely(&self, left: u32, right: u32, index: usize) -> bool {
        let lefts = [left, left & 0xFF_FFFF, left & 0xFFFF, left & 0xFF].into_iter();
        let shorter = [right >> 8, right >> 16, right >> 24].into_iter().filter(|&right| right != 0);
        let rights = std::iter::once(right).chain(shorter);
        let mut pairs = lefts.flat_map(|left| rights.clone().map(move |right| (left, right)));
        get(&self.odd, index) || pairs.any(|pair| pair != (left, right) && get(&self.pairs, hash(pair.0, pair.1)))
    }

    /// The first place after `start` where `text` can be cut, or its end.
    ///
    /// `start` is on a character boundary of `text`, which is UTF-8.
    #[inline]
    pub fn next(&self, text: &[u8], start: usize) -> usize {
        let Some((mut left, mut at)) = char_at(text, start) else { return text.len() };
        while let Some((right, after)) = char_at(text, at) {
            let joined = if left < 0x80 && right < 0x80 {
                get(&*self.ascii, (left << 7 | right) as usize)
            } else {
                get(&self.pairs, hash(left, right))
            };
            if !joined && !self.parted(left, right) {
                return at;
            }
            (left, at) = (right, after);
        }
        text.len()
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

/// The bits of the end of a character with which a token begins; `None` if that is not all of it.
fn end_of_char(token: &[u8]) -> Option<u32> {
    (token.len() < 4 && token.iter().all(|&byte| is_continuation(byte))).then(|| bits(token))
}

/// The bits of the beginning of a character with which a token ends; `None` if that is not all of it.
fn begin_of_char(token: &[u8]) -> Option<u32> {
    let is_part = token.len() < len_of(token[0]) && token[1..].iter().all(|&byte| is_continuation(byte));
    is_part.then(|| bits(token))
}

fn bits(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte))
}

fn len_of(first: u8) -> usize {
    match first {
        0..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}

#[inline]
fn hash(left: u32, right: u32) -> usize {
    let key = u64::from(left) << 32 | u64::from(right);
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PAIR_BITS)) as usize
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
