//! Ids back to text, all at once or as they come.

use crate::vocabulary::{Decoder, TokenId, Units, Vocabulary};

/// The text of ids as bytes: what the tokens stand for, with spaces for space marks.
///
/// Ids that stand for nothing add nothing. `skip` says which tokens are left out.
pub fn decode(
    vocabulary: &Vocabulary,
    ids: impl IntoIterator<Item = TokenId>,
    skip: impl Fn(TokenId) -> bool,
) -> Vec<u8> {
    let mut stream = Stream::new(vocabulary);
    let mut text = Vec::new();
    for id in ids.into_iter().filter(|&id| !skip(id)) {
        stream.bytes_of(vocabulary, id, &mut text);
    }
    text
}

/// Bytes as text: what is not UTF-8 becomes U+FFFD.
///
/// In SentencePiece's vocabularies every such byte becomes one, as in `tokenizers`; elsewhere every broken sequence does.
pub fn to_text(vocabulary: &Vocabulary, bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let bytes = error.into_bytes();
            match vocabulary.units {
                Units::Bytes { .. } => String::from_utf8_lossy(&bytes).into_owned(),
                Units::Chars { .. } => {
                    let mut text = String::with_capacity(bytes.len());
                    for chunk in bytes.utf8_chunks() {
                        text.push_str(chunk.valid());
                        chunk.invalid().iter().for_each(|_| text.push('\u{fffd}'));
                    }
                    text
                }
            }
        }
    }
}

/// Decodes ids one at a time and never gives half a character.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Whether the next token is the first.
    first: bool,
    /// Bytes of a character that is not complete.
    pending: Vec<u8>,
}

impl Stream {
    /// A stream at the beginning of a text.
    pub fn new(_: &Vocabulary) -> Self {
        Stream { first: true, pending: Vec::new() }
    }

    /// The text that is complete with this id.
    pub fn push(&mut self, vocabulary: &Vocabulary, id: TokenId) -> String {
        let mut bytes = std::mem::take(&mut self.pending);
        self.bytes_of(vocabulary, id, &mut bytes);
        let complete = complete_len(&bytes);
        self.pending = bytes.split_off(complete);
        to_text(vocabulary, bytes)
    }

    /// What is left, complete or not.
    pub fn finish(&mut self, vocabulary: &Vocabulary) -> String {
        self.first = true;
        to_text(vocabulary, std::mem::take(&mut self.pending))
    }

    fn bytes_of(&mut self, vocabulary: &Vocabulary, id: TokenId, text: &mut Vec<u8>) {
        let token = vocabulary.tokens.get(id);
        let first = std::mem::replace(&mut self.first, false);
        let Decoder::Metaspace { replacement, strip_first } = vocabulary.decoder else {
            text.extend_from_slice(token);
            return;
        };
        let mut mark = [0; 4];
        let mark = replacement.encode_utf8(&mut mark).as_bytes();
        let mut rest = token;
        if first && strip_first {
            rest = rest.strip_prefix(mark).or_else(|| rest.strip_prefix(b" ")).unwrap_or(rest);
        }
        while let Some(at) = memchr::memmem::find(rest, mark) {
            text.extend_from_slice(&rest[..at]);
            text.push(b' ');
            rest = &rest[at + mark.len()..];
        }
        text.extend_from_slice(rest);
    }
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
