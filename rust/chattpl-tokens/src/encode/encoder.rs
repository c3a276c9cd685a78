//! The encoder of one vocabulary, and the room that one thread works in.

use std::sync::Arc;

use super::added::{Finder, Found, Refused};
use super::bpe::Workspace;
use super::by_bytes::ByBytes;
use super::chars::Chars;
use super::cuts::Cuts;
use super::known::ShortPieces;
use super::long::LongPieces;
use super::normalize::{normalize, Normalized};
use super::pairs::PairTable;
use super::pieces::{Batch, Splits};
use super::spaces::Spaces;
use super::tables::Tables;
use super::units::UnitTable;
use super::walk::{Coordinates, Region, Tokens};
use super::wide::WidePieces;
use crate::error::TokenError;
use crate::image::{Reader, Writer};
use crate::pack;
use crate::pretokenize::{has_avx2, Pretokenizer};
use crate::table::{Map, Table};
use crate::vocabulary::{AddedToken, Merge, Normalizer, TokenId, TokenTable, Vocabulary};

/// What is done about control tokens that stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// They count wherever they stand, as in `tokenizers`.
    Parity,
    /// Tokens flagged special are text like any other; other added tokens count.
    Text,
    /// As [`SpecialTokens::Text`], but a text that holds one is refused.
    Error,
}

/// Turns text into the ids of one vocabulary. Shared by all threads; each brings its own [`Scratch`].
pub struct Encoder {
    vocabulary: Arc<Vocabulary>,
    pub(super) pretokenizer: Pretokenizer,
    pub(super) pairs: PairTable,
    /// Whether every merge comes later than those that make its halves.
    pub(super) merges_ascend: bool,
    pub(super) cuts: Cuts,
    pub(super) units: UnitTable,
    /// Tokens by their bytes; only where a whole piece may be a token against the merges.
    pub(super) whole: Option<ByBytes>,
    /// Where a text is encoded as it is, and its spaces stand for their marks.
    pub(super) spaces: Option<Spaces>,
    /// Whether the processor has what [`Encoder::pieces`] is compiled for besides.
    pub(super) has_avx2: bool,
    /// Added tokens to look for in the text as it is.
    pub(super) raw: Finder,
    /// Added tokens to look for in normalized text.
    pub(super) normalized: Finder,
}

/// What one thread works with: known pieces and room for the piece at hand.
///
/// It belongs to the encoder that made it. Short pieces take 256 KiB at first and 32 MiB at most, those of up to 31 bytes
/// 16 MiB at most, and in both new ones take the place of old ones; long ones take up to 30 MiB, whereupon all of them are
/// dropped; characters 256 KiB, work at hand 128 KiB. Ids never depend on what is kept.
pub struct Scratch {
    pub(super) short: ShortPieces,
    pub(super) wide: WidePieces,
    pub(super) long: LongPieces,
    pub(super) work: Workspace,
    pub(super) chars: Chars,
    pub(super) units: Vec<TokenId>,
    /// Away while a text is encoded.
    pub(super) batch: Option<Box<Batch>>,
    /// The beginning of a text with the space that is put in front of it.
    front: Vec<u8>,
    found: Vec<Found>,
    found_inside: Vec<Found>,
}

/// Refuses added tokens that `tokenizers` looks for in a way of its own.
fn refuse_uncovered(vocabulary: &Vocabulary) -> Result<(), TokenError> {
    let normalized = vocabulary.added.iter().filter(|token| token.normalized);
    if let Some(token) = normalized.max_by_key(|token| !token.content.is_ascii()) {
        // `tokenizers` looks for the normalized text of such a token, mark and all, and decodes it with the mark.
        let is_plain = |step: &Normalizer| *step == Normalizer::Nfc && token.content.is_ascii();
        if !vocabulary.normalizers.iter().all(is_plain) {
            let message = format!("the added token `{}`, looked for in normalized text,", token.content);
            let hint = "give the `tokenizer.json` of the model: all kinds of it are read";
            let message = format!("{message} is not covered by this encoder");
            return Err(TokenError::new(TokenError::UNSUPPORTED, message).hint(hint));
        }
    }
    Ok(())
}

