//! What has to hold.

use std::collections::HashMap;
use std::sync::Arc;

use chattpl_tokens::decode::decode;
use chattpl_tokens::read::tokenizer_json;
use chattpl_tokens::vocabulary::Units;
use chattpl_tokens::{pack, Encoder, Pretokenizer, Scratch, SpecialTokens, TokenError, TokenId, Tokens, Vocabulary};
use fastrand::Rng;

use crate::text;

/// A vocabulary under test.
pub struct Subject {
    file: Vec<u8>,
    image: Vec<u8>,
    encoder: Encoder,
    /// The same encoder, opened from an image.
    opened: Encoder,
    /// What it has seen before.
    used: Scratch,
    /// For byte pair encoding as it is defined; none where something is done to texts before.
    plain: Option<Plain>,
}

/// Byte pair encoding, the slow way.
struct Plain {
    ranks: HashMap<(TokenId, TokenId), (usize, TokenId)>,
    bytes: Box<[TokenId; 256]>,
    pretokenizer: Pretokenizer,
}

impl Subject {
    pub fn read(path: &str) -> Result<Self, String> {
        let file = std::fs::read(path).map_err(|error| error.to_string())?;
        let read = |error: TokenError| error.to_string();
        let vocabulary = if path.ends_with(".json") { tokenizer_json(path, &file) } else { pack::read(&file) };
        let vocabulary = Arc::new(vocabulary.map_err(read)?);
        let plain = Plain::of(&vocabulary);
        // Damage is looked for in what is small enough to be read many times a second.
        let file = pack::write(&vocabulary);
        let encoder = Encoder::new(vocabulary).map_err(read)?;
        let image = encoder.image();
        let opened = Encoder::open(Arc::new(image.clone())).map_err(read)?;
        Ok(Subject { file, image, used: encoder.scratch(), encoder, opened, plain })
    }

    pub fn name(&self) -> &str {
        &self.encoder.vocabulary().name
    }

    /// Begins anew with what is kept, after a panic.
    pub fn forget(&mut self) {
        self.used = self.encoder.scratch();
    }

    /// Ids do not depend on what was seen before nor on where the tables lie, stand for the text, and are those of byte
    /// pair encoding.
    pub fn check_text(&mut self, rng: &mut Rng) -> Result<(), String> {
        let vocabulary = self.encoder.vocabulary();
        let text = text::random(rng, vocabulary);
        let special = if rng.bool() { SpecialTokens::Text } else { SpecialTokens::Parity };
        let ids = encoded(&self.encoder, &mut self.used, &text, special)?;
        let fresh = encoded(&self.opened, &mut self.opened.scratch(), &text, special)?;
        if ids != fresh {
            return Err(format!("{text:?} is {ids:?}, and {fresh:?} when nothing was seen before"));
        }
        let places = self.encoder.offsets(&mut self.used, &text, special).map_err(|error| error.to_string())?;
        let characters = text.chars().count() as i32;
        let in_order = places.chunks(2).all(|place| 0 <= place[0] && place[0] <= place[1] && place[1] <= characters);
        if places.len() != ids.len() * 2 || !in_order {
            return Err(format!("{text:?} has places {places:?}"));
        }
        let Some(plain) = &self.plain else { return Ok(()) };
        if decode(vocabulary, ids.iter().copied(), false) != text {
            return Err(format!("{text:?} is not what {ids:?} stands for"));
        }
        let has_added = vocabulary.added.iter().any(|token| text.contains(&token.content));
        let expected = if has_added { ids.clone() } else { plain.encode(&text) };
        (ids == expected).then_some(()).ok_or_else(|| format!("{text:?} is {ids:?} and not {expected:?}"))
    }

    /// A damaged pack or image is refused, or is one that texts can be encoded with.
    pub fn check_damaged_file(&mut self, rng: &mut Rng) -> Result<(), String> {
        let is_pack = rng.bool();
        let mut file = if is_pack { self.file.clone() } else { self.image.clone() };
        for _ in 0..rng.usize(1..4) {
            let at = if rng.bool() { rng.usize(..file.len().min(512)) } else { rng.usize(..file.len()) };
            match rng.u8(..4) {
                0 => file.truncate(at.max(1)),
                1 => file[at] = rng.u8(..),
                2 => file[at] ^= 1 << rng.u8(..8),
                _ => {
                    let end = (at + rng.usize(1..9)).min(file.len());
                    file[at..end].fill(if rng.bool() { 0xFF } else { 0 });
                }
            }
        }
        let made = match is_pack {
            true => pack::read(&file).and_then(|vocabulary| Encoder::new(Arc::new(vocabulary))),
            false => Encoder::open(Arc::new(file)),
        };
        if let Ok(encoder) = made {
            encoded(
                &encoder,
                &mut encoder.scratch(),
                &text::random(rng, self.encoder.vocabulary()),
                SpecialTokens::Parity,
            )?;
        }
        Ok(())
    }
}

fn encoded(
    encoder: &Encoder,
    scratch: &mut Scratch,
    text: &str,
    special: SpecialTokens,
) -> Result<Vec<TokenId>, String> {
    let mut tokens = Tokens::default();
    encoder.encode(scratch, text, special, &mut tokens).map_err(|error| error.to_string())?;
    Ok(tokens.ids)
}

impl Plain {
    fn of(vocabulary: &Vocabulary) -> Option<Self> {
        let Units::Bytes { ids } = &vocabulary.units else { return None };
        if !vocabulary.normalizers.is_empty() || vocabulary.ignore_merges {
            return None;
        }
        let merges = vocabulary.merges.iter().enumerate().rev();
        let ranks = merges.map(|(rank, merge)| ((merge.left, merge.right), (rank, merge.merged))).collect();
        Some(Plain { ranks, bytes: ids.clone(), pretokenizer: Pretokenizer::new(&vocabulary.splits).ok()? })
    }

    fn encode(&self, text: &str) -> Vec<TokenId> {
        let (mut all, mut at, mut ends) = (Vec::new(), 0, [0; 64]);
        while at < text.len() {
            let count = self.pretokenizer.pieces(text, at, &mut ends);
            for &end in &ends[..count] {
                let mut ids: Vec<TokenId> =
                    text.as_bytes()[at..end as usize].iter().map(|&byte| self.bytes[usize::from(byte)]).collect();
                let rank = |ids: &[TokenId], at: usize| self.ranks.get(&(ids[at], ids[at + 1])).copied();
                while let Some(((_, merged), at)) =
                    (1..ids.len()).filter_map(|at| Some((rank(&ids, at - 1)?, at - 1))).min()
                {
                    ids[at] = merged;
                    ids.remove(at + 1);
                }
                all.extend(ids);
                at = end as usize;
            }
        }
        all
    }
}
