//! Builds strings run by run.

use std::ops::Range;

use bumpalo::collections::{String as BumpString, Vec as BumpVec};
use bumpalo::Bump;

use super::{Run, Str};
use crate::meter;
use crate::origin::Tag;

/// Runs at least this long are borrowed instead of copied.
const BORROW_FROM: usize = 64;

enum Piece<'r> {
    Copied(Range<usize>, Tag),
    Borrowed(Run<'r>),
}

/// Collects text with tags; neighbours with the same tag become one run.
pub(crate) struct StrBuilder<'r> {
    arena: &'r Bump,
    text: BumpString<'r>,
    pieces: BumpVec<'r, Piece<'r>>,
}

impl<'r> StrBuilder<'r> {
    pub fn new(arena: &'r Bump) -> Self {
        StrBuilder { arena, text: BumpString::new_in(arena), pieces: BumpVec::with_capacity_in(8, arena) }
    }

    /// Adds text that is copied.
    pub fn push(&mut self, text: &str, tag: Tag) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len();
        self.grow(text.len());
        self.text.push_str(text);
        match self.pieces.last_mut() {
            Some(Piece::Copied(range, last)) if *last == tag => range.end = self.text.len(),
            _ => self.push_piece(Piece::Copied(start..self.text.len(), tag)),
        }
    }

    /// Adds what `write` appends, `most` bytes or fewer.
    #[inline]
    pub fn push_with(&mut self, tag: Tag, most: usize, write: impl FnOnce(&mut BumpString<'r>)) {
        let start = self.text.len();
        self.grow(most);
        write(&mut self.text);
        let end = self.text.len();
        match self.pieces.last_mut() {
            Some(Piece::Copied(range, last)) if *last == tag => range.end = end,
            _ if start == end => {}
            _ => self.push_piece(Piece::Copied(start..end, tag)),
        }
    }

    /// Makes sure that `count` more bytes are allowed.
    #[inline]
    fn grow(&self, count: usize) {
        let (len, capacity) = (self.text.len(), self.text.capacity());
        if count > capacity - len {
            // The buffer at least doubles, and the old text stays in the arena.
            meter::write(self.arena, (capacity * 2).max(len + count));
        }
    }

    fn push_piece(&mut self, piece: Piece<'r>) {
        let capacity = self.pieces.capacity();
        if self.pieces.len() == capacity {
            meter::write(self.arena, capacity * 2 * std::mem::size_of::<Piece<'_>>());
        }
        self.pieces.push(piece);
    }

    /// Adds one character.
    pub fn push_char(&mut self, c: char, tag: Tag) {
        self.push(c.encode_utf8(&mut [0; 4]), tag);
    }

    /// Adds a run, borrowing it where that is cheaper; markers are kept.
    pub fn push_run(&mut self, run: Run<'r>) {
        if run.text.len() < BORROW_FROM && !run.text.is_empty() {
            self.push(run.text, run.tag);
        } else {
            self.push_piece(Piece::Borrowed(run));
        }
    }

    /// Adds a whole string.
    pub fn push_str(&mut self, str: Str<'r>) {
        str.for_each_run(|run| self.push_run(run));
    }

    /// Adds the bytes `range` of a string.
    pub fn push_slice(&mut self, str: Str<'r>, range: Range<usize>) {
        self.push_str(str.slice(self.arena, range));
    }

    /// The finished string.
    pub fn finish(self) -> Str<'r> {
        let text: &'r str = self.text.into_bump_str();
        if self.pieces.len() == 1 {
            if let Piece::Copied(range, tag) = &self.pieces[0] {
                return Str::Run(Run { text: &text[range.clone()], tag: *tag });
            }
        }
        meter::write(self.arena, self.pieces.len() * std::mem::size_of::<Run<'_>>());
        let runs = self.pieces.iter().map(|piece| match piece {
            Piece::Copied(range, tag) => Run { text: &text[range.clone()], tag: *tag },
            Piece::Borrowed(run) => *run,
        });
        Str::from_runs(self.arena, BumpVec::from_iter_in(runs, self.arena))
    }
}
