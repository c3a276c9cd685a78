//! Which bytes of a conversation, rendered and encoded anywhere, a model samples.

use std::ops::Range;

use chattpl_render::Segments;

use super::header::Turns;
use super::prompt::Headers;
use super::train::Parts;
use crate::encode::Tokens;
use crate::vocabulary::TokenId;

/// A rendered conversation with its tokens.
#[derive(Debug, Clone, Copy)]
pub struct Conversation<'a> {
    /// The rendered text.
    pub text: &'a str,
    /// Where the text came from.
    pub segments: &'a Segments,
    /// The tokens of the text.
    pub tokens: &'a Tokens,
    /// The role of each message.
    pub roles: &'a [&'a str],
    /// What the template prints before a turn.
    pub headers: &'a Headers,
    /// Tokens at which sampling ends.
    pub stop_tokens: &'a [TokenId],
}

impl Conversation<'_> {
    /// What the model samples: byte ranges of the text, ascending. They are derived from the text; what the template's own
    /// `{% generation %}` blocks say does not matter.
    pub fn sampled(&self) -> Vec<Range<usize>> {
        let of_role: Vec<bool> = self.roles.iter().map(|role| *role == "assistant").collect();
        let turns = Turns {
            text: self.text,
            segments: self.segments,
            tokens: self.tokens,
            headers: self.headers,
            after_tool: &after_tool(self.roles.iter().map(|role| Some(*role))),
            of_role: &of_role,
            stop_tokens: self.stop_tokens,
            parts: Parts::default(),
        };
        let mut spans = Vec::new();
        turns.spans(&of_role, &mut spans);
        spans.into_iter().map(|span| span.start_byte..span.end_byte).collect()
    }
}

/// Which messages follow one of a tool.
pub(super) fn after_tool<'r>(roles: impl ExactSizeIterator<Item = Option<&'r str>>) -> Vec<bool> {
    let count = roles.len();
    let is_tool = roles.map(|role| matches!(role, Some("tool" | "function" | "ipython")));
    std::iter::once(false).chain(is_tool).take(count).collect()
}
