//! Tokenizers that the encoder of `chattpl-tokens` does not cover, run by the crate `tokenizers`.
//!
//! Texts are encoded one at a time, so that none of its threads is ever started: a forked process would wait for them.

mod library;
mod steps;

use std::panic::{catch_unwind, AssertUnwindSafe};

use chattpl_tokens::vocabulary::AddedToken;
use chattpl_tokens::{Foreign, Library, TokenError, TokenId};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::{Model, Tokenizer};

use library::HuggingFace;

/// Ids leave as `i32`.
const LARGEST_VOCAB: usize = 1 << 31;

/// Reads a `tokenizer.json` of any kind; `reason` says why another engine does not read it.
///
/// A limit or padding that the file asks for is left out: all of a text is encoded, and nothing else.
///
/// # Errors
/// [`TokenError::UNREADABLE`] for a file that the crate `tokenizers` refuses, or with an id of 2^31 or more.
pub fn tokenizer_json(name: &str, file: &[u8], reason: &str) -> Result<Foreign, TokenError> {
    let read = caught(|| Tokenizer::from_bytes(file)).map_err(|panic| refused(&panic))?;
    let mut tokenizer = read.map_err(|error| refused(&error.to_string()))?;
    tokenizer.with_truncation(None).map_err(|error| refused(&error.to_string()))?;
    tokenizer.with_padding(None);
    let about: File = serde_json::from_slice(file).map_err(|error| refused(&error.to_string()))?;
    let unknown = about.model.unknown(&tokenizer);
    let added = added_tokens(&tokenizer);
    let tokenizer = HuggingFace::new(tokenizer, added, unknown);
    if tokenizer.vocab_size() > LARGEST_VOCAB {
        return Err(TokenError::new(TokenError::UNREADABLE, "an id of 2^31 or more").at("model.vocab"));
    }
    Ok(Foreign::new(name, reason, Box::new(tokenizer)))
}

/// Reads a `tokenizer.json` of which some parts are replaced, as `chattpl_tokens::read::tokenizer_json_with` does.
///
/// # Errors
/// As [`tokenizer_json`], and where the crate gives an added token another id than the overlay.
pub fn tokenizer_json_with(name: &str, file: &[u8], overlay: &str, reason: &str) -> Result<Foreign, TokenError> {
    let replaced = replaced(file, overlay).map_err(|error| refused(&error.to_string()))?;
    let read = tokenizer_json(name, &replaced, reason)?;
    let overlay: AddedOfOverlay = serde_json::from_str(overlay).map_err(|error| refused(&error.to_string()))?;
    let expected = overlay.added_tokens.unwrap_or_default();
    match expected.iter().find(|token| read.library().id_of(&token.content) != Some(token.id)) {
        None => Ok(read),
        Some(AddedId { id, content }) => {
            let found = read.library().id_of(content).map_or("no id".to_owned(), |found| format!("the id {found}"));
            let message = format!("the added token {content:?} has {found} in `tokenizers`, and the id {id} here");
            Err(TokenError::new(TokenError::UNREADABLE, message).at("added_tokens"))
        }
    }
}

/// The file with the parts of the overlay in place of its own.
fn replaced(file: &[u8], overlay: &str) -> serde_json::Result<Vec<u8>> {
    let mut file: Map<String, Value> = serde_json::from_slice(file)?;
    let overlay: Map<String, Value> = serde_json::from_str(overlay)?;
    for (key, value) in overlay {
        match (file.get_mut(&key), value) {
            (Some(Value::Object(model)), Value::Object(fields)) if key == "model" => model.extend(fields),
            (_, value) => drop(file.insert(key, value)),
        }
    }
    serde_json::to_vec(&file)
}

fn refused(why: &str) -> TokenError {
    TokenError::new(TokenError::UNREADABLE, format!("`tokenizers` refuses the file: {why}"))
}

#[derive(Deserialize)]
struct AddedOfOverlay {
    added_tokens: Option<Vec<AddedId>>,
}

#[derive(Deserialize)]
struct AddedId {
    id: TokenId,
    content: String,
}

/// What of a file the crate keeps to itself.
#[derive(Deserialize)]
struct File {
    model: ModelOfFile,
}

#[derive(Deserialize)]
struct ModelOfFile {
    unk_id: Option<TokenId>,
    unk_token: Option<String>,
}

impl ModelOfFile {
    fn unknown(&self, tokenizer: &Tokenizer) -> Option<TokenId> {
        self.unk_id.or_else(|| tokenizer.token_to_id(self.unk_token.as_deref()?))
    }
}

/// The added tokens by ascending id.
fn added_tokens(tokenizer: &Tokenizer) -> Vec<AddedToken> {
    let tokens = tokenizer.get_added_vocabulary().get_added_tokens_decoder().iter();
    let mut added: Vec<AddedToken> = tokens
        .map(|(&id, token)| AddedToken {
            id,
            content: token.content.clone(),
            special: token.special,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            single_word: token.single_word,
            normalized: token.normalized,
            in_model: tokenizer.get_model().token_to_id(&token.content).is_some(),
        })
        .collect();
    added.sort_unstable_by_key(|token| token.id);
    added
}

/// What `work` gives, or what it says when it panics.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What panics leave behind in a tokenizer is its cache alone, which is whole at any time.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panics".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_no_i32_are_refused() {
        let file =
            |id: u32| format!(r#"{{"model": {{"type": "WordLevel", "vocab": {{"a": {id}}}, "unk_token": "a"}}}}"#);
        let read = |id| tokenizer_json("", file(id).as_bytes(), "").map(|read| read.library().vocab_size());
        assert_eq!(read(i32::MAX as u32), Ok(1 << 31));
        assert_eq!(read(1 << 31).map_err(|error| error.code), Err(TokenError::UNREADABLE));
    }
}
