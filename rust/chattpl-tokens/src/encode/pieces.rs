//! Pieces to ids: what is known of them is looked up many at a time, the rest is joined.

use super::encoder::{Encoder, Scratch};
use super::known::{Home, Ids, Key, ShortPieces, MAX_INLINE, MAX_SHORT};
use super::lanes::{Lanes, INDEX_BITS};
use super::wide::{WideKey, MAX_WIDE};
use crate::vocabulary::TokenId;

/// Pieces that are looked up in one go, so that the memory has time to answer.
const BATCH: usize = 256;

/// Room for tokens that is kept between texts, at most.
const MAX_FAR: usize = 1 << 14;

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
    /// Where the piece at hand can be cut, in the text.
    places: [u32; BATCH],
    parts: [Part; BATCH],
    /// The tokens of the parts; where they do not fit, [`Far`].
    ids: [Ids; BATCH],
    /// Indices of the parts that the table of short ones does not have.
    missing: [u8; BATCH],
    /// Tokens that do not fit into `ids`.
    far: Vec<TokenId>,
    lanes: Lanes,
}

/// A piece, or part of a long one that can be cut, before it is looked up.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub key: Key,
    pub home: Home,
    /// Where it ends in the text.
    end: u32,
    /// Whether it is all of a piece.
    is_piece: bool,
}

impl Default for Batch {
    fn default() -> Self {
        let part = Part { key: Key::LONG, home: Home::FIRST, end: 0, is_piece: false };
        Batch {
            ends: [0; BATCH],
            places: [0; BATCH],
            parts: [part; BATCH],
            ids: [Ids::NONE; BATCH],
            missing: [0; BATCH],
            far: Vec::new(),
            lanes: Lanes::default(),
        }
    }
}

impl Encoder {
    /// Appends the tokens of `text[from..to]`, in which there is nothing left to cut out.
    pub(super) fn pieces(
        &self,
        scratch: &mut Scratch,
        text: &str,
        region: (usize, usize),
        splits: Splits,
        ids: &mut Vec<TokenId>,
    ) {
        #[cfg(target_arch = "x86_64")]
        if self.has_avx2 {
            // SAFETY: the processor has what the function is compiled for.
            return unsafe { self.pieces_avx2(scratch, text, region, splits, ids) };
        }
        self.pieces_anywhere(scratch, text, region, splits, ids);
    }

