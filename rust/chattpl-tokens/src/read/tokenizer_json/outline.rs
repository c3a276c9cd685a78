//! What a `tokenizer.json` says beside its tokens and merges, and the few tokens that somebody asks for.

use std::collections::BTreeMap;
use std::fmt;

use hashbrown::HashSet;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use serde_json::{json, Value};

use super::super::unreadable;
use super::file::Text;
use crate::error::TokenError;
use crate::vocabulary::TokenId;

/// Reads a `tokenizer.json` of any kind without building a tokenizer; the merges are passed over.
///
/// The result is a JSON object with the file's `added_tokens`, `normalizer`, `pre_tokenizer`, `post_processor`,
/// `decoder` and `padding`, the `model` without tokens and merges, its number of tokens `vocab_size`, the model's ids of
/// `texts` and of the added tokens as `id_of` (text to id), and the model's texts of `ids` as `token_of` (id to text).
///
/// # Errors
/// [`TokenError::UNREADABLE`] with line and column.
pub fn outline(file: &[u8], texts: &[String], ids: &[TokenId]) -> Result<String, TokenError> {
    let file: Outlined = serde_json::from_slice(file)
        .map_err(|error| unreadable(error.to_string(), format!("{}:{}", error.line(), error.column())))?;
    let added = file.added_tokens.as_array().into_iter().flatten().filter_map(|token| token["content"].as_str());
    let texts: HashSet<&str> = texts.iter().map(String::as_str).chain(added).collect();
    let ids: HashSet<TokenId> = ids.iter().copied().collect();
    let (mut id_of, mut token_of) = (BTreeMap::new(), BTreeMap::new());
    for (token, id) in &file.model.vocab.0 {
        if texts.contains(&**token) {
            id_of.insert(&**token, *id);
        }
        if ids.contains(id) {
            token_of.insert(id.to_string(), &**token);
        }
    }
    let model = &file.model;
    let outline = json!({
        "added_tokens": file.added_tokens,
        "normalizer": file.normalizer,
        "pre_tokenizer": file.pre_tokenizer,
        "post_processor": file.post_processor,
        "decoder": file.decoder,
        "padding": file.padding,
        "model": {"type": model.kind, "unk_token": model.unk_token, "has_merges": model.merges.is_some()},
        "vocab_size": model.vocab.0.len(),
        "id_of": id_of,
        "token_of": token_of,
    });
    Ok(outline.to_string())
}

#[derive(Deserialize)]
struct Outlined<'a> {
    #[serde(default)]
    added_tokens: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    padding: Value,
    #[serde(borrow)]
    model: Model<'a>,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(borrow)]
    vocab: Vocab<'a>,
    merges: Option<IgnoredAny>,
    #[serde(default)]
    unk_token: Value,
}

/// Tokens of a mapping to ids, or of a list of pairs in the order of their ids (Unigram).
struct Vocab<'a>(Vec<(Text<'a>, TokenId)>);

/// The first of a pair.
struct Piece<'a>(Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Vocab<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VocabVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Piece<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PieceVisitor)
    }
}

struct VocabVisitor;

impl<'de> Visitor<'de> for VocabVisitor {
    type Value = Vocab<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a vocabulary")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocab<'de>, A::Error> {
        let mut tokens = Vec::new();
        while let Some(entry) = map.next_entry()? {
            tokens.push(entry);
        }
        Ok(Vocab(tokens))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vocab<'de>, A::Error> {
        let mut tokens = Vec::new();
        while let Some(Piece(text)) = seq.next_element()? {
            tokens.push((text, tokens.len() as TokenId));
        }
        Ok(Vocab(tokens))
    }
}

struct PieceVisitor;

impl<'de> Visitor<'de> for PieceVisitor {
    type Value = Piece<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a token and its score")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Piece<'de>, A::Error> {
        let text = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Piece(text))
    }
}
