//! Byte pair encoding of one piece: the pair with the lowest rank joins first, the leftmost among equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pairs::{Join, PairTable};
use crate::vocabulary::TokenId;

/// Pieces of at most this many units are searched from end to end for the next pair; longer ones keep a heap.
const SHORT: usize = 48;

/// Room for the work on one piece; kept between pieces.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    joins: Vec<Join>,
    next: Vec<u32>,
    previous: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
}

const NOTHING: u32 = u32::MAX;

impl Workspace {
    /// Joins neighbours in `units` until none can; what is left are the tokens.
    ///
    /// Takes time quadratic in a bounded length for short pieces and `n log n` for long ones.
    pub fn merge(&mut self, pairs: &PairTable, units: &mut Vec<TokenId>) {
        if units.len() <= SHORT {
            self.merge_short(pairs, units);
        } else {
            self.merge_long(pairs, units);
        }
    }

    fn merge_short(&mut self, pairs: &PairTable, units: &mut Vec<TokenId>) {
        let joins = &mut self.joins;
        joins.clear();
        joins.extend(units.windows(2).map(|pair| pairs.get(pair[0], pair[1])));
        loop {
            let mut best = (Join::NEVER, 0);
            for (at, join) in joins.iter().enumerate() {
                if join.rank < best.0 {
                    best = (join.rank, at);
                }
            }
            let (rank, at) = best;
            if rank == Join::NEVER {
                return;
            }
            units[at] = joins[at].merged;
            units.remove(at + 1);
            joins.remove(at);
            if at > 0 {
                joins[at - 1] = pairs.get(units[at - 1], units[at]);
            }
            if at < joins.len() {
                joins[at] = pairs.get(units[at], units[at + 1]);
            }
        }
    }

    fn merge_long(&mut self, pairs: &PairTable, units: &mut Vec<TokenId>) {
        let len = units.len() as u32;
        self.next.clear();
        self.next.extend(1..=len);
        self.previous.clear();
        self.previous.push(NOTHING);
        self.previous.extend(0..len - 1);
        self.joins.clear();
        self.joins.extend(units.windows(2).map(|pair| pairs.get(pair[0], pair[1])));
        self.joins.push(Join { rank: Join::NEVER, merged: 0 });
        self.heap.clear();
        let ready = self.joins.iter().zip(0..).filter(|(join, _)| join.rank != Join::NEVER);
        self.heap.extend(ready.map(|(join, at)| Reverse((join.rank, at))));
        while let Some(Reverse((rank, at))) = self.heap.pop() {
            let here = at as usize;
            // An entry that something else overtook.
            if units[here] == NOTHING || self.joins[here].rank != rank {
                continue;
            }
            let gone = self.next[here] as usize;
            units[here] = self.joins[here].merged;
            units[gone] = NOTHING;
            let after = self.next[gone];
            self.next[here] = after;
            if after < len {
                self.previous[after as usize] = at;
            }
            self.renew(pairs, units, at);
            if self.previous[here] != NOTHING {
                self.renew(pairs, units, self.previous[here]);
            }
        }
        units.retain(|&unit| unit != NOTHING);
    }

    /// Looks up what the unit at `at` and the one after it become.
    fn renew(&mut self, pairs: &PairTable, units: &[TokenId], at: u32) {
        let next = self.next[at as usize];
        let join = match units.get(next as usize) {
            Some(&right) => pairs.get(units[at as usize], right),
            None => Join { rank: Join::NEVER, merged: 0 },
        };
        self.joins[at as usize] = join;
        if join.rank != Join::NEVER {
            self.heap.push(Reverse((join.rank, at)));
        }
    }
}
