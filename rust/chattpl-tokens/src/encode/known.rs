//! Pieces whose tokens are known: what makes most of a text a matter of one look-up a piece.
//!
//! The table is bounded, and what it holds is only ever what encoding gives: a piece that fell out is encoded again.

use std::ops::Range;

use super::pieces::Part;
use super::zeroed::Zeroed;
use crate::table::Plain;
use crate::vocabulary::TokenId;

/// The longest piece that a slot holds, in bytes.
pub(crate) const MAX_SHORT: usize = 15;
/// The most tokens that a slot holds.
pub(crate) const MAX_INLINE: usize = 4;

/// A piece of up to [`MAX_SHORT`] bytes as a number: its bytes, zeroes, and its length on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u128);

/// Masks for the first n bytes.
const MASKS: [u128; 17] = {
    let mut masks = [0; 17];
    let mut len = 1;
    while len < 17 {
        masks[len] = masks[len - 1] << 8 | 0xFF;
        len += 1;
    }
    masks
};

impl Key {
    /// No piece has it: a piece is never empty.
    pub const EMPTY: Key = Key(0);
    /// Stands for a piece that is too long for a key; no slot has it.
    pub const LONG: Key = Key(u128::MAX);

    /// The key of `text[start..end]`, 1 to [`MAX_SHORT`] bytes.
    #[inline]
    pub fn of(text: &[u8], start: usize, end: usize) -> Key {
        let len = end - start;
        Key(masked(text, start, len) | (len as u128) << 120)
    }

    /// The key of the first `len` bytes; `None` if that is more than [`MAX_SHORT`].
    #[inline(always)]
    pub fn of_first(bytes: &[u8; 16], len: usize) -> Option<Key> {
        (len <= MAX_SHORT).then(|| Key(u128::from_le_bytes(*bytes) & MASKS[len & 15] | (len as u128) << 120))
    }

    #[inline]
    pub fn hash(self) -> u64 {
        fold(self.0 as u64, (self.0 >> 64) as u64)
    }
}

/// `len` bytes of a text, up to 16, and zeroes.
#[inline]
pub(crate) fn masked(text: &[u8], start: usize, len: usize) -> u128 {
    let bytes = match text.get(start..start + 16).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) {
        Some(bytes) => bytes,
        None => {
            let mut bytes = [0; 16];
            bytes[..len].copy_from_slice(&text[start..start + len]);
            bytes
        }
    };
    u128::from_le_bytes(bytes) & MASKS[len]
}

/// Mixes two words into one.
#[inline]
pub(crate) fn fold(low: u64, high: u64) -> u64 {
    let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xD6E8_FEB8_6659_FD93);
    (product >> 64) as u64 ^ product as u64
}

/// The tokens of one piece: up to `N` ids, the first with their number in its top byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inline<const N: usize>([u32; N]);

/// The tokens of a short piece.
pub(crate) type Ids = Inline<MAX_INLINE>;

impl<const N: usize> Inline<N> {
    const ID_BITS: u32 = 24;
    const ID: u32 = (1 << Self::ID_BITS) - 1;
    /// No tokens.
    pub const NONE: Self = Inline([0; N]);

    /// `None` for none or more than fit.
    pub fn new(ids: &[TokenId]) -> Option<Self> {
        if ids.is_empty() || ids.len() > N {
            return None;
        }
        let mut inline = [0; N];
        inline[..ids.len()].copy_from_slice(ids);
        inline[0] |= (ids.len() as u32) << Self::ID_BITS;
        Some(Inline(inline))
    }

    /// Stands for tokens that are elsewhere.
    pub fn far(first: usize, len: usize) -> Self {
        let mut inline = [0; N];
        (inline[1], inline[2]) = (first as u32, len as u32);
        Inline(inline)
    }

    /// Where the tokens are, if elsewhere.
    #[inline]
    pub fn is_far(&self) -> Option<Range<usize>> {
        let [0, first, len, ..] = self.0[..] else { return None };
        Some(first as usize..(first + len) as usize)
    }

    #[inline]
    pub fn len(self) -> usize {
        (self.0[0] >> Self::ID_BITS) as usize
    }

