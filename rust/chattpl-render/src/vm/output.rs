//! Where printed text goes: the final text with its marks, or a capture.

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;

use crate::error::{code, RenderError, Result};
use crate::meter;
use crate::origin::{Nodes, Tag, COMPUTED, GENERATION_END, GENERATION_START};
use crate::value::{Run, Str};

/// The end of a stretch of output (in bytes) and its tag; it begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub end: u32,
    pub tag: Tag,
}

/// Output of one render.
#[derive(Debug)]
pub(crate) struct Output<'r> {
    pub text: String,
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
                let mut done = Ok(());
                let mut seen = 0;
                str.for_each_run(|run| {
                    meter::visit(&mut seen);
                    if done.is_ok() {
                        done = self.push_run(run, message, place);
                    }
                });
                done
            }
        }
    }

    pub fn push_run(&mut self, mut run: Run<'r>, message: u32, place: u32) -> Result<()> {
        if run.tag.source == COMPUTED {
            run.tag.source = place;
        }
        run.tag.message = self.nodes.message_of_use(run.tag, message);
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
        if self.text.len() + run.text.len() > self.max_bytes {
            return Err(too_long(self.max_bytes));
        }
        self.text.push_str(run.text);
        let end = self.text.len() as u32;
        match self.marks.last_mut() {
            Some(mark) if mark.tag == run.tag => mark.end = end,
            _ => {
                if self.marks.len() == self.marks.capacity() {
                    meter::held(self.held_bytes() * 2);
                }
                self.marks.push(Mark { end, tag: run.tag });
            }
        }
        Ok(())
    }

    fn mark_generation(&mut self, source: u32) {
        let at = self.text.len() as u32;
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
        let run = Run {
            text: "",
            tag: Tag { source, message: 0 },
        };
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
