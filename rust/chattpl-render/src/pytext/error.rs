//! The Python exception that a text operation raises.

use std::fmt;

/// Python exception classes that text operations raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// `AssertionError`
    Assertion,
    /// `IndexError`
    Index,
    /// `KeyError`; the message is the repr of the key.
    Key,
    /// `MemoryError`, raised where the result would exceed [`FormatError::MAX_PADDING`].
    Memory,
    /// `OverflowError`
    Overflow,
    /// `TypeError`
    Type,
    /// `ValueError`
    Value,
    /// `ZeroDivisionError`
    ZeroDivision,
}

impl ErrorClass {
    /// Returns the class name as Python spells it.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::Assertion => "AssertionError",
            ErrorClass::Index => "IndexError",
            ErrorClass::Key => "KeyError",
            ErrorClass::Memory => "MemoryError",
            ErrorClass::Overflow => "OverflowError",
            ErrorClass::Type => "TypeError",
            ErrorClass::Value => "ValueError",
            ErrorClass::ZeroDivision => "ZeroDivisionError",
        }
    }
}

/// A Python exception: its class and its message, word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The exception class.
    pub class: ErrorClass,
    /// What `str(exception)` gives.
    pub message: String,
}

impl FormatError {
    /// Most characters that one field may be padded to.
    ///
    /// Python fails with `MemoryError` somewhere beyond; the limit here is fixed
    /// so that a template cannot exhaust memory with one width.
    pub const MAX_PADDING: usize = 1 << 24;

    pub(super) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        FormatError { class, message: message.into() }
    }

    pub(super) fn value(message: impl Into<String>) -> Self {
        FormatError::new(ErrorClass::Value, message)
    }

    pub(super) fn type_(message: impl Into<String>) -> Self {
        FormatError::new(ErrorClass::Type, message)
    }

    pub(super) fn overflow(message: impl Into<String>) -> Self {
        FormatError::new(ErrorClass::Overflow, message)
    }

    pub(super) fn memory() -> Self {
        FormatError::new(ErrorClass::Memory, "")
    }

    /// Fails where `chars` is more than one field may be padded to.
    pub(super) fn check_size(chars: usize) -> Result<(), FormatError> {
        if chars > FormatError::MAX_PADDING {
            return Err(FormatError::memory());
        }
        Ok(())
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.name(), self.message)
    }
}

impl std::error::Error for FormatError {}