    /// The same, compiled for wider registers and the instructions that came with them.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    unsafe fn pieces_avx2(
        &self,
        scratch: &mut Scratch,
        text: &str,
        region: (usize, usize),
        splits: Splits,
        ids: &mut Vec<TokenId>,
    ) {
        self.pieces_anywhere(scratch, text, region, splits, ids);
    }

    #[inline(always)]
    fn pieces_anywhere(
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
                    if at == piece_start {
                        let ends = (from, &batch.ends[piece..count]);
                        let pieces = whole_pieces(&scratch.short, text.as_bytes(), at, ends, &mut batch.parts[parts..]);
                        if pieces != 0 {
                            (parts, piece) = (parts + pieces, piece + pieces);
                            at = batch.parts[parts - 1].end as usize;
                            piece_start = at;
                            continue;
                        }
                    }
                    let end = from + batch.ends[piece] as usize;
                    let bytes = &text.as_bytes()[..end];
                    let is_whole = end - at <= MAX_SHORT || end - at <= MAX_WIDE && is_of_words(bytes, at);
                    let places = if is_whole {
                        batch.places[0] = end as u32;
                        1
                    } else {
                        self.cuts.fill(bytes, at, &mut batch.places[..BATCH - parts])
                    };
                    for (part, &place) in batch.parts[parts..].iter_mut().zip(&batch.places[..places]) {
                        let cut = place as usize;
                        let key = if cut - at <= MAX_SHORT { Key::of(text.as_bytes(), at, cut) } else { Key::LONG };
                        let is_piece = cut == end && at == piece_start;
                        *part = Part { key, home: scratch.short.expect(key), end: place, is_piece };
                        at = cut;
                    }
                    parts += places;
                    if at == end {
                        piece += 1;
                        piece_start = end;
                    }
                }
                let missing = scratch.short.find(&batch.parts[..parts], &mut batch.ids, &mut batch.missing);
                if missing != 0 {
                    self.find_missing(scratch, &mut batch, text.as_bytes(), first, missing);
                }
                append(&batch.ids[..parts], &batch.far, ids);
            }
            done = at - from;
        }
        if batch.far.capacity() > MAX_FAR {
            batch.far = Vec::new();
        }
        scratch.batch = Some(batch);
    }

    /// Finds the tokens of the first `missing` parts that `batch.missing` names, the first part of all beginning at `start`.
    #[inline(always)]
    fn find_missing(&self, scratch: &mut Scratch, batch: &mut Batch, text: &[u8], start: usize, missing: usize) {
        batch.far.clear();
        let mut joining = 0;
        for index in 0..missing {
            let part = usize::from(batch.missing[index]);
            let (from, to) = batch.place(part, start);
            if to - from > MAX_WIDE || !self.pairs.is_ranked_in(u32::BITS - INDEX_BITS) {
                let mark = batch.far.len();
                self.one(scratch, text, (from, to), batch.parts[part].is_piece, &mut batch.far);
                batch.ids[part] = Ids::far(mark, batch.far.len() - mark);
                continue;
            }
            match scratch.short.get(batch.parts[part].home, batch.parts[part].key) {
                Some(known) => batch.ids[part] = known,
                None => {
                    scratch.wide.prefetch(WideKey::of(text, from, to));
                    batch.missing[joining] = part as u8;
                    joining += 1;
                }
            }
        }
        for index in 0..joining {
            let part = usize::from(batch.missing[index]);
            let (from, to) = batch.place(part, start);
            if let Some(known) = scratch.wide.get(WideKey::of(text, from, to)) {
                let many = if known.len() == 0 { scratch.long.get(&text[from..to]) } else { None };
                if known.len() != 0 || many.is_some() {
                    batch.keep(part, many.unwrap_or(&known.all()[..known.len()]));
                    continue;
                }
            }
            if batch.lanes.are_full() {
                self.finish_one(scratch, batch, text, start);
            }
            self.units_of(scratch, &text[from..to]);
            batch.lanes.add(&self.pairs, part, &scratch.units);
        }
        while self.finish_one(scratch, batch, text, start) {}
    }

    /// Finishes one of the parts that are joined; false where there is none.
    #[inline(always)]
    fn finish_one(&self, scratch: &mut Scratch, batch: &mut Batch, text: &[u8], start: usize) -> bool {
        let Some(part) = batch.lanes.finish_one(&self.pairs, &mut scratch.units) else { return false };
        let units = std::mem::take(&mut scratch.units);
        let place = batch.place(part, start);
        match self.settled(scratch, text, place, batch.parts[part].is_piece, &units) {
            Some(id) => batch.keep(part, &[id]),
            None => batch.keep(part, &units),
        }
        scratch.units = units;
        true
    }

    /// Appends the tokens of a piece, or a part of one, by itself.
    pub(super) fn one(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        (start, end): (usize, usize),
        is_piece: bool,
        ids: &mut Vec<TokenId>,
    ) {
        let piece = &text[start..end];
        if scratch.known(text, (start, end), ids) {
            return;
        }
        let mark = ids.len();
        let first_cut = self.cuts.next(&text[..end], start);
        if first_cut == end {
            self.joined(scratch, piece, ids);
        } else {
            let (mut at, mut cut) = (start, first_cut);
            loop {
                self.one(scratch, text, (at, cut), false, ids);
                if cut == end {
                    break;
                }
                at = cut;
                cut = self.cuts.next(&text[..end], at);
            }
        }
        if let Some(id) = self.settled(scratch, text, (start, end), is_piece, &ids[mark..]) {
            ids.truncate(mark);
            ids.push(id);
        }
    }

    /// Keeps what a piece, or a part of one, was joined into; returns the token that it is instead, where it is one.
    #[inline(always)]
    fn settled(
        &self,
        scratch: &mut Scratch,
        text: &[u8],
        (start, end): (usize, usize),
        is_piece: bool,
        ids: &[TokenId],
    ) -> Option<TokenId> {
        // Text that merging makes one token of is that token.
        let whole = self.whole.as_ref().filter(|_| ids.len() != 1);
        match whole.and_then(|whole| whole.find(&self.vocabulary().tokens, &text[start..end])) {
            // What is known holds for pieces and parts alike: where they differ, nothing is kept.
            Some(id) => is_piece.then_some(id),
            None => {
                scratch.remember(text, (start, end), ids);
                None
            }
        }
    }
}

