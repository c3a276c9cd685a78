//! Pieces of bytes that begin as characters: what the bytes of a character join into is the same wherever it stands.

use super::bpe::Workspace;
use super::cuts::{char_at, Cuts};
use super::pairs::PairTable;
use crate::vocabulary::{Merge, TokenId};

/// The tokens that characters of two and three bytes are, as far as they were asked for: 256 KiB.
pub(crate) struct Chars {
    /// One more than the id; 0 where it is not known yet, [`SEVERAL`] where the bytes do not become one token.
    by_code: Vec<u32>,
    units: Vec<TokenId>,
}

const SEVERAL: u32 = u32::MAX;

impl Default for Chars {
    fn default() -> Self {
        Chars { by_code: vec![0; 1 << 16], units: Vec::new() }
    }
}

impl Chars {
    /// Puts what the characters of `piece` are into `units`; false where that is not where merging passes through.
    ///
    /// It does wherever no token holds bytes of two characters without having both, if every merge comes later than those
    /// of its halves: then both characters are whole before anything joins across them.
    pub fn split(
        &mut self,
        piece: &[u8],
        bytes: &[TokenId; 256],
        cuts: &Cuts,
        (work, pairs): (&mut Workspace, &PairTable),
        units: &mut Vec<TokenId>,
    ) -> bool {
        units.clear();
        let (mut at, mut left) = (0, 0);
        while at < piece.len() {
            let Some((right, end)) = char_at(piece, at) else { return false };
            if at > 0 && (left | right) >= 0x80 && cuts.parted(left, right) {
                return false;
            }
            left = right;
            if right < 0x80 {
                units.push(bytes[right as usize]);
                at = end;
                continue;
            }
            let low = |shift: u32| right as usize >> shift & 0x3F;
            let code = match end - at {
                // Two tokens side by side may begin or end inside a character.
                2 if right >= 0xC200 => (right as usize >> 8 & 0x1F) << 6 | low(0),
                3 => (right as usize >> 16 & 0x0F) << 12 | low(8) << 6 | low(0),
                _ => return false,
            };
            let known = self.by_code[code];
            if known != 0 && known != SEVERAL {
                units.push(known - 1);
            } else {
                self.units.clear();
                self.units.extend(piece[at..end].iter().map(|&byte| bytes[usize::from(byte)]));
                work.merge(pairs, &mut self.units);
                self.by_code[code] = if let [id] = self.units[..] { id + 1 } else { SEVERAL };
                units.extend_from_slice(&self.units);
            }
            at = end;
        }
        true
    }
}

/// Whether every merge comes later than those that make its halves.
pub(crate) fn merges_ascend(merges: &[Merge], tokens: usize) -> bool {
    let mut last_made = vec![0; tokens];
    let mut ranked = (1u32..).zip(merges);
    // A token that several merges make counts as made by the last of them.
    for (rank, merge) in ranked.clone() {
        last_made[merge.merged as usize] = rank;
    }
    ranked.all(|(rank, merge)| last_made[merge.left as usize] < rank && last_made[merge.right as usize] < rank)
}