    /// The ids, with whatever follows the last.
    #[inline]
    pub fn all(self) -> [TokenId; N] {
        let mut ids = self.0;
        ids[0] &= Self::ID;
        ids
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
struct Slot {
    key: Key,
    ids: Ids,
}

/// Two slots on one line of the processor's cache.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([Slot; 2]);

// SAFETY: a number of 16 bytes and four of four bytes, twice: 64 bytes. No piece has zeroes for its key.
unsafe impl Plain for Line {}

/// Where a key may stand: the upper half of its hash, of which a table takes as many bits as it has lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home(u32);

impl Home {
    pub const FIRST: Home = Home(0);

    #[inline]
    pub fn of(key: Key) -> Home {
        Home((key.hash() >> 32) as u32)
    }
}

/// Short pieces, in lines of two, or the line beside theirs. Grows with what it holds, up to a bound.
pub(crate) struct ShortPieces {
    lines: Zeroed<Line>,
    shift: u32,
    /// Slots that are taken.
    taken: usize,
}

impl ShortPieces {
    /// Lines at first: 2^12, 256 KiB.
    const FIRST_LOG2: u32 = 12;
    /// Lines at most: 2^19, 32 MiB.
    const LAST_LOG2: u32 = 19;

    pub fn new() -> Self {
        Self::with_lines(Self::FIRST_LOG2)
    }

    fn with_lines(log2: u32) -> Self {
        ShortPieces { lines: Zeroed::new(1 << log2), shift: 32 - log2, taken: 0 }
    }

    #[inline]
    fn index(&self, home: Home) -> usize {
        (home.0 >> self.shift) as usize
    }

    /// Where a key may stand; the line is asked to be on its way.
    #[inline]
    pub fn expect(&self, key: Key) -> Home {
        let home = Home::of(key);
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            let line = self.lines.as_ptr().wrapping_add(self.index(home));
            // SAFETY: a prefetch reads nothing the program can see, wherever its address points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
        }
        home
    }

    #[inline]
    pub fn get(&self, home: Home, key: Key) -> Option<Ids> {
        let index = self.index(home);
        let Line([first, second]) = &self.lines[index];
        if first.key == key {
            Some(first.ids)
        } else if second.key == key {
            Some(second.ids)
        } else if second.key == Key::EMPTY {
            // A slot that is taken stays so, and only what found none free went to the line beside.
            None
        } else {
            self.get_beside(index ^ 1, key)
        }
    }

    /// Puts the tokens of each part into `ids`, and the indices of those that are not here into `missing`; returns their number.
    ///
    /// A few of those named missing may be here all the same: [`ShortPieces::get`] knows.
    #[inline(always)]
    pub fn find<const N: usize>(&self, parts: &[Part], ids: &mut [Ids; N], missing: &mut [u8; N]) -> usize {
        let mut count = 0;
        for (index, (part, ids)) in parts.iter().zip(ids.iter_mut()).enumerate() {
            // Without a branch: which of the two slots it is, nothing foretells.
            let Line(slots) = &self.lines[self.index(part.home)];
            let slot = &slots[usize::from(slots[0].key != part.key)];
            *ids = slot.ids;
            missing[count & (N - 1)] = index as u8;
            count += usize::from(slot.key != part.key);
        }
        count
    }

    /// What stands in the other line of a pair, for want of room.
    #[inline(never)]
    fn get_beside(&self, index: usize, key: Key) -> Option<Ids> {
        let Line(slots) = &self.lines[index];
        slots.iter().find(|slot| slot.key == key).map(|slot| slot.ids)
    }

    /// Keeps the tokens of a piece, in the place of another if there is no room.
    pub fn insert(&mut self, key: Key, ids: Ids) {
        // Half full, and still short of the bound.
        if self.taken > self.lines.len() && self.shift > 32 - Self::LAST_LOG2 {
            self.grow();
        }
        let index = self.index(Home::of(key));
        for line in [index, index ^ 1] {
            if let Some(slot) = self.lines[line].0.iter_mut().find(|slot| slot.key == Key::EMPTY || slot.key == key) {
                self.taken += usize::from(slot.key == Key::EMPTY);
                *slot = Slot { key, ids };
                return;
            }
        }
        // What came long ago and did not come again goes.
        let Line([first, second]) = &mut self.lines[index];
        *second = std::mem::replace(first, Slot { key, ids });
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Self::with_lines((32 - self.shift + 2).min(Self::LAST_LOG2));
        for Line([first, second]) in self.lines.iter() {
            for slot in [second, first] {
                if slot.key != Key::EMPTY {
                    larger.insert(slot.key, slot.ids);
                }
            }
        }
        *self = larger;
    }
}

/// Mixes eight bytes at a time.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(0x9E37_79B9_7F4A_7C15_u64);
        (product >> 64) as u64 ^ product as u64
    };
    let mut words = bytes.chunks_exact(8);
    let mut state = 0x2545_F491_4F6C_DD1D ^ bytes.len() as u64;
    for word in &mut words {
        state = fold(state, u64::from_le_bytes(word.try_into().expect("chunks of eight")));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    fold(fold(state, u64::from_le_bytes(last)), 0xD6E8_FEB8_6659_FD93)
}