impl Scratch {
    /// Appends the tokens of a piece, or a part of one, if they are known.
    fn known(&self, text: &[u8], (start, end): (usize, usize), ids: &mut Vec<TokenId>) -> bool {
        if end - start <= MAX_SHORT {
            let key = Key::of(text, start, end);
            if let Some(known) = self.short.get(Home::of(key), key) {
                ids.extend_from_slice(&known.all()[..known.len()]);
                return true;
            }
        }
        if end - start <= MAX_WIDE {
            let Some(known) = self.wide.get(WideKey::of(text, start, end)) else { return false };
            if known.len() != 0 {
                ids.extend_from_slice(&known.all()[..known.len()]);
                return true;
            }
        }
        let known = self.long.get(&text[start..end]);
        ids.extend_from_slice(known.unwrap_or_default());
        known.is_some()
    }

    fn remember(&mut self, text: &[u8], (start, end): (usize, usize), ids: &[TokenId]) {
        match Ids::new(ids).filter(|_| end - start <= MAX_SHORT) {
            Some(inline) => self.short.insert(Key::of(text, start, end), inline),
            None if end - start <= MAX_WIDE && self.wide.insert(WideKey::of(text, start, end), ids) => (),
            None => self.long.insert(&text[start..end], ids),
        }
    }
}

impl Batch {
    /// Where a part begins and ends, the first one beginning at `start`.
    fn place(&self, part: usize, start: usize) -> (usize, usize) {
        let from = part.checked_sub(1).map_or(start, |before| self.parts[before].end as usize);
        (from, self.parts[part].end as usize)
    }

    /// Takes down the tokens of a part.
    fn keep(&mut self, part: usize, ids: &[TokenId]) {
        self.ids[part] = Ids::new(ids).unwrap_or_else(|| {
            self.far.extend_from_slice(ids);
            Ids::far(self.far.len() - ids.len(), ids.len())
        });
    }
}

/// Whether a piece of more than [`MAX_SHORT`] bytes begins in a script whose characters have one byte or two.
#[inline(always)]
fn is_of_words(text: &[u8], at: usize) -> bool {
    text[at].max(text[at + 1]) < 0xE0
}

/// Makes parts of the first pieces, as far as they are short and nothing else is to be minded; returns how many.
///
/// The first begins at `at`; `ends` count from `from` on.
#[inline(always)]
fn whole_pieces(
    short: &ShortPieces,
    text: &[u8],
    mut at: usize,
    (from, ends): (usize, &[u32]),
    parts: &mut [Part],
) -> usize {
    let mut count = 0;
    for (part, &end) in parts.iter_mut().zip(ends) {
        let end = from + end as usize;
        let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk()) else { break };
        let Some(key) = Key::of_first(bytes, end - at) else { break };
        *part = Part { key, home: short.expect(key), end: end as u32, is_piece: true };
        at = end;
        count += 1;
    }
    count
}

