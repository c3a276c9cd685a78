//! Engines that Python runs for the linter, and the tables of what others lack.

use std::sync::Arc;

use chattpl_lint::portability::{sample, Effect, ENGINES};
use chattpl_lint::{EngineError, EngineInput, EngineOutcome, Engines, OtherEngine};
use pyo3::prelude::*;

/// The text, or none; what went wrong, and where.
type Answer = (Option<String>, String, Option<(u32, u32)>);
/// `(engine, version, construct, effect, template)`.
type GapFacts = (&'static str, &'static str, String, &'static str, Option<String>);

/// What the caller found installed: engines with their names, versions and ways to render, or what to install.
#[derive(FromPyObject)]
pub enum Given {
    Missing(String),
    Engines(Vec<(String, String, Py<PyAny>)>),
}

impl From<Given> for Engines {
    fn from(given: Given) -> Self {
        match given {
            Given::Missing(what) => Engines::Missing(what),
            Given::Engines(engines) => Engines::Given(engines.into_iter().map(engine).collect()),
        }
    }
}

fn engine((name, version, render): (String, String, Py<PyAny>)) -> OtherEngine {
    let render = move |input: EngineInput<'_>| Python::attach(|py| asked(py, &render, input));
    OtherEngine { name, version, render: Arc::new(render) }
}

fn asked(py: Python<'_>, render: &Py<PyAny>, input: EngineInput<'_>) -> EngineOutcome {
    let answer = render.bind(py).call1((input.source, input.variables, input.now));
    match answer.and_then(|answer| answer.extract::<Answer>()) {
        Ok((Some(text), ..)) => Ok(text),
        Ok((None, message, place)) => Err(EngineError { message, place }),
        Err(error) => Err(EngineError { message: error.to_string(), place: None }),
    }
}

/// Every gap of the tables of other engines, with a template that shows it.
#[pyfunction]
pub fn lint_portability() -> Vec<GapFacts> {
    let effect = |effect: Effect| if effect == Effect::Fails { "fails" } else { "differs" };
    let gaps = ENGINES.iter().flat_map(|table| table.gaps.iter().map(move |gap| (table, gap)));
    gaps.map(|(table, gap)| {
        (table.name, table.version, gap.construct.to_string(), effect(gap.effect), sample(gap.construct))
    })
    .collect()
}
