//! Where printed text goes: the final text with its marks, or a capture.

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;

use crate::builtins::tojson::Sink;
use crate::error::{code, RenderError, Result};
use crate::meter;
use crate::origin::{Nodes, Tag, COMPUTED, GENERATION_END, GENERATION_START};
use crate::pytext::{self, JsonCharset};
use crate::value::{Run, Str};

/// Runs from this length on are not copied into the output: whoever asks for the text may have them already.
pub const LARGE_RUN: usize = 64 << 10;

/// Prints JSON text as it is written, for the expression at `place`.
pub(crate) struct JsonOutput<'a, 'r> {
    output: &'a mut Output<'r>,
    message: u32,
    place: u32,
    /// Bytes of punctuation at the end of the text that are not marked yet.
    unmarked: usize,
    /// The first error; nothing is written after it.
    failed: Option<RenderError>,
}

impl<'a, 'r> JsonOutput<'a, 'r> {
    pub fn new(output: &'a mut Output<'r>, message: u32, place: u32) -> Self {
        JsonOutput { output, message, place, unmarked: 0, failed: None }
    }

    /// Marks what is left, and says what went wrong while text was written.
    pub fn finish(mut self) -> Result<()> {
        self.mark_punctuation();
        self.failed.map_or(Ok(()), Err)
    }

    #[inline]
    fn mark_punctuation(&mut self) {
        let added = std::mem::take(&mut self.unmarked);
        if added == 0 {
            return;
        }
        let tag = self.output.tag_of_use(Tag::COMPUTED, self.message, self.place);
        if let Err(error) = self.output.mark(added, tag) {
            self.failed.get_or_insert(error);
        }
    }

    /// Marks what `write` appends to the text.
    fn append(&mut self, tag: Tag, write: impl FnOnce(&mut String)) {
        self.mark_punctuation();
        if self.failed.is_some() {
            return;
        }
        let start = self.output.text.len();
        write(&mut self.output.text);
        let added = self.output.text.len() - start;
        let tag = self.output.tag_of_use(tag, self.message, self.place);
        let done = self.output.mark(added, tag);
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }
}

impl<'r> Sink<'r> for JsonOutput<'_, 'r> {
    fn push(&mut self, text: &str, tag: Tag) {
        self.append(tag, |out| out.push_str(text));
    }

    fn push_punctuation(&mut self, text: &str) {
        if self.failed.is_none() {
            self.output.text.push_str(text);
            self.unmarked += text.len();
        }
    }

    fn push_run(&mut self, run: Run<'r>) {
        self.mark_punctuation();
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = self.output.push_run(run, self.message, self.place) {
            self.failed.get_or_insert(error);
        }
    }

    fn push_escaped(&mut self, run: Run<'r>, clean: usize, charset: JsonCharset) {
        meter::read(run.text.len());
        // An escape takes up to six times the room of its character.
        let max_bytes = self.output.max_bytes;
        self.append(run.tag, |out| {
            pytext::json_escape_into(run.text, clean, charset, |piece| {
                if out.len() > max_bytes {
                    meter::fail(too_long(max_bytes));
                }
                out.push_str(piece);
            });
        });
    }

    fn push_newline(&mut self, indent: &str, depth: u32) {
        let bytes = indent.len().saturating_mul(depth as usize);
        meter::held(self.output.text.len().saturating_add(bytes));
        self.append(Tag::COMPUTED, |out| {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        });
    }
}

/// The end of a stretch of output (in bytes) and its tag; it begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub end: u32,
    pub tag: Tag,
}

/// Output of one render.
#[derive(Debug)]
pub(crate) struct Output<'r> {
    /// The text without the stretches in `large`.
    pub text: String,
    /// Long stretches that are left where they are: offset in `text`, and what belongs there.
    pub large: Vec<(usize, &'r str)>,
    /// Bytes of the whole text.
    len: usize,
    pub marks: Vec<Mark>,
    /// Byte ranges of generation blocks, in the order they were opened.
    pub generation: Vec<(u32, u32)>,
    open_generation: Vec<usize>,
    captured: Vec<Run<'r>>,
    /// Where each open capture begins in `captured`.
    bases: Vec<usize>,
    max_bytes: usize,
    nodes: &'r Nodes<'r>,
}

impl<'r> Output<'r> {
    pub fn new(buffers: (String, Vec<Mark>), max_bytes: usize, nodes: &'r Nodes<'r>) -> Self {
        Output {
            text: buffers.0,
            large: Vec::new(),
            len: 0,
            marks: buffers.1,
            generation: Vec::new(),
            open_generation: Vec::new(),
            captured: Vec::new(),
            bases: Vec::new(),
            max_bytes,
            nodes,
        }
    }

