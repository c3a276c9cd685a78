//! `ChatEncoder`: conversations to ids, masks and origins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use chattpl_render::rows::RowReport;
use chattpl_render::{normalize, read_arguments, read_row_text, Bump, Clock, Input, Limits, Options, RenderError};
use chattpl_tokens::{
    Batch, ChatEncoder as Core, ChatOptions, ChatScratch, Control, Draft, DraftRoom, KnownHeaders, TokenError, Train,
};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arrow::{Handed, Row as ArrowRow, Rows};
use crate::borrow::Keeper;
use crate::buffer::{Buffer, ReadOnly};
use crate::convert::ConvertError;
use crate::errors::{render_error, token_error, RowPlace};
use crate::notes::Notes;
use crate::options::{read_control, read_train, Call, EncodeOptions};
use crate::reading::{check, clock, read_input, Taken};
use crate::template::{with_arena, Template};
use crate::tokenizer::Tokenizer;
use crate::workers::{self, in_chunks, in_order, Share};

/// Encodes conversations with one vocabulary: a template, and the one for rows with tools if there is another.
#[pyclass(frozen, module = "chattpl._core")]
pub struct ChatEncoder {
    plain: Core,
    with_tools: Option<Core>,
    limits: Limits,
    /// Whether there is a template for conversations with tools alone.
    needs_tools: bool,
    spare: Mutex<Vec<ChatScratch>>,
}

/// Arrays of one or more conversations, and what is to be said of them.
#[pyclass(frozen, get_all, module = "chattpl._core")]
pub struct EncodedRows {
    input_ids: Py<Buffer>,
    loss_mask: Py<Buffer>,
    message_index: Py<Buffer>,
    origin: Py<Buffer>,
    /// None where the mask says it all.
    loss_weight: Option<Py<Buffer>>,
    offsets: Py<Buffer>,
    /// The number of each row in the source, from 1.
    rows: Py<Buffer>,
    /// The line of each row, from 1; None where the source has no lines.
    lines: Option<Py<Buffer>>,
    /// JSON text of the fields that travel with rows, by name; None where a row lacks one.
    kept: Py<PyDict>,
    /// Rows that were left out: index in the source, line, code, message, path, text of the row.
    left_out: Py<PyList>,
    /// What was counted, by name; see `notes.rs`.
    notes: Py<PyDict>,
    /// The text; None for many conversations.
    text: Option<String>,
    /// Paths of strings that were not printed; None for many conversations.
    unprinted: Option<Py<PyList>>,
    /// Those of them that say something; None if there are none.
    lost: Option<Py<PyList>>,
}

/// Why a row was not encoded.
enum RowError {
    /// The template, or the row itself; whether it was the template for rows with tools.
    Render(RenderError, bool),
    Token(TokenError),
}

/// A row that could not be encoded by itself.
struct Fault {
    row: usize,
    error: RowError,
}

/// A row that was left out.
struct LeftOut {
    row: usize,
    line: Option<usize>,
    code: String,
    message: String,
    path: Option<String>,
}

/// Rows that a thread encoded, and those that it could not.
struct Made {
    /// Stays with the thread, whose processor has what is known of it at hand.
    scratch: ChatScratch,
    batch: Batch,
    faults: Vec<Fault>,
    notes: Notes,
    /// Fields that travel with each row that was encoded.
    kept: Vec<Option<String>>,
    /// How many rows it is likely to get.
    expected_rows: usize,
    is_reserved: bool,
}

impl Made {
    /// Of one of `threads` threads that share `rows`.
    fn new(scratch: ChatScratch, rows: usize, threads: usize) -> Self {
        let expected_rows = rows.div_ceil(threads);
        Made {
            scratch,
            batch: Batch::new(),
            faults: Vec::new(),
            notes: Notes::default(),
            kept: Vec::new(),
            expected_rows,
            is_reserved: false,
        }
    }

    /// Makes room for all rows, once there are some to judge them by.
    fn reserve(&mut self) {
        if !self.is_reserved && self.batch.len() >= SAMPLE_ROWS {
            self.batch.expect(self.expected_rows.saturating_sub(self.batch.len()));
            self.is_reserved = true;
        }
    }
}

/// A rendered conversation.
struct RowDraft {
    row: usize,
    has_tools: bool,
    draft: Draft,
}

