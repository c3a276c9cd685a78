//! Other engines that the caller can run, to see what they make of a template.

use std::fmt;
use std::sync::Arc;

/// What another engine gives: the text, or why there is none.
pub type EngineOutcome = Result<String, EngineError>;

/// What an engine is asked to render.
#[derive(Debug, Clone, Copy)]
pub struct EngineInput<'a> {
    /// The template's text, as the caller has it.
    pub source: &'a str,
    /// A JSON object of its variables.
    pub variables: &'a str,
    /// The moment of the render in ISO 8601.
    pub now: &'a str,
}

/// Renders with another engine.
pub type EngineRender = dyn Fn(EngineInput<'_>) -> EngineOutcome + Send + Sync;

/// Why an engine gave no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// In the engine's words.
    pub message: String,
    /// Where in the template, as bytes of the caller's text, if the engine says so.
    pub place: Option<(u32, u32)>,
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
