//! The normalization rules of a SentencePiece model: texts, and what stands in place of each.
//!
//! They are a double-array trie of the library Darts, in units of 32 bits, and texts that end with a zero byte.

use crate::error::TokenError;

/// Rules by the text that they replace.
pub struct Charsmap {
    units: Vec<u32>,
    texts: Vec<u8>,
}

impl Charsmap {
    /// Reads `precompiled_charsmap`; none where it is empty.
    ///
    /// # Errors
    /// [`TokenError::UNREADABLE`] if it is cut short.
    pub fn parse(rules: &[u8]) -> Result<Option<Self>, TokenError> {
        if rules.is_empty() {
            return Ok(None);
        }
        let parts = rules.split_first_chunk::<4>().and_then(|(len, rest)| {
            let len = u32::from_le_bytes(*len) as usize;
            (len % 4 == 0).then(|| rest.split_at_checked(len)).flatten()
        });
        let Some((trie, texts)) = parts.filter(|(_, texts)| texts.last() == Some(&0)) else {
            let message = "not a SentencePiece model: damaged normalization rules";
            return Err(TokenError::new(TokenError::UNREADABLE, message).at("normalizer_spec.precompiled_charsmap"));
        };
        let units = trie.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]));
        Ok(Some(Charsmap { units: units.collect(), texts: texts.to_vec() }))
    }

    /// The longest rule for the beginning of `text`: how many bytes it takes, and what stands in their place.
    pub fn longest(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let mut at = offset(*self.units.first()?);
        let mut best = None;
        for (index, &byte) in text.iter().enumerate() {
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at).filter(|&&unit| label(unit) == u32::from(byte)) else { break };
            at ^= offset(unit);
            if has_leaf(unit) {
                best = self.units.get(at).map(|&leaf| (index + 1, (leaf & VALUE) as usize));
            }
        }
        let (len, start) = best?;
        let rest = self.texts.get(start..)?;
        Some((len, &rest[..rest.iter().position(|&byte| byte == 0)?]))
    }
}

const VALUE: u32 = (1 << 31) - 1;

fn has_leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

/// The byte that leads to a unit; more than a byte for a leaf.
fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xff)
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}
