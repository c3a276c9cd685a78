//! Writes packs.

use xxhash_rust::xxh3::xxh3_64;

use super::halves::Halves;
use super::{EXPLICIT, HEADER_BYTES, MAGIC, MERGES_BY_ID, MERGES_BY_PRIORITY, NO_MERGE, VERSION};
use crate::vocabulary::{
    AddedToken, Decoder, Leading, Merge, Normalizer, Pattern, Prepend, Split, SplitBehavior, TokenId, TokenTable,
    TrimOffsets, Units, Vocabulary,
};

/// The pack of a vocabulary; the same vocabulary always gives the same bytes.
pub fn write(vocabulary: &Vocabulary) -> Vec<u8> {
    let mut body = Body::default();
    body.text(&vocabulary.name);
    body.tokens(&vocabulary.tokens);
    body.units(&vocabulary.units);
    body.flag(vocabulary.ignore_merges);
    body.merges(vocabulary);
    body.rest(vocabulary);
    with_header(&body.bytes)
}

/// All of a vocabulary but its tokens and merges.
pub fn write_small(vocabulary: &Vocabulary) -> Vec<u8> {
    let mut body = Body::default();
    body.text(&vocabulary.name);
    body.units(&vocabulary.units);
    body.flag(vocabulary.ignore_merges);
    body.rest(vocabulary);
    body.bytes
}

pub(super) fn with_header(body: &[u8]) -> Vec<u8> {
    let mut pack = Vec::with_capacity(HEADER_BYTES + body.len());
    pack.extend_from_slice(MAGIC);
    pack.extend_from_slice(&VERSION.to_le_bytes());
    pack.extend_from_slice(&(body.len() as u64).to_le_bytes());
    pack.extend_from_slice(&xxh3_64(body).to_le_bytes());
    pack.extend_from_slice(body);
    pack
}

#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
}

impl Body {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// The step from one id to another: small either way is short.
    fn step(&mut self, from: TokenId, to: TokenId) {
        let step = i64::from(to) - i64::from(from);
        self.number(((step << 1) ^ (step >> 63)) as u64);
    }

    fn flag(&mut self, flag: bool) {
        self.bytes.push(u8::from(flag));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn character(&mut self, character: char) {
        self.number(u64::from(u32::from(character)));
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| write(self, item));
    }

    /// What comes after the merges.
    fn rest(&mut self, vocabulary: &Vocabulary) {
        self.added(&vocabulary.added);
        self.list(&vocabulary.normalizers, Body::normalizer);
        self.list(&vocabulary.splits, Body::split);
        self.list(&vocabulary.prefix, |body, &id| body.number(u64::from(id)));
        self.list(&vocabulary.suffix, |body, &id| body.number(u64::from(id)));
        self.decoder(&vocabulary.decoder);
        self.trim_offsets(vocabulary.trim_offsets);
    }

    fn tokens(&mut self, tokens: &TokenTable) {
        let all = 0..tokens.len() as TokenId;
        self.number(tokens.len() as u64);
        all.clone().for_each(|id| self.number(tokens.get(id).len() as u64));
        all.for_each(|id| self.bytes.extend_from_slice(tokens.get(id)));
    }

    fn units(&mut self, units: &Units) {
        match units {
            Units::Bytes { ids } => {
                self.number(0);
                self.ids_of_bytes(ids);
            }
            Units::Chars { bytes, unknown, fuse_unknown } => {
                self.number(1 + u64::from(bytes.is_some()));
                if let Some(ids) = bytes {
                    self.ids_of_bytes(ids);
                }
                self.number(unknown.map_or(0, |id| 1 + u64::from(id)));
                self.flag(*fuse_unknown);
            }
        }
    }

    fn ids_of_bytes(&mut self, ids: &[TokenId; 256]) {
        let mut from = 0;
        for &id in ids {
            self.step(from, id);
            from = id;
        }
    }

