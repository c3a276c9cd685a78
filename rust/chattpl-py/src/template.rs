//! `Template`: compile once, render often.

use std::cell::RefCell;
use std::sync::Arc;

use chattpl_render::{
    read_conversation, render, Buffers, Bump, Clock, DateTime, Input, Limits, Options, Place, Program,
    Rendered as Output, Step,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::borrow::{Keeper, SameThread};
use crate::convert::{date_time, ConvertError, Converter};
use crate::errors::{render_error, syntax_error};
use crate::plain::{NotPlain, PlainReader};
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

/// What both ways to render take besides the conversation.
pub struct Call<'a, 'py> {
    pub tools: Option<&'a Bound<'py, PyAny>>,
    pub documents: Option<&'a Bound<'py, PyAny>>,
    pub add_generation_prompt: Option<&'a Bound<'py, PyAny>>,
    pub arguments: Option<&'a Bound<'py, PyDict>>,
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

    #[pyo3(signature = (messages, *, tools=None, documents=None, add_generation_prompt=None,
                        continue_final_message=None, now=None, **arguments))]
    #[allow(clippy::too_many_arguments)]
    fn render<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        tools: Option<&Bound<'py, PyAny>>,
        documents: Option<&Bound<'py, PyAny>>,
        add_generation_prompt: Option<&Bound<'py, PyAny>>,
        continue_final_message: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
        arguments: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Rendered> {
        let call = Call { tools, documents, add_generation_prompt, arguments };
        let continue_field = continue_field(continue_final_message)?;
        let clock = clock(py, &self.program, now)?;
        with_arena(|arena, buffers| {
            let keeper = Keeper::default();
            let mut large = Vec::new();
            let input = self.raise(py, read_input(arena, &keeper, messages, &call, &mut large))?;
            let options = Options {
                limits: self.limits,
                clock,
                continue_field: continue_field.as_deref(),
                null_fields: Default::default(),
            };
            let output =
                self.raise(py, render(&self.program, input, &options, buffers).map_err(ConvertError::Input))?;
            finish(py, output, &large, buffers)
        })
    }

    #[pyo3(signature = (data, *, tools=None, documents=None, add_generation_prompt=None,
                        continue_final_message=None, now=None, **arguments))]
    #[allow(clippy::too_many_arguments)]
    fn render_json<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        tools: Option<&Bound<'py, PyAny>>,
        documents: Option<&Bound<'py, PyAny>>,
        add_generation_prompt: Option<&Bound<'py, PyAny>>,
        continue_final_message: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
        arguments: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Rendered> {
        let call = Call { tools, documents, add_generation_prompt, arguments };
        let continue_field = continue_field(continue_final_message)?;
        let clock = clock(py, &self.program, now)?;
        let owned;
        let bytes = if let Ok(bytes) = data.cast::<PyBytes>() {
            bytes.as_bytes()
        } else if let Ok(text) = data.cast::<PyString>() {
            text.to_str()?.as_bytes()
        } else {
            owned = data.extract::<Vec<u8>>()?;
            &owned
        };
        with_arena(|arena, buffers| {
            let keeper = Keeper::default();
            let mut input = Input::new(arena);
            let read = read_call(&mut Converter::new(&keeper), &mut input, &call);
            self.raise(py, read)?;
            let options = Options {
                limits: self.limits,
                clock,
                continue_field: continue_field.as_deref(),
                null_fields: Default::default(),
            };
            let work = SameThread::new((input, &mut *buffers, &options));
            let program = &self.program;
            let output = py.detach(move || {
                let (mut input, buffers, options) = work.into_inner();
                let done = read_conversation(&mut input, bytes).and_then(|()| render(program, input, options, buffers));
                SameThread::new(done)
            });
            let output = self.raise(py, output.into_inner().map_err(ConvertError::Input))?;
            finish(py, output, &[], buffers)
        })
    }
}