/// Appends the tokens of parts, some of which may stand in `far`.
#[inline(always)]
fn append(parts: &[Ids], far: &[TokenId], ids: &mut Vec<TokenId>) {
    ids.reserve(parts.len() * MAX_INLINE + far.len());
    let mut len = ids.len();
    for part in parts {
        debug_assert!(ids.capacity() - len >= MAX_INLINE);
        if let Some(range) = part.is_far() {
            let far = &far[range];
            // SAFETY: all up to `len` has been written. The room made for `far` is not used yet: no part has any of it twice.
            unsafe { ids.set_len(len) };
            ids.extend_from_slice(far);
            len = ids.len();
            continue;
        }
        // SAFETY: there is room for `MAX_INLINE` ids of each part that is left. So many are written here, and `len` grows by
        // no more than that.
        unsafe { ids.as_mut_ptr().add(len).cast::<[TokenId; MAX_INLINE]>().write_unaligned(part.all()) };
        len += part.len();
    }
    // SAFETY: all up to `len` has been written, within the capacity.
    unsafe { ids.set_len(len) };
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;
    use crate::encode::bpe::Workspace;
    use crate::vocabulary::{Decoder, Merge, TokenTable, TrimOffsets, Units};
    use crate::Vocabulary;

    const CHARACTERS: [&str; 7] = ["a", "b", " ", "\u{e9}", "\u{e8}", "\u{4e2d}", "\u{4e00}"];

    /// Every byte, and tokens joined at random of those before, so that many hold parts of characters.
    fn vocabulary(random: &mut fastrand::Rng) -> Vocabulary {
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        let mut seen: HashSet<Vec<u8>> = tokens.iter().cloned().collect();
        let text: String = (0..400).map(|_| CHARACTERS[random.usize(..CHARACTERS.len())]).collect();
        let mut merges = Vec::new();
        while tokens.len() < 256 + 90 {
            let at = random.usize(..text.len() - 16);
            let of = |from: usize| {
                (1..9).rev().find_map(|len| {
                    let id = tokens.iter().position(|token| token == &text.as_bytes()[from..from + len])?;
                    random_skip(from, len).then_some((id as TokenId, len))
                })
            };
            let Some((left, len)) = of(at) else { continue };
            let Some((right, _)) = of(at + len) else { continue };
            let both = [&tokens[left as usize][..], &tokens[right as usize]].concat();
            if seen.insert(both.clone()) {
                merges.push(Merge { left, right, merged: tokens.len() as TokenId });
                tokens.push(both);
            }
        }
        let mut ids = Box::new([0; 256]);
        ids.iter_mut().zip(0..).for_each(|(id, byte)| *id = byte);
        Vocabulary {
            name: String::new(),
            tokens: TokenTable::from_pairs((0..).zip(tokens.iter().map(Vec::as_slice))).expect("ids are distinct"),
            merges: merges.into(),
            units: Units::Bytes { ids },
            ignore_merges: false,
            added: Vec::new(),
            normalizers: Vec::new(),
            splits: Vec::new(),
            prefix: Vec::new(),
            suffix: Vec::new(),
            decoder: Decoder::Bytes,
            trim_offsets: TrimOffsets::Never,
        }
    }

    /// Not always the longest, so that halves are of all kinds.
    fn random_skip(from: usize, len: usize) -> bool {
        (from * 7 + len * 3) % 5 != 0 || len == 1
    }

    /// What the definition says: all bytes, the lowest rank first.
    fn by_definition(encoder: &Encoder, text: &[u8]) -> Vec<TokenId> {
        let mut units: Vec<TokenId> = text.iter().map(|&byte| TokenId::from(byte)).collect();
        Workspace::default().merge(&encoder.pairs, &mut units);
        units
    }

    #[test]
    fn windows_characters_and_cuts_change_nothing() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut in_windows = 0;
        for round in 0..60 {
            let encoder = Encoder::new(Arc::new(vocabulary(&mut random))).expect("covered");
            assert!(encoder.merges_ascend);
            let mut scratch = encoder.scratch();
            for len in [3, 9, 30, 200, 9000] {
                let few = 1 + random.usize(..CHARACTERS.len());
                let text: String = (0..len).map(|_| CHARACTERS[(round + random.usize(..few)) % 7]).collect();
                let expected = by_definition(&encoder, text.as_bytes());
                let mut ids = vec![7];
                encoder.join(&mut scratch, text.as_bytes());
                assert_eq!(scratch.units, expected);
                if encoder.joined_in_windows(&mut scratch, text.as_bytes(), &mut ids) {
                    in_windows += usize::from(len == 9000);
                    assert_eq!(ids[1..], expected);
                }
                // The second time, pieces are known.
                for _ in 0..2 {
                    ids.clear();
                    encoder.pieces(&mut scratch, &text, (0, text.len()), Splits::OfVocabulary, &mut ids);
                    assert_eq!(ids, expected);
                }
            }
        }
        assert!(in_windows > 50, "{in_windows} of 60");
    }
}
