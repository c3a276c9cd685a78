//! SentencePiece models other than BPE, as the library SentencePiece runs them: Unigram, Word and Char.
//!
//! Control tokens are added tokens, which SentencePiece does not look for in a text. They cut a text into stretches; the
//! space in front is put at its very beginning alone, and white space goes away at its very ends.

mod charsmap;
mod normalize;
mod pieces;
mod trie;

use normalize::{Normalized, Normalizer, Stretch};
use pieces::{Cut, Pieces};

use crate::encode::{Counter, Finder, Found, Refused};
use crate::error::TokenError;
use crate::foreign::{Admitted, Foreign, ForeignStream, Library, Placed};
use crate::read::sentencepiece_model::{Kind, Method, Model, SPACE_MARK};
use crate::read::unsupported;
use crate::vocabulary::{AddedToken, TokenId};

/// Normalization may make a text several times as long, and places in it are numbers of 32 bits.
const LONGEST_TEXT_BYTES: usize = 1 << 30;

/// Reads a SentencePiece model of a kind other than BPE; `refusal` is what the encoder of this crate says to it.
///
/// # Errors
/// [`TokenError::UNREADABLE`] with the byte offset or piece, for a damaged file; `refusal` for a BPE
/// model; [`TokenError::UNSUPPORTED`] for spaces as suffixes, rules of decoding, and a model without an unknown piece.
pub fn sentencepiece_pieces(name: &str, file: &[u8], refusal: TokenError) -> Result<Foreign, TokenError> {
    let model = Model::parse(file)?;
    if model.method == Method::Bpe {
        return Err(refusal);
    }
    if model.space_as_suffix {
        return Err(unsupported("a model with spaces as suffixes", "trainer_spec.treat_whitespace_as_suffix"));
    }
    if model.has_rules_of_decoding {
        return Err(unsupported("a model with rules of decoding", "denormalizer_spec.precompiled_charsmap"));
    }
    let unknown = model.id_of_kind(Kind::Unknown);
    let unknown = unknown.ok_or_else(|| unsupported("a model without an unknown piece", "pieces"))?;
    Ok(Foreign::new(name, refusal.message, Box::new(SentencePiece::new(&model, unknown)?)))
}

/// A model at work.
struct SentencePiece {
    normalizer: Normalizer,
    pieces: Pieces,
    unknown: TokenId,
    /// The piece of each byte, in models that have one for all.
    byte_ids: Option<Box<[TokenId; 256]>>,
    added: Vec<AddedToken>,
    controls: Finder,
    begin: Option<TokenId>,
    /// What each id stands for.
    meanings: Vec<Meaning>,
    strips_one_space: bool,
    strips_spaces: bool,
}

/// What a token stands for in decoded text.
enum Meaning {
    Byte(u8),
    /// A control token or the unknown piece.
    Control(String),
    /// With the marks of spaces.
    Text(String),
}

impl SentencePiece {
    fn new(model: &Model<'_>, unknown: TokenId) -> Result<Self, TokenError> {
        let meanings = model.pieces.iter().map(|piece| match (piece.kind, piece.byte()) {
            (Kind::Byte, Some(byte)) => Meaning::Byte(byte),
            (Kind::Control | Kind::Unknown, _) => Meaning::Control(piece.text.to_owned()),
            _ => Meaning::Text(piece.text.to_owned()),
        });
        let added = model.added();
        Ok(SentencePiece {
            normalizer: Normalizer::new(model)?,
            pieces: Pieces::new(model, unknown),
            unknown,
            byte_ids: byte_ids(model)?,
            controls: Finder::new(&added, |token| token.special.then(|| token.content.clone())),
            added,
            begin: model.begin(),
            meanings: meanings.collect(),
            strips_one_space: model.add_dummy_prefix,
            strips_spaces: model.remove_extra_whitespaces,
        })
    }

