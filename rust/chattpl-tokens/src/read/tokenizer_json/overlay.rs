//! What the other files of a model's folder change of its tokenizer.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::unreadable;
use super::file::{Added, File};
use super::flags;
use crate::error::TokenError;
use crate::vocabulary::{TokenTable, Vocabulary};

/// Parts that replace those of a file; a part that is not there leaves the file's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay<'a> {
    #[serde(borrow, default)]
    added_tokens: Option<Vec<Added<'a>>>,
    #[serde(default, deserialize_with = "given")]
    normalizer: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pre_tokenizer: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    post_processor: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    decoder: Option<Value>,
    #[serde(default)]
    model: Option<ModelFields>,
}

/// All fields of a model but its kind, its tokens and its merges; those of other kinds are passed over.
#[derive(Deserialize)]
struct ModelFields {
    unk_token: Option<String>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
}

/// Adds the `added_tokens` of an overlay to a vocabulary that has other files than a `tokenizer.json`.
///
/// Tokens that it has get the flags of the overlay; new ones come behind all others.
///
/// # Errors
/// [`TokenError::UNREADABLE`] where an id belongs to another token.
pub fn with_added(mut vocabulary: Vocabulary, overlay: &str) -> Result<Vocabulary, TokenError> {
    let overlay: Overlay = serde_json::from_str(overlay).map_err(|error| unreadable(error.to_string(), "overlay"))?;
    let added = overlay.added_tokens.unwrap_or_default();
    for token in &added {
        let in_model = match vocabulary.added.iter().find(|known| known.content == *token.content) {
            Some(known) if known.id != token.id => {
                let message = format!("the token {:?} has the ids {} and {}", &*token.content, known.id, token.id);
                return Err(unreadable(message, "added_tokens"));
            }
            Some(known) => known.in_model,
            None => !vocabulary.tokens.get(token.id).is_empty(),
        };
        vocabulary.added.retain(|known| known.id != token.id);
        vocabulary.added.push(flags(token, in_model));
    }
    let pairs = vocabulary.tokens.iter().chain(added.iter().map(|token| (token.id, token.content.as_bytes())));
    vocabulary.tokens = TokenTable::from_pairs(pairs).map_err(|error| error.at("added_tokens"))?;
    vocabulary.added.sort_by_key(|token| token.id);
    Ok(vocabulary)
}

impl<'a> Overlay<'a> {
    pub fn apply(self, file: &mut File<'a>) {
        if let Some(added) = self.added_tokens {
            file.added_tokens = added;
        }
        let parts = [
            (self.normalizer, &mut file.normalizer),
            (self.pre_tokenizer, &mut file.pre_tokenizer),
            (self.post_processor, &mut file.post_processor),
            (self.decoder, &mut file.decoder),
        ];
        for (given, own) in parts {
            if let Some(given) = given {
                *own = given;
            }
        }
        if let Some(fields) = self.model {
            file.model.unk_token = fields.unk_token;
            file.model.dropout = fields.dropout;
            file.model.continuing_subword_prefix = fields.continuing_subword_prefix;
            file.model.end_of_word_suffix = fields.end_of_word_suffix;
            file.model.fuse_unk = fields.fuse_unk;
            file.model.byte_fallback = fields.byte_fallback;
            file.model.ignore_merges = fields.ignore_merges;
        }
    }
}

/// A part that is there, `null` included.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
