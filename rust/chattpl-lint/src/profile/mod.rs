//! What a template takes and prints, told without opinions: which roles, in which order, tools, reasoning, parts, turns.
//!
//! A profile comes from the same probe conversations as findings do. Where a template refuses one, its author's own words
//! are the reason.

mod fate;
mod parts;
pub(crate) mod reads;
mod reasoning;
mod roles;
mod system;
mod tools;
mod turns;

use serde_json::{json, Value};

use crate::context::Context;
use crate::probe::{is_constraint, shapes};
use crate::rule::NotEvaluated;

pub use fate::Fate;
pub use parts::Parts;
pub use reads::Reads;
pub use reasoning::{Default as ThinkingDefault, Reasoning};
pub use roles::Roles;
pub use system::System;
pub use tools::{Ids, Tools};
pub use turns::{Break, Turns};

/// What a template takes and prints.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateProfile {
    /// Who may speak, and when.
    pub roles: Roles,
    /// Where a system message may stand.
    pub system: System,
    /// Tools, their calls and answers.
    pub tools: Tools,
    /// What an assistant thinks before it speaks.
    pub reasoning: Reasoning,
    /// Contents that are lists of parts.
    pub parts: Parts,
    /// How turns begin and end.
    pub turns: Turns,
    /// What it reads besides messages.
    pub reads: Reads,
    /// What its author refuses.
    pub constraints: Vec<Constraint>,
}

/// A refusal by `raise_exception`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// The author's words.
    pub message: String,
    /// The conversations that meet it.
    pub shapes: Vec<&'static str>,
}

/// The profile of a template.
///
/// # Errors
/// The template does not compile.
pub fn of(context: &Context<'_>) -> Result<TemplateProfile, NotEvaluated> {
    Ok(TemplateProfile {
        roles: roles::of(context.probes()?),
        system: system::of(context.probes()?),
        tools: tools::of(context.probes()?),
        reasoning: reasoning::of(context)?,
        parts: parts::of(context.probes()?),
        turns: turns::of(context)?,
        reads: reads::of(context)?,
        constraints: constraints(context)?,
    })
}

/// The author's refusals, in the order in which the shapes meet them.
fn constraints(context: &Context<'_>) -> Result<Vec<Constraint>, NotEvaluated> {
    let probes = context.probes()?;
    let mut found: Vec<Constraint> = Vec::new();
    for shape in shapes() {
        let outcome = probes.natural(shape);
        let Some(error) = outcome.as_ref().as_ref().err().filter(|error| is_constraint(error)) else {
            continue;
        };
        let message = error.message();
        match found.iter_mut().find(|known| known.message == message) {
            Some(known) => known.shapes.push(shape.name),
            None => found.push(Constraint { message: message.to_owned(), shapes: vec![shape.name] }),
        }
    }
    Ok(found)
}

impl TemplateProfile {
    /// The profile as JSON: one object for each part.
    pub fn to_json(&self) -> Value {
        let constraints = self.constraints.iter();
        json!({
            "roles": self.roles.to_json(),
            "system": self.system.to_json(),
            "tools": self.tools.to_json(),
            "reasoning": self.reasoning.to_json(),
            "parts": self.parts.to_json(),
            "turns": self.turns.to_json(),
            "reads": self.reads.to_json(),
            "constraints": constraints
                .map(|constraint| json!({ "message": constraint.message, "shapes": constraint.shapes }))
                .collect::<Vec<_>>(),
        })
    }
}
