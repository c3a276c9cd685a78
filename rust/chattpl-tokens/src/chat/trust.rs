//! Who may make a control token.

use chattpl_render::{Origin, Segments};

use super::speaker::Speaker;
use crate::error::TokenError;
use crate::vocabulary::AddedToken;

/// Where the text of an added token counts as that token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Tokens flagged special only where the template, or a token that the format declares, wrote them.
    Template,
    /// The same, and other added tokens only there and in what assistants said.
    Strict,
    /// Anywhere, as in `transformers`.
    Parity,
    /// As `Template`, but a conversation that holds the text of a control token is refused.
    Error,
}

/// Decides for one rendered conversation.
pub(crate) struct Trust<'a> {
    pub control: Control,
    pub segments: &'a Segments,
    /// Names of the arguments that hold the format's own tokens.
    pub declared: &'a [String],
    /// Who says the messages.
    pub speakers: &'a [Speaker],
}

impl Trust<'_> {
    /// Whether the added token that `text[start..end]` spells counts.
    pub fn admits(&self, start: usize, end: usize, token: &AddedToken) -> bool {
        match self.control {
            Control::Parity => true,
            Control::Template | Control::Error => !token.special || self.all(start, end, |index| self.is_own(index)),
            Control::Strict if token.special => self.all(start, end, |index| self.is_own(index)),
            Control::Strict => self.all(start, end, |index| self.is_own(index) || self.is_assistants(index)),
        }
    }

    /// Whether all segments under `start..end` are as asked.
    fn all(&self, start: usize, end: usize, is: impl Fn(usize) -> bool) -> bool {
        let mut index = self.segments.index_at(start);
        loop {
            if !is(index) {
                return false;
            }
            if self.segments.end(index) >= end {
                return true;
            }
            index += 1;
        }
    }

    /// Whether the template wrote a segment, or it is one of the format's own tokens.
    fn is_own(&self, index: usize) -> bool {
        match self.segments.origin_at(index) {
            Origin::Template => true,
            Origin::Argument => {
                self.segments.name_at(index, 0).is_some_and(|name| self.declared.iter().any(|own| own == name))
            }
            _ => false,
        }
    }

    fn is_assistants(&self, index: usize) -> bool {
        self.segments.origin_at(index) == Origin::Message
            && self
                .segments
                .message(index)
                .and_then(|message| self.speakers.get(message as usize))
                .is_some_and(|speaker| speaker.is_assistant)
    }

    /// The error for a control token in data.
    pub fn refusal(&self, start: usize, end: usize, token: &AddedToken) -> TokenError {
        let mut index = self.segments.index_at(start);
        while self.is_own(index) && self.segments.end(index) < end {
            index += 1;
        }
        let segment = self.segments.get(index);
        let mut place = String::new();
        for step in self.segments.path(&segment) {
            match step {
                chattpl_render::PathStep::Name(name) if place.is_empty() => place.push_str(name),
                chattpl_render::PathStep::Name(name) => {
                    place.push('.');
                    place.push_str(name);
                }
                chattpl_render::PathStep::Index(at) => place.push_str(&format!("[{at}]")),
            }
        }
        let message = format!("`{}` is a control token of this format and stands in the conversation", token.content);
        let hint = "the default, special_tokens=\"template\", encodes it as plain text; \"parity\" lets it count";
        TokenError::new(TokenError::FORGED, message).at(place).hint(hint)
    }
}
