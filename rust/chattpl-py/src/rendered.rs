//! `Rendered` and `Segment`.

use chattpl_render::{PathStep, Segments};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple};

/// The text of a conversation and where each piece of it came from.
#[pyclass(frozen, module = "chattpl._core")]
pub struct Rendered {
    text: Py<PyString>,
    segments: Segments,
    generation: Vec<(u32, u32)>,
    listed: PyOnceLock<Py<PyList>>,
}

impl Rendered {
    pub fn new(text: Py<PyString>, segments: Segments, generation: Vec<(u32, u32)>) -> Self {
        Rendered { text, segments, generation, listed: PyOnceLock::new() }
    }
}

#[pymethods]
impl Rendered {
    #[getter]
    fn text(&self, py: Python<'_>) -> Py<PyString> {
        self.text.clone_ref(py)
    }

    #[getter]
    fn segments(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        let listed = self.listed.get_or_try_init(py, || self.list_segments(py))?;
        Ok(listed.clone_ref(py))
    }

    #[getter]
    fn generation_spans(&self, py: Python<'_>) -> PyResult<Vec<(usize, usize)>> {
        let text = self.text.to_str(py)?;
        let mut counter = CharCounter::new(text);
        let mut offsets: Vec<u32> = self.generation.iter().flat_map(|(start, end)| [*start, *end]).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let chars: Vec<usize> = offsets.iter().map(|offset| counter.at(*offset as usize)).collect();
        let find = |offset: u32| chars[offsets.binary_search(&offset).expect("collected above")];
        Ok(self.generation.iter().map(|(start, end)| (find(*start), find(*end))).collect())
    }

    /// Paths of the strings of messages, tools and documents of which nothing was printed.
    #[getter]
    fn unprinted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        unprinted(py, &self.segments)
    }

    fn __str__(&self, py: Python<'_>) -> Py<PyString> {
        self.text.clone_ref(py)
    }

    /// Those of `unprinted` that say something, unlike roles, types and ids; None if there are none.
    #[getter]
    fn lost<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        lost(py, &self.segments)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = self.text.bind(py).repr()?;
        Ok(format!("Rendered({text}, {} segments)", self.segments.len()))
    }
}

/// The paths of [`Segments::unprinted`] as tuples.
pub fn unprinted<'py>(py: Python<'py>, segments: &Segments) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, segments.unprinted().map(|path| path_tuple(py, &path)).collect::<PyResult<Vec<_>>>()?)
}

/// The paths of [`Segments::lost`] as tuples; none for the most part.
pub fn lost<'py>(py: Python<'py>, segments: &Segments) -> PyResult<Option<Bound<'py, PyList>>> {
    let mut paths = segments.lost().map(|path| path_tuple(py, &path)).peekable();
    match paths.peek() {
        None => Ok(None),
        Some(_) => Ok(Some(PyList::new(py, paths.collect::<PyResult<Vec<_>>>()?)?)),
    }
}

impl Rendered {
    /// Warns of strings that reached no output.
    pub fn warn(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(paths) = lost(py, &self.segments)? {
            py.import("chattpl.notices")?.call_method1("warn_unprinted", (paths,))?;
        }
        Ok(())
    }

    fn list_segments(&self, py: Python<'_>) -> PyResult<Py<PyList>> {
        let origins = py.import("chattpl.origin")?.getattr("BY_CODE")?;
        let mut counter = CharCounter::new(self.text.to_str(py)?);
        let list = PyList::empty(py);
        for segment in self.segments.iter() {
            let path = self.segments.path(&segment);
            let path = match path.is_empty() {
                true => None,
                false => Some(path_tuple(py, &path)?),
            };
            let made = Segment {
                start: counter.at(segment.start),
                end: counter.at(segment.end),
                origin: origins.get_item(segment.origin as u8)?.unbind(),
                path,
                message: segment.message,
                template_span: segment.template_span.map(|span| (span.start, span.end)),
            };
            list.append(made)?;
        }
        Ok(list.unbind())
    }
}

fn path_tuple(py: Python<'_>, path: &[PathStep<'_>]) -> PyResult<Py<PyTuple>> {
    let steps = path.iter().map(|step| match step {
        PathStep::Name(name) => PyString::intern(py, name).into_any(),
        PathStep::Index(index) => index.into_pyobject(py).expect("integers convert").into_any(),
    });
    Ok(PyTuple::new(py, steps.collect::<Vec<_>>())?.unbind())
}

/// Turns ascending byte offsets into character offsets.
struct CharCounter<'a> {
    text: &'a str,
    ascii: bool,
    byte: usize,
    chars: usize,
}

impl<'a> CharCounter<'a> {
    fn new(text: &'a str) -> Self {
        CharCounter { text, ascii: text.is_ascii(), byte: 0, chars: 0 }
    }

    fn at(&mut self, byte: usize) -> usize {
        if self.ascii {
            return byte;
        }
        self.chars += self.text[self.byte..byte].chars().count();
        self.byte = byte;
        self.chars
    }
}

/// A stretch of rendered text with one origin.
#[pyclass(frozen, get_all, module = "chattpl._core")]
pub struct Segment {
    start: usize,
    end: usize,
    origin: Py<PyAny>,
    path: Option<Py<PyTuple>>,
    message: Option<u32>,
    template_span: Option<(u32, u32)>,
}

#[pymethods]
impl Segment {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let origin = self.origin.bind(py).str()?;
        let path = match &self.path {
            Some(path) => path.bind(py).repr()?.to_string(),
            None => "None".to_owned(),
        };
        let message = self.message.map_or("None".to_owned(), |message| message.to_string());
        Ok(format!("Segment({}, {}, {origin}, path={path}, message={message})", self.start, self.end))
    }
}
