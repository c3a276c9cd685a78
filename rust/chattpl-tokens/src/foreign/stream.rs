//! Decodes ids of another kind of tokenizer as they come.

use super::steps::{DecodeStep, Rewrite, Steps};
use super::Library;
use crate::decode::{Broken, ByteRun};
use crate::error::TokenError;
use crate::vocabulary::TokenId;

/// Decodes ids one at a time and never gives half a character.
///
/// What it gives is what [`Library::decode`] gives of all ids, with one exception: characters of single bytes are given
/// when they are complete, and stay if a later byte spoils the run, of which `decode` makes U+FFFD altogether.
#[derive(Debug, Clone, Default)]
pub struct ForeignStream {
    steps: Option<Steps>,
    bytes: ByteRun,
    /// Whether there was any text.
    pub(crate) is_begun: bool,
    /// Whether spaces stay from here on.
    pub(crate) keeps_spaces: bool,
}

impl ForeignStream {
    /// The text that is certain with this id.
    ///
    /// # Errors
    /// What the library raises.
    pub fn push(&mut self, library: &dyn Library, id: TokenId) -> Result<String, TokenError> {
        library.stream(self, id)
    }

    /// What is left, complete or not; the stream begins anew.
    ///
    /// # Errors
    /// What the library raises.
    pub fn finish(&mut self, library: &dyn Library) -> Result<String, TokenError> {
        let rest = library.stream_rest(self);
        *self = ForeignStream::default();
        rest
    }

    /// Sends a token through the steps of a decoder.
    ///
    /// # Errors
    /// What `rewrite` raises.
    pub fn through(
        &mut self,
        steps: &[DecodeStep],
        rewrite: Rewrite<'_>,
        token: Option<String>,
    ) -> Result<String, TokenError> {
        let at_work = self.steps.get_or_insert_with(|| Steps::new(steps));
        match token {
            Some(token) => at_work.push(rewrite, token),
            None => at_work.finish(rewrite),
        }
    }

    /// The characters that are complete with a single byte, where broken ones spoil nothing else.
    pub(crate) fn byte(&mut self, byte: u8) -> String {
        self.is_begun = true;
        self.bytes.push_lossy(&[byte], Broken::Each)
    }

    /// What is left of single bytes, and then a text.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let mut rest = self.rest_of_bytes();
        rest.push_str(text);
        self.is_begun |= !text.is_empty();
        rest
    }

    pub(crate) fn rest_of_bytes(&mut self) -> String {
        self.bytes.finish_lossy(Broken::Each)
    }
}