/// Rendered conversations with their rows.
type Drafts = Vec<RowDraft>;

/// Rows that are rendered before their tokens are made: few enough to be still at hand in the processor's cache.
const BLOCK_ROWS: usize = 64;
/// Bytes of text that end a block early.
const BLOCK_BYTES: usize = 256 << 10;
/// Conversations by which is judged how many tokens there will be.
const SAMPLE_ROWS: usize = 128;

/// Drafts that have their tokens, and whose memory serves others.
type Spare = Mutex<Vec<Draft>>;

/// What all calls take besides conversations.
struct Settings<'py> {
    call: Call<'py>,
    wants_prompt: bool,
    train: Train,
    control: Control,
    continue_field: Option<String>,
    clock: Clock,
}

impl Settings<'_> {
    fn options(&self, limits: Limits) -> ChatOptions<'_> {
        let render = Options {
            limits,
            clock: self.clock,
            continue_field: self.continue_field.as_deref(),
            null_fields: self.call.null_fields,
        };
        ChatOptions { render, control: self.control, train: &self.train }
    }

    /// What the row reader and the checks need of the settings, without Python.
    fn reading(&self) -> Reading {
        Reading { both: self.wants_prompt && self.continue_field.is_some(), normalize: self.call.normalize }
    }
}

/// How a conversation is prepared once it is read.
#[derive(Clone, Copy)]
struct Reading {
    /// Whether a generation prompt is wanted for a message that is to be continued.
    both: bool,
    normalize: bool,
}

/// Headers that are known, for the template without and with tools.
type Known = [KnownHeaders; 2];

