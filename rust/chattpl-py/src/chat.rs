//! `ChatEncoder`: conversations to ids, masks and origins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use chattpl_render::{read_arguments, read_conversation, Bump, Clock, Input, Limits, Options, RenderError};
use chattpl_tokens::{
    Batch, ChatEncoder as Core, ChatOptions, ChatScratch, Control, Draft, DraftRoom, KnownHeaders, Parts, TokenError,
    Train, Turns,
};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::arrow::{Handed, Row as ArrowRow, Rows};
use crate::borrow::Keeper;
use crate::buffer::Buffer;
use crate::convert::ConvertError;
use crate::errors::{render_error, token_error};
use crate::template::{continue_field, with_arena, Call, Template};
use crate::tokenizer::Tokenizer;
use crate::workers::{self, in_chunks, in_order, Share};

/// A template and a vocabulary at work together.
#[pyclass(frozen, module = "chattpl._core")]
pub struct ChatEncoder {
    core: Core,
    limits: Limits,
    spare: Mutex<Vec<ChatScratch>>,
}

/// Arrays of one or more conversations: ids, mask, message index, origin, weights (if they are not the mask), offsets.
type Arrays = (Buffer, Buffer, Buffer, Buffer, Option<Buffer>, Buffer);

fn arrays(batch: Batch) -> Arrays {
    let Batch { input_ids, loss_mask, message_index, origin, loss_weight, offsets } = batch;
    let weight = (!loss_weight.is_empty()).then(|| Buffer::from(loss_weight));
    (input_ids.into(), loss_mask.into(), message_index.into(), origin.into(), weight, offsets.into())
}

/// Why a row was not encoded.
enum RowError {
    Render(RenderError),
    Token(TokenError),
}

/// A row that was left out: its number, the code, the message and the place.
type LeftOut = (usize, String, String, Option<String>);

/// Rows that a thread encoded, and those that it could not.
struct Made {
    /// Stays with the thread, whose processor has what is known of it at hand.
    scratch: ChatScratch,
    batch: Batch,
    faults: Vec<(usize, RowError)>,
    /// How many rows it is likely to get.
    expected_rows: usize,
    is_reserved: bool,
}

impl Made {
    /// Of one of `threads` threads that share `rows`.
    fn new(scratch: ChatScratch, rows: usize, threads: usize) -> Self {
        let expected_rows = rows.div_ceil(threads);
        Made { scratch, batch: Batch::new(), faults: Vec::new(), expected_rows, is_reserved: false }
    }

    /// Makes room for all rows, once there are some to judge them by.
    fn reserve(&mut self) {
        if !self.is_reserved && self.batch.len() >= SAMPLE_ROWS {
            self.batch.expect(self.expected_rows.saturating_sub(self.batch.len()));
            self.is_reserved = true;
        }
    }
}

/// Rendered conversations with their rows.
type Drafts = Vec<(usize, Draft)>;

/// Rows that are rendered before their tokens are made: few enough to be still at hand in the processor's cache.
const BLOCK_ROWS: usize = 64;
/// Bytes of text that end a block early.
const BLOCK_BYTES: usize = 256 << 10;
/// Conversations by which is judged how many tokens there will be.
const SAMPLE_ROWS: usize = 128;

/// Drafts that have their tokens, and whose memory serves others.
type Spare = Mutex<Vec<Draft>>;

/// The keys of a row that is a mapping.
struct Keys<'py> {
    messages: Bound<'py, PyString>,
    tools: Bound<'py, PyString>,
    documents: Bound<'py, PyString>,
}

/// A row: what a mapping holds, or the messages alone.
struct Row<'py> {
    messages: Option<Bound<'py, PyAny>>,
    tools: Option<Bound<'py, PyAny>>,
    documents: Option<Bound<'py, PyAny>>,
}

impl<'py> Keys<'py> {
    fn new(py: Python<'py>) -> Self {
        let key = |name| PyString::intern(py, name);
        Keys { messages: key("messages"), tools: key("tools"), documents: key("documents") }
    }

