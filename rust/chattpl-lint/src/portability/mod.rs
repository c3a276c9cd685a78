//! What other engines make of constructs that `transformers` renders: a table for each engine, read from its source or
//! found by running it, with the version.
//!
//! A table says what is missing; what an engine is not known to lack is not in it. [`sample`] has a template for each
//! construct, so that the tables of engines that are installed can be checked by running them.

mod constructs;
mod hf_jinja_js;
mod leaks;
mod llama_cpp;
mod minijinja;
mod sample;
mod trials;

use chattpl_syntax::Span;

use crate::context::Context;
use crate::finding::Finding;
use crate::rule::{Checked, NotEvaluated, Rule};

pub use constructs::{constructs, Construct, Syntax};
pub use sample::sample;

/// An engine and what it lacks.
#[derive(Debug)]
pub struct EngineTable {
    /// Its name.
    pub name: &'static str,
    /// The version, or the revisions of its source, that the table was read from.
    pub version: &'static str,
    /// Where the table was read, as a file or page of that version, or that the engine was run.
    pub evidence: &'static str,
    /// What it lacks.
    pub gaps: &'static [Gap],
}

/// A construct that an engine has not, or has in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The construct.
    pub construct: Construct<'static>,
    /// What becomes of it.
    pub effect: Effect,
    /// A thread where users met it; empty where there is none but the table's own evidence.
    pub thread: &'static str,
}

/// What becomes of a construct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The template is refused, or its render ends in an error.
    Fails,
    /// Another text is printed: how, in words.
    Differs(&'static str),
}

/// A gap at which a render fails.
const fn fails(construct: Construct<'static>) -> Gap {
    Gap { construct, effect: Effect::Fails, thread: "" }
}

/// A gap at which another text is printed.
const fn differs(construct: Construct<'static>, how: &'static str) -> Gap {
    Gap { construct, effect: Effect::Differs(how), thread: "" }
}

impl Gap {
    /// The same gap with the thread where users met it.
    const fn seen(self, thread: &'static str) -> Gap {
        Gap { thread, ..self }
    }
}

/// The tables, by name of the engine.
pub static ENGINES: [&EngineTable; 3] = [&hf_jinja_js::TABLE, &llama_cpp::TABLE, &minijinja::TABLE];

/// The table of an engine.
///
/// # Panics
/// Panics if there is none: names are part of the source.
pub fn engine(name: &str) -> &'static EngineTable {
    ENGINES.iter().find(|table| table.name == name).unwrap_or_else(|| panic!("no engine is called `{name}`"))
}

/// The findings of the rule of an engine: each construct once, at its first place.
///
/// # Errors
/// The template does not parse.
pub fn findings(rule: &Rule, context: &Context<'_>, name: &str) -> Checked {
    let table = engine(name);
    let mut found: Vec<(Gap, Vec<Span>)> = Vec::new();
    for (construct, span) in all_constructs(context)? {
        let Some(gap) = table.gaps.iter().find(|gap| gap.construct == construct) else {
            continue;
        };
        if !trials::matters(context, construct, span)? {
            continue;
        }
        match found.iter_mut().find(|(known, _)| known == gap) {
            Some((_, places)) => places.push(span),
            None => found.push((*gap, vec![span])),
        }
    }
    Ok(found.into_iter().map(|(gap, places)| finding(rule, table, gap, &places)).collect())
}

/// The constructs of a template, those that need its scopes included.
///
/// # Errors
/// The template does not parse.
pub fn all_constructs<'s>(context: &Context<'s>) -> Result<Vec<(Construct<'s>, Span)>, NotEvaluated> {
    let mut found = constructs(context)?;
    found.extend(leaks::conditional_sets(context)?.map(|span| (Construct::Syntax(Syntax::ConditionalSetInLoop), span)));
    Ok(found)
}

fn finding(rule: &Rule, table: &EngineTable, gap: Gap, places: &[Span]) -> Finding {
    let (name, version) = (table.name, table.version);
    let construct = gap.construct;
    let what = match gap.effect {
        Effect::Fails => format!("{construct} fails in {name} ({version})"),
        Effect::Differs(how) => format!("{construct} differs in {name} ({version}): {how}"),
    };
    let more = if places.len() > 1 { format!(" ({} places)", places.len()) } else { String::new() };
    Finding::new(rule, places[0], what + &more)
}
