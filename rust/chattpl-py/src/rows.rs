//! The row reader as Python sees it.

use chattpl_render::{Bump, Data, View};
use num_bigint::BigInt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::borrow::Keeper;
use crate::convert::ConvertError;
use crate::errors::input_error;
use crate::options::Call;
use crate::reading::{read_input, Taken};

/// Reads a row, a Python value or JSON text, to a mapping: `messages`, `tools`, `documents`, `arguments`, `dialect`,
/// `unused`, `flag_like`, `alternatives`, `answer_start`, `weight`.
#[pyfunction]
pub fn read_row<'py>(py: Python<'py>, row: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let arena = Bump::new();
    let keeper = Keeper::default();
    let read = read_input(&arena, &keeper, row, &Call::default(), Taken::AsRow, &mut Vec::new());
    let (input, report) = read.map_err(|error| match error {
        ConvertError::Input(error) => input_error(py, &error),
        ConvertError::Python(error) => error,
    })?;
    let report = report.expect("rows are reported on");
    let dict = PyDict::new(py);
    dict.set_item("messages", to_python(py, input.messages())?)?;
    let optional = |data: Option<Data<'_>>| data.map(|data| to_python(py, data)).transpose();
    dict.set_item("tools", optional(input.tools())?)?;
    dict.set_item("documents", optional(input.documents())?)?;
    let arguments = PyDict::new(py);
    for (name, value) in input.row_arguments() {
        arguments.set_item(name, to_python(py, value)?)?;
    }
    dict.set_item("arguments", arguments)?;
    dict.set_item("dialect", report.dialect.name())?;
    dict.set_item("unused", &report.unused)?;
    dict.set_item("flag_like", &report.flag_like)?;
    let alternatives = report.alternatives.iter().map(|messages| to_python(py, *messages));
    dict.set_item("alternatives", alternatives.collect::<PyResult<Vec<_>>>()?)?;
    dict.set_item("answer_start", report.answer_start)?;
    dict.set_item("weight", report.weight)?;
    Ok(dict)
}

/// An input value as a Python object.
fn to_python<'py>(py: Python<'py>, data: Data<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match data.view() {
        View::None => py.None().into_bound(py),
        View::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        View::Int(value) => value.into_pyobject(py)?.into_any(),
        View::BigInt(value) => BigInt::into_pyobject(value, py)?.into_any(),
        View::Float(value) => value.into_pyobject(py)?.into_any(),
        View::Str(text) => PyString::new(py, text).into_any(),
        View::List(items) => {
            let items = items.map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        View::Tuple(items) => {
            let items = items.map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any()
        }
        View::Dict(entries) => {
            let dict = PyDict::new(py);
            for (key, value) in entries {
                dict.set_item(to_python(py, key)?, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}