    fn read(&self, row: &Bound<'py, PyAny>) -> PyResult<Row<'py>> {
        let Ok(mapping) = row.cast::<PyDict>() else {
            return Ok(Row { messages: Some(row.clone()), tools: None, documents: None });
        };
        let given = |key| Ok::<_, PyErr>(mapping.get_item(key)?.filter(|value| !value.is_none()));
        Ok(Row {
            messages: mapping.get_item(&self.messages)?,
            tools: given(&self.tools)?,
            documents: given(&self.documents)?,
        })
    }
}

/// What all calls take besides conversations.
struct Settings {
    train: Train,
    control: Control,
    continue_field: Option<String>,
    clock: Clock,
}

impl Settings {
    fn options(&self, limits: Limits) -> ChatOptions<'_> {
        let render = Options { limits, clock: self.clock, continue_field: self.continue_field.as_deref() };
        ChatOptions { render, control: self.control, train: &self.train }
    }
}

#[pymethods]
impl ChatEncoder {
    /// `declared` names the arguments that hold tokens of the format itself. `literals` is what the method of that name gave
    /// for the same template and vocabulary.
    #[new]
    #[pyo3(signature = (template, tokenizer, stop_tokens, declared, literals=None))]
    fn new(
        py: Python<'_>,
        template: &Template,
        tokenizer: &Tokenizer,
        stop_tokens: Vec<u32>,
        declared: Vec<String>,
        literals: Option<&str>,
    ) -> PyResult<Self> {
        let core = Core::new(Arc::clone(template.program()), tokenizer.engine().clone(), stop_tokens, declared);
        let core = match literals {
            Some(literals) => core.with_literals(literals).map_err(|error| token_error(py, &error))?,
            None => core,
        };
        Ok(ChatEncoder { core, limits: template.limits(), spare: Mutex::default() })
    }

    /// The tokens of the template's literals, as far as they are sure whatever stands beside them, as JSON text.
    fn literals(&self) -> String {
        self.core.literals()
    }

