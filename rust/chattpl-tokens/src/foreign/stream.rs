//! Decodes ids of another kind of tokenizer as they come.

use super::Library;
use crate::error::TokenError;
use crate::vocabulary::TokenId;

/// Decodes ids one at a time and never gives half a character.
///
/// Text is decoded in windows, as in `tokenizers`: the last ids that made text come again with the next.
#[derive(Debug, Clone, Default)]
pub struct ForeignStream {
    /// All ids since the beginning.
    ids: Vec<TokenId>,
    /// How many bytes of text are given.
    given_bytes: usize,
    window: Vec<TokenId>,
    /// How many of the ids in the window are given.
    given_ids: usize,
    /// The text of those.
    prefix: String,
}

/// More white space than a decoder takes from the beginning of a text, in ids.
const KEPT_IDS: usize = 32;

impl ForeignStream {
    /// The text that is complete with this id.
    ///
    /// # Errors
    /// What the library raises.
    pub fn push(&mut self, library: &dyn Library, id: TokenId) -> Result<String, TokenError> {
        if self.prefix.is_empty() && !self.window.is_empty() {
            let text = library.decode(&self.window, false)?;
            if !text.ends_with(char::REPLACEMENT_CHARACTER) {
                self.prefix = text;
                self.given_ids = self.window.len();
            }
        }
        self.ids.push(id);
        self.window.push(id);
        let text = library.decode(&self.window, false)?;
        let new = text.strip_prefix(&self.prefix).filter(|new| !new.is_empty());
        let Some(new) = new.filter(|new| !new.ends_with(char::REPLACEMENT_CHARACTER)) else {
            return Ok(String::new());
        };
        let new = new.to_owned();
        self.given_bytes += new.len();
        let prefix = library.decode(&self.window[self.given_ids..], false)?;
        // Decoders take white space from the beginning of a text, so a window does not begin with what may be nothing else.
        if !prefix.trim().is_empty() {
            self.prefix = prefix;
            self.window.drain(..self.given_ids);
        } else if !self.shortened(library)? {
            self.prefix = text;
        }
        self.given_ids = self.window.len();
        Ok(new)
    }

    /// Leaves but the end of a window that has grown long with white space, if some of that is text; false for others.
    fn shortened(&mut self, library: &dyn Library) -> Result<bool, TokenError> {
        if self.window.len() < 2 * KEPT_IDS {
            return Ok(false);
        }
        let from = self.window.len() - KEPT_IDS;
        let kept = library.decode(&self.window[from..], false)?;
        let is_text = !kept.is_empty();
        if is_text {
            self.prefix = kept;
            self.window.drain(..from);
        }
        Ok(is_text)
    }

    /// What is left, complete or not; the stream begins anew.
    ///
    /// # Errors
    /// What the library raises.
    pub fn finish(&mut self, library: &dyn Library) -> Result<String, TokenError> {
        let done = std::mem::take(self);
        let text = library.decode(&done.ids, false)?;
        Ok(text.get(done.given_bytes..).unwrap_or_default().to_owned())
    }
}
