//! Vocabularies that are made at run time.

use chattpl_tokens::read::{tiktoken, Description};
use chattpl_tokens::{pack, TokenError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::token_error;

/// The pack of a file of ranks and its description, as `Description::from_json` reads it.
#[pyfunction]
pub fn pack_of_ranks<'py>(py: Python<'py>, ranks: &[u8], description: &str) -> PyResult<Bound<'py, PyBytes>> {
    let make =
        || -> Result<Vec<u8>, TokenError> { Ok(pack::write(&tiktoken(ranks, Description::from_json(description)?)?)) };
    let made = py.detach(make).map_err(|error| token_error(py, &error))?;
    Ok(PyBytes::new(py, &made))
}