    /// Encodes one conversation; also gives its text.
    #[pyo3(signature = (messages, train, special_tokens, *, tools=None, documents=None, add_generation_prompt=None,
                        continue_final_message=None, now=None, arguments=None))]
    #[allow(clippy::too_many_arguments)]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        train: &Bound<'py, PyTuple>,
        special_tokens: &str,
        tools: Option<&Bound<'py, PyAny>>,
        documents: Option<&Bound<'py, PyAny>>,
        add_generation_prompt: Option<&Bound<'py, PyAny>>,
        continue_final_message: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
        arguments: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Arrays, String)> {
        let settings = self.settings(py, train, special_tokens, continue_final_message, now)?;
        let call = Call { tools, documents, add_generation_prompt, arguments };
        let draft =
            self.draft(py, messages, &call, &settings, &mut KnownHeaders::default(), &mut DraftRoom::default())?;
        let options = settings.options(self.limits);
        let (batch, done) = py.detach(|| {
            let mut batch = Batch::new();
            let done = self.with_scratch(|scratch| self.core.finish(scratch, &draft, &options, &mut batch));
            (batch, done)
        });
        done.map_err(|error| token_error(py, &error))?;
        Ok((arrays(batch), draft.text))
    }

    /// Encodes a list of conversations: lists of messages, or mappings with `messages` and, if need be, `tools` and
    /// `documents`. Gives the arrays and what was left out, which is empty unless `quarantine`.
    #[pyo3(signature = (rows, train, special_tokens, *, tools=None, documents=None, add_generation_prompt=None,
                        continue_final_message=None, now=None, arguments=None, threads=None, quarantine=false))]
    #[allow(clippy::too_many_arguments)]
    fn encode_rows<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyList>,
        train: &Bound<'py, PyTuple>,
        special_tokens: &str,
        tools: Option<&Bound<'py, PyAny>>,
        documents: Option<&Bound<'py, PyAny>>,
        add_generation_prompt: Option<&Bound<'py, PyAny>>,
        continue_final_message: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
        arguments: Option<&Bound<'py, PyDict>>,
        threads: Option<usize>,
        quarantine: bool,
    ) -> PyResult<(Arrays, Vec<LeftOut>)> {
        let settings = self.settings(py, train, special_tokens, continue_final_message, now)?;
        let options = settings.options(self.limits);
        let (mut known, mut left_out) = (KnownHeaders::default(), Vec::new());
        let (mut room, spare) = (DraftRoom::default(), Spare::default());
        let keys = Keys::new(py);
        let mut draft = |row: &Bound<'py, PyAny>| {
            let own = keys.read(row)?;
            let call = Call {
                tools: tools.or(own.tools.as_ref()),
                documents: documents.or(own.documents.as_ref()),
                add_generation_prompt,
                arguments,
            };
            match &own.messages {
                Some(messages) => {
                    if let Some(served) = lock(&spare).pop() {
                        room.reuse(served);
                    }
                    self.draft(py, messages, &call, &settings, &mut known, &mut room)
                }
                None => Err(crate::errors::no_messages(py)),
            }
        };
        // The error that ends the drafts. Rows before it still get their tokens, as an earlier fault is the one to raise.
        let mut last = None;
        let failed = AtomicBool::new(false);
        let mut rows_left = rows.iter().enumerate();
        let make = || {
            let (mut drafts, mut bytes) = (Vec::with_capacity(BLOCK_ROWS), 0);
            while last.is_none() && !failed.load(Ordering::Relaxed) && drafts.len() < BLOCK_ROWS && bytes < BLOCK_BYTES
            {
                let Some((at, row)) = rows_left.next() else { break };
                match draft(&row) {
                    Ok(draft) => {
                        bytes += draft.text.len();
                        drafts.push((at, draft));
                    }
                    Err(error) if quarantine && error.is_instance_of::<PyException>(py) => {
                        match crate::errors::left_out(py, at, &error) {
                            Ok(row) => left_out.push(row),
                            Err(error) => last = Some(error),
                        }
                    }
                    Err(error) => last = Some(crate::errors::in_row(py, error, at)),
                }
            }
            (!drafts.is_empty()).then_some(drafts)
        };
        let threads = workers::count(threads, rows.len().div_ceil(BLOCK_ROWS));
        let on_fault = || failed.store(!quarantine, Ordering::Relaxed);
        let shares = self.finish_all(py, threads, (make, rows.len()), &options, &spare, on_fault);
        let done = self.gather(py, shares, threads, left_out, quarantine)?;
        last.map_or(Ok(done), Err)
    }

    /// Encodes lines of JSON, each a list of messages or an object with `messages`; empty lines are no rows.
    ///
    /// `arguments` is the JSON text of an object with the template's arguments, tools and documents among them.
    #[pyo3(signature = (lines, train, special_tokens, *, continue_final_message=None, now=None, arguments="null",
                        threads=None, quarantine=false, first_row=0))]
    #[allow(clippy::too_many_arguments)]
    fn encode_lines<'py>(
        &self,
        py: Python<'py>,
        lines: &Bound<'py, PyAny>,
        train: &Bound<'py, PyTuple>,
        special_tokens: &str,
        continue_final_message: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
        arguments: &str,
        threads: Option<usize>,
        quarantine: bool,
        first_row: usize,
    ) -> PyResult<(Arrays, Vec<LeftOut>)> {
        let settings = self.settings(py, train, special_tokens, continue_final_message, now)?;
        let options = settings.options(self.limits);
        let held = crate::buffer::ReadOnly::of(lines)?;
        let bytes = held.as_slice();
        let shares = py.detach(|| {
            let rows: Vec<&[u8]> = lines_of(bytes).collect();
            self.encode_all(&rows, first_row, threads, arguments, &options)
        });
        self.gather(py, shares, workers::count(threads, usize::MAX), Vec::new(), quarantine)
    }

    /// Encodes what has `__arrow_c_stream__` or `__arrow_c_array__`; otherwise as `encode_lines`.
    #[pyo3(signature = (source, train, special_tokens, *, continue_final_message=None, now=None, arguments="null",
                        threads=None, quarantine=false))]
    #[allow(clippy::too_many_arguments)]
    fn encode_arrow<'py>(
        &self,
        py: Python<'py>,
        source: &Bound<'py, PyAny>,
        train: &Bound<'py, PyTuple>,
        special_tokens: &str,
        continue_final_message: Option<&Bound<'py, PyAny>>,
        now: Option<&Bound<'py, PyAny>>,
        arguments: &str,
        threads: Option<usize>,
        quarantine: bool,
    ) -> PyResult<(Arrays, Vec<LeftOut>)> {
        let settings = self.settings(py, train, special_tokens, continue_final_message, now)?;
        let options = settings.options(self.limits);
        let handed = Handed::by(source)?;
        let shares = py.detach(|| {
            let rows = Rows::new(&handed.arrays().map_err(|error| unreadable(&error))?)?;
            let rows: Vec<ArrowRow<'_>> = rows.iter().collect();
            Ok(self.encode_all(&rows, 0, threads, arguments, &options))
        });
        let shares = shares.map_err(|error: RenderError| render_error(py, &error, self.core.program()))?;
        self.gather(py, shares, workers::count(threads, usize::MAX), Vec::new(), quarantine)
    }
}

