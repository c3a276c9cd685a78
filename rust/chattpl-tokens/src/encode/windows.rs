//! Pieces of any length: what merging makes of them, in linear time and little memory.

use super::encoder::{Encoder, Scratch};
use super::units::UnitTable;
use crate::vocabulary::TokenId;

/// Bytes of a long piece that are joined at a time.
const WINDOW: usize = 4096;

impl Encoder {
    /// Appends the tokens that the units of a text join into.
    pub(super) fn joined(&self, scratch: &mut Scratch, text: &[u8], ids: &mut Vec<TokenId>) {
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
    pub(super) fn joined_in_windows(&self, scratch: &mut Scratch, text: &[u8], ids: &mut Vec<TokenId>) -> bool {
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
    pub(super) fn join(&self, scratch: &mut Scratch, text: &[u8]) {
        self.units_of(scratch, text);
        scratch.work.merge(&self.pairs, &mut scratch.units);
    }

    /// Leaves the units of a text in `scratch.units`, or what they are sure to become.
    pub(super) fn units_of(&self, scratch: &mut Scratch, text: &[u8]) {
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
    }
}
