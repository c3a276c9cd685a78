//! What can go wrong between text and ids.

use std::fmt;

/// A vocabulary that cannot be read, or a text that cannot be encoded as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    /// Stable code.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// Where in the file: a key path, a line, or a byte offset.
    pub location: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl TokenError {
    /// A vocabulary file that is damaged or not what it says it is.
    pub const UNREADABLE: &'static str = "CE050";
    /// A pack with a wrong checksum, version or length.
    pub const DAMAGED_PACK: &'static str = "CE051";
    /// A tokenizer that the encoder of this crate does not cover; another engine may.
    pub const UNSUPPORTED: &'static str = "CE052";
    /// A control token inside data, where the caller asked to refuse it.
    pub const FORGED: &'static str = "CE053";
    /// An id or a token that the vocabulary does not have, or a text longer than 4 GiB.
    pub const OUT_OF_RANGE: &'static str = "CE054";

    /// An error with a code and a message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        TokenError { code, message: message.into(), location: None, hint: None }
    }

    /// The same error with its place.
    #[must_use]
    pub fn at(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// The same error with the row of a batch before its place.
    #[must_use]
    pub fn in_row(self, row: usize) -> Self {
        let location = match &self.location {
            Some(location) => format!("row {row}: {location}"),
            None => format!("row {row}"),
        };
        self.at(location)
    }

    /// The same error with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(location) = &self.location {
            write!(f, "\n  --> {location}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TokenError {}