#[pymethods]
impl ChatEncoder {
    /// `declared` names the arguments that hold tokens of the format itself. `literals` is what the method of that name gave
    /// for the same template and vocabulary. `tool_template` is the one for conversations with tools.
    #[new]
    #[pyo3(signature = (template, tokenizer, stop_tokens, declared, literals=None, tool_template=None, tool_literals=None,
                        needs_tools=false))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        template: &Template,
        tokenizer: &Tokenizer,
        stop_tokens: Vec<u32>,
        declared: Vec<String>,
        literals: Option<&str>,
        tool_template: Option<&Template>,
        tool_literals: Option<&str>,
        needs_tools: bool,
    ) -> PyResult<Self> {
        let core = |template: &Template, literals: Option<&str>| {
            let program = Arc::clone(template.program());
            let core = Core::new(program, tokenizer.engine().clone(), stop_tokens.clone(), declared.clone());
            match literals {
                Some(literals) => core.with_literals(literals).map_err(|error| token_error(py, &error)),
                None => Ok(core),
            }
        };
        let with_tools = tool_template.map(|template| core(template, tool_literals)).transpose()?;
        let plain = core(template, literals)?;
        Ok(ChatEncoder { plain, with_tools, limits: template.limits(), needs_tools, spare: Mutex::default() })
    }

    /// The tokens of the template's literals, as far as they are sure whatever stands beside them, as JSON text.
    fn literals(&self) -> String {
        self.plain.literals()
    }

    /// Encodes one conversation, a list of messages or a row; also gives its text.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        conversation: &Bound<'py, PyAny>,
        options: &EncodeOptions,
    ) -> PyResult<EncodedRows> {
        let settings = self.settings(py, options)?;
        let (mut known, mut room) = (Known::default(), DraftRoom::default());
        let mut notes = Notes::default();
        let drafted = self.draft(py, conversation, &settings, (&mut known, &mut room), (&mut notes, 0, &[]))?;
        let chat = settings.options(self.limits);
        let core = self.core(drafted.has_tools);
        let (batch, done) = py.detach(|| {
            let mut batch = Batch::new();
            let done = self.with_scratch(|scratch| core.finish(scratch, &drafted.draft, &chat, &mut batch));
            (batch, done)
        });
        done.map_err(|error| token_error(py, &error))?;
        note_tokens(&mut notes, 0, &batch, &settings.train);
        let segments = &drafted.draft.segments;
        let (unprinted, lost) = (crate::rendered::unprinted(py, segments)?, crate::rendered::lost(py, segments)?);
        let finished = Finished { batch, rows: vec![1], lines: None, kept: Vec::new(), left_out: Vec::new(), notes };
        let mut encoded = finished.into_python(py, &[], |_| None)?;
        encoded.text = Some(drafted.draft.text);
        encoded.unprinted = Some(unprinted.unbind());
        encoded.lost = lost.map(Bound::unbind);
        Ok(encoded)
    }

    /// Encodes the rows of a source: a list of Python values, Arrow data (`__arrow_c_stream__`, `__arrow_c_array__`), or
    /// bytes with a JSON value for each row.
    ///
    /// Of bytes, rows are lines that are not blank, or the parts that `spans` names: three int64 for each row, its start, its
    /// end and its line. `call` and `tokens` are the JSON texts of the arguments of the call, tools and documents among them,
    /// and of the format's own. `first_row` and `first_line` count what came before, `name` is what the source is called.
    #[pyo3(signature = (source, options, *, call="null", tokens="null", threads=None, quarantine=false, spans=None,
                        first_row=0, first_line=0, name=None, keep=Vec::new()))]
    #[allow(clippy::too_many_arguments)]
    fn encode_rows<'py>(
        &self,
        py: Python<'py>,
        source: &Bound<'py, PyAny>,
        options: &EncodeOptions,
        call: &str,
        tokens: &str,
        threads: Option<usize>,
        quarantine: bool,
        spans: Option<&Bound<'py, PyAny>>,
        first_row: usize,
        first_line: usize,
        name: Option<&str>,
        keep: Vec<String>,
    ) -> PyResult<EncodedRows> {
        let settings = self.settings(py, options)?;
        let run = Run { threads, quarantine, first_row, name, keep: &keep, call, tokens };
        if let Ok(rows) = source.cast::<PyList>() {
            return self.encode_list(py, rows, &settings, &run);
        }
        let chat = settings.options(self.limits);
        if source.hasattr("__arrow_c_stream__")? || source.hasattr("__arrow_c_array__")? {
            let handed = Handed::by(source)?;
            let reading = settings.reading();
            let shares = py.detach(|| {
                let rows = Rows::new(&handed.arrays().map_err(|error| unreadable(&error))?)?;
                let rows: Vec<ArrowRow<'_>> = rows.iter().collect();
                Ok((self.encode_all(&rows, &run, reading, &chat), rows.len()))
            });
            let (shares, count) = shares.map_err(|error: RenderError| crate::errors::input_error(py, &error))?;
            return self.gather(py, (shares, count, None), &run, Vec::new(), |_| None);
        }
        let held = ReadOnly::of(source)?;
        let spans = spans.map(ReadOnly::of).transpose()?;
        let bytes = held.as_slice();
        let reading = settings.reading();
        let rows: Vec<JsonRow<'_>> = match &spans {
            Some(spans) => spans_of(bytes, spans.as_slice()),
            None => lines_of(bytes, first_line).collect(),
        };
        let shares = py.detach(|| self.encode_all(&rows, &run, reading, &chat));
        let lines = rows.iter().map(|row| row.line as i64).collect();
        let text = |row: usize| std::str::from_utf8(rows[row].bytes).ok();
        self.gather(py, (shares, rows.len(), Some(lines)), &run, Vec::new(), text)
    }
}

/// How a source is worked on.
struct Run<'a> {
    threads: Option<usize>,
    quarantine: bool,
    /// How many rows came before.
    first_row: usize,
    name: Option<&'a str>,
    keep: &'a [String],
    /// JSON text of the arguments of the call, and of the format's own tokens.
    call: &'a str,
    tokens: &'a str,
}

fn unreadable(error: &arrow_schema::ArrowError) -> RenderError {
    let hint = "give a table of `pyarrow`, `polars` or `datasets`";
    RenderError::own(chattpl_render::error::code::SHAPE, format!("the Arrow data cannot be read: {error}"), hint)
}

/// A row that is read without Python.
trait ReadRow: Sync {
    /// Reads the row into an input that has the arguments of the call.
    fn read_row<'r>(&'r self, input: &mut Input<'r>) -> Result<RowReport<'r>, RenderError>;
}

/// The JSON text of a row.
struct JsonRow<'a> {
    bytes: &'a [u8],
    /// Its line, from 1.
    line: usize,
}

