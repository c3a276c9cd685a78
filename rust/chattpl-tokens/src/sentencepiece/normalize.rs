//! Text as SentencePiece wants it, with where each of its bytes came from.

use super::character_len;
use super::charsmap::Charsmap;
use super::pieces::{symbol_at, Pieces};
use crate::error::TokenError;
use crate::read::sentencepiece_model::{Model, SPACE_MARK};

/// What a model does to text before it looks for pieces.
pub struct Normalizer {
    rules: Option<Charsmap>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    /// What a space becomes.
    space: Vec<u8>,
}

/// Normalized text, and the stretch of the original that each of its bytes stands for.
#[derive(Debug, Default)]
pub struct Normalized {
    /// The text: UTF-8 unless a rule says otherwise.
    pub text: Vec<u8>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// Where user-defined symbols stand in it, if only some of them count.
    pub symbols: Option<Vec<(usize, usize)>>,
}

/// A stretch of a text between two control tokens.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'t> {
    /// All of the text.
    pub text: &'t str,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// The places where user-defined symbols count; none: wherever the text spells them.
    pub symbols: Option<&'t [(usize, usize)]>,
}

/// What a step of normalization takes, and what it makes of it.
struct Step<'a> {
    taken: usize,
    made: &'a [u8],
    is_symbol: bool,
}

impl Normalizer {
    /// What `model` asks for.
    ///
    /// # Errors
    /// Damaged rules.
    pub fn new(model: &Model<'_>) -> Result<Self, TokenError> {
        Ok(Normalizer {
            rules: Charsmap::parse(model.rules)?,
            add_dummy_prefix: model.add_dummy_prefix,
            remove_extra_whitespaces: model.remove_extra_whitespaces,
            space: if model.escape_whitespaces { SPACE_MARK } else { ' ' }.to_string().into_bytes(),
        })
    }

    /// Normalizes a stretch. The space in front stands at the very beginning of the text alone, and white space goes away
    /// at its very ends: what a control token cuts is one text.
    pub fn normalize(&self, stretch: Stretch<'_>, pieces: &Pieces) -> Normalized {
        let Stretch { text, start, end, symbols } = stretch;
        let mut done = Normalized { symbols: symbols.map(|_| Vec::new()), ..Normalized::default() };
        let step = |at: usize| self.step(&text.as_bytes()[..end], at, symbols, pieces);
        let mut at = start;
        if start == 0 {
            while self.remove_extra_whitespaces && at < end {
                let next = step(at);
                if next.made != b" " {
                    break;
                }
                at += next.taken;
            }
            if at == end {
                return done;
            }
            if self.add_dummy_prefix {
                done.push(&self.space, (at, at));
            }
        }
        let mut after_space = self.remove_extra_whitespaces && start == 0;
        while at < end {
            let next = step(at);
            let mut made = next.made;
            while let (true, Some(rest)) = (after_space, made.strip_prefix(b" ")) {
                made = rest;
            }
            if !made.is_empty() {
                let first = done.text.len();
                for &byte in made {
                    let space = byte == b' ';
                    done.push(if space { &self.space } else { std::slice::from_ref(&byte) }, (at, at + next.taken));
                }
                if let Some(symbols) = done.symbols.as_mut().filter(|_| next.is_symbol) {
                    symbols.push((first, done.text.len()));
                }
                after_space = self.remove_extra_whitespaces && made.ends_with(b" ");
            }
            at += next.taken;
        }
        if self.remove_extra_whitespaces && end == text.len() {
            while done.text.ends_with(&self.space) {
                done.text.truncate(done.text.len() - self.space.len());
            }
        }
        done
    }

    /// The step for what stands at `at`: a symbol as it is, the longest rule, or a character as it is.
    fn step<'a>(&'a self, text: &'a [u8], at: usize, symbols: Option<&[(usize, usize)]>, pieces: &Pieces) -> Step<'a> {
        let rest = &text[at..];
        let symbol = match symbols {
            None => pieces.longest_symbol(rest),
            Some(symbols) => symbol_at(symbols, at),
        };
        if let Some(len) = symbol {
            return Step { taken: len, made: &rest[..len], is_symbol: true };
        }
        let (taken, made) = self.rules.as_ref().and_then(|rules| rules.longest(rest)).unwrap_or_else(|| {
            let len = character_len(rest);
            (len, &rest[..len])
        });
        Step { taken, made, is_symbol: false }
    }
}

impl Normalized {
    fn push(&mut self, bytes: &[u8], (start, end): (usize, usize)) {
        self.text.extend_from_slice(bytes);
        self.starts.resize(self.text.len(), start as u32);
        self.ends.resize(self.text.len(), end as u32);
    }

    /// The bytes of the original that `start..end`, which is not empty, stands for.
    pub fn place(&self, start: usize, end: usize) -> (usize, usize) {
        (self.starts[start] as usize, self.ends[end - 1] as usize)
    }
}
