//! `Template`: compile once, render often.

use std::cell::RefCell;
use std::sync::Arc;

use chattpl_render::{
    normalize, read_conversation, render, Buffers, Bump, Input, Limits, Options, Program, Rendered as Output,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::borrow::{Keeper, SameThread};
use crate::convert::{ConvertError, Converter};
use crate::errors::{render_error, syntax_error};
use crate::options::{Call, RenderOptions};
use crate::reading::{check, clock_of, read_call, read_input, Taken};
use crate::rendered::Rendered;

/// Arenas up to this size are kept for the next render.
const KEEP_BYTES: usize = 4 << 20;

thread_local! {
    static SPARE: RefCell<Vec<(Bump, Buffers)>> = const { RefCell::new(Vec::new()) };
}

/// A compiled chat template.
#[pyclass(subclass, frozen, module = "chattpl._core")]
pub struct Template {
    program: Arc<Program>,
    source: String,
    limits: Limits,
}

#[pymethods]
impl Template {
    #[new]
    #[pyo3(signature = (source, name=None, *, max_instructions=None, max_output_bytes=None, max_depth=None))]
    fn new(
        py: Python<'_>,
        source: String,
        name: Option<&str>,
        max_instructions: Option<u64>,
        max_output_bytes: Option<usize>,
        max_depth: Option<u32>,
    ) -> PyResult<Self> {
        let program = Program::compile(&source, name).map_err(|error| syntax_error(py, &error, &source))?;
        let mut limits = Limits::default();
        if let Some(limit) = max_instructions {
            limits.max_instructions = limit;
        }
        if let Some(limit) = max_output_bytes {
            limits.max_memory_bytes = limits.max_memory_bytes.max(limit);
            limits.max_output_bytes = limit.min(u32::MAX as usize / 2);
        }
        if let Some(limit) = max_depth {
            limits.max_depth = limit;
        }
        Ok(Template { program: Arc::new(program), source, limits })
    }

    #[getter]
    fn source(&self) -> &str {
        &self.source
    }

    #[getter]
    fn name(&self) -> Option<&str> {
        self.program.name()
    }

    /// Renders a list of messages as `transformers` does; see `chattpl.Template.render`.
    #[pyo3(signature = (messages, **options), text_signature = "($self, messages, *, tools=None, documents=None, \
        add_generation_prompt=False, continue_final_message=False, now=None, null_fields='drop', normalize='off', \
        **arguments)")]
    fn render<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Rendered> {
        let rendered = self.render_call(py, messages, &Call::of_keywords(options)?, Taken::AsIs)?;
        rendered.warn(py)?;
        Ok(rendered)
    }

    /// Renders with options that were put together before, and warns of nothing.
    ///
    /// With `as_row`, the conversation is a row, or a list of messages of any dialect, and what `apply_chat_template` refuses
    /// before it renders is refused.
    #[pyo3(signature = (conversation, options, as_row=false))]
    fn render_with<'py>(
        &self,
        py: Python<'py>,
        conversation: &Bound<'py, PyAny>,
        options: &RenderOptions,
        as_row: bool,
    ) -> PyResult<Rendered> {
        let taken = if as_row { Taken::AsRow } else { Taken::AsIs };
        self.render_call(py, conversation, &Call::of_options(py, options)?, taken)
    }

    /// Renders the JSON text of a list of messages, or of a row of any dialect.
    #[pyo3(signature = (data, **options), text_signature = "($self, data, *, tools=None, documents=None, \
        add_generation_prompt=False, continue_final_message=False, now=None, null_fields='drop', normalize='off', \
        **arguments)")]
    fn render_json<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        options: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Rendered> {
        let call = Call::of_keywords(options)?;
        call.check_arguments(py, &[&self.program])?;
        let continue_field = call.continue_field()?;
        let clock = clock_of(py, &self.program, &call)?;
        let owned;
        let bytes = if let Ok(bytes) = data.cast::<PyBytes>() {
            bytes.as_bytes()
        } else if let Ok(text) = data.cast::<PyString>() {
            text.to_str()?.as_bytes()
        } else {
            owned = data.extract::<Vec<u8>>()?;
            &owned
        };
        let rendered = with_arena(|arena, buffers| {
            let keeper = Keeper::default();
            let mut input = Input::new(arena);
            let read = read_call(&mut Converter::new(&keeper), &mut input, &call);
            self.raise(py, read)?;
            let options = Options {
                limits: self.limits,
                clock,
                continue_field: continue_field.as_deref(),
                null_fields: call.null_fields,
            };
            let work = SameThread::new((input, &mut *buffers, &options));
            let (program, wants_form) = (&self.program, call.normalize);
            let output = py.detach(move || {
                let (mut input, buffers, options) = work.into_inner();
                let read = read_conversation(&mut input, bytes);
                let done = read.and_then(|()| {
                    if wants_form {
                        normalize(program, &mut input, options, buffers);
                    }
                    render(program, input, options, buffers)
                });
                SameThread::new(done)
            });
            let output = self.raise(py, output.into_inner().map_err(ConvertError::Input))?;
            finish(py, output, &[], buffers)
        })?;
        rendered.warn(py)?;
        Ok(rendered)
    }
}

