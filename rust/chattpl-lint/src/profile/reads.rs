//! What a template reads besides messages: arguments, declared tokens, the clock.

use serde_json::{json, Value};

use super::fate::{printed_at, Fate};
use crate::context::Context;
use crate::probe::shape;
use crate::rule::NotEvaluated;

/// Names that every engine passes.
const PASSED: [&str; 4] = ["messages", "tools", "documents", "add_generation_prompt"];

/// Functions and names that belong to the engine.
const BUILT_IN: [&str; 16] = [
    "range",
    "namespace",
    "dict",
    "lipsum",
    "cycler",
    "joiner",
    "raise_exception",
    "strftime_now",
    "loop",
    "caller",
    "varargs",
    "kwargs",
    "self",
    "super",
    "_",
    "tojson",
];

/// What a template reads besides messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// Whether it asks what time it is.
    pub clock: bool,
    /// Whether it marks what the assistant generates.
    pub generation_blocks: bool,
    /// Whether it reads `add_generation_prompt`.
    pub generation_prompt: bool,
    /// What becomes of documents.
    pub documents: Fate,
    /// Declared tokens that it reads, such as `bos_token`.
    pub tokens: Vec<String>,
    /// Arguments that a caller may pass, in the order in which they are read.
    pub arguments: Vec<String>,
}

impl Reads {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "clock": self.clock,
            "generation_blocks": self.generation_blocks,
            "generation_prompt": self.generation_prompt,
            "documents": self.documents.to_json(),
            "tokens": self.tokens,
            "arguments": self.arguments,
        })
    }
}

/// The names that a template reads of its caller, in the order in which they are read.
fn free_names<'c>(context: &'c Context<'_>) -> Result<Vec<&'c str>, NotEvaluated> {
    let scopes = context.scopes()?;
    // A name that the template also binds is the caller's where it is read before.
    let mut free: Vec<&str> = Vec::new();
    for read in scopes.uses().iter().filter(|read| scopes.seen_by(read).is_empty()) {
        if !free.contains(&read.name) && !BUILT_IN.contains(&read.name) {
            free.push(read.name);
        }
    }
    Ok(free)
}

/// Of those, the declared tokens and the arguments that no engine passes by itself.
fn extras_of<'c>(free: &[&'c str]) -> (Vec<&'c str>, Vec<&'c str>) {
    free.iter().filter(|name| !PASSED.contains(name)).partition(|name| name.ends_with("_token"))
}

/// The arguments that a caller may pass, declared tokens and what every engine passes aside.
///
/// # Errors
/// The template does not parse.
pub(crate) fn arguments_of<'c>(context: &'c Context<'_>) -> Result<Vec<&'c str>, NotEvaluated> {
    Ok(extras_of(&free_names(context)?).1)
}

pub(super) fn of(context: &Context<'_>) -> Result<Reads, NotEvaluated> {
    let (probes, free) = (context.probes()?, free_names(context)?);
    let (tokens, arguments) = extras_of(&free);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Ok(Reads {
        clock: probes.program().uses_clock(),
        generation_blocks: probes.program().marks_generation(),
        generation_prompt: free.contains(&"add_generation_prompt"),
        documents: printed_at(probes, shape("documents"), &["/documents/0"]),
        tokens: owned(tokens),
        arguments: owned(arguments),
    })
}
