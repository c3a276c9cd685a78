//! The registry's formats.

use pyo3::prelude::*;

/// Name and aliases of every format.
#[pyfunction]
pub fn format_names() -> Vec<(&'static str, Vec<&'static str>)> {
    chattpl_registry::all().iter().map(|format| (format.name, format.aliases.to_vec())).collect()
}

/// The format with this name or alias as JSON text; `None` where there is none.
#[pyfunction]
pub fn format_json(name: &str) -> Option<&'static str> {
    chattpl_registry::by_name(name).map(|format| format.json)
}

/// The name of the format that a Hub id speaks; `None` where no format claims it.
#[pyfunction]
pub fn format_for_model_id(model_id: &str) -> Option<&'static str> {
    chattpl_registry::by_model_id(model_id).map(|format| format.name)
}