    /// Calls `each(id, start, end)` for the tokens of a text in order, with their bytes.
    ///
    /// # Errors
    /// [`TokenError::OUT_OF_RANGE`] for a text that is too long.
    fn walk(
        &self,
        text: &str,
        admitted: Admitted<'_>,
        mut each: impl FnMut(TokenId, usize, usize),
    ) -> Result<(), TokenError> {
        if text.len() > LONGEST_TEXT_BYTES {
            let message = format!("a text of {} bytes; at most 1 GiB is encoded at once", text.len());
            return Err(TokenError::new(TokenError::OUT_OF_RANGE, message));
        }
        let mut controls = Vec::new();
        let mut symbols = None;
        match admitted {
            Admitted::All => {
                self.controls.find(&self.added, text, (0, text.len()), |_, _, _| true, Refused::Text, &mut controls);
            }
            Admitted::NotSpecial => {}
            Admitted::Only { found, .. } => {
                let is_control = |hit: &&Found| self.added[hit.token].special;
                controls.extend(found.iter().filter(is_control));
                let others = found.iter().filter(|hit| !is_control(hit));
                symbols = Some(others.map(|hit| (hit.start, hit.end)).collect::<Vec<_>>());
            }
        }
        let rest = Found { start: text.len(), end: text.len(), token: usize::MAX };
        let mut start = 0;
        for hit in controls.iter().chain([&rest]) {
            if start < hit.start {
                let stretch = Stretch { text, start, end: hit.start, symbols: symbols.as_deref() };
                self.stretch(stretch, &mut each);
            }
            if let Some(token) = self.added.get(hit.token) {
                each(token.id, hit.start, hit.end);
            }
            start = hit.end;
        }
        Ok(())
    }

    fn stretch(&self, stretch: Stretch<'_>, each: &mut impl FnMut(TokenId, usize, usize)) {
        let normalized = self.normalizer.normalize(stretch, &self.pieces);
        let cuts = self.pieces.cut(&normalized.text, normalized.symbols.as_deref());
        // Unknown characters in a row are one token, unless each is written in bytes.
        for run in cuts.chunk_by(|a, b| a.id == self.unknown && b.id == self.unknown) {
            let (start, end) = (run[0].start, run[run.len() - 1].end);
            match &self.byte_ids {
                Some(ids) if run[0].id == self.unknown => {
                    run.iter().for_each(|cut| self.bytes(ids, &normalized, cut, each));
                }
                _ => {
                    let (start, end) = normalized.place(start, end);
                    each(run[0].id, start, end);
                }
            }
        }
    }

    /// Each byte has the place of the whole character.
    fn bytes(
        &self,
        ids: &[TokenId; 256],
        normalized: &Normalized,
        cut: &Cut,
        each: &mut impl FnMut(TokenId, usize, usize),
    ) {
        let (start, end) = normalized.place(cut.start, cut.end);
        for byte in &normalized.text[cut.start..cut.end] {
            each(ids[usize::from(*byte)], start, end);
        }
    }
}

