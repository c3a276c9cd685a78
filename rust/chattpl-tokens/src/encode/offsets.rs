//! Where each token of a text stands, in characters, as `tokenizers` says.

use super::added::{Found, Refused};
use super::aligned::Aligned;
use super::encoder::{Encoder, Scratch, SpecialTokens};
use super::pieces::Splits;
use super::walk::Tokens;
use crate::error::TokenError;
use crate::vocabulary::{TokenId, TrimOffsets, Units};

/// The places of the tokens of one text, in bytes of it.
#[derive(Default)]
struct Places {
    ids: Vec<TokenId>,
    places: Vec<(usize, usize)>,
    /// White space at the start and end of each token, in characters; only where it is left out of offsets.
    spaces: Vec<(i32, i32)>,
}

impl Encoder {
    /// Two numbers for each token of `text`: its first character, and one past its last.
    ///
    /// A token that holds part of a character counts the whole of it. One that stands for text that normalization put
    /// there has the place of the character beside it.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn offsets(&self, scratch: &mut Scratch, text: &str, special: SpecialTokens) -> Result<Vec<i32>, TokenError> {
        // Refusals are those of encoding.
        self.encode(scratch, text, special, &mut Tokens::default())?;
        let added = &self.vocabulary().added;
        let counts = |_, _, token: usize| special != SpecialTokens::Text || !added[token].special;
        let mut found = Vec::new();
        self.raw.find(added, text, (0, text.len()), counts, Refused::Text, &mut found);
        let mut places = Places::default();
        let rest = Found { start: text.len(), end: text.len(), token: usize::MAX };
        let mut at = 0;
        for hit in found.iter().chain([&rest]) {
            if at < hit.start {
                self.stretch_places(scratch, Aligned::new(&text[at..hit.start], at), &counts, &mut places);
            }
            if let Some(token) = added.get(hit.token) {
                places.push_added(self, token.id, &text[hit.start..hit.end], (hit.start, hit.end));
            }
            at = hit.end;
        }
        Ok(self.in_characters(text, &places))
    }

    fn stretch_places(
        &self,
        scratch: &mut Scratch,
        stretch: Aligned,
        counts: &impl Fn(usize, usize, usize) -> bool,
        places: &mut Places,
    ) {
        let added = &self.vocabulary().added;
        let (before, after) = self.vocabulary().normalizers();
        let stretch = stretch.normalized(before);
        let mut found = Vec::new();
        let len = stretch.text.len();
        self.normalized.find(added, &stretch.text, (0, len), counts, Refused::Text, &mut found);
        let rest = Found { start: len, end: len, token: usize::MAX };
        let mut at = 0;
        for hit in found.iter().chain([&rest]) {
            if at < hit.start {
                self.region_places(scratch, &stretch.slice(at, hit.start).normalized(after), places);
            }
            if let Some(token) = added.get(hit.token) {
                let text = &stretch.text[hit.start..hit.end];
                places.push_added(self, token.id, text, stretch.place(hit.start, hit.end));
            }
            at = hit.end;
        }
    }

    fn region_places(&self, scratch: &mut Scratch, region: &Aligned, places: &mut Places) {
        let first = places.ids.len();
        self.pieces(scratch, &region.text, (0, region.text.len()), Splits::OfVocabulary, &mut places.ids);
        let mut at = 0;
        for index in first..places.ids.len() {
            let id = places.ids[index];
            let end = at + self.vocabulary().tokens.get(id).len();
            places.places.push(region.place(at, end));
            if self.vocabulary().trim_offsets != TrimOffsets::Never {
                places.spaces.push(self.spaces_of(id));
            }
            at = end;
        }
    }

    /// White space at the start and end of what `tokenizers` calls a token of the model.
    fn spaces_of(&self, id: TokenId) -> (i32, i32) {
        let token = self.vocabulary().tokens.get(id);
        match &self.vocabulary().units {
            Units::Bytes { .. } => {
                let spaces =
                    |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| **byte == b' ').count() as i32;
                (spaces(&mut token.iter()), spaces(&mut token.iter().rev()))
            }
            // A token of a single byte is called `<0x20>`.
            Units::Chars { bytes: Some(bytes), .. } if matches!(token, &[byte] if bytes[usize::from(byte)] == id) => {
                (0, 0)
            }
            Units::Chars { .. } => spaces_of_text(&String::from_utf8_lossy(token)),
        }
    }

    fn in_characters(&self, text: &str, places: &Places) -> Vec<i32> {
        let mut counter = Counter::new(text);
        let mut offsets = Vec::with_capacity(places.places.len() * 2);
        for &(start, end) in &places.places {
            offsets.push(counter.at(start));
            offsets.push(counter.at(end));
        }
        let keeps_first = self.vocabulary().trim_offsets == TrimOffsets::SpacesButFirst;
        let pairs = offsets.chunks_exact_mut(2).zip(&places.spaces);
        for (index, (offset, &(mut leading, trailing))) in pairs.enumerate() {
            if keeps_first && leading == 1 && (index == 0 || offset[0] == 0) {
                leading = 0;
            }
            offset[0] = (offset[0] + leading).min(offset[1]);
            if offset[1] >= trailing {
                offset[1] = (offset[1] - trailing).max(offset[0]);
            }
        }
        offsets
    }
}

impl Places {
    /// `text` is what an added token took, in normalized text where it is looked for there.
    fn push_added(&mut self, encoder: &Encoder, id: TokenId, text: &str, place: (usize, usize)) {
        self.ids.push(id);
        self.places.push(place);
        if encoder.vocabulary().trim_offsets != TrimOffsets::Never {
            self.spaces.push(spaces_of_text(text));
        }
    }
}

/// White space at both ends, in characters; the mark of a space in byte-level vocabularies is some, too.
fn spaces_of_text(text: &str) -> (i32, i32) {
    let is_space = |character: &char| character.is_whitespace() || *character == 'Ġ';
    let (leading, trailing) =
        (text.chars().take_while(is_space).count(), text.chars().rev().take_while(is_space).count());
    (leading as i32, trailing as i32)
}

/// Counts characters; places follow one another nearly always, so that it goes on where it stopped.
pub(crate) struct Counter<'t> {
    text: &'t [u8],
    byte: usize,
    characters: i32,
}

impl<'t> Counter<'t> {
    /// Begins at the start of a text.
    pub(crate) fn new(text: &'t str) -> Self {
        Counter { text: text.as_bytes(), byte: 0, characters: 0 }
    }

    /// How many characters begin before a byte.
    pub(crate) fn at(&mut self, byte: usize) -> i32 {
        let starts = |from: usize, to: usize| {
            self.text[from..to.min(self.text.len())].iter().filter(|byte| **byte & 0xC0 != 0x80).count() as i32
        };
        match byte >= self.byte {
            true => self.characters += starts(self.byte, byte),
            false => self.characters -= starts(byte, self.byte),
        }
        self.byte = byte;
        self.characters
    }
}
