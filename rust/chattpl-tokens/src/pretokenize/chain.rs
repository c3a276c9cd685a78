//! Splits by whatever is looked for, one step after the other.

use fancy_regex::Regex;
use memchr::memmem::Finder;

use super::expression;
use super::fill::Fill;
use super::scheme;
use crate::error::TokenError;
use crate::vocabulary::{Pattern, Split, SplitBehavior};

/// Splits that are gone through one after the other, each in the pieces of the one before.
pub(super) struct Chain {
    outer: Vec<Step>,
    last: Last,
}

enum Last {
    Scheme(Fill),
    Step(Box<Step>),
}

struct Step {
    pattern: Compiled,
    behavior: SplitBehavior,
    invert: bool,
}

enum Compiled {
    Regex(Regex),
    Text(Finder<'static>),
}

/// Where a match or what is between two of them ends.
#[derive(Clone, Copy)]
struct Stretch {
    end: usize,
    is_match: bool,
}

impl Chain {
    /// Compiles the splits, of which there is at least one.
    ///
    /// # Errors
    /// [`TokenError::UNSUPPORTED`] for those that drop text, for expressions that are not covered, and for a split in the
    /// pieces of another unless the matches of that are single characters, or all there are of one kind in a row: only then
    /// is there no telling whether one has stopped within a piece.
    pub(super) fn new(splits: &[Split]) -> Result<Self, TokenError> {
        let (last, outer) = splits.split_last().expect("a split");
        let outer = outer.iter().map(|split| Step::new(split, true)).collect::<Result<_, _>>()?;
        let last = match scheme::known(std::slice::from_ref(last)) {
            Some(known) => Last::Scheme(known.fill),
            None => Last::Step(Box::new(Step::new(last, false)?)),
        };
        Ok(Chain { outer, last })
    }

    /// Writes the ends of the pieces from a byte on; returns how many. Takes as long as the pieces of the first split are,
    /// even if few of their own pieces fit.
    pub(super) fn fill(&self, text: &str, start: usize, ends: &mut [u32]) -> usize {
        self.fill_from(&self.outer, text, start, ends)
    }

    fn fill_from(&self, outer: &[Step], text: &str, start: usize, ends: &mut [u32]) -> usize {
        let (step, inner) = match (outer.split_first(), &self.last) {
            (Some((step, inner)), _) => (step, Some(inner)),
            (None, Last::Step(step)) => (step.as_ref(), None),
            (None, Last::Scheme(fill)) => return fill(text.as_bytes(), start, ends),
        };
        let (mut at, mut count) = (start, 0);
        while count < ends.len() && at < text.len() {
            let end = step.piece(text, at);
            match inner {
                None => {
                    ends[count] = end as u32;
                    count += 1;
                    at = end;
                }
                Some(inner) => {
                    let written = self.fill_from(inner, &text[at..end], 0, &mut ends[count..]);
                    ends[count..count + written].iter_mut().for_each(|end| *end += at as u32);
                    count += written;
                    at = ends[count - 1] as usize;
                }
            }
        }
        count
    }
}

impl Step {
    fn new(split: &Split, splits_again: bool) -> Result<Self, TokenError> {
        let unsupported = |message: &str| TokenError::new(TokenError::UNSUPPORTED, message);
        if matches!(split.behavior, SplitBehavior::Removed) {
            return Err(unsupported("a split that drops what it finds is not covered"));
        }
        let (pattern, is_run) = match &split.pattern {
            Pattern::Text(text) if text.is_empty() => return Err(unsupported("a split by nothing is not covered")),
            Pattern::Text(text) => {
                (Compiled::Text(Finder::new(text.as_bytes()).into_owned()), text.chars().nth(1).is_none())
            }
            Pattern::Regex(expression) => {
                let (regex, is_run) = expression::compile(expression)?;
                (Compiled::Regex(regex), is_run)
            }
        };
        if splits_again && !is_run {
            return Err(unsupported(
                "a split in the pieces of another, which finds more than single characters, is not covered",
            ));
        }
        Ok(Step { pattern, behavior: split.behavior, invert: split.invert })
    }

    /// Where the piece ends that begins at a byte.
    fn piece(&self, text: &str, start: usize) -> usize {
        let mut found = None;
        let first = self.stretch(text, start, &mut found);
        let mut end = first.end;
        match self.behavior {
            SplitBehavior::Isolated | SplitBehavior::Removed => {}
            SplitBehavior::Contiguous => {
                while end < text.len() {
                    let next = self.stretch(text, end, &mut found);
                    if next.is_match != first.is_match {
                        break;
                    }
                    end = next.end;
                }
            }
            SplitBehavior::MergedWithPrevious | SplitBehavior::MergedWithNext if end < text.len() => {
                let match_is_first = matches!(self.behavior, SplitBehavior::MergedWithNext);
                let next = self.stretch(text, end, &mut found);
                if first.is_match == match_is_first && next.is_match != match_is_first {
                    end = next.end;
                }
            }
            SplitBehavior::MergedWithPrevious | SplitBehavior::MergedWithNext => {}
        }
        end
    }

    /// The match at a byte, or what is before the next one, which `found` keeps.
    fn stretch(&self, text: &str, start: usize, found: &mut Option<(usize, usize)>) -> Stretch {
        let (match_start, match_end) = match found.take() {
            Some(kept) => kept,
            None => self.find(text, start).unwrap_or((text.len(), text.len())),
        };
        if match_start > start {
            *found = Some((match_start, match_end));
            return Stretch { end: match_start, is_match: self.invert };
        }
        Stretch { end: match_end, is_match: !self.invert }
    }

    fn find(&self, text: &str, start: usize) -> Option<(usize, usize)> {
        match &self.pattern {
            // A match that takes more than a million ways back is none; the compiler has seen to all other errors.
            Compiled::Regex(regex) => {
                regex.find_from_pos(text, start).ok().flatten().map(|found| (found.start(), found.end()))
            }
            Compiled::Text(finder) => {
                let found = start + finder.find(&text.as_bytes()[start..])?;
                Some((found, found + finder.needle().len()))
            }
        }
    }
}
