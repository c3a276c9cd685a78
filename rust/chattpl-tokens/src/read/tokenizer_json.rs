//! `tokenizer.json`, the file of Hugging Face's `tokenizers`.

mod file;
mod model;
mod outline;
mod overlay;
mod steps;

use hashbrown::HashMap;
use serde_json::Value;

use super::{unreadable, unsupported};
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, Decoder, TokenId, TrimOffsets, Vocabulary};
use file::{Added, File};
pub use outline::outline;
pub use overlay::with_added;
use overlay::Overlay;
use steps::{decoder, normalizers, pre_tokenizers, TokenDecoder};

/// Reads a `tokenizer.json` of a BPE tokenizer, byte-level or of SentencePiece's kind.
///
/// # Errors
/// [`TokenError::UNREADABLE`] with the key path, or line and column, for a file that is damaged or contradicts itself;
/// [`TokenError::UNSUPPORTED`] naming the part, for what only the crate `tokenizers` covers.
pub fn tokenizer_json(name: &str, file: &[u8]) -> Result<Vocabulary, TokenError> {
    vocabulary(name, parsed(file)?)
}

/// Reads a `tokenizer.json` of which some parts are replaced.
///
/// `overlay` is a JSON object. Its `added_tokens`, `normalizer`, `pre_tokenizer`, `post_processor` and `decoder` replace
/// those of the file, each where it is there; `model` replaces all fields of the model but its kind, tokens and merges.
///
/// # Errors
/// As [`tokenizer_json`].
pub fn tokenizer_json_with(name: &str, file: &[u8], overlay: &str) -> Result<Vocabulary, TokenError> {
    let mut file = parsed(file)?;
    let overlay: Overlay = serde_json::from_str(overlay).map_err(|error| unreadable(error.to_string(), "overlay"))?;
    overlay.apply(&mut file);
    vocabulary(name, file)
}

fn parsed(file: &[u8]) -> Result<File<'_>, TokenError> {
    serde_json::from_slice(file)
        .map_err(|error| unreadable(error.to_string(), format!("{}:{}", error.line(), error.column())))
}

fn vocabulary(name: &str, file: File<'_>) -> Result<Vocabulary, TokenError> {
    file.model.check_supported()?;
    let mut normalizers = normalizers(&file.normalizer)?;
    let pre_tokenizers = pre_tokenizers(&file.pre_tokenizer)?;
    normalizers.extend(pre_tokenizers.normalizer);
    let token_decoder = decoder(&file.decoder)?;
    if pre_tokenizers.byte_level != (token_decoder == TokenDecoder::ByteLevel) {
        return Err(unsupported("a decoder that does not undo the pretokenizer", "decoder"));
    }
    let added = added_tokens(&file)?;
    let parts = file.model.build(&file.added_tokens, token_decoder)?;
    let (prefix, suffix, trim_offsets) = around(&file.post_processor)?;
    if let Some(id) = prefix.iter().chain(&suffix).find(|&&id| parts.tokens.get(id).is_empty()) {
        return Err(unreadable(format!("token {id} does not exist"), "post_processor"));
    }
    Ok(Vocabulary {
        name: name.to_owned(),
        tokens: parts.tokens,
        merges: parts.merges.into(),
        units: parts.units,
        ignore_merges: file.model.ignore_merges.unwrap_or(false),
        added,
        normalizers,
        splits: pre_tokenizers.splits,
        prefix,
        suffix,
        decoder: match token_decoder {
            TokenDecoder::ByteLevel => Decoder::Bytes,
            TokenDecoder::Metaspace { replacement, leading, .. } => Decoder::Metaspace { replacement, leading },
        },
        trim_offsets,
    })
}