impl Encoder {
    /// Builds the tables of a vocabulary.
    ///
    /// # Errors
    /// [`TokenError::UNSUPPORTED`] for a vocabulary that leaves some text without tokens, or whose splits cannot be made.
    pub fn new(vocabulary: Arc<Vocabulary>) -> Result<Self, TokenError> {
        Self::with_tables(vocabulary, Tables::new)
    }

    /// Opens what [`Encoder::image`] gave: the large tables stay where they are.
    ///
    /// # Errors
    /// [`TokenError::DAMAGED_PACK`] for an image that is cut short, changed, or of another version or machine.
    pub fn open(image: Map) -> Result<Self, TokenError> {
        let mut image = Reader::new(image)?;
        let tokens = TokenTable::of(&mut image)?;
        let merges: Table<Merge> = image.table()?;
        if !merges.iter().all(|merge| tokens.is_joined(merge.left, merge.right, merge.merged)) {
            return Err(image.damaged("merges of tokens that do not exist"));
        }
        let vocabulary = pack::read_small(&image.table()?, tokens, merges)?;
        let tables = |vocabulary: &Vocabulary, spaces: Option<&Spaces>| {
            let tables = Tables::of(&mut image, vocabulary, spaces)?;
            image.end().map(|()| tables)
        };
        Self::with_tables(Arc::new(vocabulary), tables)
    }

    /// The vocabulary and all tables as a file for [`Encoder::open`].
    pub fn image(&self) -> Vec<u8> {
        let mut image = Writer::new();
        self.vocabulary.tokens.put_into(&mut image);
        image.table(&self.vocabulary.merges);
        image.table(&pack::write_small(&self.vocabulary));
        self.put_tables_into(&mut image);
        image.done()
    }

    fn with_tables(
        vocabulary: Arc<Vocabulary>,
        tables: impl FnOnce(&Vocabulary, Option<&Spaces>) -> Result<Tables, TokenError>,
    ) -> Result<Self, TokenError> {
        refuse_uncovered(&vocabulary)?;
        let added = &vocabulary.added;
        let steps = vocabulary.normalizers().0;
        let raw = Finder::new(added, |token| (!token.normalized).then(|| token.content.clone()));
        let normalized = Finder::new(added, |token| {
            let composed = |text: &str| normalize(steps, text, false).map_or_else(|| text.to_owned(), |done| done.text);
            token.normalized.then(|| composed(&token.content))
        });
        let spaces = Spaces::of(&vocabulary).filter(|_| normalized.is_empty());
        let Tables { pairs, merges_ascend, cuts, units, whole } = tables(&vocabulary, spaces.as_ref())?;
        Ok(Encoder {
            pretokenizer: Pretokenizer::new(&vocabulary.splits)?,
            spaces: spaces.filter(|spaces| units.has(spaces.mark_char)),
            pairs,
            merges_ascend,
            cuts,
            units,
            whole,
            has_avx2: has_avx2(),
            raw,
            normalized,
            vocabulary,
        })
    }

