//! Reads what a call gives, Python objects, into the input of one render.

use chattpl_render::error::code;
use chattpl_render::rows::{self, RowReport, TEMPLATE_KWARGS};
use chattpl_render::{
    read_row_text, Bump, Clock, Data, DateTime, ErrorClass, Input, Place, Program, RenderError, Step,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::borrow::Keeper;
use crate::convert::{date_time, ConvertError, Converter};
use crate::options::Call;
use crate::plain::{NotPlain, PlainReader};

/// How a conversation is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// As messages, whatever they are: what `transformers` would render.
    AsIs,
    /// Through the row reader: a list of messages of any dialect, a row, or the JSON text of one of them as bytes.
    AsRow,
}

/// The given time; the local clock if one of the programs reads it.
pub fn clock(py: Python<'_>, uses_clock: bool, now: Option<&Bound<'_, PyAny>>) -> PyResult<Clock> {
    let unread = DateTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, microsecond: 0 };
    let now = match now {
        Some(now) if !now.is_none() => date_time(now)?,
        _ if uses_clock => date_time(&py.import("datetime")?.getattr("datetime")?.call_method0("now")?)?,
        _ => unread,
    };
    Ok(Clock { now })
}

/// The given time; the local clock if the program reads it.
pub fn clock_of(py: Python<'_>, program: &Program, call: &Call<'_>) -> PyResult<Clock> {
    clock(py, program.uses_clock(), call.now.as_ref())
}

/// Reads a conversation and everything else: in place if all of it is plain data, else object by object.
///
/// `large` receives the long strings that were borrowed in place.
pub fn read_input<'r, 'py>(
    arena: &'r Bump,
    keeper: &'r Keeper,
    conversation: &Bound<'py, PyAny>,
    call: &Call<'py>,
    taken: Taken,
    large: &mut Vec<Bound<'py, PyString>>,
) -> Result<(Input<'r>, Option<RowReport<'r>>), ConvertError> {
    let mut input = Input::new(arena);
    if let (Taken::AsRow, Ok(text)) = (taken, conversation.cast::<PyBytes>()) {
        read_call(&mut Converter::new(keeper), &mut input, call)?;
        let report = read_row_text(&mut input, arena.alloc_slice_copy(text.as_bytes()))?;
        return Ok((input, Some(report)));
    }
    // SAFETY: the arguments are borrowed, the lock is held, and no Python code runs before the caller is done with the
    // input: what had to be asked of Python was asked before.
    let read = match unsafe { read_in_place(&mut input, conversation, call, taken, large) } {
        Ok(read) => read,
        Err(NotPlain) => {
            large.clear();
            input = Input::new(arena);
            let mut converter = Converter::new(keeper);
            read_call(&mut converter, &mut input, call)?;
            converter.conversation(&mut input, conversation, taken)?
        }
    };
    let report = match read {
        Read::Messages(messages) if taken == Taken::AsIs => {
            input.set_messages(messages);
            None
        }
        Read::Messages(messages) => Some(rows::read_messages(&mut input, messages)?),
        Read::Row(fields, unread) => Some(rows::read_row(&mut input, &fields, &unread)?),
    };
    Ok((input, report))
}

/// A conversation that was read and is not in the input yet.
pub enum Read<'r> {
    Messages(Data<'r>),
    /// Fields with their values, and names of fields that the row reader does not look at.
    Row(Vec<(&'r str, Data<'r>)>, Vec<&'r str>),
}

/// Reads a conversation and everything else, if all of it is plain data.
///
/// # Safety
/// No Python code may run from here to the last use of `input`.
unsafe fn read_in_place<'r, 'py>(
    input: &mut Input<'r>,
    conversation: &Bound<'py, PyAny>,
    call: &Call<'py>,
    taken: Taken,
    large: &mut Vec<Bound<'py, PyString>>,
) -> Result<Read<'r>, NotPlain> {
    let reader = &mut PlainReader::new(conversation.py(), input);
    // SAFETY: the caller's promise; every object is reachable from a borrowed argument.
    unsafe {
        let read = match taken == Taken::AsRow && conversation.is_exact_instance_of::<PyDict>() {
            true => {
                let (fields, unread) = reader.row(conversation)?;
                Read::Row(fields, unread)
            }
            false => Read::Messages(reader.list(conversation, Place::MESSAGES)?),
        };
        let tools = call.tools.as_ref().map(|tools| reader.list(tools, Place::TOOLS)).transpose()?;
        let documents =
            call.documents.as_ref().map(|documents| reader.list(documents, Place::DOCUMENTS)).transpose()?;
        let tokens = reader.arguments(call.tokens.as_ref().map(|tokens| tokens.as_any()))?;
        let arguments = reader.arguments(call.arguments.as_ref().map(|arguments| arguments.as_any()))?;
        let name = "add_generation_prompt";
        let flag = reader.flag(name, call.add_generation_prompt.as_ref())?;
        large.append(&mut reader.large);
        tools.into_iter().for_each(|tools| input.set_tools(tools));
        documents.into_iter().for_each(|documents| input.set_documents(documents));
        tokens.into_iter().for_each(|(name, value)| input.set_argument(name, value));
        for (name, value) in arguments {
            if name == TEMPLATE_KWARGS {
                // Expanded by the careful reader, which can refuse it.
                return Err(NotPlain);
            }
            input.set_argument(name, value);
            input.keep_argument(name);
        }
        input.set_argument(name, flag);
        Ok(read)
    }
}

/// Refuses what `apply_chat_template` refuses before it renders.
///
/// # Errors
/// An empty conversation; with `both`, a generation prompt for a message that is to be continued.
pub fn check(input: &Input<'_>, both: bool) -> Result<(), RenderError> {
    let refused = |message: &str, hint: &str| {
        Err(RenderError::new(ErrorClass::ValueError, message)
            .with_code(code::SHAPE)
            .with_hint(hint)
            .at_input("messages"))
    };
    if input.is_empty() {
        let message = "Cannot apply chat template to an empty conversation. Provide at least one message.";
        return refused(message, "leave the row out, or give it a message");
    }
    if both {
        let message = "continue_final_message and add_generation_prompt are not compatible. Use continue_final_message \
                       when you want the model to continue the final message, and add_generation_prompt when you want to \
                       add a header that will prompt it to start a new assistant message instead.";
        return refused(message, "pass one of the two");
    }
    Ok(())
}

/// Reads everything but the conversation.
pub fn read_call<'r>(
    converter: &mut Converter<'r>,
    input: &mut Input<'r>,
    call: &Call<'_>,
) -> Result<(), ConvertError> {
    if let Some(tools) = &call.tools {
        converter.tools(input, tools)?;
    }
    if let Some(documents) = &call.documents {
        converter.documents(input, documents)?;
    }
    match &call.add_generation_prompt {
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
    for (name, value) in call.tokens.iter().flat_map(|tokens| tokens.iter()) {
        let name = name.cast_into::<PyString>().map_err(PyErr::from)?;
        converter.argument(input, &name, &value)?;
    }
    for (name, value) in call.arguments.iter().flat_map(|arguments| arguments.iter()) {
        let name = name.cast_into::<PyString>().map_err(PyErr::from)?;
        if name.to_str()? == TEMPLATE_KWARGS {
            converter.template_kwargs(input, &value)?;
        } else {
            let name = converter.argument(input, &name, &value)?;
            input.keep_argument(name);
        }
    }
    Ok(())
}
