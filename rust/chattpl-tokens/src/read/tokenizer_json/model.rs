//! The model: tokens and merges by id.

use hashbrown::HashMap;

use super::super::byte_alphabet::ByteAlphabet;
use super::super::{unreadable, unsupported, Tokens};
use super::file::{Added, Model};
use super::steps::TokenDecoder;
use crate::error::TokenError;
use crate::vocabulary::{Merge, TokenId, TokenTable, Units};

/// What a model comes to.
pub struct Parts {
    pub tokens: TokenTable,
    pub merges: Vec<Merge>,
    pub units: Units,
}

impl<'a> Model<'a> {
    /// Ids by the texts that the file writes them as.
    pub fn ids_by_text(&self) -> HashMap<&str, TokenId> {
        self.vocab.0.iter().map(|(text, id)| (&**text, *id)).collect()
    }

    pub fn check_supported(&self) -> Result<(), TokenError> {
        if let Some(kind) = self.kind.as_deref().filter(|kind| *kind != "BPE") {
            return Err(unsupported(format!("the model `{kind}`"), "model.type"));
        }
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err(unsupported("a model with dropout", "model.dropout"));
        }
        let affixes = [
            (&self.continuing_subword_prefix, "model.continuing_subword_prefix"),
            (&self.end_of_word_suffix, "model.end_of_word_suffix"),
        ];
        match affixes.into_iter().find(|(affix, _)| affix.as_deref().is_some_and(|affix| !affix.is_empty())) {
            Some((_, place)) => Err(unsupported("a model with an affix inside words", place)),
            None => Ok(()),
        }
    }

    pub fn build(&self, added: &[Added], decoder: TokenDecoder) -> Result<Parts, TokenError> {
        let ids = self.ids_by_text();
        if ids.len() != self.vocab.0.len() {
            return Err(unreadable("a token stands in the vocabulary twice", "model.vocab"));
        }
        let tokens = self.table(added, decoder)?;
        let merges = self.merges(&ids, &tokens)?;
        let units = match decoder {
            TokenDecoder::ByteLevel => self.byte_units(&ids)?,
            TokenDecoder::Metaspace { .. } => self.char_units(&ids)?,
        };
        Ok(Parts { tokens, merges, units })
    }

    fn table(&self, added: &[Added], decoder: TokenDecoder) -> Result<TokenTable, TokenError> {
        let alphabet = ByteAlphabet::new();
        let mut tokens = Tokens::default();
        let mut bytes = Vec::new();
        let vocab = self.vocab.0.iter().map(|(text, id)| (&**text, *id));
        for (text, id) in vocab.chain(added.iter().map(|token| (&*token.content, token.id))) {
            bytes.clear();
            match (decoder, byte_token(text)) {
                (TokenDecoder::ByteLevel, _) => alphabet.append_bytes(text, &mut bytes),
                (TokenDecoder::Metaspace { byte_tokens: true, .. }, Some(byte)) => bytes.push(byte),
                _ => bytes.extend_from_slice(text.as_bytes()),
            }
            tokens.push(id, &bytes);
        }
        tokens.table().map_err(|error| error.at("model.vocab"))
    }

    /// The merges in order; of a pair that stands there twice the last counts, as in `tokenizers`.
    fn merges(&self, ids: &HashMap<&str, TokenId>, tokens: &TokenTable) -> Result<Vec<Merge>, TokenError> {
        let mut merges = Vec::with_capacity(self.merges.len());
        let mut text = String::new();
        for (index, halves) in self.merges.iter().enumerate() {
            let place = || format!("model.merges[{index}]");
            let (left, right) = halves.texts().ok_or_else(|| unreadable("expected two tokens", place()))?;
            text.clear();
            text.push_str(left);
            text.push_str(right);
            let id = |text: &str| {
                ids.get(text).copied().ok_or_else(|| unreadable(format!("{text:?} is not in the vocabulary"), place()))
            };
            let merge = Merge { left: id(left)?, right: id(right)?, merged: id(&text)? };
            if !joins_bytes(tokens, merge) {
                return Err(unsupported("a merge that changes bytes", place()));
            }
            merges.push(merge);
        }
        Ok(without_repeats(merges))
    }

    fn byte_units(&self, ids: &HashMap<&str, TokenId>) -> Result<Units, TokenError> {
        let mut byte_ids = Box::new([TokenId::MAX; 256]);
        let alphabet = ByteAlphabet::new();
        let mut missing = false;
        for byte in 0..=255_u8 {
            let mut buffer = [0; 4];
            match ids.get(&*alphabet.character(byte).encode_utf8(&mut buffer)) {
                Some(&id) => byte_ids[byte as usize] = id,
                None => missing = true,
            }
        }
        if missing && (self.unk_token.is_some() || self.byte_fallback == Some(true)) {
            return Err(unsupported("a token for unknown bytes", "model.unk_token"));
        }
        Ok(Units::Bytes { ids: byte_ids })
    }

    fn char_units(&self, ids: &HashMap<&str, TokenId>) -> Result<Units, TokenError> {
        let unknown = match self.unk_token.as_deref() {
            None => None,
            // `tokenizers` refuses texts with unknown characters then, not the file.
            Some(text) => Some(*ids.get(text).ok_or_else(|| {
                unsupported(format!("the unknown token {text:?}, which is not in the vocabulary,"), "model.unk_token")
            })?),
        };
        let bytes = match self.byte_fallback {
            Some(true) => self.byte_tokens(ids)?,
            _ => None,
        };
        Ok(Units::Chars { bytes, unknown, fuse_unknown: self.fuse_unk.unwrap_or(false) })
    }

    fn byte_tokens(&self, ids: &HashMap<&str, TokenId>) -> Result<Option<Box<[TokenId; 256]>>, TokenError> {
        let mut byte_ids = Box::new([TokenId::MAX; 256]);
        for byte in 0..=255_u8 {
            if let Some(&id) = ids.get(&*format!("<0x{byte:02X}>")) {
                byte_ids[byte as usize] = id;
            }
        }
        match byte_ids.iter().filter(|&&id| id == TokenId::MAX).count() {
            0 => Ok(Some(byte_ids)),
            256 => Ok(None),
            missing => Err(unsupported(format!("a byte fallback without {missing} of the bytes"), "model.vocab")),
        }
    }
}

/// The byte of a token such as `<0x0A>`.
fn byte_token(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

fn joins_bytes(tokens: &TokenTable, merge: Merge) -> bool {
    let (left, right) = (tokens.get(merge.left), tokens.get(merge.right));
    tokens.get(merge.merged).split_at_checked(left.len()) == Some((left, right))
}

fn without_repeats(merges: Vec<Merge>) -> Vec<Merge> {
    let mut last = HashMap::with_capacity(merges.len());
    for (index, merge) in merges.iter().enumerate() {
        last.insert((merge.left, merge.right), index);
    }
    if last.len() == merges.len() {
        return merges;
    }
    let counts = |(index, merge): &(usize, Merge)| last[&(merge.left, merge.right)] == *index;
    merges.into_iter().enumerate().filter(counts).map(|(_, merge)| merge).collect()
}