impl Library for SentencePiece {
    fn scheme(&self) -> &'static str {
        "sentencepiece"
    }

    fn vocab_size(&self) -> usize {
        self.meanings.len()
    }

    fn added(&self) -> &[AddedToken] {
        &self.added
    }

    fn unknown(&self) -> Option<TokenId> {
        Some(self.unknown)
    }

    fn id_of(&self, token: &str) -> Option<TokenId> {
        let added = || self.added.iter().find(|added| added.content == token).map(|added| added.id);
        self.pieces.find(token).or_else(added)
    }

    fn ids(&self, text: &str, admitted: Admitted<'_>, add_special: bool) -> Result<Vec<TokenId>, TokenError> {
        let mut ids: Vec<TokenId> = self.begin.filter(|_| add_special).into_iter().collect();
        self.walk(text, admitted, |id, _, _| ids.push(id))?;
        Ok(ids)
    }

    fn placed(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<Placed>, TokenError> {
        let mut placed = Vec::new();
        self.walk(text, admitted, |id, start, end| placed.push(Placed { id, start, end }))?;
        Ok(placed)
    }

    fn offsets(&self, text: &str, admitted: Admitted<'_>) -> Result<Vec<(usize, usize)>, TokenError> {
        let mut characters = Counter::new(text);
        let mut offsets = Vec::new();
        self.walk(text, admitted, |_, start, end| {
            offsets.push((characters.at(start) as usize, characters.at(end) as usize));
        })?;
        Ok(offsets)
    }

    fn decode(&self, ids: &[TokenId], skip_special: bool) -> Result<String, TokenError> {
        let (mut text, mut run) = (String::new(), Vec::new());
        let mut spaces_go = self.strips_one_space || self.strips_spaces;
        for id in ids {
            let Some(meaning) = self.meanings.get(*id as usize) else { continue };
            if let Meaning::Byte(byte) = meaning {
                run.push(*byte);
                continue;
            }
            append_bytes(&mut run, &mut text);
            match meaning {
                Meaning::Control(_) if skip_special => {}
                Meaning::Control(control) => text.push_str(control),
                Meaning::Text(piece) => {
                    spaces_go &= text.is_empty();
                    let rest = piece.strip_prefix(SPACE_MARK).filter(|_| spaces_go);
                    spaces_go &= self.strips_spaces || rest.is_none();
                    text.push_str(&rest.unwrap_or(piece).replace(SPACE_MARK, " "));
                }
                Meaning::Byte(_) => unreachable!("it went into the run"),
            }
        }
        append_bytes(&mut run, &mut text);
        Ok(text)
    }

    fn stream(&self, stream: &mut ForeignStream, id: TokenId) -> Result<String, TokenError> {
        Ok(match self.meanings.get(id as usize) {
            None => String::new(),
            Some(Meaning::Byte(byte)) => stream.byte(*byte),
            Some(Meaning::Control(control)) => stream.text(control),
            Some(Meaning::Text(piece)) => {
                let spaces_go = self.strips_one_space || self.strips_spaces;
                let spaces_go = spaces_go && !stream.keeps_spaces && !stream.is_begun;
                let rest = piece.strip_prefix(SPACE_MARK).filter(|_| spaces_go);
                stream.keeps_spaces = !(spaces_go && (self.strips_spaces || rest.is_none()));
                stream.text(&rest.unwrap_or(piece).replace(SPACE_MARK, " "))
            }
        })
    }

    fn stream_rest(&self, stream: &mut ForeignStream) -> Result<String, TokenError> {
        Ok(stream.rest_of_bytes())
    }
}

/// The piece of each byte where the model falls back on them.
fn byte_ids(model: &Model<'_>) -> Result<Option<Box<[TokenId; 256]>>, TokenError> {
    if !model.byte_fallback {
        return Ok(None);
    }
    let mut ids = Box::new([TokenId::MAX; 256]);
    let bytes = (0..).zip(&model.pieces).filter(|(_, piece)| piece.kind == Kind::Byte);
    bytes.filter_map(|(id, piece)| Some((id, piece.byte()?))).for_each(|(id, byte)| ids[usize::from(byte)] = id);
    match ids.contains(&TokenId::MAX) {
        true => Err(unsupported("a model that falls back on bytes and lacks some", "pieces")),
        false => Ok(Some(ids)),
    }
}

/// Adds a run of bytes; what is no character becomes U+FFFD, byte by byte.
fn append_bytes(run: &mut Vec<u8>, text: &mut String) {
    for chunk in run.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    run.clear();
}

/// The length of the character that a text begins with, as its first byte has it; at most the length of the text.
fn character_len(text: &[u8]) -> usize {
    let len = match text.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..) => 4,
        _ => 1,
    };
    len.min(text.len())
}