    fn merges(&mut self, vocabulary: &Vocabulary) {
        let halves = Halves::new(&vocabulary.tokens, &vocabulary.units);
        let split_of = |merge: &Merge| {
            let (left, right) = (vocabulary.tokens.get(merge.left), vocabulary.tokens.get(merge.right));
            let found = halves.find(left) == Some(merge.left) && halves.find(right) == Some(merge.right);
            let joined = vocabulary.tokens.get(merge.merged).split_at_checked(left.len()) == Some((left, right));
            match u8::try_from(left.len()) {
                Ok(split) if found && joined => split,
                _ => EXPLICIT,
            }
        };
        let merges = &vocabulary.merges;
        let in_order = merges.windows(2).all(|pair| pair[0].merged < pair[1].merged);
        let splits: Vec<u8> = merges.iter().map(split_of).collect();
        if in_order && merges.last().is_none_or(|last| (last.merged as usize) < vocabulary.tokens.len()) {
            let mut by_id = vec![NO_MERGE; vocabulary.tokens.len()];
            merges.iter().zip(&splits).for_each(|(merge, &split)| by_id[merge.merged as usize] = split);
            self.bytes.push(MERGES_BY_ID);
            self.bytes.extend_from_slice(&by_id);
        } else {
            self.bytes.push(MERGES_BY_PRIORITY);
            self.number(merges.len() as u64);
            let mut from = 0;
            for merge in merges.iter() {
                self.step(from, merge.merged);
                from = merge.merged;
            }
            self.bytes.extend_from_slice(&splits);
        }
        let explicit = merges.iter().zip(&splits).filter(|(_, &split)| split == EXPLICIT);
        let explicit: Vec<Merge> = explicit.map(|(merge, _)| *merge).collect();
        self.list(&explicit, |body, merge| {
            body.number(u64::from(merge.left));
            body.number(u64::from(merge.right));
        });
    }

    fn added(&mut self, added: &[AddedToken]) {
        self.number(added.len() as u64);
        let mut from = 0;
        for token in added {
            self.step(from, token.id);
            from = token.id;
        }
        for token in added {
            let flags =
                [token.special, token.lstrip, token.rstrip, token.single_word, token.normalized, token.in_model];
            self.bytes.push(flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u8::from(flag)));
        }
        added.iter().for_each(|token| self.text(&token.content));
    }

    fn normalizer(&mut self, normalizer: &Normalizer) {
        match normalizer {
            Normalizer::Nfc => self.number(0),
            Normalizer::Prepend(text) => {
                self.number(1);
                self.text(text);
            }
            Normalizer::PrependFirst(text) => {
                self.number(4);
                self.text(text);
            }
            Normalizer::Replace { pattern, content } => {
                self.number(2);
                self.text(pattern);
                self.text(content);
            }
            Normalizer::Metaspace { replacement, prepend } => {
                self.number(3);
                self.character(*replacement);
                self.number(match prepend {
                    Prepend::Never => 0,
                    Prepend::First => 1,
                    Prepend::Always => 2,
                });
            }
        }
    }

    fn split(&mut self, split: &Split) {
        let (kind, text) = match &split.pattern {
            Pattern::Regex(text) => (0, text),
            Pattern::Text(text) => (1, text),
        };
        self.number(kind);
        self.text(text);
        self.number(match split.behavior {
            SplitBehavior::Isolated => 0,
            SplitBehavior::Removed => 1,
            SplitBehavior::MergedWithPrevious => 2,
            SplitBehavior::MergedWithNext => 3,
            SplitBehavior::Contiguous => 4,
        });
        self.flag(split.invert);
    }

    fn decoder(&mut self, decoder: &Decoder) {
        match decoder {
            Decoder::Bytes => self.number(0),
            Decoder::Metaspace { replacement, leading } => {
                self.number(1);
                self.character(*replacement);
                self.number(match leading {
                    Leading::Nothing => 0,
                    Leading::OneSpace => 1,
                    Leading::Marks => 2,
                });
            }
        }
    }

    /// Packs of vocabularies that trim nothing, as nearly all do, end without it.
    fn trim_offsets(&mut self, trim: TrimOffsets) {
        match trim {
            TrimOffsets::Never => {}
            TrimOffsets::Spaces => self.number(1),
            TrimOffsets::SpacesButFirst => self.number(2),
        }
    }
}
