//! Pieces too long, or of too many tokens, for the table of short ones, each with its tokens on one line of the processor's cache.

use super::known::{fold, masked, Inline};
use super::zeroed::Zeroed;
use crate::table::Plain;
use crate::vocabulary::TokenId;

/// The longest piece that a slot holds, in bytes.
pub(crate) const MAX_WIDE: usize = 31;
/// The most tokens that a slot holds.
const MAX_IDS: usize = 8;

/// A piece of up to [`MAX_WIDE`] bytes: its bytes, zeroes, and its length on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WideKey([u128; 2]);

impl WideKey {
    /// No piece has it: a piece is never empty.
    const EMPTY: WideKey = WideKey([0; 2]);

    /// The key of `text[start..end]`, 1 to [`MAX_WIDE`] bytes.
    #[inline]
    pub fn of(text: &[u8], start: usize, end: usize) -> WideKey {
        let len = end - start;
        let (low, high) = match len {
            0..=15 => (masked(text, start, len), 0),
            _ => (masked(text, start, 16), masked(text, start + 16, len - 16)),
        };
        WideKey([low, high | (len as u128) << 120])
    }

    #[inline]
    fn hash(self) -> u64 {
        let [low, high] = self.0;
        fold(fold(low as u64, (low >> 64) as u64) ^ high as u64, (high >> 64) as u64)
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Slot {
    key: WideKey,
    ids: Inline<MAX_IDS>,
}

// SAFETY: two numbers of 16 bytes and eight of four: 64 bytes. Zeroes are a slot that is free.
unsafe impl Plain for Slot {}

/// Pieces in slots of their own, or in the one beside. Grows with what it holds, up to a bound.
pub(crate) struct WidePieces {
    /// None until there is a piece.
    slots: Zeroed<Slot>,
    taken: usize,
}

impl WidePieces {
    /// Slots at first: 64 KiB.
    const FIRST: usize = 1 << 10;
    /// Slots at most: 16 MiB.
    const LAST: usize = 1 << 18;

    pub fn new() -> Self {
        WidePieces { slots: Zeroed::new(0), taken: 0 }
    }

    #[inline]
    fn index(&self, key: WideKey) -> usize {
        (key.hash() >> 32) as usize & (self.slots.len() - 1)
    }

    /// Asks for the slot to be on its way.
    #[inline]
    pub fn prefetch(&self, key: WideKey) {
        #[cfg(target_arch = "x86_64")]
        if !self.slots.is_empty() {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            let slot = self.slots.as_ptr().wrapping_add(self.index(key));
            // SAFETY: a prefetch reads nothing the program can see, wherever its address points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = key;
    }

    /// The tokens of a piece; [`Inline::NONE`] if there are more than a slot holds.
    pub fn get(&self, key: WideKey) -> Option<Inline<MAX_IDS>> {
        if self.slots.is_empty() {
            return None;
        }
        let index = self.index(key);
        let slots = [&self.slots[index], &self.slots[index ^ 1]];
        slots.into_iter().find(|slot| slot.key == key).map(|slot| slot.ids)
    }

    /// Keeps the tokens of a piece, in the place of another if there is no room; false, and only that there are more of
    /// them is kept, where a slot does not hold them.
    pub fn insert(&mut self, key: WideKey, ids: &[TokenId]) -> bool {
        let inline = Inline::new(ids);
        self.insert_inline(key, inline.unwrap_or(Inline::NONE));
        inline.is_some()
    }

    fn insert_inline(&mut self, key: WideKey, ids: Inline<MAX_IDS>) {
        // Half full, and still short of the bound.
        if self.taken * 2 >= self.slots.len() && self.slots.len() < Self::LAST {
            self.grow();
        }
        let index = self.index(key);
        let is_free = |slot: &Slot| slot.key == WideKey::EMPTY || slot.key == key;
        if is_free(&self.slots[index]) || !is_free(&self.slots[index ^ 1]) {
            self.put(index, Slot { key, ids });
        } else {
            self.put(index ^ 1, Slot { key, ids });
        }
    }

    fn put(&mut self, index: usize, slot: Slot) {
        self.taken += usize::from(self.slots[index].key == WideKey::EMPTY);
        self.slots[index] = slot;
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 4).clamp(Self::FIRST, Self::LAST);
        let old = std::mem::replace(&mut self.slots, Zeroed::new(slots));
        self.taken = 0;
        for slot in old.iter().filter(|slot| slot.key != WideKey::EMPTY) {
            self.insert_inline(slot.key, slot.ids);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_whole_or_not_at_all() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut wide = WidePieces::new();
        let text: Vec<u8> = (0..5000).map(|_| random.u8(b'a'..b'c')).collect();
        let ids_of = |piece: &[u8]| -> Vec<TokenId> {
            piece
                .chunks(piece.len().div_ceil(MAX_IDS))
                .map(|part| TokenId::from(part[0]) << 8 | part.len() as u32)
                .collect()
        };
        let mut kept = 0;
        for _ in 0..200_000 {
            let len = random.usize(1..=MAX_WIDE);
            let start = random.usize(..text.len() - len + 1);
            let piece = &text[start..start + len];
            let key = WideKey::of(&text, start, start + len);
            // The key of the same bytes at the end of a text is the same.
            assert_eq!(key, WideKey::of(piece, 0, len));
            match wide.get(key) {
                Some(ids) => {
                    kept += 1;
                    assert_eq!(ids.all()[..ids.len()], ids_of(piece));
                }
                None => assert!(wide.insert(key, &ids_of(piece))),
            }
        }
        assert!(kept > 20_000, "{kept}");
        assert!(wide.taken <= wide.slots.len());
    }
}
