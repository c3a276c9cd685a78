//! What the other files of a model's folder change of a `tokenizer.json`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::file::{Added, File};

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
