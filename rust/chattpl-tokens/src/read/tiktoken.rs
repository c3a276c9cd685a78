//! `.tiktoken` files: one line for each token, its bytes in base64 and its rank.

use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde::Deserialize;

use super::{control_token, merges_of_ranks, unreadable, Tokens};
use crate::error::TokenError;
use crate::vocabulary::{
    AddedToken, Decoder, Normalizer, Pattern, Split, SplitBehavior, TokenId, TokenTable, TrimOffsets, Units, Vocabulary,
};

/// What a rank file does not say of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// What the vocabulary is called in messages.
    pub name: String,
    /// What cuts a text into pieces; text that it does not match is a piece, too.
    pub pattern: String,
    /// What is done to a text first.
    pub normalizers: Vec<Normalizer>,
    /// The control tokens.
    pub added: Vec<AddedToken>,
    /// Ids put before a text when special tokens are asked for.
    pub prefix: Vec<TokenId>,
}

impl Description {
    /// Reads a description: an object with `name`, `pattern`, `nfc`, `control_tokens` and `text_tokens` (objects from
    /// text to id) and `prefix`; all but the first two may be left out.
    ///
    /// # Errors
    /// [`TokenError::UNREADABLE`] for anything else.
    pub fn from_json(json: &str) -> Result<Self, TokenError> {
        let written: Written = serde_json::from_str(json)
            .map_err(|error| unreadable(error.to_string(), format!("{}:{}", error.line(), error.column())))?;
        let control = written.control_tokens.iter().map(|(content, &id)| control_token(id, content));
        let text = written.text_tokens.iter();
        let text = text.map(|(content, &id)| AddedToken { special: false, ..control_token(id, content) });
        let mut added: Vec<AddedToken> = control.chain(text).collect();
        added.sort_by_key(|token| token.id);
        Ok(Description {
            name: written.name,
            pattern: written.pattern,
            normalizers: written.nfc.then_some(Normalizer::Nfc).into_iter().collect(),
            added,
            prefix: written.prefix,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    pattern: String,
    #[serde(default)]
    nfc: bool,
    #[serde(default)]
    control_tokens: BTreeMap<String, TokenId>,
    #[serde(default)]
    text_tokens: BTreeMap<String, TokenId>,
    #[serde(default)]
    prefix: Vec<TokenId>,
}

/// Reads a rank file.
///
/// # Errors
/// [`TokenError::UNREADABLE`] with the line, for one that is not base64 and a number, or a token or rank given twice.
pub fn tiktoken(file: &[u8], description: Description) -> Result<Vocabulary, TokenError> {
    let mut tokens = Tokens::default();
    let mut token = Vec::new();
    for (index, line) in file.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let place = || format!("line {}", index + 1);
        let (text, rank) =
            fields(line).ok_or_else(|| unreadable("expected a token in base64 and its rank", place()))?;
        token.clear();
        STANDARD.decode_vec(text, &mut token).map_err(|error| unreadable(format!("not base64: {error}"), place()))?;
        if token.is_empty() {
            return Err(unreadable("a token of no bytes", place()));
        }
        tokens.push(rank, &token);
    }
    from_ranks(tokens, description)
}

/// Builds the vocabulary of ranks that are ids already.
pub(super) fn from_ranks(mut tokens: Tokens, description: Description) -> Result<Vocabulary, TokenError> {
    let mut by_rank: Vec<TokenId> = tokens.ends.iter().map(|&(id, _)| id).collect();
    by_rank.sort_unstable();
    if let Some(twice) = by_rank.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(unreadable(format!("two tokens have the rank {}", twice[0]), "ranks"));
    }
    if by_rank.is_empty() {
        return Err(unreadable("no token in the file", "ranks"));
    }
    for added in &description.added {
        if by_rank.binary_search(&added.id).is_ok() {
            return Err(unreadable(format!("{:?} has the rank {} of another token", added.content, added.id), "ranks"));
        }
        tokens.push(added.id, added.content.as_bytes());
    }
    let table = tokens.table()?;
    if let Some(id) = description.prefix.iter().find(|&&id| table.get(id).is_empty()) {
        return Err(unreadable(format!("token {id} does not exist"), "prefix"));
    }
    let ids = byte_ids(&table, &by_rank)?;
    let merges = merges_of_ranks(&table, &by_rank, |token, parts| {
        parts.extend(token.iter().map(|&byte| ids[byte as usize]));
        !parts.contains(&TokenId::MAX)
    })?;
    Ok(Vocabulary {
        name: description.name,
        tokens: table,
        merges: merges.into(),
        units: Units::Bytes { ids },
        ignore_merges: true,
        added: description.added,
        normalizers: description.normalizers,
        splits: vec![Split {
            pattern: Pattern::Regex(description.pattern),
            behavior: SplitBehavior::Isolated,
            invert: false,
        }],
        prefix: description.prefix,
        suffix: Vec::new(),
        decoder: Decoder::Bytes,
        trim_offsets: TrimOffsets::Never,
    })
}

fn fields(line: &[u8]) -> Option<(&[u8], TokenId)> {
    let space = memchr::memchr(b' ', line)?;
    let rank = std::str::from_utf8(&line[space + 1..]).ok()?.parse().ok()?;
    Some((&line[..space], rank))
}

fn byte_ids(table: &TokenTable, by_rank: &[TokenId]) -> Result<Box<[TokenId; 256]>, TokenError> {
    let mut ids = Box::new([TokenId::MAX; 256]);
    for &id in by_rank {
        if let &[byte] = table.get(id) {
            let twin = std::mem::replace(&mut ids[byte as usize], id);
            if twin != TokenId::MAX {
                return Err(unreadable(format!("tokens {twin} and {id} are both the byte {byte:#04x}"), "ranks"));
            }
        }
    }
    Ok(ids)
}
