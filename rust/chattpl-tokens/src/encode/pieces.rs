//! Pieces to ids: what is known of them is looked up many at a time, the rest is joined.

use super::encoder::{Encoder, Scratch, UnitTable};
use super::known::{Home, Ids, Key, MAX_INLINE, MAX_SHORT};
use crate::vocabulary::TokenId;

/// Pieces that are looked up in one go, so that the memory has time to answer.
const BATCH: usize = 256;

/// How a text falls into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Splits {
    /// As the vocabulary says.
    OfVocabulary,
    /// It is one piece.
    None,
}

/// Pieces at hand.
pub(super) struct Batch {
    /// Where pieces end, in the region that is split.
    ends: [u32; BATCH],
    parts: [Part; BATCH],
}

/// A piece, or part of a long one that can be cut, before it is looked up.
#[derive(Clone, Copy)]
struct Part {
    key: Key,
    home: Home,
    /// Where it ends in the text.
    end: u32,
    /// Whether it is all of a piece.
    is_piece: bool,
}

impl Default for Batch {
    fn default() -> Self {
        let part = Part { key: Key::EMPTY, home: Home::FIRST, end: 0, is_piece: false };
        Batch { ends: [0; BATCH], parts: [part; BATCH] }
    }
}

impl Encoder {
    /// Appends the tokens of `text[from..to]`, in which there is nothing left to cut out.
    pub(super) fn pieces(
        &self,
        scratch: &mut Scratch,
        text: &str,
        (from, to): (usize, usize),
        splits: Splits,
        ids: &mut Vec<TokenId>,
    ) {
        let region = &text[from..to];
        // Taken out so that the rest of the room stays free for the pieces that are not known.
        let mut batch = scratch.batch.take().unwrap_or_default();
        let mut done = 0;
        while done < region.len() {
            let count = match splits {
                Splits::OfVocabulary => self.pretokenizer.pieces(region, done, &mut batch.ends),
                Splits::None => {
                    batch.ends[0] = region.len() as u32;
                    1
                }
            };
            // Where the next part begins, and the piece that it belongs to.
            let (mut piece_start, mut at, mut piece) = (from + done, from + done, 0);
            while piece < count {
                let first = at;
                let mut parts = 0;
                while parts < BATCH && piece < count {
                    let end = from + batch.ends[piece] as usize;
                    let cut = if end - at <= MAX_SHORT { end } else { self.cuts.next(&text.as_bytes()[..end], at) };
                    let key = if cut - at <= MAX_SHORT { Key::of(text.as_bytes(), at, cut) } else { Key::LONG };
                    let home = Home::of(key);
                    scratch.short.prefetch(home);
                    let is_piece = cut == end && at == piece_start;
                    batch.parts[parts] = Part { key, home, end: cut as u32, is_piece };
                    parts += 1;
                    at = cut;
                    if cut == end {
                        piece += 1;
                        piece_start = end;
                    }
                }
                self.emit(scratch, text.as_bytes(), first, &batch.parts[..parts], ids);
            }
            done = at - from;
        }
        scratch.batch = Some(batch);
    }

    /// Appends the tokens of parts that follow one another, the first of which begins at `start`.
    #[inline]
    fn emit(&self, scratch: &mut Scratch, text: &[u8], start: usize, parts: &[Part], ids: &mut Vec<TokenId>) {
        let mut at = start;
        ids.reserve(parts.len() * MAX_INLINE);
        for (index, part) in parts.iter().enumerate() {
            match scratch.short.get(part.home, part.key) {
                Some(known) => {
                    debug_assert!(known.len() <= MAX_INLINE && ids.capacity() - ids.len() >= MAX_INLINE);
                    let len = ids.len();
                    // SAFETY: there is room for `MAX_INLINE` more of each part that is left, which is written here, and no
                    // more than that, `known.len()`, become part of the vector.
                    unsafe {
                        ids.as_mut_ptr().add(len).cast::<[TokenId; MAX_INLINE]>().write_unaligned(known.all());
                        ids.set_len(len + known.len());
                    }
                }
                None => {
                    self.unknown(scratch, text, (at, part.end as usize), part.is_piece, ids);
                    ids.reserve((parts.len() - index) * MAX_INLINE);
                }
            }
            at = part.end as usize;
        }
    }

    /// Appends the tokens of a piece, or a part of one, that is not among the known short ones.
    #[inline(never)]
    fn unknown(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        (start, end): (usize, usize),
        is_piece: bool,
        ids: &mut Vec<TokenId>,
    ) {
        let piece = &text[start..end];
        if let Some(known) = scratch.long.get(piece) {
            return ids.extend_from_slice(known);
        }
        let mark = ids.len();
        let first_cut = self.cuts.next(&text[..end], start);
        if first_cut == end {
            self.joined(scratch, piece, ids);
        } else {
            let (mut at, mut cut) = (start, first_cut);
            loop {
                self.part(scratch, text, (at, cut), ids);
                if cut == end {
                    break;
                }
                at = cut;
                cut = self.cuts.next(&text[..end], at);
            }
        }
        let tokens = &self.vocabulary().tokens;
        // Text that merging makes one token of is that token.
        let whole = self.whole.as_ref().filter(|_| ids.len() != mark + 1);
        match whole.and_then(|whole| whole.find(tokens, piece)) {
            // What is known holds for pieces and parts alike: where they differ, nothing is kept.
            Some(id) => {
                if is_piece {
                    ids.truncate(mark);
                    ids.push(id);
                }
            }
            None => self.remember(scratch, text, (start, end), &ids[mark..]),
        }
    }

    /// Appends the tokens of a part of a piece.
    pub(super) fn part(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        (start, end): (usize, usize),
        ids: &mut Vec<TokenId>,
    ) {
        if end - start <= MAX_SHORT {
            let key = Key::of(text, start, end);
            if let Some(known) = scratch.short.get(Home::of(key), key) {
                ids.extend_from_slice(&known.all()[..known.len()]);
                return;
            }
        }
        self.unknown(scratch, text, (start, end), false, ids);
    }

    /// Appends the tokens that the units of a text join into.
    fn joined(&self, scratch: &mut Scratch, text: &[u8], ids: &mut Vec<TokenId>) {
        let by_chars = match &self.units {
            UnitTable::Bytes(bytes) if self.merges_ascend => {
                let joining = (&mut scratch.work, &self.pairs);
                scratch.chars.split(text, bytes, &self.cuts, joining, &mut scratch.units)
            }
            _ => false,
        };
        if !by_chars {
            self.units.split(text, &mut scratch.units);
        }
        scratch.work.merge(&self.pairs, &mut scratch.units);
        ids.extend_from_slice(&scratch.units);
    }

    fn remember(&self, scratch: &mut Scratch, text: &[u8], (start, end): (usize, usize), ids: &[TokenId]) {
        match Ids::new(ids).filter(|_| end - start <= MAX_SHORT) {
            Some(inline) => scratch.short.insert(Key::of(text, start, end), inline),
            None => scratch.long.insert(&text[start..end], ids),
        }
    }
}
