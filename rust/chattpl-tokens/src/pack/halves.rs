//! Token ids by their bytes, for the halves of merges.

use std::ops::Range;

use crate::vocabulary::{TokenId, TokenTable, Units};

/// Up to this many bytes are hashed and compared at once, without a branch on their number.
const WORD: usize = 16;

/// Finds the token that a part of another token is.
///
/// Of several tokens with the same bytes the lowest id is found, and tokens of single bytes that stand beside
/// characters only where nothing else has their bytes.
pub struct Halves<'a> {
    tokens: &'a TokenTable,
    /// The bytes of all tokens, with zeros after them.
    bytes: Vec<u8>,
    /// Open addressing, linear probing, at most three quarters full: the upper half of the hash, and one more than the
    /// id; 0 where there is none.
    slots: Vec<u64>,
    /// What a hash is shifted by to give a slot.
    shift: u32,
}

impl<'a> Halves<'a> {
    pub fn new(tokens: &'a TokenTable, units: &Units) -> Self {
        let slots = (tokens.len() + tokens.len() / 3 + 1).next_power_of_two().max(2);
        let mut bytes = Vec::with_capacity(tokens.bytes().len() + WORD);
        bytes.extend_from_slice(tokens.bytes());
        bytes.resize(tokens.bytes().len() + WORD, 0);
        let mut halves = Halves { tokens, bytes, slots: vec![0; slots], shift: 64 - slots.trailing_zeros() };
        let fallbacks = match units {
            Units::Chars { bytes: Some(ids), .. } => &ids[..],
            _ => &[],
        };
        let is_fallback = |token: &[u8], id| matches!(token, [byte] if fallbacks.get(*byte as usize) == Some(&id));
        tokens.iter().filter(|(id, token)| !is_fallback(token, *id)).for_each(|(id, _)| halves.insert(id));
        fallbacks.iter().filter(|&&id| !tokens.get(id).is_empty()).for_each(|&id| halves.insert(id));
        halves
    }

    /// The token with the bytes of a place in the table, which is not empty.
    #[inline]
    pub fn find(&self, place: Range<usize>) -> Option<TokenId> {
        self.slot(self.hash(&place), &place).1
    }

    fn insert(&mut self, id: TokenId) {
        let place = self.tokens.place(id);
        let hash = self.hash(&place);
        if let (slot, None) = self.slot(hash, &place) {
            self.slots[slot] = hash >> 32 << 32 | u64::from(id + 1);
        }
    }

    /// The slot that holds the bytes of a place with their id, or the empty one where they belong.
    #[inline]
    fn slot(&self, hash: u64, place: &Range<usize>) -> (usize, Option<TokenId>) {
        let mut slot = (hash >> self.shift) as usize;
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return (slot, None);
            }
            if found >> 32 == hash >> 32 {
                let id = found as TokenId - 1;
                if self.same(&self.tokens.place(id), place) {
                    return (slot, Some(id));
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn same(&self, a: &Range<usize>, b: &Range<usize>) -> bool {
        a.len() == b.len()
            && match a.len() {
                0..=WORD => self.word(a) == self.word(b),
                _ => self.bytes[a.clone()] == self.bytes[b.clone()],
            }
    }

    #[inline]
    fn hash(&self, place: &Range<usize>) -> u64 {
        let mut hash = place.len() as u64;
        let mut rest = place.clone();
        while rest.len() > WORD {
            hash = mix(hash, self.word(&(rest.start..rest.start + WORD)));
            rest.start += WORD;
        }
        mix(hash, self.word(&rest))
    }

    /// Up to sixteen bytes, with zeros after them.
    #[inline]
    fn word(&self, place: &Range<usize>) -> u128 {
        let bytes = self.bytes[place.start..place.start + WORD].try_into().expect("sixteen bytes");
        u128::from_le_bytes(bytes) & u128::MAX.checked_shr(8 * (WORD - place.len()) as u32).unwrap_or(0)
    }
}

#[inline]
fn mix(hash: u64, word: u128) -> u64 {
    let (low, high) = (word as u64 ^ 0x9e37_79b9_7f4a_7c15, (word >> 64) as u64 ^ 0xe703_7ed1_a0b4_28db);
    let product = u128::from(low ^ hash) * u128::from(high.rotate_left(29) ^ hash.wrapping_mul(0xa076_1d64_78bd_642f));
    (product as u64 ^ (product >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
