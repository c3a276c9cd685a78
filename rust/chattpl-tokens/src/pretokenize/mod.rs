//! Splits text into pieces, which merges never cross.
//!
//! The schemes of the known vocabularies are written out by hand: a scanner that goes character by character, and in front of
//! it, where the processor has the instructions, one that takes 64 ASCII bytes at a time. Other expressions go through
//! `fancy-regex`, if what they match is sure to be what Oniguruma matches in `tokenizers`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod block;
mod chain;
mod class;
mod class_table;
mod deepseek;
mod expression;
mod fill;
mod scan;
mod scheme;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::scheme::AfterNewline;

use crate::error::TokenError;
use crate::vocabulary::Split;

/// Whether the processor has AVX2 and the instructions for bits that came with it.
pub(crate) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx2::is_there();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Splits text into pieces.
#[derive(Clone)]
pub struct Pretokenizer {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Whole,
    Scheme(scheme::Known),
    Chain(Arc<chain::Chain>),
}

impl Pretokenizer {
    /// Recognises the known schemes by their regular expressions, else compiles the expressions.
    ///
    /// # Errors
    /// [`TokenError::UNSUPPORTED`] for splits that drop text, and for expressions that could match something else than they do
    /// in `tokenizers`.
    pub fn new(splits: &[Split]) -> Result<Self, TokenError> {
        if splits.is_empty() {
            return Ok(Pretokenizer { engine: Engine::Whole });
        }
        if let Some(known) = scheme::known(splits) {
            return Ok(Pretokenizer { engine: Engine::Scheme(known) });
        }
        Ok(Pretokenizer { engine: Engine::Chain(Arc::new(chain::Chain::new(splits)?)) })
    }

    /// Writes the ends of the pieces that begin at `start`, in order, until `ends` is full or the text ends; returns how many.
    ///
    /// Ends are bytes of `text`, which is shorter than 4 GiB; every byte belongs to one piece, so the last end is the text's.
    /// `start` is 0 or an end returned before for the same text, and what is returned doesn't depend on how often one stops.
    ///
    /// # Panics
    /// May panic where `start` is no such place.
    #[inline]
    pub fn pieces(&self, text: &str, start: usize, ends: &mut [u32]) -> usize {
        match &self.engine {
            Engine::Scheme(known) => (known.fill)(text.as_bytes(), start, ends),
            Engine::Chain(chain) => chain.fill(text, start, ends),
            Engine::Whole if start == text.len() || ends.is_empty() => 0,
            Engine::Whole => {
                ends[0] = text.len() as u32;
                1
            }
        }
    }

    /// Whether a piece is sure to end at a byte of a text, whatever stands before its last newline and behind the character
    /// that follows, and neither side's pieces depend on the other side.
    pub(crate) fn parts_at(&self, text: &[u8], at: usize) -> bool {
        let Engine::Scheme(known) = &self.engine else { return false };
        let newline_before = at > 0 && matches!(text[at - 1], b'\n' | b'\r');
        if !newline_before || known.after_newline == AfterNewline::Nothing {
            return false;
        }
        match text.get(at) {
            None => false,
            Some(b'/') => known.after_newline == AfterNewline::Visible,
            Some(_) => !class::Char::at(text, at).is(class::WHITE),
        }
    }

    /// What the way of splitting is called: `cl100k`, `qwen2`, ..., `regex`, or `whole`.
    pub fn scheme_name(&self) -> &'static str {
        match &self.engine {
            Engine::Whole => "whole",
            Engine::Scheme(known) => known.name,
            Engine::Chain(_) => "regex",
        }
    }
}
