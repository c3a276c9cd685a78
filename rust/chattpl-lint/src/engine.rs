//! Other engines that the caller can run, to see what they make of a template.

use std::fmt;
use std::sync::Arc;

/// What another engine gives: the text, or why there is none.
pub type EngineOutcome = Result<String, EngineError>;

/// Renders: the template's text, and a JSON object of its variables.
pub type EngineRender = dyn Fn(&str, &str) -> EngineOutcome + Send + Sync;

/// Why an engine gave no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// In the engine's words.
    pub message: String,
    /// The line of the template, from 1, where the engine says one.
    pub line: Option<u32>,
}

/// An engine that is installed.
#[derive(Clone)]
pub struct OtherEngine {
    /// Its name, such as `minijinja`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How to render with it.
    pub render: Arc<EngineRender>,
}

impl fmt::Debug for OtherEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}
