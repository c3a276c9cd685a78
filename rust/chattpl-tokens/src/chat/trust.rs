//! Who may make a control token.

use chattpl_render::{Origin, PathStep};

use super::written::Written;
use crate::error::TokenError;
use crate::vocabulary::{AddedToken, TokenId};

/// Where the text of a control token counts as that token.
///
/// A control token is one flagged special, or another added token that the template writes as structure: at the start or
/// the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Only where the template, or a token that the format declares, wrote it. Other added tokens count anywhere.
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
    pub written: Written<'a>,
    /// Added tokens not flagged special that the template writes as structure.
    pub structure: &'a [TokenId],
}

impl Trust<'_> {
    /// Whether an added token is a control token.
    pub fn is_control(&self, token: &AddedToken) -> bool {
        token.special || self.structure.contains(&token.id)
    }

    /// Whether the added token that `text[start..end]` spells counts.
    pub fn admits(&self, start: usize, end: usize, token: &AddedToken) -> bool {
        match self.control {
            Control::Parity => true,
            Control::Template | Control::Error => !self.is_control(token) || self.written.spells(start, end),
            Control::Strict => {
                self.written.spells(start, end) || (!self.is_control(token) && self.is_trusted_text(start, end))
            }
        }
    }

    /// Whether the template and assistants wrote `start..end`.
    fn is_trusted_text(&self, start: usize, end: usize) -> bool {
        self.written.under(start, end).all(|index| self.written.is_own(index) || self.is_assistants(index))
    }

    fn is_assistants(&self, index: usize) -> bool {
        let Written { segments, speakers, .. } = self.written;
        segments.origin_at(index) == Origin::Message
            && segments
                .message(index)
                .and_then(|message| speakers.get(message as usize))
                .is_some_and(|speaker| speaker.is_assistant)
    }

    /// The error for a control token in data.
    pub fn refusal(&self, start: usize, end: usize, token: &AddedToken) -> TokenError {
        let segments = self.written.segments;
        let is_harmless = |index: usize| self.written.is_own(index) || self.written.is_role(index);
        let mut under = self.written.under(start, end);
        let first = segments.index_at(start);
        let index = under.find(|&index| !is_harmless(index)).unwrap_or(first);
        let segment = segments.get(index);
        let mut place = String::new();
        for step in segments.path(&segment) {
            match step {
                PathStep::Name(name) if place.is_empty() => place.push_str(name),
                PathStep::Name(name) => {
                    place.push('.');
                    place.push_str(name);
                }
                PathStep::Index(at) => place.push_str(&format!("[{at}]")),
            }
        }
        let message = format!("`{}` is a control token of this format and stands in the conversation", token.content);
        let hint = "the default, special_tokens=\"template\", encodes it as plain text; \"parity\" lets it count";
        TokenError::new(TokenError::FORGED, message).at(place).hint(hint)
    }
}
