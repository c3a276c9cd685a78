//! The tokens of a rendered conversation, with control tokens where they are trusted.

use chattpl_render::Program;

use super::literals::Literals;
use super::trust::{Control, Trust};
use super::written::Written;
use crate::encode::{Scratch, Spelled, Tokens};
use crate::engine::Engine;
use crate::error::TokenError;
use crate::vocabulary::AddedToken;

impl Engine {
    /// Makes room for one thread; a tokenizer of another kind has its own.
    pub(super) fn scratch(&self) -> Option<Scratch> {
        self.own().map(|encoder| encoder.scratch())
    }

    /// The literals of a template, as far as their tokens are known before anything is rendered.
    pub(super) fn literals(&self, program: &Program) -> Literals {
        self.own().map(|encoder| Literals::new(program, encoder)).unwrap_or_default()
    }

    /// Appends the tokens of a rendered conversation, in whose template `literals` stand.
    ///
    /// # Errors
    /// A control token in data where `trust` refuses it, a text that is too long, and what a library raises.
    pub(super) fn encode_trusted(
        &self,
        scratch: &mut Option<Scratch>,
        trust: &Trust<'_>,
        literals: &Literals,
        spelled: &Spelled,
        tokens: &mut Tokens,
    ) -> Result<(), TokenError> {
        let Written { text, segments, .. } = trust.written;
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
                encoder.encode_with_literals(scratch, text, literals.of(text, segments), admits, tokens)?;
                match trust.control {
                    Control::Parity => Ok(()),
                    _ => spelled.replace(tokens, trust.structure),
                }
            }
            Engine::Foreign(foreign) => {
                if trust.control == Control::Error {
                    foreign.refuse(text, fault)?;
                }
                match trust.control {
                    Control::Parity => foreign.encode(text, tokens),
                    _ => foreign.encode_admitting(text, admits, trust.structure, tokens),
                }
            }
        }
    }
}
