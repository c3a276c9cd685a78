//! The shape of the file.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use serde_json::Value;

use crate::vocabulary::TokenId;

#[derive(Deserialize)]
pub struct File<'a> {
    #[serde(borrow, default)]
    pub added_tokens: Vec<Added<'a>>,
    #[serde(default)]
    pub normalizer: Value,
    #[serde(default)]
    pub pre_tokenizer: Value,
    #[serde(default)]
    pub post_processor: Value,
    #[serde(default)]
    pub decoder: Value,
    #[serde(borrow)]
    pub model: Model<'a>,
}

#[derive(Deserialize)]
pub struct Added<'a> {
    pub id: TokenId,
    #[serde(borrow)]
    pub content: Text<'a>,
    pub single_word: bool,
    pub lstrip: bool,
    pub rstrip: bool,
    pub normalized: bool,
    pub special: bool,
}

#[derive(Deserialize)]
pub struct Model<'a> {
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(borrow)]
    pub vocab: Vocab<'a>,
    #[serde(borrow, default)]
    pub merges: Vec<Halves<'a>>,
    pub dropout: Option<f64>,
    pub unk_token: Option<String>,
    pub continuing_subword_prefix: Option<String>,
    pub end_of_word_suffix: Option<String>,
    pub fuse_unk: Option<bool>,
    pub byte_fallback: Option<bool>,
    pub ignore_merges: Option<bool>,
}

/// A text that borrows from the file unless it holds escapes.
pub struct Text<'a>(Cow<'a, str>);

/// The tokens in the order of the file; none for a vocabulary of another shape (Unigram's).
pub struct Vocab<'a>(pub Vec<(Text<'a>, TokenId)>);

/// The two halves of a merge: a list of two, or one text with a space between them.
pub enum Halves<'a> {
    Pair(Text<'a>, Text<'a>),
    Line(Text<'a>),
}

impl Halves<'_> {
    /// Both halves; `None` for a line that does not hold exactly one space.
    pub fn texts(&self) -> Option<(&str, &str)> {
        match self {
            Halves::Pair(left, right) => Some((left, right)),
            Halves::Line(line) => line.split_once(' ').filter(|(_, right)| !right.contains(' ')),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Vocab<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VocabVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Halves<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HalvesVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
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
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Vocab(Vec::new()))
    }
}

struct HalvesVisitor;

impl<'de> Visitor<'de> for HalvesVisitor {
    type Value = Halves<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("two tokens")
    }

    fn visit_borrowed_str<E: Error>(self, line: &'de str) -> Result<Halves<'de>, E> {
        Ok(Halves::Line(Text(Cow::Borrowed(line))))
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<Halves<'de>, E> {
        Ok(Halves::Line(Text(Cow::Owned(line.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Halves<'de>, A::Error> {
        let mut half = |index| seq.next_element()?.ok_or_else(|| A::Error::invalid_length(index, &self));
        let halves = Halves::Pair(half(0)?, half(1)?);
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(halves),
            Some(_) => Err(A::Error::invalid_length(3, &self)),
        }
    }
}
