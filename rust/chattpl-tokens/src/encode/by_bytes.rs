//! Tokens by their bytes.

use super::known::hash;
use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::table::Table;
use crate::vocabulary::{TokenId, TokenTable, Vocabulary};

/// Finds the token with given bytes: an open-addressed table of ids; the bytes stay where they are.
pub(crate) struct ByBytes {
    /// Seven bits of the hash above the 24 of an id.
    slots: Table<u32>,
    shift: u32,
    /// A bit for each hash that a token has, so that most of what is no token is told without a look at the slots.
    some: Table<u64>,
}

const EMPTY: u32 = u32::MAX;
const ID_BITS: u32 = 24;
/// Bits of a hash that tell which bit of `some` is its own: 2^21, 256 KiB.
const SOME_BITS: u32 = 21;
const SOME_WORDS: usize = 1 << (SOME_BITS - 6);

impl ByBytes {
    /// Of the tokens that pieces can become.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let tokens = vocabulary.tokens.len();
        let slots = (tokens + tokens / 3 + 1).next_power_of_two().max(2);
        let shift = 64 - slots.trailing_zeros();
        let (mut table, mut some_have) = (vec![EMPTY; slots], vec![0; SOME_WORDS]);
        for (id, bytes) in vocabulary.model_tokens() {
            let hash = hash(bytes);
            let mut slot = (hash >> shift) as usize;
            while table[slot] != EMPTY {
                slot = (slot + 1) & (slots - 1);
            }
            table[slot] = tag(hash) | id;
            let (word, bit) = some(hash);
            some_have[word] |= bit;
        }
        ByBytes { slots: table.into(), shift, some: some_have.into() }
    }

    pub fn put_into(&self, image: &mut Writer) {
        image.table(&self.slots);
        image.table(&self.some);
    }

    pub fn of(image: &mut Reader) -> Result<Self, TokenError> {
        let (slots, some): (Table<u32>, Table<u64>) = (image.table()?, image.table()?);
        // A look-up ends at a slot that is free.
        let sound = slots.len().is_power_of_two() && slots.len() > 1 && slots.contains(&EMPTY);
        match sound && some.len() == SOME_WORDS {
            true => Ok(ByBytes { shift: 64 - slots.len().trailing_zeros(), slots, some }),
            false => Err(image.damaged("tokens by their bytes in a table of another size")),
        }
    }

    /// The token with these bytes; the lowest id where there are several.
    pub fn find(&self, tokens: &TokenTable, bytes: &[u8]) -> Option<TokenId> {
        let hash = hash(bytes);
        let (word, bit) = some(hash);
        if self.some[word] & bit == 0 {
            return None;
        }
        let mut slot = (hash >> self.shift) as usize;
        while self.slots[slot] != EMPTY {
            let id = self.slots[slot] & ((1 << ID_BITS) - 1);
            if self.slots[slot] == tag(hash) | id && tokens.get(id) == bytes {
                return Some(id);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 24) as u32 & 0x7F << ID_BITS
}

fn some(hash: u64) -> (usize, u64) {
    let bit = hash & ((1 << SOME_BITS) - 1);
    (bit as usize / 64, 1 << (bit % 64))
}
