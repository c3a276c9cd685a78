//! Rows of JSON text for Python: `JsonSplitter` and `count_lines`.

use std::sync::{Mutex, PoisonError};

use chattpl_render::json_rows::{count_lines as count, Fault, JsonRows};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::{Buffer, ReadOnly};

/// Splits JSON text into rows while it is read.
#[pyclass(frozen, module = "chattpl._core")]
pub struct JsonSplitter(Mutex<JsonRows>);

/// The text of a block, start, end and line of each row in it one after another, and the line of the first byte.
type Split<'py> = (Bound<'py, PyBytes>, Buffer, u64);

#[pymethods]
impl JsonSplitter {
    #[new]
    #[pyo3(signature = (first_line=1))]
    fn new(first_line: u64) -> Self {
        JsonSplitter(Mutex::new(JsonRows::new(first_line)))
    }

    /// Takes the next piece of text; gives the rows that it completes, or None.
    ///
    /// # Errors
    /// `ValueError` with a message and a line.
    fn push<'py>(&self, py: Python<'py>, piece: &Bound<'py, PyBytes>) -> PyResult<Option<Split<'py>>> {
        let held = ReadOnly::of(piece)?;
        let bytes = held.as_slice();
        let block = py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes)).map_err(error)?;
        Ok(block.map(|block| {
            let numbers = |span: &chattpl_render::json_rows::RowSpan| {
                [span.start_byte as i64, span.end_byte as i64, span.line as i64]
            };
            let spans: Vec<i64> = block.spans.iter().flat_map(numbers).collect();
            (PyBytes::new(py, &block.data), Buffer::from(spans), block.first_line)
        }))
    }

    /// Ends the text.
    ///
    /// # Errors
    /// `ValueError` with a message and a line, if the text ends inside a row or an array.
    fn finish(&self) -> PyResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finish().map_err(error)
    }
}

fn error(fault: Fault) -> PyErr {
    PyValueError::new_err((fault.message, fault.line))
}

/// The number of lines of a text, and of those that are not blank.
#[pyfunction]
pub fn count_lines(py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<(u64, u64)> {
    let held = ReadOnly::of(text)?;
    let bytes = held.as_slice();
    Ok(py.detach(|| count(bytes)))
}
