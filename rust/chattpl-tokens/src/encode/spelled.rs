//! Control tokens that merges make of plain text: put back into the parts that they were made of.

use hashbrown::HashMap;

use super::walk::Tokens;
use crate::error::TokenError;
use crate::vocabulary::{TokenId, Units, Vocabulary};

/// Added tokens that text can become without being cut out of it, and what stands for each of them instead.
#[derive(Debug, Default)]
pub(crate) struct Spelled {
    tokens: HashMap<TokenId, Apart>,
}

#[derive(Debug)]
struct Apart {
    content: String,
    is_special: bool,
    /// Tokens with the same bytes, none of them an added one; none where the vocabulary has no others.
    parts: Option<Vec<TokenId>>,
}

impl Spelled {
    /// Finds them in a vocabulary; most have none.
    pub fn of(vocabulary: &Vocabulary) -> Self {
        let in_model = || vocabulary.added.iter().filter(|token| token.in_model);
        if in_model().next().is_none() {
            return Spelled::default();
        }
        let added: HashMap<TokenId, Option<(TokenId, TokenId)>> = in_model().map(|token| (token.id, None)).collect();
        let mut made = added;
        for merge in vocabulary.merges.iter() {
            if let Some(halves) = made.get_mut(&merge.merged) {
                halves.get_or_insert((merge.left, merge.right));
            }
        }
        let is_unit = |content: &str| match &vocabulary.units {
            Units::Bytes { .. } => content.len() == 1,
            Units::Chars { .. } => content.chars().count() == 1,
        };
        let is_made = |id: TokenId, content: &str| vocabulary.ignore_merges || made[&id].is_some() || is_unit(content);
        let tokens = in_model().filter(|token| is_made(token.id, &token.content));
        let apart = |id: TokenId| {
            let mut parts = Vec::new();
            take_apart(vocabulary, &made, id, &mut parts).then_some(parts)
        };
        let tokens = tokens.map(|token| {
            let content = token.content.clone();
            (token.id, Apart { content, is_special: token.special, parts: apart(token.id) })
        });
        Spelled { tokens: tokens.collect() }
    }

    /// Puts the parts of control tokens in their place where they were not cut out of the text; `structure` names control
    /// tokens that are not flagged special.
    ///
    /// # Errors
    /// [`TokenError::FORGED`] where the vocabulary has no other tokens for the text.
    pub fn replace(&self, tokens: &mut Tokens, structure: &[TokenId]) -> Result<(), TokenError> {
        if self.tokens.is_empty() {
            return Ok(());
        }
        let apart = |id: TokenId| self.tokens.get(&id).filter(|apart| apart.is_special || structure.contains(&id));
        let mut amiss = None;
        tokens.replace(|id, start_byte| {
            let apart = apart(id)?;
            if apart.parts.is_none() {
                amiss = amiss.or(Some((apart, start_byte)));
            }
            apart.parts.as_deref()
        });
        let Some((apart, start_byte)) = amiss else { return Ok(()) };
        let message = format!("the vocabulary has no token but the control token `{}` for its text", apart.content);
        let hint = "leave the text out, or pass special_tokens=\"parity\", which lets it count";
        Err(TokenError::new(TokenError::FORGED, message).at(format!("byte {start_byte}")).hint(hint))
    }
}

/// Appends tokens with the bytes of `id` that are no added ones; false if there are none.
fn take_apart(
    vocabulary: &Vocabulary,
    added: &HashMap<TokenId, Option<(TokenId, TokenId)>>,
    id: TokenId,
    parts: &mut Vec<TokenId>,
) -> bool {
    match added.get(&id) {
        None => parts.push(id),
        Some(Some((left, right))) => {
            return take_apart(vocabulary, added, *left, parts) && take_apart(vocabulary, added, *right, parts);
        }
        Some(None) => {
            let bytes = vocabulary.tokens.get(id);
            let units = match &vocabulary.units {
                Units::Bytes { ids } => Some(ids),
                Units::Chars { bytes, .. } => bytes.as_ref(),
            };
            let Some(units) = units else { return false };
            let units = bytes.iter().map(|&byte| units[usize::from(byte)]);
            if bytes.is_empty() || units.clone().any(|unit| unit == u32::MAX || added.contains_key(&unit)) {
                return false;
            }
            parts.extend(units);
        }
    }
    true
}
