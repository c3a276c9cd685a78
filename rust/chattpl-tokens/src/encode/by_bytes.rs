//! Tokens by their bytes.

use super::known::hash;
use crate::vocabulary::{TokenId, TokenTable, Vocabulary};

/// Finds the token with given bytes: an open-addressed table of hashes and ids; the bytes stay where they are.
pub(crate) struct ByBytes {
    /// The upper half of the hash, and one more than the id; 0 where there is none.
    slots: Vec<u64>,
    shift: u32,
    /// A bit for each hash that a token has, so that most of what is no token is told without a look at the slots.
    some: Vec<u64>,
}

/// Bits of a hash that tell which bit of `some` is its own: 2^21, 256 KiB.
const SOME_BITS: u32 = 21;

impl ByBytes {
    /// Of the tokens that pieces can become.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let tokens = vocabulary.tokens.len();
        let slots = (tokens + tokens / 3 + 1).next_power_of_two().max(2);
        let mut table =
            ByBytes { slots: vec![0; slots], shift: 64 - slots.trailing_zeros(), some: vec![0; 1 << (SOME_BITS - 6)] };
        for (id, bytes) in vocabulary.model_tokens() {
            let hash = hash(bytes);
            let mut slot = (hash >> table.shift) as usize;
            while table.slots[slot] != 0 {
                slot = (slot + 1) & (table.slots.len() - 1);
            }
            table.slots[slot] = hash >> 32 << 32 | u64::from(id + 1);
            let bit = hash & ((1 << SOME_BITS) - 1);
            table.some[bit as usize / 64] |= 1 << (bit % 64);
        }
        table
    }

    /// The token with these bytes; the lowest id where there are several.
    pub fn find(&self, tokens: &TokenTable, bytes: &[u8]) -> Option<TokenId> {
        let hash = hash(bytes);
        let bit = hash & ((1 << SOME_BITS) - 1);
        if self.some[bit as usize / 64] >> (bit % 64) & 1 == 0 {
            return None;
        }
        let mut slot = (hash >> self.shift) as usize;
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return None;
            }
            let id = (found as TokenId).wrapping_sub(1);
            if found >> 32 == hash >> 32 && tokens.get(id) == bytes {
                return Some(id);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}
