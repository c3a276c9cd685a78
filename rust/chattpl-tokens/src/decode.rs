//! Ids back to text, all at once or as they come.

use hashbrown::HashSet;

use crate::vocabulary::{Decoder, Leading, TokenId, Units, Vocabulary};

/// The text of ids, as `tokenizers` gives it; what is not UTF-8 becomes U+FFFD.
///
/// Ids that stand for nothing add nothing. `skip_special` leaves out tokens flagged special.
pub fn decode(vocabulary: &Vocabulary, ids: impl IntoIterator<Item = TokenId>, skip_special: bool) -> String {
    let special = vocabulary.added.iter().filter(|token| skip_special && token.special);
    let skipped: HashSet<TokenId> = special.map(|token| token.id).collect();
    let ids = ids.into_iter().filter(|id| !skipped.contains(id));
    let mut first = true;
    match vocabulary.units {
        Units::Bytes { .. } => {
            let mut bytes = Vec::new();
            ids.for_each(|id| append(vocabulary, id, &mut first, &mut bytes));
            into_text(bytes)
        }
        Units::Chars { .. } => {
            let (mut text, mut run) = (String::new(), Vec::new());
            for id in ids {
                match single_byte(vocabulary, id) {
                    Some(byte) => run.push(byte),
                    None => {
                        append_run(vocabulary, &mut run, &mut first, &mut text);
                        append_text(vocabulary, id, &mut first, &mut text);
                    }
                }
            }
            append_run(vocabulary, &mut run, &mut first, &mut text);
            text
        }
    }
}

/// Decodes ids one at a time and never gives half a character.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Whether the next token is the first.
    first: bool,
    run: ByteRun,
}

impl Stream {
    /// A stream at the beginning of a text.
    pub fn new(_: &Vocabulary) -> Self {
        Stream { first: true, run: ByteRun::default() }
    }

    /// The text that is complete with this id.
    ///
    /// A byte that spoils a run of single bytes makes U+FFFD of those that are not given yet, as all of them are in
    /// [`decode`].
    pub fn push(&mut self, vocabulary: &Vocabulary, id: TokenId) -> String {
        if let Units::Bytes { .. } = vocabulary.units {
            let mut bytes = Vec::new();
            append(vocabulary, id, &mut self.first, &mut bytes);
            return self.run.push_lossy(&bytes, Broken::Together);
        }
        match single_byte(vocabulary, id) {
            Some(byte) => {
                let new = self.run.push(byte);
                self.text_of_run(vocabulary, new)
            }
            None => {
                let mut text = self.finish_run(vocabulary);
                append_text(vocabulary, id, &mut self.first, &mut text);
                text
            }
        }
    }

    /// What is left, complete or not.
    pub fn finish(&mut self, vocabulary: &Vocabulary) -> String {
        let rest = match vocabulary.units {
            Units::Bytes { .. } => self.run.finish_lossy(Broken::Together),
            Units::Chars { .. } => self.finish_run(vocabulary),
        };
        self.first = true;
        rest
    }

    fn finish_run(&mut self, vocabulary: &Vocabulary) -> String {
        let rest = self.run.finish();
        self.text_of_run(vocabulary, rest)
    }

    fn text_of_run(&mut self, vocabulary: &Vocabulary, text: String) -> String {
        match text.is_empty() {
            true => text,
            false => without_leading(vocabulary, &text, &mut self.first).to_owned(),
        }
    }
}

/// How bytes that are no character become U+FFFD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// One for those that belong together, as `String::from_utf8_lossy` has it.
    Together,
    /// One for each byte.
    Each,
}

/// Bytes of tokens that are to become characters. Holds the beginning of one character, three bytes at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByteRun {
    pending: Vec<u8>,
    /// Whether a byte was no part of a character; then no byte of the run that is not given yet is.
    is_spoilt: bool,
}

impl ByteRun {
    /// The characters that are complete with a byte of a run that is text as a whole or not at all: U+FFFD for each byte
    /// that is not given when one spoils it, and for those behind it.
    pub(crate) fn push(&mut self, byte: u8) -> String {
        self.pending.push(byte);
        match std::str::from_utf8(&self.pending) {
            Ok(text) if !self.is_spoilt => {
                let text = text.to_owned();
                self.pending.clear();
                text
            }
            Err(error) if !self.is_spoilt && error.error_len().is_none() => String::new(),
            _ => {
                self.is_spoilt = true;
                self.broken()
            }
        }
    }

