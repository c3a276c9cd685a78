//! Joins short pieces several at a time: while one waits for what memory says about a pair, the others go on.

use super::pairs::{Join, PairTable};
use crate::vocabulary::TokenId;

/// The most units that a piece has here.
pub(super) const MAX_UNITS: usize = 32;
/// Pieces at a time.
const LANES: usize = 8;
/// Bits of a unit's index.
pub(super) const INDEX_BITS: u32 = MAX_UNITS.trailing_zeros();
/// Ranks are looked through so many at a time.
const STEP: usize = 8;

/// One piece on its way. A unit that joined the one before it is gone, and what stands at its index is without meaning.
#[derive(Clone, Copy)]
struct Lane {
    units: [TokenId; MAX_UNITS],
    /// For each unit the rank of its pair with the next one, above its own index; [`Join::NEVER`] where they do not join.
    ranks: [u32; MAX_UNITS],
    /// What that pair becomes.
    merged: [TokenId; MAX_UNITS],
    /// A bit for each unit that is there.
    alive: u32,
    /// A bit for each unit whose pair with the next one is to be looked up.
    due: u32,
    /// How many ranks are looked through.
    len: usize,
    /// What the caller calls the piece.
    name: usize,
}

/// Room for the pieces.
pub(super) struct Lanes {
    lanes: [Lane; LANES],
    /// A bit for each lane that has a piece.
    busy: u32,
    /// The lane that went on last.
    last: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        let (units, ranks) = ([0; MAX_UNITS], [Join::NEVER; MAX_UNITS]);
        let lane = Lane { units, ranks, merged: units, alive: 0, due: 0, len: 0, name: 0 };
        Lanes { lanes: [lane; LANES], busy: 0, last: 0 }
    }
}

impl Lanes {
    pub fn are_full(&self) -> bool {
        self.busy == (1 << LANES) - 1
    }

    /// Takes in a piece of 1 to [`MAX_UNITS`] units. The lanes are not full, and the pairs [`PairTable::is_ranked_in`] the bits left.
    #[inline(always)]
    pub fn add(&mut self, pairs: &PairTable, name: usize, units: &[TokenId]) {
        let free = (!self.busy).trailing_zeros();
        self.busy |= 1 << free;
        let lane = &mut self.lanes[free as usize];
        lane.units[..units.len()].copy_from_slice(units);
        lane.len = units.len().next_multiple_of(STEP);
        lane.ranks[units.len() - 1..lane.len].fill(Join::NEVER);
        lane.alive = u32::MAX >> (MAX_UNITS - units.len());
        lane.due = 0;
        lane.name = name;
        for (at, pair) in units.windows(2).enumerate() {
            lane.ask(pairs, at, pair[0], pair[1]);
        }
    }

    /// Goes on until a piece is joined: puts its tokens into `units` and returns its name; `None` where there is no piece.
    #[inline(always)]
    pub fn finish_one(&mut self, pairs: &PairTable, units: &mut Vec<TokenId>) -> Option<usize> {
        while self.busy != 0 {
            let after = self.busy & !1u32.checked_shl(self.last).map_or(0, |bit| bit | (bit - 1));
            self.last = if after == 0 { self.busy } else { after }.trailing_zeros();
            let lane = &mut self.lanes[self.last as usize];
            if lane.go_on(pairs) {
                self.busy &= !(1 << self.last);
                units.clear();
                let mut left = lane.alive;
                while left != 0 {
                    units.push(lane.units[left.trailing_zeros() as usize & (MAX_UNITS - 1)]);
                    left &= left - 1;
                }
                return Some(lane.name);
            }
        }
        None
    }
}

impl Lane {
    /// Joins the pair with the lowest rank, the leftmost among equals, and asks for what comes of it; true when none is left.
    #[inline(always)]
    fn go_on(&mut self, pairs: &PairTable) -> bool {
        while self.due != 0 {
            let at = self.due.trailing_zeros() as usize & (MAX_UNITS - 1);
            self.due &= self.due - 1;
            let next = self.after(at).trailing_zeros() as usize & (MAX_UNITS - 1);
            let join = pairs.get_far(self.units[at], self.units[next]);
            self.note(at, join);
        }
        let mut lowest = [Join::NEVER; STEP];
        for ranks in self.ranks[..self.len].chunks_exact(STEP) {
            for (lowest, &rank) in lowest.iter_mut().zip(ranks) {
                *lowest = rank.min(*lowest);
            }
        }
        let best = lowest.into_iter().fold(Join::NEVER, u32::min);
        if best == Join::NEVER {
            return true;
        }
        let at = best as usize & (MAX_UNITS - 1);
        let gone = self.after(at).trailing_zeros() as usize & (MAX_UNITS - 1);
        self.units[at] = self.merged[at];
        self.ranks[at] = Join::NEVER;
        self.ranks[gone] = Join::NEVER;
        self.alive &= !(1 << gone);
        let before = self.alive & ((1 << at) - 1);
        if before != 0 {
            let before = (u32::BITS - 1 - before.leading_zeros()) as usize & (MAX_UNITS - 1);
            self.ask(pairs, before, self.units[before], self.units[at]);
        }
        let after = self.after(at);
        if after != 0 {
            self.ask(pairs, at, self.units[at], self.units[after.trailing_zeros() as usize & (MAX_UNITS - 1)]);
        }
        false
    }

    /// Finds out what the unit at `at` and the next one become, at once or when the lane goes on.
    #[inline(always)]
    fn ask(&mut self, pairs: &PairTable, at: usize, left: TokenId, right: TokenId) {
        match pairs.get_near(left, right) {
            Ok(join) => self.note(at, join),
            Err(may_join) => {
                self.ranks[at & (MAX_UNITS - 1)] = Join::NEVER;
                self.due |= u32::from(may_join) << at;
            }
        }
    }

    #[inline(always)]
    fn note(&mut self, at: usize, join: Join) {
        let is_none = if join.rank == Join::NEVER { Join::NEVER } else { 0 };
        self.ranks[at & (MAX_UNITS - 1)] = join.rank << INDEX_BITS | at as u32 | is_none;
        self.merged[at & (MAX_UNITS - 1)] = join.merged;
    }

    /// The units that are there behind one.
    #[inline(always)]
    fn after(&self, at: usize) -> u32 {
        self.alive & (!1 << at)
    }
}