impl Template {
    fn render_call<'py>(
        &self,
        py: Python<'py>,
        conversation: &Bound<'py, PyAny>,
        call: &Call<'py>,
        taken: Taken,
    ) -> PyResult<Rendered> {
        call.check_arguments(py, &[&self.program])?;
        let continue_field = call.continue_field()?;
        let clock = clock_of(py, &self.program, call)?;
        let wants_prompt = call.wants_prompt()?;
        with_arena(|arena, buffers| {
            let keeper = Keeper::default();
            let mut large = Vec::new();
            let read = read_input(arena, &keeper, conversation, call, taken, &mut large);
            let (mut input, _) = self.raise(py, read)?;
            if taken == Taken::AsRow {
                self.raise(py, check(&input, wants_prompt && continue_field.is_some()).map_err(ConvertError::Input))?;
            }
            let options = Options {
                limits: self.limits,
                clock,
                continue_field: continue_field.as_deref(),
                null_fields: call.null_fields,
            };
            if call.normalize {
                normalize(&self.program, &mut input, &options, buffers);
            }
            let output =
                self.raise(py, render(&self.program, input, &options, buffers).map_err(ConvertError::Input))?;
            finish(py, output, &large, buffers)
        })
    }

    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    fn raise<T>(&self, py: Python<'_>, result: Result<T, ConvertError>) -> PyResult<T> {
        result.map_err(|error| match error {
            ConvertError::Input(error) => render_error(py, &error, &self.program),
            ConvertError::Python(error) => error,
        })
    }
}

/// Runs `work` with an arena of this thread.
pub fn with_arena<T>(work: impl FnOnce(&Bump, &mut Buffers) -> PyResult<T>) -> PyResult<T> {
    let spare = SPARE.with_borrow_mut(Vec::pop);
    let (mut arena, mut buffers) = spare.unwrap_or_default();
    let done = work(&arena, &mut buffers);
    if arena.allocated_bytes() <= KEEP_BYTES && buffers.text.capacity() <= KEEP_BYTES {
        arena.reset();
        SPARE.with_borrow_mut(|spare| spare.push((arena, buffers)));
    }
    done
}

/// Makes the Python objects; `strings` are long Python strings that the text may contain whole.
///
/// The input is looked at before the first Python object is made: making one may run a finalizer that changes it.
fn finish<'py>(
    py: Python<'py>,
    output: Output<'_>,
    strings: &[Bound<'py, PyString>],
    buffers: &mut Buffers,
) -> PyResult<Rendered> {
    let whole = |part: &str| strings.iter().find(|string| string.to_str().is_ok_and(|text| std::ptr::eq(text, part)));
    let parts: Option<Vec<_>> = output.large.iter().map(|(at, part)| Some((*at, whole(part)?))).collect();
    match parts {
        Some(parts) if !parts.is_empty() => {
            let Output { text, segments, generation, .. } = output;
            let joined = join_strings(py, &text, &parts)?;
            Ok(Rendered::new(joined.unbind(), segments, generation))
        }
        _ => {
            let (text, segments, generation) = output.into_parts();
            let rendered = Rendered::new(PyString::new(py, &text).unbind(), segments, generation);
            buffers.text = text;
            Ok(rendered)
        }
    }
}

/// Joins text and the long strings that belong at byte offsets in it, so that those are copied once.
fn join_strings<'py>(
    py: Python<'py>,
    text: &str,
    parts: &[(usize, &Bound<'py, PyString>)],
) -> PyResult<Bound<'py, PyString>> {
    let mut pieces = Vec::with_capacity(parts.len() * 2 + 1);
    let mut from = 0;
    for (at, string) in parts {
        pieces.push(PyString::new(py, &text[from..*at]));
        pieces.push((*string).clone());
        from = *at;
    }
    pieces.push(PyString::new(py, &text[from..]));
    let joined = PyString::intern(py, "").call_method1("join", (PyList::new(py, pieces)?,))?;
    Ok(joined.cast_into()?)
}
