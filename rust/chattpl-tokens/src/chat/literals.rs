//! The literals of a template, encoded once for a vocabulary.

use std::collections::{BTreeMap, HashMap};

use chattpl_render::{Program, Segments};

use crate::encode::{Encoder, Literal};
use crate::error::TokenError;
use crate::vocabulary::Vocabulary;

/// Longer literals are encoded where they stand, in bytes.
const MAX_BYTES: usize = 1 << 16;

/// What is known of the literals of one template.
#[derive(Debug, Default)]
pub(crate) struct Literals {
    /// By number; none for those of which nothing is sure.
    items: Vec<Option<Box<Literal>>>,
}

impl Literals {
    /// Encodes the literals of a template.
    pub fn new(program: &Program, encoder: &Encoder) -> Self {
        let mut literals = Literals::default();
        if encoder.keeps_literals() {
            let mut scratch = encoder.scratch();
            for (number, text) in program.literals().filter(|(_, text)| text.len() <= MAX_BYTES) {
                literals.put(number, encoder.literal(&mut scratch, text));
            }
        }
        literals
    }

    fn put(&mut self, number: u32, literal: Option<Literal>) {
        let number = number as usize;
        if literal.is_some() {
            self.items.resize_with(self.items.len().max(number + 1), || None);
            self.items[number] = literal.map(Box::new);
        }
    }

    /// What [`Literals::write`] gave for the same template and vocabulary; literals that it does not have are not kept.
    ///
    /// # Errors
    /// [`TokenError::DAMAGED_PACK`] for what cannot have come from there.
    pub fn read(json: &str, program: &Program, vocabulary: &Vocabulary) -> Result<Self, TokenError> {
        let damaged =
            |how: &str| TokenError::new(TokenError::DAMAGED_PACK, format!("tokens of literals are damaged: {how}"));
        let read: Vec<Literal> = serde_json::from_str(json).map_err(|error| damaged(&error.to_string()))?;
        if !read.iter().all(|literal| literal.is_sound(vocabulary)) {
            return Err(damaged("they do not make up their texts"));
        }
        let known: HashMap<&str, &Literal> = read.iter().map(|literal| (literal.text(), literal)).collect();
        let mut literals = Literals::default();
        for (number, text) in program.literals() {
            literals.put(number, known.get(text).copied().cloned());
        }
        Ok(literals)
    }

    /// All as JSON text, each text once.
    pub fn write(&self) -> String {
        let known: BTreeMap<&str, &Literal> = self.items.iter().flatten().map(|item| (item.text(), &**item)).collect();
        serde_json::to_string(&known.values().collect::<Vec<_>>()).expect("numbers and texts can be written")
    }

    /// The literals in a rendered text, each with its first byte.
    pub fn of<'l>(&'l self, text: &'l str, segments: &'l Segments) -> impl Iterator<Item = (usize, &'l Literal)> + 'l {
        let mut start = 0;
        let count = if self.items.is_empty() { 0 } else { segments.len() };
        (0..count).filter_map(move |index| {
            let end = segments.end(index);
            let from = std::mem::replace(&mut start, end);
            let literal = self.items.get(segments.literal(index)? as usize)?.as_deref()?;
            // A part of a literal, and what was computed of one, have its number, too.
            (literal.text().as_bytes() == &text.as_bytes()[from..end]).then_some((from, literal))
        })
    }
}
