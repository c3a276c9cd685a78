//! Normalizers, pretokenizers and decoders: which steps there are, and what they come to.

use serde_json::Value;

use super::super::{unreadable, unsupported};
use crate::error::TokenError;
use crate::vocabulary::{Leading, Normalizer, Pattern, Prepend, Split, SplitBehavior};

/// The pattern of `ByteLevel` where it splits by itself.
const GPT2_PATTERN: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// What all pretokenizers come to.
#[derive(Default)]
pub struct PreTokenizers {
    /// What is done to the text before the first split.
    pub normalizer: Option<Normalizer>,
    pub splits: Vec<Split>,
    /// Whether pieces are written in the byte alphabet.
    pub byte_level: bool,
}

/// How the texts of tokens become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenDecoder {
    /// They are written in the byte alphabet.
    ByteLevel,
    /// They are text with marks for spaces.
    Metaspace {
        replacement: char,
        leading: Leading,
        /// Whether `<0x0A>` is a byte.
        byte_tokens: bool,
    },
}

pub fn normalizers(value: &Value) -> Result<Vec<Normalizer>, TokenError> {
    const PLACE: &str = "normalizer";
    let read = |step: &Value| match kind(step, PLACE)? {
        "NFC" => Ok(Normalizer::Nfc),
        "Prepend" => Ok(Normalizer::Prepend(text(step, "prepend", PLACE)?.to_owned())),
        "Replace" => match step["pattern"]["String"].as_str() {
            Some(pattern) if !pattern.is_empty() => Ok(Normalizer::Replace {
                pattern: pattern.to_owned(),
                content: text(step, "content", PLACE)?.to_owned(),
            }),
            _ => Err(unsupported("the normalizer `Replace` with a pattern that is no text", PLACE)),
        },
        other => Err(unsupported(format!("the normalizer `{other}`"), PLACE)),
    };
    flattened(value, "normalizers", PLACE)?.into_iter().map(read).collect()
}

pub fn pre_tokenizers(value: &Value) -> Result<PreTokenizers, TokenError> {
    const PLACE: &str = "pre_tokenizer";
    let mut found = PreTokenizers::default();
    for step in flattened(value, "pretokenizers", PLACE)? {
        if found.byte_level {
            return Err(unsupported("a pretokenizer after `ByteLevel`", PLACE));
        }
        match kind(step, PLACE)? {
            "Split" => found.splits.push(split(step)?),
            "Digits" => found.splits.push(digits(step)?),
            "ByteLevel" => byte_level(step, &mut found)?,
            "Metaspace" => metaspace(step, &mut found)?,
            other => return Err(unsupported(format!("the pretokenizer `{other}`"), PLACE)),
        }
    }
    Ok(found)
}

pub fn decoder(value: &Value) -> Result<TokenDecoder, TokenError> {
    const PLACE: &str = "decoder";
    let steps = flattened(value, "decoders", PLACE)?;
    let kinds = steps.iter().map(|step| kind(step, PLACE)).collect::<Result<Vec<&str>, TokenError>>()?;
    match kinds[..] {
        ["ByteLevel"] => Ok(TokenDecoder::ByteLevel),
        ["Metaspace"] => Ok(TokenDecoder::Metaspace {
            replacement: replacement(steps[0], PLACE)?,
            leading: match prepend(steps[0], PLACE)? {
                Prepend::Never => Leading::Nothing,
                Prepend::First | Prepend::Always => Leading::Marks,
            },
            byte_tokens: false,
        }),
        ["Replace", "Fuse"]
        | ["Replace", "Fuse", "Strip"]
        | ["Replace", "ByteFallback", "Fuse"]
        | ["Replace", "ByteFallback", "Fuse", "Strip"] => sentencepiece_decoder(&steps, &kinds),
        [] => Err(unsupported("a tokenizer without a decoder", PLACE)),
        _ => Err(unsupported(format!("the decoder `{}`", kinds.join(", ")), PLACE)),
    }
}

/// The steps of a possibly nested sequence, in order; none for `null`.
pub fn flattened<'a>(value: &'a Value, key: &str, place: &str) -> Result<Vec<&'a Value>, TokenError> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    if kind(value, place)? != "Sequence" {
        return Ok(vec![value]);
    }
    let steps = value[key].as_array().ok_or_else(|| unreadable(format!("expected a list of `{key}`"), place))?;
    let mut all = Vec::new();
    for step in steps {
        all.extend(flattened(step, key, place)?);
    }
    Ok(all)
}

/// The `type` of a step.
pub fn kind<'a>(step: &'a Value, place: &str) -> Result<&'a str, TokenError> {
    step["type"].as_str().ok_or_else(|| unreadable("expected a step with a `type`", place))
}

