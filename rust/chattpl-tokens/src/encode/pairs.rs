//! Which two tokens join, how early, and into what.

use super::front::Front;
use crate::vocabulary::{Merge, TokenId};

/// What a pair of tokens becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Join {
    /// Pairs with a lower rank join first; [`Join::NEVER`] for a pair that does not join.
    pub rank: u32,
    /// The token that they become.
    pub merged: TokenId,
}

impl Join {
    /// The rank of a pair that does not join.
    pub const NEVER: u32 = u32::MAX;
    pub(super) const NONE: Join = Join { rank: Join::NEVER, merged: 0 };
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    join: Join,
}

/// An open-addressed table of pairs.
#[derive(Debug, Clone)]
pub(crate) struct PairTable {
    slots: Vec<Slot>,
    shift: u32,
    front: Front,
}

const EMPTY: u64 = u64::MAX;

impl PairTable {
    pub fn new(merges: &[Merge]) -> Self {
        // At most two thirds full, so that a miss ends after a slot or two.
        let capacity = (merges.len() * 3 / 2 + 2).next_power_of_two();
        let shift = 64 - capacity.trailing_zeros();
        let mut table = PairTable {
            slots: vec![Slot { key: EMPTY, join: Join::NONE }; capacity],
            shift,
            front: Front::new(merges),
        };
        for (rank, merge) in merges.iter().enumerate() {
            if let Some(later) = merges.get(rank + 16) {
                table.prefetch(key(later.left, later.right));
            }
            table.insert(key(merge.left, merge.right), Join { rank: rank as u32, merged: merge.merged });
        }
        table
    }

    fn insert(&mut self, key: u64, join: Join) {
        let mask = self.slots.len() - 1;
        let mut index = self.home(key);
        while self.slots[index].key != EMPTY {
            if self.slots[index].key == key {
                return;
            }
            index = (index + 1) & mask;
        }
        self.slots[index] = Slot { key, join };
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// Asks for the slot to be on its way.
    #[inline]
    fn prefetch(&self, key: u64) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            let slot = self.slots.as_ptr().wrapping_add(self.home(key));
            // SAFETY: a prefetch reads nothing the program can see, wherever its address points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = key;
    }

    /// What the pair becomes, if that is quickly told; else `None`, and [`PairTable::get_far`] will tell.
    #[inline(always)]
    pub fn get_near(&self, left: TokenId, right: TokenId) -> Option<Join> {
        let near = self.front.get(left, right);
        if near.is_none() {
            self.prefetch(key(left, right));
        }
        near
    }

    /// Whether all ranks are below 2^`bits`.
    pub fn is_ranked_in(&self, bits: u32) -> bool {
        self.slots.len() <= 1 << bits
    }

    /// What the pair becomes.
    #[inline]
    pub fn get(&self, left: TokenId, right: TokenId) -> Join {
        self.front.get(left, right).unwrap_or_else(|| self.get_far(left, right))
    }

    /// What the pair becomes, which [`PairTable::get_near`] does not tell.
    #[inline]
    pub fn get_far(&self, left: TokenId, right: TokenId) -> Join {
        let key = key(left, right);
        let mask = self.slots.len() - 1;
        let mut index = self.home(key);
        loop {
            let slot = self.slots[index & mask];
            if slot.key == key {
                return slot.join;
            }
            if slot.key == EMPTY {
                return Join::NONE;
            }
            index += 1;
        }
    }
}

#[inline]
fn key(left: TokenId, right: TokenId) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}