    /// What is left of the run; the next byte begins another.
    pub(crate) fn finish(&mut self) -> String {
        self.is_spoilt = false;
        self.broken()
    }

    pub(crate) fn is_spoilt(&self) -> bool {
        self.is_spoilt
    }

    fn broken(&mut self) -> String {
        let broken = std::iter::repeat_n(char::REPLACEMENT_CHARACTER, self.pending.len()).collect();
        self.pending.clear();
        broken
    }

    /// The characters that are complete with more bytes, where broken ones spoil nothing else.
    pub(crate) fn push_lossy(&mut self, bytes: &[u8], broken: Broken) -> String {
        self.pending.extend_from_slice(bytes);
        let incomplete = self.pending.split_off(complete_len(&self.pending));
        let complete = std::mem::replace(&mut self.pending, incomplete);
        lossy(complete, broken)
    }

    /// What is left.
    pub(crate) fn finish_lossy(&mut self, broken: Broken) -> String {
        lossy(std::mem::take(&mut self.pending), broken)
    }
}

/// The byte of a token that stands for a byte beside tokens of characters.
fn single_byte(vocabulary: &Vocabulary, id: TokenId) -> Option<u8> {
    match (&vocabulary.units, vocabulary.tokens.get(id)) {
        (Units::Chars { bytes: Some(bytes), .. }, &[byte]) if bytes[usize::from(byte)] == id => Some(byte),
        _ => None,
    }
}

/// Adds a run of bytes, which is text as a whole or not at all.
fn append_run(vocabulary: &Vocabulary, run: &mut Vec<u8>, first: &mut bool, text: &mut String) {
    if run.is_empty() {
        return;
    }
    match std::str::from_utf8(run) {
        Ok(valid) => text.push_str(without_leading(vocabulary, valid, first)),
        Err(_) => {
            *first = false;
            text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, run.len()));
        }
    }
    run.clear();
}

fn append_text(vocabulary: &Vocabulary, id: TokenId, first: &mut bool, text: &mut String) {
    let mut bytes = Vec::new();
    append(vocabulary, id, first, &mut bytes);
    text.push_str(&into_text(bytes));
}

/// Adds the bytes of a token with spaces for its space marks.
fn append(vocabulary: &Vocabulary, id: TokenId, first: &mut bool, text: &mut Vec<u8>) {
    let token = vocabulary.tokens.get(id);
    if token.is_empty() {
        return;
    }
    let first = std::mem::replace(first, false);
    let Decoder::Metaspace { replacement, leading } = vocabulary.decoder else {
        text.extend_from_slice(token);
        return;
    };
    let mut mark = [0; 4];
    let mark = replacement.encode_utf8(&mut mark).as_bytes();
    let mut rest = token;
    if first && leading == Leading::OneSpace {
        rest = rest.strip_prefix(mark).or_else(|| rest.strip_prefix(b" ")).unwrap_or(rest);
    }
    let space: &[u8] = if first && leading == Leading::Marks { b"" } else { b" " };
    while let Some(at) = memchr::memmem::find(rest, mark) {
        text.extend_from_slice(&rest[..at]);
        text.extend_from_slice(space);
        rest = &rest[at + mark.len()..];
    }
    text.extend_from_slice(rest);
}

/// Text of single bytes, which hold no marks, without the space that goes away where it begins the whole text.
fn without_leading<'t>(vocabulary: &Vocabulary, text: &'t str, first: &mut bool) -> &'t str {
    match (std::mem::replace(first, false), &vocabulary.decoder) {
        (true, Decoder::Metaspace { leading: Leading::OneSpace, .. }) => text.strip_prefix(' ').unwrap_or(text),
        _ => text,
    }
}

fn lossy(bytes: Vec<u8>, broken: Broken) -> String {
    if broken == Broken::Together {
        return into_text(bytes);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// How many bytes from the start are not the beginning of a character that may still be completed.
fn complete_len(bytes: &[u8]) -> usize {
    match bytes.utf8_chunks().last() {
        // An incomplete sequence at the end: broken ones that cannot be completed are followed by another chunk or are
        // as long as they get.
        Some(last) if !last.invalid().is_empty() && may_continue(last.invalid()) => bytes.len() - last.invalid().len(),
        _ => bytes.len(),
    }
}

/// Whether more bytes could make this broken sequence a character.
fn may_continue(broken: &[u8]) -> bool {
    matches!(std::str::from_utf8(broken), Err(error) if error.error_len().is_none())
}
