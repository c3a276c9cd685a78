//! Tells what a template wrote from what came with a conversation.

use chattpl_render::{Origin, Segments};

use super::roles::KnownRoles;
use super::speaker::Speaker;

/// The segments of one rendered text, and who may have written them.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub text: &'a str,
    pub segments: &'a Segments,
    /// Names of the arguments that hold the format's own tokens.
    pub declared: &'a [String],
    /// Who says the messages.
    pub speakers: &'a [Speaker],
    pub roles: &'a KnownRoles,
}

impl Written<'_> {
    /// Whether the template wrote a segment, or it is one of the format's own tokens.
    pub fn is_own(&self, index: usize) -> bool {
        match self.segments.origin_at(index) {
            Origin::Template => true,
            Origin::Argument => {
                self.segments.name_at(index, 0).is_some_and(|name| self.declared.iter().any(|own| own == name))
            }
            _ => false,
        }
    }

    /// Whether a segment is the whole `role` of a message, of a role that the format knows.
    pub fn is_role(&self, index: usize) -> bool {
        if self.segments.origin_at(index) != Origin::Message || self.segments.name_at(index, 1) != Some("role") {
            return false;
        }
        let Some(at) = self.segments.index_in_root(index) else { return false };
        let role = self.speakers.get(at as usize).and_then(|speaker| speaker.role);
        let start = self.start_of(index);
        role.is_some_and(|role| self.roles.is(role, &self.text[start..self.segments.end(index)]))
    }

    /// Whether a segment is no data: the template's, an argument, the clock, or a role that the format knows.
    pub fn is_structure(&self, index: usize) -> bool {
        match self.segments.origin_at(index) {
            Origin::Template | Origin::Argument | Origin::Clock => true,
            Origin::Message => self.is_role(index),
            Origin::Tools | Origin::Documents => false,
        }
    }

    /// Whether no data lies in `start..end`.
    pub fn is_written(&self, start: usize, end: usize) -> bool {
        self.under(start, end).all(|index| self.is_structure(index))
    }

    /// The end of the longest part of `start..end` from `start` on in which no data lies.
    pub fn written_until(&self, start: usize, end: usize) -> usize {
        self.under(start, end)
            .find(|&index| !self.is_structure(index))
            .map_or(end, |data| self.start_of(data).max(start))
    }

    /// Whether the template wrote `start..end`, where one whole role may be part of it.
    pub fn spells(&self, start: usize, end: usize) -> bool {
        let mut has_role = false;
        self.under(start, end).all(|index| {
            if self.is_own(index) {
                return true;
            }
            let is_whole = start <= self.start_of(index) && self.segments.end(index) <= end;
            is_whole && !std::mem::replace(&mut has_role, true) && self.is_role(index)
        })
    }

    /// Where a segment begins.
    pub fn start_of(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.segments.end(before))
    }

    /// The segments that lie in `start..end`.
    pub fn under(&self, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        let first = self.segments.index_at(start);
        (first..self.segments.len()).take_while(move |&index| index == first || self.start_of(index) < end)
    }
}