fn split(step: &Value) -> Result<Split, TokenError> {
    const PLACE: &str = "pre_tokenizer";
    let pattern = match (step["pattern"]["Regex"].as_str(), step["pattern"]["String"].as_str()) {
        (Some(regex), None) => Pattern::Regex(regex.to_owned()),
        (None, Some(text)) => Pattern::Text(text.to_owned()),
        _ => return Err(unreadable("expected a pattern", PLACE)),
    };
    let behavior = match text(step, "behavior", PLACE)? {
        "Isolated" => SplitBehavior::Isolated,
        "Removed" => SplitBehavior::Removed,
        "MergedWithPrevious" => SplitBehavior::MergedWithPrevious,
        "MergedWithNext" => SplitBehavior::MergedWithNext,
        "Contiguous" => SplitBehavior::Contiguous,
        other => return Err(unreadable(format!("the unknown behavior {other:?}"), PLACE)),
    };
    Ok(Split { pattern, behavior, invert: flag(step, "invert", false, PLACE)? })
}

fn digits(step: &Value) -> Result<Split, TokenError> {
    let behavior = match flag(step, "individual_digits", false, "pre_tokenizer")? {
        true => SplitBehavior::Isolated,
        false => SplitBehavior::Contiguous,
    };
    Ok(Split { pattern: Pattern::Regex(r"\p{N}".to_owned()), behavior, invert: false })
}

fn byte_level(step: &Value, found: &mut PreTokenizers) -> Result<(), TokenError> {
    const PLACE: &str = "pre_tokenizer";
    if flag(step, "add_prefix_space", true, PLACE)? {
        if !found.splits.is_empty() || found.normalizer.is_some() {
            return Err(unsupported("`add_prefix_space` after a split", PLACE));
        }
        // A space for every space, and one in front of a text that has none.
        found.normalizer = Some(Normalizer::Metaspace { replacement: ' ', prepend: Prepend::Always });
    }
    if flag(step, "use_regex", true, PLACE)? {
        let pattern = Pattern::Regex(GPT2_PATTERN.to_owned());
        found.splits.push(Split { pattern, behavior: SplitBehavior::Isolated, invert: false });
    }
    found.byte_level = true;
    Ok(())
}

fn metaspace(step: &Value, found: &mut PreTokenizers) -> Result<(), TokenError> {
    const PLACE: &str = "pre_tokenizer";
    if !found.splits.is_empty() || found.normalizer.is_some() {
        return Err(unsupported("`Metaspace` after another pretokenizer", PLACE));
    }
    let replacement = replacement(step, PLACE)?;
    found.normalizer = Some(Normalizer::Metaspace { replacement, prepend: prepend(step, PLACE)? });
    if flag(step, "split", true, PLACE)? {
        let pattern = Pattern::Text(replacement.to_string());
        found.splits.push(Split { pattern, behavior: SplitBehavior::MergedWithNext, invert: false });
    }
    Ok(())
}

fn sentencepiece_decoder(steps: &[&Value], kinds: &[&str]) -> Result<TokenDecoder, TokenError> {
    const PLACE: &str = "decoder";
    let mark = single_char(steps[0]["pattern"]["String"].as_str());
    let (Some(replacement), Some(" ")) = (mark, steps[0]["content"].as_str()) else {
        return Err(unsupported("a decoder that replaces something other than space marks", PLACE));
    };
    let last = steps[steps.len() - 1];
    let strip_first = kinds[kinds.len() - 1] == "Strip";
    if strip_first
        && (last["content"].as_str(), last["start"].as_u64(), last["stop"].as_u64()) != (Some(" "), Some(1), Some(0))
    {
        return Err(unsupported("a decoder that strips something other than one space in front", PLACE));
    }
    let leading = if strip_first { Leading::OneSpace } else { Leading::Nothing };
    Ok(TokenDecoder::Metaspace { replacement, leading, byte_tokens: kinds.contains(&"ByteFallback") })
}

fn replacement(step: &Value, place: &str) -> Result<char, TokenError> {
    match &step["replacement"] {
        Value::Null => Ok('\u{2581}'),
        value => single_char(value.as_str()).ok_or_else(|| unreadable("`replacement` is not one character", place)),
    }
}

/// Older files say `add_prefix_space` instead of `prepend_scheme`.
fn prepend(step: &Value, place: &str) -> Result<Prepend, TokenError> {
    match (step["prepend_scheme"].as_str(), step["add_prefix_space"].as_bool()) {
        (Some("never"), _) | (None, Some(false)) => Ok(Prepend::Never),
        (Some("first"), _) => Ok(Prepend::First),
        (Some("always"), _) | (None, _) => Ok(Prepend::Always),
        (Some(other), _) => Err(unreadable(format!("the unknown `prepend_scheme` {other:?}"), place)),
    }
}

fn single_char(text: Option<&str>) -> Option<char> {
    let mut characters = text?.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn text<'a>(step: &'a Value, key: &str, place: &str) -> Result<&'a str, TokenError> {
    step[key].as_str().ok_or_else(|| unreadable(format!("expected a text under `{key}`"), place))
}

pub fn flag(step: &Value, key: &str, default: bool, place: &str) -> Result<bool, TokenError> {
    match &step[key] {
        Value::Null => Ok(default),
        Value::Bool(flag) => Ok(*flag),
        _ => Err(unreadable(format!("`{key}` is neither true nor false"), place)),
    }
}
