//! The options of rendering and encoding, declared once.

use chattpl_render::rows::TEMPLATE_KWARGS;
use chattpl_render::{NullFields, Program};
use chattpl_tokens::{Control, Parts, Train, Turns};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// How to render: everything but the conversation.
#[pyclass(frozen, get_all, module = "chattpl._core")]
pub struct RenderOptions {
    pub tools: Option<Py<PyAny>>,
    pub documents: Option<Py<PyAny>>,
    pub add_generation_prompt: Option<Py<PyAny>>,
    pub continue_final_message: Option<Py<PyAny>>,
    pub now: Option<Py<PyAny>>,
    pub null_fields: String,
    pub normalize: String,
    /// The format's own tokens, by the names under which templates read them.
    pub tokens: Option<Py<PyDict>>,
    /// Other template arguments; they come before `tokens`.
    pub arguments: Option<Py<PyDict>>,
}

#[pymethods]
impl RenderOptions {
    #[new]
    #[pyo3(signature = (*, tools=None, documents=None, add_generation_prompt=None, continue_final_message=None, now=None,
                        null_fields="drop", normalize="off", tokens=None, arguments=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        tools: Option<Py<PyAny>>,
        documents: Option<Py<PyAny>>,
        add_generation_prompt: Option<Py<PyAny>>,
        continue_final_message: Option<Py<PyAny>>,
        now: Option<Py<PyAny>>,
        null_fields: &str,
        normalize: &str,
        tokens: Option<Py<PyDict>>,
        arguments: Option<Py<PyDict>>,
    ) -> PyResult<Self> {
        read_null_fields(null_fields)?;
        read_normalize(normalize)?;
        let (null_fields, normalize) = (null_fields.to_owned(), normalize.to_owned());
        Ok(RenderOptions {
            tools,
            documents,
            add_generation_prompt,
            continue_final_message,
            now,
            null_fields,
            normalize,
            tokens,
            arguments,
        })
    }
}

/// How to encode: how to render, what is trained, and who may make a control token.
#[pyclass(frozen, get_all, module = "chattpl._core")]
pub struct EncodeOptions {
    pub render: Py<RenderOptions>,
    pub train: Py<PyTuple>,
    pub special_tokens: String,
}

#[pymethods]
impl EncodeOptions {
    #[new]
    fn new(render: Py<RenderOptions>, train: Py<PyTuple>, special_tokens: String) -> Self {
        EncodeOptions { render, train, special_tokens }
    }
}

/// Render options that are borrowed for one call.
#[derive(Default)]
pub struct Call<'py> {
    pub tools: Option<Bound<'py, PyAny>>,
    pub documents: Option<Bound<'py, PyAny>>,
    pub add_generation_prompt: Option<Bound<'py, PyAny>>,
    pub continue_final_message: Option<Bound<'py, PyAny>>,
    pub now: Option<Bound<'py, PyAny>>,
    pub null_fields: NullFields,
    pub normalize: bool,
    pub tokens: Option<Bound<'py, PyDict>>,
    pub arguments: Option<Bound<'py, PyDict>>,
}

impl<'py> Call<'py> {
    /// Reads the keywords of a call of `render`; those that are no options are template arguments.
    pub fn of_keywords(keywords: Option<Bound<'py, PyDict>>) -> PyResult<Self> {
        let mut call = Call::default();
        let Some(keywords) = keywords else { return Ok(call) };
        let py = keywords.py();
        let take = |name: &str| {
            let name = PyString::intern(py, name);
            let value = keywords.get_item(&name)?;
            if value.is_some() {
                keywords.del_item(&name)?;
            }
            Ok::<_, PyErr>(value)
        };
        call.tools = take("tools")?.filter(is_given);
        call.documents = take("documents")?.filter(is_given);
        call.add_generation_prompt = take("add_generation_prompt")?;
        call.continue_final_message = take("continue_final_message")?;
        call.now = take("now")?.filter(is_given);
        if let Some(null_fields) = take("null_fields")? {
            call.null_fields = read_null_fields(&null_fields.extract::<String>()?)?;
        }
        if let Some(normalize) = take("normalize")? {
            call.normalize = read_normalize(&normalize.extract::<String>()?)?;
        }
        call.arguments = Some(keywords);
        Ok(call)
    }

