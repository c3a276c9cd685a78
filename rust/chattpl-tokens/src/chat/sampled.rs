//! Which bytes of a conversation, rendered and encoded anywhere, a model samples.

use std::ops::Range;

use chattpl_render::{Heading, Segments};

use super::header::Turns;
use super::prompt::Headers;
use super::roles::KnownRoles;
use super::speaker::Speaker;
use super::train::{Parts, Train};
use super::written::Written;
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
        let (mut speakers, mut spans, roles) = (Vec::new(), Vec::new(), KnownRoles::standard());
        let headings = self.roles.iter().map(|role| Ok(Heading::of_role(Some(*role))));
        let listed = Speaker::list(headings, 1.0, &Train::default(), &roles, &mut speakers);
        listed.expect("headings of our own have no fault");
        let turns = Turns {
            written: Written {
                text: self.text,
                segments: self.segments,
                declared: &[],
                speakers: &speakers,
                roles: &roles,
            },
            tokens: self.tokens,
            headers: self.headers,
            stop_tokens: self.stop_tokens,
            parts: Parts::default(),
        };
        turns.spans(&mut Vec::new(), &mut spans);
        spans.into_iter().map(|span| span.start_byte..span.end_byte).collect()
    }
}
