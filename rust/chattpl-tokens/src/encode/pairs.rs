//! Which two tokens join, how early, and into what.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::front::Front;
use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::table::{Plain, Table};
use crate::vocabulary::{Merge, TokenId};

/// What a pair of tokens becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
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
#[repr(C)]
struct Slot {
    key: u64,
    join: Join,
}

// SAFETY: a number of eight bytes and two of four, one after the other.
unsafe impl Plain for Slot {}

/// An open-addressed table of pairs.
#[derive(Debug, Clone)]
pub(crate) struct PairTable {
    slots: Table<Slot>,
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
            slots: vec![Slot { key: EMPTY, join: Join::NONE }; capacity].into(),
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

    pub fn put_into(&self, image: &mut Writer) {
        image.table(&self.slots);
    }

    /// The pairs of these merges, which are sound.
    ///
    /// Whether they are the same is told by the sums of their hashes, under a key that no file can know: looking each of
    /// them up would wait for the memory half of the time that an image takes to open.
    pub fn of(image: &mut Reader, merges: &[Merge]) -> Result<Self, TokenError> {
        let slots: Table<Slot> = image.table()?;
        let secret = [0_u64, 1].map(|half| DefaultHashBuilder::default().hash_one(half));
        let hash = |key: u64, rank: u32, merged: TokenId| {
            let join = u64::from(rank) << 32 | u64::from(merged);
            let product = u128::from(key ^ secret[0]) * u128::from(join ^ secret[1]);
            (product >> 64) as u64 ^ product as u64
        };
        let (mut taken, mut sum) = (0, 0_u64);
        for Slot { key, join } in slots.iter() {
            // Every other slot is free, at random: no branch.
            let is_taken = u64::from(*key != EMPTY);
            taken += is_taken;
            sum = sum.wrapping_add(hash(*key, join.rank, join.merged) & is_taken.wrapping_neg());
        }
        for (rank, merge) in (0..).zip(merges) {
            sum = sum.wrapping_sub(hash(key(merge.left, merge.right), rank, merge.merged));
        }
        // A look-up ends at a slot that is free.
        let has_room = slots.len().is_power_of_two() && taken < slots.len() as u64 && slots.len() > 1;
        match has_room && taken == merges.len() as u64 && sum == 0 {
            true => Ok(PairTable { shift: 64 - slots.len().trailing_zeros(), slots, front: Front::new(merges) }),
            false => Err(image.damaged("pairs that no merge has")),
        }
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
        self.slots.make_mut()[index] = Slot { key, join };
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

    /// What the pair becomes, if that is told at once; else `Err`, with whether they may join at all. Of those that may,
    /// [`PairTable::get_far`] tells.
    #[inline(always)]
    pub fn get_near(&self, left: TokenId, right: TokenId) -> Result<Join, bool> {
        match self.front.get(left, right) {
            Some(join) => Ok(join),
            None => {
                let may_join = self.front.may_join(left, right);
                // Without a branch, which nothing foretells: the slot of no pair is always near.
                self.prefetch(if may_join { key(left, right) } else { 0 });
                Err(may_join)
            }
        }
    }

    /// Whether all ranks are below 2^`bits`.
    pub fn is_ranked_in(&self, bits: u32) -> bool {
        self.slots.len() <= 1 << bits
    }

    /// What the pair becomes.
    #[inline]
    pub fn get(&self, left: TokenId, right: TokenId) -> Join {
        match self.front.get(left, right) {
            Some(join) => join,
            None if !self.front.may_join(left, right) => Join::NONE,
            None => self.get_far(left, right),
        }
    }

    /// What the pair becomes, which [`PairTable::get_near`] does not tell.
    #[inline(always)]
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