impl ReadRow for JsonRow<'_> {
    fn read_row<'r>(&'r self, input: &mut Input<'r>) -> Result<RowReport<'r>, RenderError> {
        read_row_text(input, self.bytes)
    }
}

impl ReadRow for ArrowRow<'_> {
    fn read_row<'r>(&'r self, input: &mut Input<'r>) -> Result<RowReport<'r>, RenderError> {
        self.read(input)
    }
}

/// The lines of a text that hold more than white space.
fn lines_of(bytes: &[u8], first_line: usize) -> impl Iterator<Item = JsonRow<'_>> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]);
    let lines = ends.map(move |end| &bytes[std::mem::replace(&mut start, end + 1)..end]).enumerate();
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(move |(at, line)| JsonRow { bytes: line, line: first_line + at + 1 })
}

/// The parts of a text that three numbers each name: start, end and line.
fn spans_of<'a>(bytes: &'a [u8], spans: &[u8]) -> Vec<JsonRow<'a>> {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_ne_bytes) as usize;
    let spans = spans.chunks_exact(24).map(|span| {
        let (start, end, line) = (number(&span[..8]), number(&span[8..16]), number(&span[16..]));
        JsonRow { bytes: bytes.get(start..end).unwrap_or_default(), line }
    });
    spans.collect()
}

/// Counts the row that was last added to a batch.
fn note_tokens(notes: &mut Notes, row: usize, batch: &Batch, train: &Train) {
    if let [.., start, end] = batch.offsets[..] {
        let mask = &batch.loss_mask[start as usize..end as usize];
        let is_trained = train.roles.is_empty() || memchr::memchr(1, mask).is_some();
        notes.add_tokens(row, mask.len(), is_trained);
    }
}

/// Arrays of rows, and what is said of them.
struct Finished {
    batch: Batch,
    rows: Vec<i64>,
    lines: Option<Vec<i64>>,
    /// For each row, the fields that it travels with.
    kept: Vec<Option<String>>,
    left_out: Vec<LeftOut>,
    notes: Notes,
}

impl Finished {
    /// `text` gives the text of a row that was left out.
    fn into_python<'t>(
        self,
        py: Python<'_>,
        keep: &[String],
        text: impl Fn(usize) -> Option<&'t str>,
    ) -> PyResult<EncodedRows> {
        let Batch { input_ids, loss_mask, message_index, origin, loss_weight, offsets } = self.batch;
        let buffer = |buffer: Buffer| Py::new(py, buffer);
        let kept = PyDict::new(py);
        for (at, name) in keep.iter().enumerate() {
            let values: Vec<Option<&str>> =
                self.kept.iter().skip(at).step_by(keep.len()).map(|value| value.as_deref()).collect();
            kept.set_item(name, values)?;
        }
        let left_out = self.left_out.into_iter().map(|row| {
            let LeftOut { row, line, code, message, path } = row;
            (row, line, code, message, path, text(row))
        });
        Ok(EncodedRows {
            input_ids: buffer(input_ids.into())?,
            loss_mask: buffer(loss_mask.into())?,
            message_index: buffer(message_index.into())?,
            origin: buffer(origin.into())?,
            loss_weight: (!loss_weight.is_empty()).then(|| buffer(loss_weight.into())).transpose()?,
            offsets: buffer(offsets.into())?,
            rows: buffer(self.rows.into())?,
            lines: self.lines.map(|lines| buffer(lines.into())).transpose()?,
            kept: kept.unbind(),
            left_out: PyList::new(py, left_out.collect::<Vec<_>>())?.unbind(),
            notes: self.notes.to_dict(py)?.unbind(),
            text: None,
            unprinted: None,
            lost: None,
        })
    }
}

impl ChatEncoder {
    /// The core for conversations with or without tools.
    fn core(&self, has_tools: bool) -> &Core {
        self.with_tools.as_ref().filter(|_| has_tools).unwrap_or(&self.plain)
    }

