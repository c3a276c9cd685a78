//! The tokens of a rendered conversation, with control tokens where they are trusted.

use super::trust::{Control, Trust};
use crate::encode::{Scratch, Tokens};
use crate::engine::Engine;
use crate::error::TokenError;
use crate::vocabulary::AddedToken;

impl Engine {
    /// Makes room for one thread; a tokenizer of another kind has its own.
    pub(super) fn scratch(&self) -> Option<Scratch> {
        self.own().map(|encoder| encoder.scratch())
    }

    /// Appends the tokens of a rendered conversation.
    ///
    /// # Errors
    /// A control token in data where `trust` refuses it, a text that is too long, and what a library raises.
    pub(super) fn encode_trusted(
        &self,
        scratch: &mut Option<Scratch>,
        text: &str,
        trust: &Trust<'_>,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        let fault = |start: usize, end: usize, token: &AddedToken| {
            (!trust.admits(start, end, token)).then(|| trust.refusal(start, end, token))
        };
        let admits = |start: usize, end: usize, token: &AddedToken| trust.admits(start, end, token);
        match self {
            Engine::Own(encoder) => {
                if trust.control == Control::Error {
                    encoder.refuse(text, fault)?;
                }
                let scratch = scratch.get_or_insert_with(|| encoder.scratch());
                encoder.encode_admitting(scratch, text, admits, tokens)
            }
            Engine::Foreign(foreign) => {
                if trust.control == Control::Error {
                    foreign.refuse(text, fault)?;
                }
                match trust.control {
                    Control::Parity => foreign.encode(text, tokens),
                    _ => foreign.encode_admitting(text, admits, tokens),
                }
            }
        }
    }
}