    /// The options of an object.
    pub fn of_options(py: Python<'py>, options: &RenderOptions) -> PyResult<Self> {
        let bound = |value: &Option<Py<PyAny>>| value.as_ref().map(|value| value.bind(py).clone());
        let dict = |value: &Option<Py<PyDict>>| value.as_ref().map(|value| value.bind(py).clone());
        Ok(Call {
            tools: bound(&options.tools),
            documents: bound(&options.documents),
            add_generation_prompt: bound(&options.add_generation_prompt),
            continue_final_message: bound(&options.continue_final_message),
            now: bound(&options.now),
            null_fields: read_null_fields(&options.null_fields)?,
            normalize: read_normalize(&options.normalize)?,
            tokens: dict(&options.tokens),
            arguments: dict(&options.arguments),
        })
    }

    /// Warns of arguments that no program reads, and refuses misspelt options. Tokens such as `bos_token` may go unread.
    pub fn check_arguments(&self, py: Python<'py>, programs: &[&Program]) -> PyResult<()> {
        let Some(arguments) = &self.arguments else { return Ok(()) };
        let mut unread = Vec::new();
        for name in arguments.keys() {
            let Ok(name) = name.cast_into::<PyString>() else { continue };
            let text = name.to_str()?;
            let is_read = || programs.iter().any(|program| program.reads(text));
            if !text.ends_with("_token") && text != TEMPLATE_KWARGS && !is_read() {
                unread.push(text.to_owned());
            }
        }
        if !unread.is_empty() {
            let reads = programs.iter().flat_map(|program| program.names_read()).collect::<Vec<_>>();
            py.import("chattpl.notices")?.call_method1("warn_arguments", (unread, reads))?;
        }
        Ok(())
    }

    /// `continue_final_message`: true stands for `content`.
    pub fn continue_field(&self) -> PyResult<Option<String>> {
        match &self.continue_final_message {
            None => Ok(None),
            Some(flag) if !flag.is_truthy()? => Ok(None),
            Some(flag) => match flag.cast::<PyString>() {
                Ok(field) => Ok(Some(field.to_str()?.to_owned())),
                Err(_) => Ok(Some("content".to_owned())),
            },
        }
    }

    /// Whether a generation prompt is asked for.
    pub fn wants_prompt(&self) -> PyResult<bool> {
        self.add_generation_prompt.as_ref().map_or(Ok(false), |flag| flag.is_truthy())
    }
}

fn is_given(value: &Bound<'_, PyAny>) -> bool {
    !value.is_none()
}

fn read_null_fields(name: &str) -> PyResult<NullFields> {
    match name {
        "drop" => Ok(NullFields::Drop),
        "keep" => Ok(NullFields::Keep),
        other => Err(PyValueError::new_err(format!("null_fields={other:?}: it is \"drop\" or \"keep\""))),
    }
}

fn read_normalize(name: &str) -> PyResult<bool> {
    match name {
        "off" => Ok(false),
        "auto" => Ok(true),
        other => Err(PyValueError::new_err(format!("normalize={other:?}: it is \"off\" or \"auto\""))),
    }
}

/// Who may make a control token.
pub fn read_control(name: &str) -> PyResult<Control> {
    match name {
        "template" => Ok(Control::Template),
        "strict" => Ok(Control::Strict),
        "parity" => Ok(Control::Parity),
        "error" => Ok(Control::Error),
        other => {
            let message = format!("special_tokens={other:?}: it is \"template\", \"strict\", \"parity\" or \"error\"");
            Err(PyValueError::new_err(message))
        }
    }
}

/// `(roles, turns, (content, reasoning, tool_calls, end_of_turn), whether flags are used)`.
pub fn read_train(train: &Bound<'_, PyTuple>) -> PyResult<Train> {
    type Given<'py> = (Vec<String>, Bound<'py, PyAny>, (f32, f32, f32, f32), bool);
    let (roles, turns, parts, uses_flags): Given<'_> = train.extract()?;
    let turns = match turns.cast::<PyString>() {
        Ok(name) => match name.to_str()? {
            "all" => Turns::All,
            "last" => Turns::Last,
            "last_chain" => Turns::LastChain,
            other => {
                let message = format!("turns={other:?}: it is \"all\", \"last\", \"last_chain\" or a list of indices");
                return Err(PyValueError::new_err(message));
            }
        },
        Err(_) => Turns::Indices(turns.extract()?),
    };
    let (content, reasoning, tool_calls, end_of_turn) = parts;
    Ok(Train { roles, turns, parts: Parts { content, reasoning, tool_calls, end_of_turn }, uses_flags })
}
