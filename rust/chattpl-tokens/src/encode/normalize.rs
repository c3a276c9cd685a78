//! Text as the vocabulary wants it, and which byte of the original each of its bytes came from.

use super::compose::compose;
use crate::vocabulary::{Normalizer, Prepend};

/// A normalized text with, for each byte and for its end, the byte of the original that it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Normalized {
    pub text: String,
    pub origin: Vec<u32>,
}

/// Applies all steps to a stretch between added tokens; `None` if they change nothing.
///
/// `first` says whether the stretch begins the whole text.
pub(crate) fn normalize(steps: &[Normalizer], text: &str, first: bool) -> Option<Normalized> {
    let mut current: Option<Normalized> = None;
    for step in steps {
        let input = current.as_ref().map_or(text, |normalized| &normalized.text);
        if let Some(next) = apply(step, input, first) {
            current = Some(match current {
                Some(before) => {
                    let origin = next.origin.iter().map(|&at| before.origin[at as usize]).collect();
                    Normalized { text: next.text, origin }
                }
                None => next,
            });
        }
    }
    current
}

fn apply(step: &Normalizer, text: &str, first: bool) -> Option<Normalized> {
    match step {
        Normalizer::Nfc => compose(text),
        Normalizer::PrependFirst(_) if !first => None,
        Normalizer::Prepend(prefix) | Normalizer::PrependFirst(prefix) => {
            (!text.is_empty()).then(|| Normalized::default().with(prefix, 0).copied(text, 0).ended(text))
        }
        Normalizer::Replace { pattern, content } => replace(text, pattern, content),
        Normalizer::Metaspace { replacement, prepend } => {
            let mark = replacement.encode_utf8(&mut [0; 4]).to_owned();
            let replaced = replace(text, " ", &mark);
            let has_mark = replaced.as_ref().map_or(text, |normalized| &normalized.text).starts_with(*replacement);
            let wanted = match prepend {
                Prepend::Never => false,
                Prepend::First => first,
                Prepend::Always => true,
            };
            if !wanted || has_mark || text.is_empty() {
                return replaced;
            }
            let before = replaced.unwrap_or_else(|| Normalized::default().copied(text, 0).ended(text));
            let mut with_mark = Normalized::default().with(&mark, 0);
            with_mark.text.push_str(&before.text);
            with_mark.origin.extend_from_slice(&before.origin);
            Some(with_mark)
        }
    }
}

impl Normalized {
    /// Adds text that stands for what begins at `start` in the original.
    fn with(mut self, text: &str, start: usize) -> Self {
        self.push(text, start);
        self
    }

    pub(super) fn push(&mut self, text: &str, start: usize) {
        self.text.push_str(text);
        self.origin.extend(std::iter::repeat_n(start as u32, text.len()));
    }

    /// Adds text that is the same in the original, where it begins at `start`.
    fn copied(mut self, text: &str, start: usize) -> Self {
        self.copy(text, start);
        self
    }

    pub(super) fn copy(&mut self, text: &str, start: usize) {
        self.text.push_str(text);
        self.origin.extend(start as u32..(start + text.len()) as u32);
    }

    pub(super) fn ended(mut self, original: &str) -> Self {
        self.origin.push(original.len() as u32);
        self
    }
}

fn replace(text: &str, pattern: &str, content: &str) -> Option<Normalized> {
    let finder = memchr::memmem::Finder::new(pattern);
    let mut places = finder.find_iter(text.as_bytes()).peekable();
    places.peek()?;
    let mut normalized = Normalized::default();
    normalized.text.reserve(text.len() + text.len() / 2);
    let mut at = 0;
    for place in places {
        normalized.copy(&text[at..place], at);
        at = place + pattern.len();
        normalized.push(content, place);
    }
    normalized.copy(&text[at..], at);
    Some(normalized.ended(text))
}
