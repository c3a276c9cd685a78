//! What most pairs are told by without a look at the table of all, which no processor's near cache holds.

use super::pairs::Join;
use crate::vocabulary::{Merge, TokenId};

/// Pairs of the first ids, which single bytes have, and whether others may join at all.
#[derive(Debug, Clone)]
pub(super) struct Front {
    /// For each pair of ids below [`FEW`], the rank plus 1 above what they become; 0 where they do not join.
    few: Vec<u64>,
    /// A bit for each hash that a pair has.
    some: Vec<u64>,
}

/// Ids that are looked up in a square.
const FEW: TokenId = 320;
/// Bits of a hash that tell which bit of `some` is its own, where there are many pairs: 2^20, 128 KiB.
const SOME_BITS: u32 = 20;

impl Front {
    pub fn new(merges: &[Merge]) -> Self {
        let mut front = Front { few: vec![0; (FEW * FEW) as usize], some: vec![0; 1 << (SOME_BITS - 6)] };
        for (rank, merge) in (1u64..).zip(merges) {
            match square(merge.left, merge.right) {
                // The first of two for one pair counts.
                Some(at) if front.few[at] == 0 => front.few[at] = rank << 32 | u64::from(merge.merged),
                Some(_) => (),
                None => {
                    let (word, bit) = place(merge.left, merge.right);
                    front.some[word] |= 1 << bit;
                }
            }
        }
        front
    }

    /// What a pair of the first ids becomes; `None` for all others.
    #[inline(always)]
    pub fn get(&self, left: TokenId, right: TokenId) -> Option<Join> {
        let join = *self.few.get(square(left, right)?)?;
        // Where they do not join, the rank is one less than none: `Join::NEVER`.
        Some(Join { rank: ((join >> 32) as u32).wrapping_sub(1), merged: join as TokenId })
    }

    /// Whether a pair that [`Front::get`] does not tell of may join.
    #[inline(always)]
    pub fn may_join(&self, left: TokenId, right: TokenId) -> bool {
        let (word, bit) = place(left, right);
        self.some[word & ((1 << (SOME_BITS - 6)) - 1)] >> bit & 1 == 1
    }
}

#[inline(always)]
fn square(left: TokenId, right: TokenId) -> Option<usize> {
    (left.max(right) < FEW).then_some(left.wrapping_mul(FEW).wrapping_add(right) as usize)
}

/// The word and the bit of a pair.
#[inline(always)]
fn place(left: TokenId, right: TokenId) -> (usize, u64) {
    let key = u64::from(left) << 32 | u64::from(right);
    // Not the bits that the table of all pairs goes by.
    let hash = (key ^ key >> 29).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    ((hash >> (64 - SOME_BITS + 6)) as usize, hash >> (64 - SOME_BITS) & 63)
}