/// The added tokens under the ids that `tokenizers` gives them, which must be those of the file.
fn added_tokens(file: &File) -> Result<Vec<AddedToken>, TokenError> {
    let ids = file.model.ids_by_text();
    let mut added: Vec<AddedToken> = Vec::with_capacity(file.added_tokens.len());
    let mut index_of: HashMap<&str, usize> = HashMap::new();
    let mut next = ids.len() as TokenId;
    for (index, token) in file.added_tokens.iter().enumerate() {
        let content: &str = &token.content;
        let place = || format!("added_tokens[{index}]");
        if content.is_empty() {
            return Err(unsupported("an added token without a text", place()));
        }
        if let Some(&earlier) = index_of.get(content) {
            if added[earlier].id != token.id {
                return Err(unreadable(format!("the added token {content:?} has two ids"), place()));
            }
            added[earlier] = flags(token, ids.contains_key(content));
            continue;
        }
        let given = ids.get(content).copied().unwrap_or(next);
        if given != token.id {
            let part =
                format!("the added token {content:?}, which `tokenizers` numbers {given} and the file {}", token.id);
            return Err(unsupported(part, place()));
        }
        next += TokenId::from(!ids.contains_key(content));
        index_of.insert(content, added.len());
        added.push(flags(token, ids.contains_key(content)));
    }
    if let Some(token) = takes_spaces_twice(&added) {
        let part = format!("the white space {:?}, an added token that another one can take,", token.content);
        return Err(unsupported(part, "added_tokens"));
    }
    Ok(added)
}

/// A token that begins with white space and takes more before it, where another takes the white space behind it.
///
/// `tokenizers` cuts overlapping pieces then, and drops some of the tokens.
fn takes_spaces_twice(added: &[AddedToken]) -> Option<&AddedToken> {
    let begins = |token: &&AddedToken| token.lstrip && token.content.starts_with(char::is_whitespace);
    added.iter().find(begins).filter(|_| added.iter().any(|token| token.rstrip))
}

fn flags(token: &Added, in_model: bool) -> AddedToken {
    AddedToken {
        id: token.id,
        content: token.content.to_string(),
        special: token.special,
        lstrip: token.lstrip,
        rstrip: token.rstrip,
        single_word: token.single_word,
        normalized: token.normalized,
        in_model,
    }
}

/// The ids that the post-processor puts before and after a single text, and what it does to offsets.
fn around(post_processor: &Value) -> Result<(Vec<TokenId>, Vec<TokenId>, TrimOffsets), TokenError> {
    const PLACE: &str = "post_processor";
    let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
    let mut trim_offsets = TrimOffsets::Never;
    let mut templates = 0;
    for step in steps::flattened(post_processor, "processors", PLACE)? {
        match steps::kind(step, PLACE)? {
            "ByteLevel" => {
                let trim = trims(step)?;
                if trim != TrimOffsets::Never && trim_offsets != TrimOffsets::Never {
                    return Err(unsupported("trimming offsets twice", PLACE));
                }
                if trim != TrimOffsets::Never {
                    trim_offsets = trim;
                }
            }
            "TemplateProcessing" => {
                templates += 1;
                (prefix, suffix) = template(step)?;
            }
            other => return Err(unsupported(format!("the post-processor `{other}`"), PLACE)),
        }
    }
    match templates {
        0 | 1 => Ok((prefix, suffix, trim_offsets)),
        _ => Err(unsupported("more than one template", PLACE)),
    }
}

fn trims(step: &Value) -> Result<TrimOffsets, TokenError> {
    const PLACE: &str = "post_processor";
    Ok(match (steps::flag(step, "trim_offsets", true, PLACE)?, steps::flag(step, "add_prefix_space", true, PLACE)?) {
        (false, _) => TrimOffsets::Never,
        (true, false) => TrimOffsets::Spaces,
        (true, true) => TrimOffsets::SpacesButFirst,
    })
}

fn template(step: &Value) -> Result<(Vec<TokenId>, Vec<TokenId>), TokenError> {
    const PLACE: &str = "post_processor.single";
    let parts = step["single"].as_array().ok_or_else(|| unreadable("expected a list", PLACE))?;
    let (mut prefix, mut suffix, mut texts) = (Vec::new(), Vec::new(), 0);
    for part in parts {
        if part["Sequence"].is_object() {
            texts += 1;
            continue;
        }
        let name = part["SpecialToken"]["id"].as_str().ok_or_else(|| unreadable("expected a special token", PLACE))?;
        let ids = step["special_tokens"][name]["ids"].as_array();
        let ids = ids.ok_or_else(|| unreadable(format!("no ids for {name:?}"), "post_processor.special_tokens"))?;
        for id in ids {
            let id = id.as_u64().and_then(|id| TokenId::try_from(id).ok());
            let id =
                id.ok_or_else(|| unreadable(format!("an id of {name:?} is no id"), "post_processor.special_tokens"))?;
            if texts == 0 { &mut prefix } else { &mut suffix }.push(id);
        }
    }
    match texts {
        1 => Ok((prefix, suffix)),
        _ => Err(unsupported("a template that does not hold the text once", PLACE)),
    }
}
