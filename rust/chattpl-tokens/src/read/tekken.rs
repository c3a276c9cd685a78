//! `tekken.json`, Mistral's own kind of file: ranks after a block of control tokens.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde::Deserialize;

use super::tiktoken::{from_ranks, Description};
use super::{control_token, unreadable, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId, Vocabulary};

/// The control tokens of files up to version 7 that name none (`Tekkenizer.DEPRECATED_SPECIAL_TOKENS` of `mistral-common`).
const FIRST_CONTROL_TOKENS: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

/// Reads a `tekken.json`.
///
/// # Errors
/// [`TokenError::UNREADABLE`] for a file that is not one, or that contradicts itself.
pub fn tekken(name: &str, file: &[u8]) -> Result<Vocabulary, TokenError> {
    let file: File = serde_json::from_slice(file)
        .map_err(|error| unreadable(error.to_string(), format!("{}:{}", error.line(), error.column())))?;
    let count = file.config.default_num_special_tokens;
    let added = control_tokens(&file)?;
    let ranks = (file.config.default_vocab_size as usize)
        .checked_sub(count as usize)
        .filter(|&ranks| ranks <= file.vocab.len())
        .ok_or_else(|| unreadable("more tokens are declared than the file holds", "config.default_vocab_size"))?;
    let mut tokens = Tokens::default();
    let mut token = Vec::new();
    for (index, entry) in file.vocab[..ranks].iter().enumerate() {
        let place = || format!("vocab[{index}]");
        if entry.rank as usize != index {
            return Err(unreadable(format!("the rank is {} where {index} follows", entry.rank), place()));
        }
        token.clear();
        STANDARD
            .decode_vec(entry.token_bytes.as_bytes(), &mut token)
            .map_err(|error| unreadable(format!("`token_bytes` is not base64: {error}"), place()))?;
        if token.is_empty() {
            return Err(unreadable("a token of no bytes", place()));
        }
        tokens.push(entry.rank + count, &token);
    }
    let prefix = added.iter().filter(|token| token.content == "<s>").map(|token| token.id).collect();
    let pattern = file.config.pattern;
    from_ranks(tokens, Description { name: name.to_owned(), pattern, normalizers: Vec::new(), added, prefix })
}

#[derive(Deserialize)]
struct File {
    config: Config,
    vocab: Vec<Entry>,
    special_tokens: Option<Vec<Special>>,
}

#[derive(Deserialize)]
struct Config {
    pattern: String,
    default_vocab_size: u32,
    default_num_special_tokens: u32,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Entry {
    rank: TokenId,
    token_bytes: String,
}

#[derive(Deserialize)]
struct Special {
    rank: TokenId,
    token_str: String,
}

/// The control tokens that are named, and fillers up to their declared number.
fn control_tokens(file: &File) -> Result<Vec<AddedToken>, TokenError> {
    let count = file.config.default_num_special_tokens;
    if count > 1 << 20 {
        return Err(unreadable(format!("{count} control tokens"), "config.default_num_special_tokens"));
    }
    let mut added: Vec<AddedToken> = match &file.special_tokens {
        Some(named) => named.iter().map(|token| control_token(token.rank, &token.token_str)).collect(),
        None if matches!(file.config.version.as_str(), "v1" | "v2" | "v3" | "v7") => {
            (0..).zip(FIRST_CONTROL_TOKENS).map(|(id, content)| control_token(id, content)).collect()
        }
        None => return Err(unreadable("files after version 7 name their control tokens", "special_tokens")),
    };
    if added.len() > count as usize {
        let message = format!("{} control tokens where {count} are declared", added.len());
        return Err(unreadable(message, "config.default_num_special_tokens"));
    }
    added.extend((added.len() as TokenId..count).map(|id| control_token(id, &format!("<SPECIAL_{id}>"))));
    let mut ids: Vec<TokenId> = added.iter().map(|token| token.id).collect();
    ids.sort_unstable();
    if ids.iter().enumerate().any(|(index, &id)| index != id as usize) {
        return Err(unreadable("the control tokens are not numbered from 0 on", "special_tokens"));
    }
    Ok(added)
}