impl Template {
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

/// The given time; the local clock if the template reads it.
pub fn clock(py: Python<'_>, program: &Program, now: Option<&Bound<'_, PyAny>>) -> PyResult<Clock> {
    let unread = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, microsecond: 0 };
    let now = match now {
        Some(now) if !now.is_none() => date_time(now)?,
        _ if program.uses_clock() => date_time(&py.import("datetime")?.getattr("datetime")?.call_method0("now")?)?,
        _ => unread,
    };
    Ok(Clock { now })
}

/// Reads a conversation and everything else: in place if all of it is plain data, else object by object.
///
/// `large` receives the long strings that were borrowed in place.
pub fn read_input<'r, 'py>(
    arena: &'r Bump,
    keeper: &'r Keeper,
    messages: &Bound<'py, PyAny>,
    call: &Call<'_, 'py>,
    large: &mut Vec<Bound<'py, PyString>>,
) -> Result<Input<'r>, ConvertError> {
    let mut input = Input::new(arena);
    // SAFETY: the arguments are borrowed, the lock is held, and no Python code runs before the caller is done with the
    // input: what had to be asked of Python was asked before.
    if unsafe { read_in_place(&mut input, messages, call, large) }.is_err() {
        large.clear();
        input = Input::new(arena);
        let mut converter = Converter::new(keeper);
        read_call(&mut converter, &mut input, call)?;
        converter.messages(&mut input, messages)?;
    }
    Ok(input)
}

/// Reads messages and everything else, if all of it is plain data.
///
/// # Safety
/// No Python code may run from here to the last use of `input`.
unsafe fn read_in_place<'r, 'py>(
    input: &mut Input<'r>,
    messages: &Bound<'py, PyAny>,
    call: &Call<'_, 'py>,
    large: &mut Vec<Bound<'py, PyString>>,
) -> Result<(), NotPlain> {
    let reader = &mut PlainReader::new(messages.py(), input);
    // SAFETY: the caller's promise; every object is reachable from a borrowed argument.
    unsafe {
        let messages = reader.list(messages, Place::MESSAGES)?;
        let tools = call.tools.map(|tools| reader.list(tools, Place::TOOLS)).transpose()?;
        let documents = call.documents.map(|documents| reader.list(documents, Place::DOCUMENTS)).transpose()?;
        let arguments = reader.arguments(call.arguments.map(|arguments| arguments.as_any()))?;
        let name = "add_generation_prompt";
        let flag = reader.flag(name, call.add_generation_prompt)?;
        large.append(&mut reader.large);
        input.set_messages(messages);
        tools.into_iter().for_each(|tools| input.set_tools(tools));
        documents.into_iter().for_each(|documents| input.set_documents(documents));
        arguments.into_iter().for_each(|(name, value)| input.set_argument(name, value));
        input.set_argument(name, flag);
    }
    Ok(())
}

/// Reads everything but the messages.
fn read_call<'r>(
    converter: &mut Converter<'r>,
    input: &mut Input<'r>,
    call: &Call<'_, '_>,
) -> Result<(), ConvertError> {
    if let Some(tools) = call.tools {
        converter.tools(input, tools)?;
    }
    if let Some(documents) = call.documents {
        converter.documents(input, documents)?;
    }
    match call.add_generation_prompt {
        Some(flag) => {
            let name = PyString::intern(flag.py(), "add_generation_prompt");
            converter.argument(input, &name, flag)?;
        }
        None => {
            let place = input.place(Place::ARGUMENTS, Step::Name("add_generation_prompt"));
            let flag = input.bool(place, false);
            input.set_argument("add_generation_prompt", flag);
        }
    }
    if let Some(arguments) = call.arguments {
        for (name, value) in arguments.iter() {
            let name = name.cast_into::<PyString>().map_err(PyErr::from)?;
            converter.argument(input, &name, &value)?;
        }
    }
    Ok(())
}

/// `continue_final_message`: true stands for `content`.
pub fn continue_field(flag: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    match flag {
        None => Ok(None),
        Some(flag) if !flag.is_truthy()? => Ok(None),
        Some(flag) => match flag.cast::<PyString>() {
            Ok(field) => Ok(Some(field.to_str()?.to_owned())),
            Err(_) => Ok(Some("content".to_owned())),
        },
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