    /// Prints a string; runs without a message get `message`, computed runs the source `place`.
    pub fn push(&mut self, str: Str<'r>, message: u32, place: u32) -> Result<()> {
        match str {
            Str::Run(run) => self.push_run(run, message, place),
            Str::Rope(_) => {
                if self.bases.is_empty() && str.len() < LARGE_RUN {
                    self.text.reserve(str.len());
                }
                let mut done = Ok(());
                str.for_each_run(|run| {
                    if done.is_ok() {
                        done = self.push_run(run, message, place);
                    }
                });
                done
            }
        }
    }

    pub fn push_run(&mut self, mut run: Run<'r>, message: u32, place: u32) -> Result<()> {
        run.tag = self.tag_of_use(run.tag, message, place);
        if !self.bases.is_empty() {
            if !run.text.is_empty() || run.is_marker() {
                self.capture(run);
            }
            return Ok(());
        }
        if run.text.is_empty() {
            self.mark_generation(run.tag.source);
            return Ok(());
        }
        if run.text.len() < LARGE_RUN {
            self.text.push_str(run.text);
        } else {
            self.large.push((self.text.len(), run.text));
        }
        self.mark(run.text.len(), run.tag)
    }

    /// The tag of text once it is printed: computed text stands for `place`, unused text belongs to `message`.
    fn tag_of_use(&self, tag: Tag, message: u32, place: u32) -> Tag {
        let source = if tag.source == COMPUTED { place } else { tag.source };
        Tag { source, message: self.nodes.message_of_use(Tag { source, ..tag }, message) }
    }

    /// Marks the last `added` bytes of the output.
    fn mark(&mut self, added: usize, tag: Tag) -> Result<()> {
        self.len += added;
        if self.len > self.max_bytes {
            return Err(too_long(self.max_bytes));
        }
        let end = self.len as u32;
        match self.marks.last_mut() {
            Some(mark) if mark.tag == tag => mark.end = end,
            _ if added == 0 => {}
            _ => {
                if self.marks.len() == self.marks.capacity() {
                    meter::held(self.held_bytes() * 2);
                }
                self.marks.push(Mark { end, tag });
            }
        }
        Ok(())
    }

    /// Whether what is printed goes to a capture.
    pub fn is_capturing(&self) -> bool {
        !self.bases.is_empty()
    }

    fn mark_generation(&mut self, source: u32) {
        let at = self.len as u32;
        if source == GENERATION_START {
            self.open_generation.push(self.generation.len());
            self.generation.push((at, at));
        } else if source == GENERATION_END {
            if let Some(open) = self.open_generation.pop() {
                self.generation[open].1 = at;
            }
        }
    }

    /// Prints a marker around a generation block.
    pub fn push_marker(&mut self, source: u32) {
        let run = Run { text: "", tag: Tag { source, message: 0 } };
        if self.bases.is_empty() {
            self.mark_generation(source);
        } else {
            self.capture(run);
        }
    }

    /// Keeps a run; each time the list of them would grow, memory is looked at.
    fn capture(&mut self, run: Run<'r>) {
        if self.captured.len() == self.captured.capacity() {
            meter::held(self.held_bytes() * 2);
        }
        self.captured.push(run);
    }

    pub fn start_capture(&mut self) {
        self.bases.push(self.captured.len());
    }

    pub fn end_capture(&mut self, arena: &'r Bump) -> Str<'r> {
        let base = self.bases.pop().expect("captures are balanced");
        let runs = BumpVec::from_iter_in(self.captured.drain(base..), arena);
        Str::from_runs(arena, runs)
    }

    pub fn drop_capture(&mut self) {
        let base = self.bases.pop().expect("captures are balanced");
        self.captured.truncate(base);
    }

    /// Bytes held by open captures and by what is known about the text, the segments to be made of it included.
    pub fn held_bytes(&self) -> usize {
        self.captured.len() * std::mem::size_of::<Run<'_>>()
            + self.marks.len() * 2 * std::mem::size_of::<Mark>()
            + self.generation.len() * 16
    }
}

pub(crate) fn too_long(max_bytes: usize) -> RenderError {
    RenderError::own(
        code::OUTPUT,
        format!("the template prints more than {max_bytes} bytes"),
        "raise `max_output_bytes` if the conversation really is that long",
    )
}
