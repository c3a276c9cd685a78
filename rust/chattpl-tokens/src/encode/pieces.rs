//! Pieces to ids: what is known of them is looked up many at a time, the rest is joined.

use super::encoder::{Encoder, Scratch};
use super::known::{Home, Ids, Key, ShortPieces, MAX_INLINE, MAX_SHORT};
use super::units::UnitTable;
use crate::vocabulary::TokenId;

/// Pieces that are looked up in one go, so that the memory has time to answer.
const BATCH: usize = 256;

/// Bytes of a long piece that are joined at a time.
const WINDOW: usize = 4096;

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
        let mut index = 0;
        while index < parts.len() {
            index += known_parts(&scratch.short, &parts[index..], ids);
            if let Some(part) = parts.get(index) {
                let start = index.checked_sub(1).map_or(start, |before| parts[before].end as usize);
                self.unknown(scratch, text, (start, part.end as usize), part.is_piece, ids);
                index += 1;
            }
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
        if text.len() <= 2 * WINDOW || !self.joined_in_windows(scratch, text, ids) {
            self.join(scratch, text);
            ids.extend_from_slice(&scratch.units);
        }
    }

    /// As [`Encoder::joined`], in linear time and little memory; false, with nothing added, where that does not work out.
    ///
    /// Tokens of which any two neighbours stay apart when joined by themselves are those of the whole text: what first joined
    /// across one of their borders would do so with these two alone. So windows are joined, the last tokens of each are
    /// given up, and the next window begins there, if its first token and the one before it stay apart.
    fn joined_in_windows(&self, scratch: &mut Scratch, text: &[u8], ids: &mut Vec<TokenId>) -> bool {
        let mark = ids.len();
        let mut start = 0;
        loop {
            let mut end = (start + WINDOW).min(text.len());
            while end < text.len() && text[end] & 0xC0 == 0x80 {
                end -= 1;
            }
            self.join(scratch, &text[start..end]);
            let first = scratch.units[0];
            let keeps_up_to = if end == text.len() { end } else { start + WINDOW / 4 * 3 };
            let (mut at, mut kept, mut kept_end) = (start, 0, start);
            for (index, &id) in scratch.units.iter().enumerate() {
                at += self.len_in(&text[at..], id);
                if at > keeps_up_to {
                    break;
                }
                if text.get(at).is_none_or(|byte| byte & 0xC0 != 0x80) {
                    (kept, kept_end) = (index + 1, at);
                }
            }
            let before = ids[mark..].last().copied();
            ids.extend_from_slice(&scratch.units[..kept]);
            if kept == 0 || before.is_some_and(|before| !self.stay_apart(scratch, before, first)) {
                ids.truncate(mark);
                return false;
            }
            start = kept_end;
            if start == text.len() {
                return true;
            }
        }
    }

    /// How many bytes of a text a token takes that it begins with.
    fn len_in(&self, text: &[u8], id: TokenId) -> usize {
        let bytes = self.vocabulary().tokens.get(id);
        match &self.spaces {
            Some(spaces) if !text.starts_with(bytes) => spaces.put_into(bytes).map_or(bytes.len(), |text| text.len()),
            _ => bytes.len(),
        }
    }

    /// Whether two tokens side by side are what their bytes join into.
    fn stay_apart(&self, scratch: &mut Scratch, left: TokenId, right: TokenId) -> bool {
        let tokens = &self.vocabulary().tokens;
        let both = [tokens.get(left), tokens.get(right)].concat();
        self.join(scratch, &both);
        scratch.units == [left, right]
    }

    /// Leaves the tokens of a text in `scratch.units`.
    fn join(&self, scratch: &mut Scratch, text: &[u8]) {
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
    }

    fn remember(&self, scratch: &mut Scratch, text: &[u8], (start, end): (usize, usize), ids: &[TokenId]) {
        match Ids::new(ids).filter(|_| end - start <= MAX_SHORT) {
            Some(inline) => scratch.short.insert(Key::of(text, start, end), inline),
            None => scratch.long.insert(&text[start..end], ids),
        }
    }
}

/// Appends the tokens of the first parts, as far as they are known; returns how many.
#[inline(always)]
fn known_parts(short: &ShortPieces, parts: &[Part], ids: &mut Vec<TokenId>) -> usize {
    ids.reserve(parts.len() * MAX_INLINE);
    let mut len = ids.len();
    let mut count = 0;
    for part in parts {
        let Some(known) = short.get(part.home, part.key) else { break };
        debug_assert!(known.len() <= MAX_INLINE && ids.capacity() - len >= MAX_INLINE);
        // SAFETY: there is room for `MAX_INLINE` ids of each part that is left. So many are written here, and `len` grows by
        // no more than that.
        unsafe { ids.as_mut_ptr().add(len).cast::<[TokenId; MAX_INLINE]>().write_unaligned(known.all()) };
        len += known.len();
        count += 1;
    }
    // SAFETY: all up to `len` has been written, within the capacity.
    unsafe { ids.set_len(len) };
    count
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
                ids.clear();
                encoder.pieces(&mut scratch, &text, (0, text.len()), Splits::OfVocabulary, &mut ids);
                assert_eq!(ids, expected);
            }
        }
        assert!(in_windows > 50, "{in_windows} of 60");
    }
}
