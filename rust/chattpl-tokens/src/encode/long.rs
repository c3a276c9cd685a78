//! Long pieces whose tokens are known.

use super::known::hash;
use crate::vocabulary::TokenId;

/// Pieces that are too long for the other tables.
#[derive(Default)]
pub(crate) struct LongPieces {
    /// Open addressing, at most half full, or no slot at all.
    slots: Vec<Entry>,
    taken: usize,
    bytes: Vec<u8>,
    ids: Vec<TokenId>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// The lower half of the hash.
    hash: u32,
    start_byte: u32,
    first_id: u32,
    /// 0 for no entry.
    len_bytes: u16,
    len_ids: u16,
}

impl LongPieces {
    /// Longer pieces are not kept, in bytes.
    const MAX_LEN: usize = 512;
    /// When the kept pieces have more bytes, all are dropped.
    const MAX_BYTES: usize = 4 << 20;
    /// The same for their number.
    const MAX_PIECES: usize = 1 << 18;
    /// Slots at first.
    const FIRST_SLOTS: usize = 1 << 10;

    #[inline]
    fn slot(&self, hash: u64, piece: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> 32) as usize & mask;
        loop {
            let entry = &self.slots[slot];
            let known = || &self.bytes[entry.start_byte as usize..][..usize::from(entry.len_bytes)];
            if entry.len_bytes == 0 || entry.hash == hash as u32 && known() == piece {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    pub fn get(&self, piece: &[u8]) -> Option<&[TokenId]> {
        if piece.len() > Self::MAX_LEN || self.slots.is_empty() {
            return None;
        }
        let entry = &self.slots[self.slot(hash(piece), piece)];
        (entry.len_bytes != 0).then(|| &self.ids[entry.first_id as usize..][..usize::from(entry.len_ids)])
    }

    /// Keeps the tokens of a piece, which are no more than it has bytes.
    pub fn insert(&mut self, piece: &[u8], ids: &[TokenId]) {
        if piece.len() > Self::MAX_LEN || piece.is_empty() {
            return;
        }
        if self.bytes.len() + piece.len() > Self::MAX_BYTES || self.taken == Self::MAX_PIECES {
            *self = LongPieces::default();
        }
        if self.taken * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(piece);
        let slot = self.slot(hash, piece);
        if self.slots[slot].len_bytes != 0 {
            return;
        }
        self.slots[slot] = Entry {
            hash: hash as u32,
            start_byte: self.bytes.len() as u32,
            first_id: self.ids.len() as u32,
            len_bytes: piece.len() as u16,
            len_ids: ids.len() as u16,
        };
        self.taken += 1;
        self.bytes.extend_from_slice(piece);
        self.ids.extend_from_slice(ids);
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(Self::FIRST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![Entry::default(); slots]);
        for entry in old.into_iter().filter(|entry| entry.len_bytes != 0) {
            let piece = &self.bytes[entry.start_byte as usize..][..usize::from(entry.len_bytes)];
            let slot = self.slot(hash(piece), piece);
            self.slots[slot] = entry;
        }
    }
}