fn unreadable(error: &arrow_schema::ArrowError) -> RenderError {
    let hint = "give a table of `pyarrow`, `polars` or `datasets`";
    RenderError::own(chattpl_render::error::code::SHAPE, format!("the Arrow data cannot be read: {error}"), hint)
}

/// A row that is read without Python.
trait ReadRow: Sync {
    /// Reads the row after `arguments`, the JSON text of what holds for all rows.
    fn read_row<'r>(&'r self, input: &mut Input<'r>, arguments: &'r str) -> Result<(), RenderError>;
}

impl ReadRow for &[u8] {
    fn read_row<'r>(&'r self, input: &mut Input<'r>, arguments: &'r str) -> Result<(), RenderError> {
        read_arguments(input, arguments.as_bytes())?;
        read_conversation(input, self)
    }
}

impl ReadRow for ArrowRow<'_> {
    fn read_row<'r>(&'r self, input: &mut Input<'r>, arguments: &'r str) -> Result<(), RenderError> {
        read_arguments(input, arguments.as_bytes())?;
        self.read(input)
    }
}

/// The lines of a text that hold more than white space.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]);
    ends.map(move |end| &bytes[std::mem::replace(&mut start, end + 1)..end])
        .filter(|line| !line.trim_ascii().is_empty())
}

impl ChatEncoder {
    fn settings(
        &self,
        py: Python<'_>,
        train: &Bound<'_, PyTuple>,
        special_tokens: &str,
        continue_final_message: Option<&Bound<'_, PyAny>>,
        now: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Settings> {
        Ok(Settings {
            train: read_train(train)?,
            control: read_control(special_tokens)?,
            continue_field: continue_field(continue_final_message)?,
            clock: crate::template::clock(py, self.core.program(), now)?,
        })
    }

    /// Renders a conversation of Python objects.
    fn draft<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        call: &Call<'_, 'py>,
        settings: &Settings,
        known: &mut KnownHeaders,
        room: &mut DraftRoom,
    ) -> PyResult<Draft> {
        with_arena(|arena, _| {
            let keeper = Keeper::default();
            let options = settings.options(self.limits);
            let mut large = Vec::new();
            let input = crate::template::read_input(arena, &keeper, messages, call, &mut large);
            let input = input.map_err(|error| self.raise(py, error))?;
            let draft = self.core.draft(input, &options, known, room);
            draft.map_err(|error| render_error(py, &error, self.core.program()))
        })
    }

    fn raise(&self, py: Python<'_>, error: ConvertError) -> PyErr {
        match error {
            ConvertError::Input(error) => render_error(py, &error, self.core.program()),
            ConvertError::Python(error) => error,
        }
    }