    fn settings<'py>(&self, py: Python<'py>, options: &EncodeOptions) -> PyResult<Settings<'py>> {
        let call = Call::of_options(py, options.render.get())?;
        let uses_clock = [Some(&self.plain), self.with_tools.as_ref()];
        let uses_clock = uses_clock.into_iter().flatten().any(|core| core.program().uses_clock());
        let programs =
            [Some(&self.plain), self.with_tools.as_ref()].into_iter().flatten().map(|core| &**core.program());
        call.check_arguments(py, &programs.collect::<Vec<_>>())?;
        Ok(Settings {
            train: read_train(options.train.bind(py))?,
            control: read_control(&options.special_tokens)?,
            continue_field: call.continue_field()?,
            wants_prompt: call.wants_prompt()?,
            clock: clock(py, uses_clock, call.now.as_ref())?,
            call,
        })
    }

    /// Checks a conversation that was read, notes what is to be said of it, and renders it.
    fn render_row<'r>(
        &'r self,
        mut input: Input<'r>,
        report: &RowReport<'r>,
        reading: Reading,
        options: &'r ChatOptions<'_>,
        (known, room): (&mut Known, &mut DraftRoom),
        (notes, row, keep): (&mut Notes, usize, &[String]),
    ) -> Result<(Draft, bool), (RenderError, bool)> {
        let has_tools = self.with_tools.is_some() && input.has_tools();
        let core = self.core(has_tools);
        check(&input, reading.both).map_err(|error| (error, has_tools))?;
        if self.needs_tools && !input.has_tools() {
            let message = "the conversation has no tools, and the format has a template for tools alone";
            let hint = "give it tools, or choose a template with `template=` or `name@template`";
            return Err((RenderError::own(chattpl_render::error::code::SHAPE, message, hint), has_tools));
        }
        if reading.normalize {
            let changes = normalize(core.program(), &mut input, &options.render, room.buffers());
            notes.add_changes(row, &changes);
        }
        if let Some(weight) = report.weight {
            input.set_weight(weight as f32);
        }
        notes.add_report(row, report, keep);
        notes.add_roles(row, input.headings(false).map(|heading| heading.ok().and_then(|heading| heading.role)));
        let known = &mut known[usize::from(has_tools)];
        let draft = core.draft(input, options, known, room).map_err(|error| (error, has_tools))?;
        notes.add_unprinted(row, &draft.segments);
        if draft.lacks_stop_token() {
            notes.add_without_stop(row);
        }
        Ok((draft, has_tools))
    }

    /// Renders a conversation of Python objects.
    fn draft<'py>(
        &self,
        py: Python<'py>,
        conversation: &Bound<'py, PyAny>,
        settings: &Settings<'py>,
        rooms: (&mut Known, &mut DraftRoom),
        notes: (&mut Notes, usize, &[String]),
    ) -> PyResult<RowDraft> {
        with_arena(|arena, _| {
            let keeper = Keeper::default();
            let options = settings.options(self.limits);
            let mut large = Vec::new();
            let read = read_input(arena, &keeper, conversation, &settings.call, Taken::AsRow, &mut large);
            let (input, report) = read.map_err(|error| match error {
                ConvertError::Input(error) => crate::errors::input_error(py, &error),
                ConvertError::Python(error) => error,
            })?;
            let report = report.expect("rows are reported on");
            let row = notes.1;
            let drafted = self.render_row(input, &report, settings.reading(), &options, rooms, notes);
            let (draft, has_tools) =
                drafted.map_err(|(error, has_tools)| render_error(py, &error, self.core(has_tools).program()))?;
            Ok(RowDraft { row, has_tools, draft })
        })
    }

    /// Encodes Python values: they are rendered on this thread, and their tokens made on all.
    fn encode_list<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyList>,
        settings: &Settings<'py>,
        run: &Run<'_>,
    ) -> PyResult<EncodedRows> {
        let options = settings.options(self.limits);
        let (mut known, mut left_out, mut notes) = (Known::default(), Vec::new(), Notes::default());
        let (mut room, spare) = (DraftRoom::default(), Spare::default());
        // The error that ends the drafts. Rows before it still get their tokens, as an earlier fault is the one to raise.
        let mut last = None;
        let failed = AtomicBool::new(false);
        let mut rows_left = rows.iter().enumerate();
        let mut draft = |at: usize, row: &Bound<'py, PyAny>| {
            if let Some(served) = lock(&spare).pop() {
                room.reuse(served);
            }
            self.draft(py, row, settings, (&mut known, &mut room), (&mut notes, at, run.keep))
        };
        let make = || {
            let (mut drafts, mut bytes) = (Vec::with_capacity(BLOCK_ROWS), 0);
            while last.is_none() && !failed.load(Ordering::Relaxed) && drafts.len() < BLOCK_ROWS && bytes < BLOCK_BYTES
            {
                let Some((at, row)) = rows_left.next() else { break };
                match draft(at, &row) {
                    Ok(draft) => {
                        bytes += draft.draft.text.len();
                        drafts.push(draft);
                    }
                    Err(error) if run.quarantine && error.is_instance_of::<PyException>(py) => {
                        match LeftOut::of(py, at, &error) {
                            Ok(row) => left_out.push(row),
                            Err(error) => last = Some(error),
                        }
                    }
                    Err(error) => last = Some(crate::errors::in_row(py, error, &run.place(at, None))),
                }
            }
            (!drafts.is_empty()).then_some(drafts)
        };
        let threads = workers::count(run.threads, rows.len().div_ceil(BLOCK_ROWS));
        let on_fault = || failed.store(!run.quarantine, Ordering::Relaxed);
        let mut shares = self.finish_all(py, threads, (make, rows.len()), &options, &spare, on_fault);
        shares[0].made.notes.merge(notes);
        let done = self.gather(py, (shares, rows.len(), None), run, left_out, |_| None)?;
        last.map_or(Ok(done), Err)
    }

    /// Runs `work` with scratch that no other thread has.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut ChatScratch) -> T) -> T {
        let mut scratch = self.take_scratch();
        let done = work(&mut scratch);
        self.give_back(scratch);
        done
    }

    fn take_scratch(&self) -> ChatScratch {
        // A lock that a forked process inherited as taken is never given back, so nobody waits for it.
        let spare = self.spare.try_lock().ok().and_then(|mut spare| spare.pop());
        spare.unwrap_or_else(|| self.plain.scratch())
    }

    fn give_back(&self, scratch: ChatScratch) {
        if let Ok(mut spare) = self.spare.try_lock() {
            spare.push(scratch);
        }
    }

    /// Makes the tokens of the drafts that `make` gives of so many rows, block by block, without the interpreter lock.
    ///
    /// `on_fault` is called at every fault; drafts whose tokens are made go to `spare`.
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
            for RowDraft { row, has_tools, draft } in &drafts {
                match self.core(*has_tools).finish(&mut made.scratch, draft, options, &mut made.batch) {
                    Ok(()) => note_tokens(&mut made.notes, *row, &made.batch, options.train),
                    Err(error) => {
                        made.faults.push(Fault { row: *row, error: RowError::Token(error) });
                        on_fault();
                    }
                }
            }
            made.reserve();
            lock(spare).extend(drafts.into_iter().map(|drafted| drafted.draft));
            made.batch.len()
        };
        let work_here = |made: &mut Made, drafts: Drafts| py.detach(|| work(made, drafts));
        workers::piped(threads, &mut make, || Made::new(self.take_scratch(), rows, threads), work, work_here)
    }

    /// Makes the tokens of rows that are read without Python.
    fn encode_all(
        &self,
        rows: &[impl ReadRow],
        run: &Run<'_>,
        reading: Reading,
        options: &ChatOptions<'_>,
    ) -> Vec<Share<Made>> {
        let count = workers::count(run.threads, rows.len());
        let start = || Made::new(self.take_scratch(), rows.len(), count);
        in_chunks(rows, run.threads, start, |made, rows, first| {
            self.encode_chunk((rows, first), run, reading, options, made);
            made.batch.len()
        })
    }

    fn encode_chunk(
        &self,
        (rows, first): (&[impl ReadRow], usize),
        run: &Run<'_>,
        reading: Reading,
        options: &ChatOptions<'_>,
        made: &mut Made,
    ) {
        let (mut arena, mut room, mut known) = (Bump::new(), DraftRoom::default(), Known::default());
        for (at, row) in rows.iter().enumerate() {
            let number = first + at;
            arena.reset();
            made.reserve();
            let mut kept = Vec::new();
            let drafted = {
                let mut input = Input::new(&arena);
                input.keep_fields(run.keep);
                let read = read_arguments(&mut input, run.tokens.as_bytes())
                    .and_then(|()| chattpl_render::read_call(&mut input, run.call.as_bytes()))
                    .and_then(|()| row.read_row(&mut input));
                match read {
                    Ok(report) => {
                        kept.extend(input.kept_fields().map(|text| text.map(str::to_owned)));
                        let rooms = (&mut known, &mut room);
                        self.render_row(input, &report, reading, options, rooms, (&mut made.notes, number, run.keep))
                    }
                    Err(error) => Err((error, false)),
                }
            };
            let done = match drafted {
                Ok((draft, has_tools)) => {
                    let done = self.core(has_tools).finish(&mut made.scratch, &draft, options, &mut made.batch);
                    room.reuse(draft);
                    done.map_err(RowError::Token)
                }
                Err((error, has_tools)) => Err(RowError::Render(error, has_tools)),
            };
            match done {
                Ok(()) => {
                    made.kept.append(&mut kept);
                    note_tokens(&mut made.notes, number, &made.batch, options.train);
                }
                Err(error) => made.faults.push(Fault { row: number, error }),
            }
        }
    }

    /// Puts the rows together in order; the first fault is raised unless faults are to be left out, as `left_out` was.
    ///
    /// `shares` come with the number of rows, and their lines where they have some; `text` gives the text of a row.
    fn gather<'t>(
        &self,
        py: Python<'_>,
        (shares, count, lines): (Vec<Share<Made>>, usize, Option<Vec<i64>>),
        run: &Run<'_>,
        mut left_out: Vec<LeftOut>,
        text: impl Fn(usize) -> Option<&'t str>,
    ) -> PyResult<EncodedRows> {
        let parts = in_order(&shares);
        let threads = workers::count(run.threads, usize::MAX);
        let (mut batches, mut faults, mut notes) = (Vec::with_capacity(shares.len()), Vec::new(), Notes::default());
        let mut all_kept = Vec::with_capacity(shares.len());
        for Share { made, .. } in shares {
            self.give_back(made.scratch);
            batches.push(made.batch);
            faults.extend(made.faults);
            all_kept.push(made.kept);
            notes.merge(made.notes);
        }
        faults.sort_by_key(|fault| fault.row);
        for Fault { row, error } in faults {
            let error = match error {
                RowError::Render(error, has_tools) => render_error(py, &error, self.core(has_tools).program()),
                RowError::Token(error) => token_error(py, &error),
            };
            let line = lines.as_ref().and_then(|lines| lines.get(row)).map(|line| *line as usize);
            if !run.quarantine {
                return Err(crate::errors::in_row(py, error, &run.place(row, line)));
            }
            left_out.push(LeftOut { line, ..LeftOut::of(py, row, &error)? });
        }
        left_out.sort_by_key(|row| row.row);
        let width = run.keep.len();
        let kept = match all_kept.iter().all(Vec::is_empty) {
            true => Vec::new(),
            false => parts
                .iter()
                .flat_map(|(share, rows)| all_kept[*share][rows.start * width..rows.end * width].iter().cloned())
                .collect(),
        };
        let mut gone = left_out.iter().map(|row| row.row).peekable();
        let encoded = (0..count).filter(|row| gone.next_if_eq(row).is_none()).collect::<Vec<_>>();
        let lines = lines.map(|lines| encoded.iter().map(|row| lines[*row]).collect());
        let rows = encoded.iter().map(|row| (run.first_row + row + 1) as i64).collect();
        let batch = py.detach(|| Batch::join(batches, &parts, threads));
        let finished = Finished { batch, rows, lines, kept, left_out, notes };
        finished.into_python(py, if width > 0 { run.keep } else { &[] }, text)
    }
}

impl Run<'_> {
    fn place(&self, row: usize, line: Option<usize>) -> RowPlace<'_> {
        RowPlace { row: self.first_row + row + 1, line, source: self.name }
    }
}

impl LeftOut {
    fn of(py: Python<'_>, row: usize, error: &PyErr) -> PyResult<Self> {
        let (code, message, path) = crate::errors::described(py, error)?;
        Ok(LeftOut { row, line: None, code, message, path })
    }
}

fn lock(spare: &Spare) -> MutexGuard<'_, Vec<Draft>> {
    spare.lock().expect("nobody panics with the lock")
}