    /// How text is split: the name of a scheme, or `regex`.
    pub fn scheme_name(&self) -> &'static str {
        self.pretokenizer.scheme_name()
    }

    /// The vocabulary that it encodes into.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Makes room for one thread.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            short: ShortPieces::new(),
            wide: WidePieces::new(),
            long: LongPieces::default(),
            work: Workspace::default(),
            chars: Chars::default(),
            units: Vec::new(),
            batch: None,
            front: Vec::new(),
            found: Vec::new(),
            found_inside: Vec::new(),
        }
    }

    /// Appends the ids of a text and says which stretch of it each of them stands for.
    ///
    /// # Errors
    /// [`TokenError::FORGED`] for a control token where `special` refuses them; [`TokenError::OUT_OF_RANGE`] for a text
    /// of 4 GiB and more.
    pub fn encode(
        &self,
        scratch: &mut Scratch,
        text: &str,
        special: SpecialTokens,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        let (all, first_region) = (special != SpecialTokens::Text, tokens.regions().len());
        self.encode_with(scratch, text, &|_, _, token| all || !token.special, Refused::Text, tokens)?;
        match special {
            SpecialTokens::Error => self.without_special(tokens, first_region),
            SpecialTokens::Parity | SpecialTokens::Text => Ok(()),
        }
    }

    /// Refuses tokens among which one stands for the text of a control token.
    pub(super) fn without_special(&self, tokens: &Tokens, first_region: usize) -> Result<(), TokenError> {
        for (index, region) in
            tokens.regions().iter().enumerate().skip(first_region).filter(|(_, found)| found.is_added())
        {
            let id = tokens.ids[tokens.tokens_of(index).start];
            if let Some(token) = self.vocabulary.added.iter().find(|token| token.id == id && token.special) {
                let message = format!("control token `{}` inside the text", token.content);
                let hint = "pass special_tokens=\"text\" to encode it as text, or \"parity\" to let it count";
                let place = format!("byte {}", region.start_byte);
                return Err(TokenError::new(TokenError::FORGED, message).at(place).hint(hint));
            }
        }
        Ok(())
    }

    /// Refuses a text in which `fault(start, end, token)` finds a control token amiss.
    ///
    /// # Errors
    /// The first fault.
    pub fn refuse(
        &self,
        text: &str,
        fault: impl Fn(usize, usize, &AddedToken) -> Option<TokenError>,
    ) -> Result<(), TokenError> {
        self.raw.refuse(&self.vocabulary.added, text, fault)
    }

    /// As [`Encoder::encode`]; `admit(start, end, token)` decides which added tokens count.
    ///
    /// # Errors
    /// [`TokenError::OUT_OF_RANGE`] for a text of 4 GiB and more.
    pub fn encode_admitting(
        &self,
        scratch: &mut Scratch,
        text: &str,
        admit: impl Fn(usize, usize, &AddedToken) -> bool,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        self.encode_with(scratch, text, &admit, Refused::LookInside, tokens)
    }

    fn encode_with(
        &self,
        scratch: &mut Scratch,
        text: &str,
        admit: &impl Fn(usize, usize, &AddedToken) -> bool,
        refused: Refused,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        self.check_len(text)?;
        self.encode_between(scratch, text, (0, text.len()), admit, refused, tokens);
        Ok(())
    }

    pub(super) fn check_len(&self, text: &str) -> Result<(), TokenError> {
        if text.len() >= u32::MAX as usize {
            let message = format!("a text of {} bytes; at most 4 GiB are encoded at once", text.len());
            return Err(TokenError::new(TokenError::OUT_OF_RANGE, message));
        }
        Ok(())
    }

    /// Encodes a part of a text that no added token reaches out of.
    pub(super) fn encode_between(
        &self,
        scratch: &mut Scratch,
        text: &str,
        (from, to): (usize, usize),
        admit: &impl Fn(usize, usize, &AddedToken) -> bool,
        refused: Refused,
        tokens: &mut Tokens,
    ) {
        let added = &self.vocabulary.added;
        let mut found = std::mem::take(&mut scratch.found);
        found.clear();
        let counts = |start: usize, end: usize, token: usize| admit(start, end, &added[token]);
        self.raw.find(added, text, (from, to), counts, refused, &mut found);
        let mut at = from;
        for hit in &found {
            self.stretch(scratch, text, (at, hit.start), admit, refused, tokens);
            tokens.push_added(added[hit.token].id, hit.start, hit.end);
            at = hit.end;
        }
        self.stretch(scratch, text, (at, to), admit, refused, tokens);
        scratch.found = found;
    }

    /// Encodes text between added tokens.
    fn stretch(
        &self,
        scratch: &mut Scratch,
        text: &str,
        (start, end): (usize, usize),
        admit: &impl Fn(usize, usize, &AddedToken) -> bool,
        refused: Refused,
        tokens: &mut Tokens,
    ) {
        if start >= end {
            return;
        }
        if let Some(spaces) = self.spaces.as_ref().filter(|spaces| !spaces.is_marked(&text[start..end])) {
            return self.spaced(scratch, spaces, text, (start, end), tokens);
        }
        let before =
            if self.normalized.is_empty() { &self.vocabulary.normalizers } else { self.vocabulary.normalizers().0 };
        match normalize(before, &text[start..end], start == 0) {
            None if self.normalized.is_empty() => {
                tokens.begin(Region {
                    start_byte: start,
                    end_byte: end,
                    coordinates: Coordinates::Same,
                    first_token: 0,
                });
                self.pieces(scratch, text, (start, end), Splits::OfVocabulary, &mut tokens.ids);
            }
            None => self.normalized_stretch(scratch, text, (start, end), None, (admit, refused), tokens),
            Some(done) => {
                self.normalized_stretch(scratch, &done.text, (start, end), Some(&done), (admit, refused), tokens)
            }
        }
    }

    /// Encodes text that is normalized, after cutting out the added tokens that are looked for only now.
    ///
    /// `changed` is given where `text` is not the original but stands for the stretch `start..end` of it.
    fn normalized_stretch(
        &self,
        scratch: &mut Scratch,
        text: &str,
        (start, end): (usize, usize),
        changed: Option<&Normalized>,
        (admit, refused): (&impl Fn(usize, usize, &AddedToken) -> bool, Refused),
        tokens: &mut Tokens,
    ) {
        let (from, to) = if changed.is_some() { (0, text.len()) } else { (start, end) };
        let original = |at: usize| changed.map_or(at, |done| start + done.origin[at] as usize);
        let added = &self.vocabulary.added;
        let mut found = std::mem::take(&mut scratch.found_inside);
        found.clear();
        let admit = |from: usize, to: usize, token: usize| admit(original(from), original(to), &added[token]);
        self.normalized.find(added, text, (from, to), admit, refused, &mut found);
        let mut at = from;
        let rest = Found { start: to, end: to, token: usize::MAX };
        for hit in found.iter().chain([&rest]) {
            let after = if self.normalized.is_empty() { &[][..] } else { self.vocabulary.normalizers().1 };
            let marked = text.get(at..hit.start).and_then(|part| normalize(after, part, original(at) == 0));
            if let Some(marked) = marked {
                let table: Vec<u32> = marked.origin.iter().map(|&byte| original(at + byte as usize) as u32).collect();
                let coordinates = tokens.keep(&table, 0);
                let (start_byte, end_byte) = (original(at), original(hit.start));
                tokens.begin(Region { start_byte, end_byte, coordinates, first_token: 0 });
                self.pieces(scratch, &marked.text, (0, marked.text.len()), Splits::OfVocabulary, &mut tokens.ids);
            } else if at < hit.start {
                let coordinates = match changed {
                    None => Coordinates::Same,
                    Some(done) => tokens.keep(&done.origin[at..=hit.start], start),
                };
                let (start_byte, end_byte) = (original(at), original(hit.start));
                tokens.begin(Region { start_byte, end_byte, coordinates, first_token: 0 });
                self.pieces(scratch, text, (at, hit.start), Splits::OfVocabulary, &mut tokens.ids);
            }
            if let Some(token) = added.get(hit.token) {
                tokens.push_added(token.id, original(hit.start), original(hit.end));
            }
            at = hit.end;
        }
        scratch.found_inside = found;
    }

    /// Encodes a text as it is, its spaces for their marks.
    fn spaced(
        &self,
        scratch: &mut Scratch,
        spaces: &Spaces,
        text: &str,
        (start, end): (usize, usize),
        tokens: &mut Tokens,
    ) {
        let prefixed = spaces.in_front(&text[start..end], start == 0);
        let coordinates = Coordinates::Spaces { mark: spaces.mark_char, prefixed };
        tokens.begin(Region { start_byte: start, end_byte: end, coordinates, first_token: 0 });
        let mut at = start;
        if prefixed {
            at = self.cuts.next(&text.as_bytes()[..end], start);
            let mut front = std::mem::take(&mut scratch.front);
            front.clear();
            front.push(b' ');
            front.extend_from_slice(&text.as_bytes()[start..at]);
            self.one(scratch, &front, (0, front.len()), false, &mut tokens.ids);
            scratch.front = front;
        }
        self.pieces(scratch, text, (at, end), Splits::None, &mut tokens.ids);
    }
}