    /// Runs `work` with room that no other thread has.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut ChatScratch) -> T) -> T {
        let mut scratch = self.take_scratch();
        let done = work(&mut scratch);
        self.give_back(scratch);
        done
    }

    fn take_scratch(&self) -> ChatScratch {
        // A lock that a forked process inherited as taken is never given back, so nobody waits for it.
        let spare = self.spare.try_lock().ok().and_then(|mut spare| spare.pop());
        spare.unwrap_or_else(|| self.core.scratch())
    }

    fn give_back(&self, scratch: ChatScratch) {
        if let Ok(mut spare) = self.spare.try_lock() {
            spare.push(scratch);
        }
    }

    /// Makes the tokens of the drafts that `make` gives of so many rows, block by block, without the interpreter lock.
    ///
    /// `on_fault` is called at every fault; drafts that have served go to `spare`.
    fn finish_all(
        &self,
        py: Python<'_>,
        threads: usize,
        (mut make, rows): (impl FnMut() -> Option<Drafts>, usize),
        options: &ChatOptions<'_>,
        spare: &Spare,
        on_fault: impl Fn() + Sync,
    ) -> Vec<Share<Made>> {
        let work = |made: &mut Made, drafts: Drafts| {
            for (row, draft) in &drafts {
                if let Err(error) = self.core.finish(&mut made.scratch, draft, options, &mut made.batch) {
                    made.faults.push((*row, RowError::Token(error)));
                    on_fault();
                }
            }
            made.reserve();
            lock(spare).extend(drafts.into_iter().map(|(_, draft)| draft));
            made.batch.len()
        };
        let work_here = |made: &mut Made, drafts: Drafts| py.detach(|| work(made, drafts));
        workers::piped(threads, &mut make, || Made::new(self.take_scratch(), rows, threads), work, work_here)
    }

    /// Makes the tokens of rows that are read without Python.
    fn encode_all(
        &self,
        rows: &[impl ReadRow],
        first_row: usize,
        threads: Option<usize>,
        arguments: &str,
        options: &ChatOptions<'_>,
    ) -> Vec<Share<Made>> {
        let count = workers::count(threads, rows.len());
        let start = || Made::new(self.take_scratch(), rows.len(), count);
        in_chunks(rows, threads, start, |made, rows, first| {
            self.encode_chunk((rows, first_row + first), arguments, options, made);
            made.batch.len()
        })
    }

    fn encode_chunk(
        &self,
        (rows, first): (&[impl ReadRow], usize),
        arguments: &str,
        options: &ChatOptions<'_>,
        made: &mut Made,
    ) {
        let (mut arena, mut room, mut known) = (Bump::new(), DraftRoom::default(), KnownHeaders::default());
        for (at, row) in rows.iter().enumerate() {
            arena.reset();
            made.reserve();
            let drafted = {
                let mut input = Input::new(&arena);
                row.read_row(&mut input, arguments)
                    .and_then(|()| self.core.draft(input, options, &mut known, &mut room))
            };
            let done = match drafted {
                Ok(draft) => {
                    let done = self.core.finish(&mut made.scratch, &draft, options, &mut made.batch);
                    let done = done.map_err(RowError::Token);
                    room.reuse(draft);
                    done
                }
                Err(error) => Err(RowError::Render(error)),
            };
            if let Err(error) = done {
                made.faults.push((first + at, error));
            }
        }
    }

    /// Puts the rows together in order; the first fault is raised unless faults are to be left out, as `left_out` was.
    fn gather(
        &self,
        py: Python<'_>,
        shares: Vec<Share<Made>>,
        threads: usize,
        mut left_out: Vec<LeftOut>,
        quarantine: bool,
    ) -> PyResult<(Arrays, Vec<LeftOut>)> {
        let parts = in_order(&shares);
        let (mut batches, mut faults) = (Vec::with_capacity(shares.len()), Vec::new());
        for Share { made, .. } in shares {
            self.give_back(made.scratch);
            batches.push(made.batch);
            faults.extend(made.faults);
        }
        faults.sort_by_key(|(row, _)| *row);
        for (row, fault) in faults {
            let error = match fault {
                RowError::Render(error) => render_error(py, &error, self.core.program()),
                RowError::Token(error) => token_error(py, &error),
            };
            if !quarantine {
                return Err(crate::errors::in_row(py, error, row));
            }
            left_out.push(crate::errors::left_out(py, row, &error)?);
        }
        left_out.sort_by_key(|row| row.0);
        let batch = py.detach(|| Batch::join(batches, &parts, threads));
        Ok((arrays(batch), left_out))
    }
}

fn lock(spare: &Spare) -> MutexGuard<'_, Vec<Draft>> {
    spare.lock().expect("nobody panics with the lock")
}

fn read_control(name: &str) -> PyResult<Control> {
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
fn read_train(train: &Bound<'_, PyTuple>) -> PyResult<Train> {
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
