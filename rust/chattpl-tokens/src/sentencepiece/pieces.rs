//! The pieces of a model, and the three ways to cut a text into them.

use super::character_len;
use super::trie::Trie;
use crate::read::sentencepiece_model::{Kind, Method, Model, SPACE_MARK};
use crate::vocabulary::TokenId;

/// What every byte of a user-defined symbol but the first gains it.
const SYMBOL_BONUS: f32 = 0.1;
/// What an unknown character costs beyond the worst piece.
const UNKNOWN_PENALTY: f32 = 10.0;
/// Beyond it, scores are counted from the place that is reached, as in SentencePiece: long texts keep their precision.
const FARTHEST_SCORE: f32 = 100_000.0;

/// The pieces that text can become.
pub struct Pieces {
    method: Method,
    trie: Trie,
    kinds: Vec<Kind>,
    scores: Vec<f32>,
    has_symbols: bool,
    unknown: TokenId,
    unknown_score: f32,
}

/// A piece where it stands in normalized text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The piece.
    pub id: TokenId,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// The best way to a place in the text.
#[derive(Clone, Copy)]
struct Best {
    id: TokenId,
    start: u32,
    score: f32,
}

/// No way is known yet.
const NOWHERE: u32 = u32::MAX;

impl Pieces {
    /// Those of `model`, whose unknown piece is `unknown`.
    pub fn new(model: &Model<'_>, unknown: TokenId) -> Self {
        let spelled = |kind| matches!(kind, Kind::Normal | Kind::UserDefined | Kind::Unused);
        let texts = (0..).zip(&model.pieces).filter(|(_, piece)| spelled(piece.kind));
        let normal = model.pieces.iter().filter(|piece| piece.kind == Kind::Normal).map(|piece| piece.score);
        Pieces {
            method: model.method,
            trie: Trie::new(texts.map(|(id, piece)| (piece.text.as_bytes(), id))),
            kinds: model.pieces.iter().map(|piece| piece.kind).collect(),
            scores: model.pieces.iter().map(|piece| piece.score).collect(),
            has_symbols: model.pieces.iter().any(|piece| piece.kind == Kind::UserDefined),
            unknown,
            unknown_score: normal.fold(f32::MAX, f32::min) - UNKNOWN_PENALTY,
        }
    }

    /// The piece of a text.
    pub fn find(&self, text: &str) -> Option<TokenId> {
        self.trie.find(text.as_bytes())
    }

    /// How many bytes the longest user-defined symbol takes that `text` begins with.
    pub fn longest_symbol(&self, text: &[u8]) -> Option<usize> {
        let symbols = || self.trie.prefixes(text).filter(|&(_, id)| self.kinds[id as usize] == Kind::UserDefined);
        self.has_symbols.then(symbols)?.last().map(|(len, _)| len)
    }

    /// Cuts a normalized text. User-defined symbols count at the places in `symbols`, or wherever they are spelled.
    pub fn cut(&self, text: &[u8], symbols: Option<&[(usize, usize)]>) -> Vec<Cut> {
        match self.method {
            Method::Word => self.whole(words(text)),
            Method::Char => self.whole(self.characters(text, symbols)),
            Method::Unigram | Method::Bpe => self.likeliest(text, symbols),
        }
    }

    fn whole<'t>(&self, parts: impl Iterator<Item = (usize, &'t [u8])>) -> Vec<Cut> {
        let is_used = |id: &TokenId| self.kinds[*id as usize] != Kind::Unused;
        let cut = |(start, part): (usize, &[u8])| Cut {
            id: self.trie.find(part).filter(is_used).unwrap_or(self.unknown),
            start,
            end: start + part.len(),
        };
        parts.map(cut).collect()
    }

    fn characters<'t>(
        &'t self,
        text: &'t [u8],
        symbols: Option<&'t [(usize, usize)]>,
    ) -> impl Iterator<Item = (usize, &'t [u8])> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            let symbol = match symbols {
                None => self.longest_symbol(rest),
                Some(symbols) => symbol_at(symbols, at),
            };
            let start = at;
            at += symbol.unwrap_or_else(|| character_len(rest));
            Some((start, &text[start..at]))
        })
    }

    /// The pieces of the best total score, as SentencePiece 0.2.3 adds it up: rounded after every piece.
    fn likeliest(&self, text: &[u8], symbols: Option<&[(usize, usize)]>) -> Vec<Cut> {
        let mut best = vec![Best { id: 0, start: NOWHERE, score: 0.0 }; text.len() + 1];
        let (mut start, mut farthest) = (0, 0);
        while start < text.len() {
            if best[start].score.abs() > FARTHEST_SCORE {
                let score = best[start].score;
                best[start..=farthest].iter_mut().for_each(|way| way.score -= score);
                best[start].score = 0.0;
            }
            let so_far = best[start].score;
            let len = character_len(&text[start..]);
            let mut has_character = false;
            for (piece_len, id) in self.trie.prefixes(&text[start..]) {
                let end = start + piece_len;
                let score = match self.kinds[id as usize] {
                    Kind::Unused => continue,
                    Kind::UserDefined
                        if symbols.is_some_and(|symbols| symbols.binary_search(&(start, end)).is_err()) =>
                    {
                        continue
                    }
                    Kind::UserDefined => (piece_len - 1) as f32 * SYMBOL_BONUS,
                    _ => self.scores[id as usize],
                };
                best[end].improve(id, start, score + so_far);
                farthest = farthest.max(end);
                has_character |= piece_len == len;
            }
            if !has_character {
                best[start + len].improve(self.unknown, start, self.unknown_score + so_far);
                farthest = farthest.max(start + len);
            }
            start += len;
        }
        let mut cuts = Vec::new();
        let mut end = text.len();
        while end > 0 {
            let Best { id, start, .. } = best[end];
            cuts.push(Cut { id, start: start as usize, end });
            end = start as usize;
        }
        cuts.reverse();
        cuts
    }
}

impl Best {
    fn improve(&mut self, id: TokenId, start: usize, score: f32) {
        if self.start == NOWHERE || score > self.score {
            *self = Best { id, start: start as u32, score };
        }
    }
}

/// How many bytes the symbol takes that stands at a place; `symbols` ascend.
pub fn symbol_at(symbols: &[(usize, usize)], at: usize) -> Option<usize> {
    symbols.binary_search_by_key(&at, |symbol| symbol.0).ok().map(|found| symbols[found].1 - at)
}

/// Words with the mark of a space in front.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mark = SPACE_MARK.to_string();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let skipped = character_len(rest);
        let len = memchr::memmem::find(&rest[skipped..], mark.as_bytes()).map_or(rest.len(), |found| skipped + found);
        let start = at;
        at += len;
        Some((start, &rest[..len]))
    })
}
