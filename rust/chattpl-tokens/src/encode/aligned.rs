//! Normalized text with the place of each of its bytes in the original, counted as `tokenizers` counts.

use unicode_normalization_alignments::UnicodeNormalization;

use crate::vocabulary::{Normalizer, Prepend};

/// A text with, for each of its bytes, the stretch of the original that it stands for.
#[derive(Debug, Clone, Default)]
pub(super) struct Aligned {
    pub text: String,
    pub places: Vec<(usize, usize)>,
}

impl Aligned {
    /// A stretch of the original, which begins at `start` there; every byte of a character has the whole of it.
    pub fn new(text: &str, start: usize) -> Self {
        let mut places = Vec::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            let place = (start + at, start + at + character.len_utf8());
            places.extend(std::iter::repeat_n(place, character.len_utf8()));
        }
        Aligned { text: text.to_owned(), places }
    }

    /// The same after all steps.
    pub fn normalized(self, steps: &[Normalizer]) -> Self {
        steps.iter().fold(self, |text, step| match step {
            Normalizer::Nfc => text.composed(),
            Normalizer::Prepend(prefix) => text.prepended(prefix),
            Normalizer::PrependFirst(prefix) if text.is_first() => text.prepended(prefix),
            Normalizer::PrependFirst(_) => text,
            Normalizer::Replace { pattern, content } => text.replaced(pattern, content),
            Normalizer::Metaspace { replacement, prepend } => text.marked(*replacement, *prepend),
        })
    }

    /// Whether it begins where the original does.
    fn is_first(&self) -> bool {
        self.places.first().is_some_and(|place| place.0 == 0)
    }

    pub fn slice(&self, start: usize, end: usize) -> Self {
        Aligned { text: self.text[start..end].to_owned(), places: self.places[start..end].to_vec() }
    }

    /// The stretch of the original that `start..end` of the text stands for.
    pub fn place(&self, start: usize, end: usize) -> (usize, usize) {
        match self.places.get(start..end) {
            Some([first, .., last]) => (first.0, last.1),
            Some([only]) => *only,
            _ => self.places.get(start).map_or((0, 0), |place| (place.0, place.0)),
        }
    }

    /// What a character becomes by composition stands where its first part stood.
    fn composed(self) -> Self {
        let mut done = Aligned::default();
        let mut before = self.text.chars();
        let mut at = 0;
        for (character, change) in self.text.nfc() {
            let index = if change > 0 { at.max(1) - 1 } else { at };
            let taken = usize::try_from(1 - change).unwrap_or(0);
            at += before.by_ref().take(taken).map(char::len_utf8).sum::<usize>();
            done.push(character, self.places.get(index).copied().unwrap_or_default());
        }
        done
    }

    /// What is put in front stands where the first character stands.
    fn prepended(self, prefix: &str) -> Self {
        let Some(&first) = self.places.first() else { return self };
        let mut done = Aligned::default();
        prefix.chars().for_each(|character| done.push(character, first));
        done.text.push_str(&self.text);
        done.places.extend(self.places);
        done
    }

    /// What is put in the place of a match stands where its last character stood.
    fn replaced(self, pattern: &str, content: &str) -> Self {
        let mut done = Aligned::default();
        let mut from = 0;
        for (at, _) in self.text.match_indices(pattern) {
            let end = at + pattern.len();
            done.text.push_str(&self.text[from..at]);
            done.places.extend_from_slice(&self.places[from..at]);
            content.chars().for_each(|character| done.push(character, self.places[end - 1]));
            from = end;
        }
        done.text.push_str(&self.text[from..]);
        done.places.extend_from_slice(&self.places[from..]);
        done
    }

    fn marked(self, replacement: char, prepend: Prepend) -> Self {
        let mark = replacement.to_string();
        let is_first = self.is_first();
        let replaced = self.replaced(" ", &mark);
        let wanted = match prepend {
            Prepend::Never => false,
            Prepend::First => is_first,
            Prepend::Always => true,
        };
        match wanted && !replaced.text.starts_with(replacement) {
            true => replaced.prepended(&mark),
            false => replaced,
        }
    }

    fn push(&mut self, character: char, place: (usize, usize)) {
        self.text.push(character);
        self.places.extend(std::iter::repeat_n(place, character.len_utf8()));
    }
}
