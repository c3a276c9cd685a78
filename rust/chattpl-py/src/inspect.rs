//! Dumps for `chattpl inspect`.

use chattpl_render::{dump_bytecode, Program};
use pyo3::prelude::*;

use crate::errors::syntax_error;

/// The syntax tree as indented text.
#[pyfunction]
#[pyo3(signature = (source, name=None))]
pub fn emit_tree(py: Python<'_>, source: &str, name: Option<&str>) -> PyResult<String> {
    let parsed = chattpl_syntax::parse(source, name).map_err(|error| syntax_error(py, &error, source))?;
    Ok(chattpl_syntax::dump(&parsed.template))
}

/// The bytecode as text, one instruction a line.
#[pyfunction]
#[pyo3(signature = (source, name=None))]
pub fn emit_bytecode(py: Python<'_>, source: &str, name: Option<&str>) -> PyResult<String> {
    let program = Program::compile(source, name).map_err(|error| syntax_error(py, &error, source))?;
    Ok(dump_bytecode(&program))
}
