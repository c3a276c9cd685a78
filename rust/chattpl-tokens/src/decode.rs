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
    /// Bytes that are not given yet; beside characters, all of the tokens of single bytes in a row.
    pending: Vec<u8>,
    /// How many of the pending bytes are given all the same: characters of a run that goes on.
    given_bytes: usize,
}

impl Stream {
    /// A stream at the beginning of a text.
    pub fn new(_: &Vocabulary) -> Self {
        Stream { first: true, pending: Vec::new(), given_bytes: 0 }
    }

    /// The text that is complete with this id.
    ///
    /// A byte that spoils a run of single bytes makes U+FFFD of those that are not given yet, as all of them are in
    /// [`decode`].
    pub fn push(&mut self, vocabulary: &Vocabulary, id: TokenId) -> String {
        if let Units::Bytes { .. } = vocabulary.units {
            append(vocabulary, id, &mut self.first, &mut self.pending);
            let incomplete = self.pending.split_off(complete_len(&self.pending));
            return into_text(std::mem::replace(&mut self.pending, incomplete));
        }
        let mut text = String::new();
        match single_byte(vocabulary, id) {
            Some(byte) => {
                self.pending.push(byte);
                self.give_complete(vocabulary, &mut text);
            }
            None => {
                text = self.rest(vocabulary);
                append_text(vocabulary, id, &mut self.first, &mut text);
            }
        }
        text
    }

    /// What is left, complete or not.
    pub fn finish(&mut self, vocabulary: &Vocabulary) -> String {
        let rest = match vocabulary.units {
            Units::Bytes { .. } => into_text(std::mem::take(&mut self.pending)),
            Units::Chars { .. } => self.rest(vocabulary),
        };
        self.first = true;
        rest
    }

    /// Adds the characters of the run that are not given yet, if nothing spoils it so far.
    fn give_complete(&mut self, vocabulary: &Vocabulary, text: &mut String) {
        let complete = complete_len(&self.pending);
        if let Ok(run) = std::str::from_utf8(&self.pending[..complete]) {
            let new = run.get(self.given_bytes..).unwrap_or_default();
            if !new.is_empty() {
                text.push_str(without_leading(vocabulary, new, &mut self.first));
                self.given_bytes = complete;
            }
        }
    }

    /// Ends the run of single bytes.
    fn rest(&mut self, vocabulary: &Vocabulary) -> String {
        let mut text = String::new();
        self.give_complete(vocabulary, &mut text);
        let left = self.pending.len() - self.given_bytes;
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, left));
        self.first &= left == 0;
        self.pending.clear();
        self.given_bytes = 0;
        text
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
