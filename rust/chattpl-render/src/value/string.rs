//! Strings as ropes of runs, each run with its tag.
//!
//! Concatenation builds a node and copies nothing. Operations that must see flat text flatten once and remember it.

use std::cell::Cell;
use std::ops::Range;

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;

use crate::meter;
use crate::origin::{Nodes, Tag, COMPUTED, GENERATION_END, GENERATION_START, UNUSED};

/// Runs that are looked at in one step of work.
const RUNS_PER_STEP: usize = 8;

/// A stretch of text with one tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'r> {
    pub text: &'r str,
    pub tag: Tag,
}

impl Run<'_> {
    /// Whether the run marks the start or end of a generation block, and holds no text.
    pub fn is_marker(&self) -> bool {
        matches!(self.tag.source, GENERATION_START | GENERATION_END)
    }
}

/// A string of the template language.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Str<'r> {
    Run(Run<'r>),
    Rope(&'r Rope<'r>),
}

/// A string made of more than one run.
#[derive(Debug)]
pub(crate) struct Rope<'r> {
    len: usize,
    /// Levels of recursion that a walk takes: one for each left part inside another.
    depth: u32,
    /// Every run has its message.
    used: bool,
    shape: Shape<'r>,
    runs: Cell<Option<&'r [Run<'r>]>>,
    flat: Cell<Option<&'r str>>,
    /// Where each run starts, once that was asked for.
    starts: Cell<Option<&'r [usize]>>,
}

/// Levels up to which a rope is walked by recursion.
const MAX_RECURSION: u32 = 64;

/// Walks a rope of any depth.
fn visit_deep<'r>(rope: Str<'r>, visit: &mut dyn FnMut(Run<'r>)) {
    let mut pending = vec![rope];
    while let Some(next) = pending.pop() {
        match next {
            Str::Rope(Rope { shape: Shape::Pair(left, right), runs, .. }) if runs.get().is_none() => {
                meter::steps(1);
                pending.extend([*right, *left]);
            }
            other => other.visit_runs(visit),
        }
    }
}

#[derive(Debug)]
enum Shape<'r> {
    Pair(Str<'r>, Str<'r>),
    Runs,
}

impl<'r> Rope<'r> {
    fn starts(&self, runs: &[Run<'r>], arena: &'r Bump) -> &'r [usize] {
        if let Some(starts) = self.starts.get() {
            return starts;
        }
        meter::write(arena, runs.len() * std::mem::size_of::<usize>());
        let mut next = 0;
        let starts: &'r [usize] = arena.alloc_slice_fill_iter(runs.iter().map(|run| {
            let start = next;
            next += run.text.len();
            start
        }));
        self.starts.set(Some(starts));
        starts
    }
}

impl<'r> Str<'r> {
    /// Text computed from the template alone.
    pub fn computed(text: &'r str) -> Self {
        Str::Run(Run { text, tag: Tag::COMPUTED })
    }

    /// Text with a source and no message yet.
    pub fn from_source(text: &'r str, source: u32) -> Self {
        Str::Run(Run { text, tag: Tag { source, message: UNUSED } })
    }

    /// Text with a tag.
    pub fn tagged(text: &'r str, tag: Tag) -> Self {
        Str::Run(Run { text, tag })
    }

    /// A string of the given runs; empty runs that mark nothing are expected to be left out by the caller.
    pub fn from_runs(arena: &'r Bump, runs: BumpVec<'r, Run<'r>>) -> Self {
        match runs.len() {
            0 => Str::computed(""),
            1 => Str::Run(runs[0]),
            _ => {
                let len = runs.iter().fold(0, |len, run| meter::joined_len(len, run.text.len()));
                let used = runs.iter().all(|run| run.tag.message != UNUSED);
                let runs: &'r [Run<'r>] = runs.into_bump_slice();
                Str::Rope(arena.alloc(Rope {
                    len,
                    depth: 0,
                    used,
                    shape: Shape::Runs,
                    runs: Cell::new(Some(runs)),
                    flat: Cell::new(None),
                    starts: Cell::new(None),
                }))
            }
        }
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        match self {
            Str::Run(run) => run.text.len(),
            Str::Rope(rope) => rope.len,
        }
    }

    /// Whether there is no text.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Joins two strings whose runs have their messages.
    pub fn concat(self, arena: &'r Bump, other: Str<'r>) -> Self {
        if other.is_empty() && !other.is_marker() {
            return self;
        }
        if self.is_empty() && !self.is_marker() {
            return other;
        }
        Str::Rope(arena.alloc(Rope {
            len: meter::joined_len(self.len(), other.len()),
            // The right part is walked without going deeper, but has left parts of its own.
            depth: self.depth().saturating_add(1).max(other.depth()),
            used: self.is_used() && other.is_used(),
            shape: Shape::Pair(self, other),
            runs: Cell::new(None),
            flat: Cell::new(None),
            starts: Cell::new(None),
        }))
    }

    fn is_marker(self) -> bool {
        match self {
            Str::Run(run) => run.is_marker(),
            Str::Rope(_) => true,
        }
    }

    fn is_used(self) -> bool {
        match self {
            Str::Run(run) => run.tag.message != UNUSED,
            Str::Rope(rope) => rope.used,
        }
    }

    /// The same string where every run without a message belongs to its own value's, else to `message`.
    pub fn used_by(self, arena: &'r Bump, nodes: &Nodes<'r>, message: u32) -> Self {
        match self {
            Str::Run(mut run) => {
                run.tag.message = nodes.message_of_use(run.tag, message);
                Str::Run(run)
            }
            Str::Rope(rope) if rope.used => self,
            Str::Rope(_) => {
                let runs = self.runs(arena);
                meter::write(arena, std::mem::size_of_val(runs));
                let mut runs = BumpVec::from_iter_in(runs.iter().copied(), arena);
                for run in &mut runs {
                    run.tag.message = nodes.message_of_use(run.tag, message);
                }
                Str::from_runs(arena, runs)
            }
        }
    }

    /// The whole text in one piece.
    pub fn flat(self, arena: &'r Bump) -> &'r str {
        match self {
            Str::Run(run) => run.text,
            Str::Rope(rope) => {
                if let Some(flat) = rope.flat.get() {
                    return flat;
                }
                meter::write(arena, rope.len);
                let mut text = bumpalo::collections::String::with_capacity_in(rope.len, arena);
                for run in self.runs(arena) {
                    text.push_str(run.text);
                }
                let flat = text.into_bump_str();
                rope.flat.set(Some(flat));
                flat
            }
        }
    }

    /// The runs in order.
    pub fn runs(&self, arena: &'r Bump) -> &[Run<'r>] {
        match self {
            Str::Run(run) => std::slice::from_ref(run),
            Str::Rope(rope) => {
                if let Some(runs) = rope.runs.get() {
                    return runs;
                }
                let mut runs = BumpVec::new_in(arena);
                self.for_each_run(|run| {
                    if runs.len() == runs.capacity() {
                        meter::write(arena, runs.len() * 2 * std::mem::size_of::<Run<'_>>());
                    }
                    runs.push(run);
                });
                let runs: &'r [Run<'r>] = runs.into_bump_slice();
                rope.runs.set(Some(runs));
                runs
            }
        }
    }

    /// Calls `visit` with each run in order, without building a list of them.
    pub fn for_each_run(self, mut visit: impl FnMut(Run<'r>)) {
        self.visit_runs(&mut visit);
    }

    fn visit_runs(self, visit: &mut dyn FnMut(Run<'r>)) {
        let mut next = self;
        loop {
            let rope = match next {
                Str::Run(run) => return visit(run),
                Str::Rope(rope) => rope,
            };
            match (&rope.shape, rope.runs.get()) {
                (_, Some(runs)) => {
                    meter::steps(runs.len() / RUNS_PER_STEP);
                    return runs.iter().for_each(|run| visit(*run));
                }
                (Shape::Pair(left, right), None) if left.depth() < MAX_RECURSION => {
                    meter::steps(1);
                    left.visit_runs(visit);
                    next = *right;
                }
                (Shape::Pair(..), None) => return visit_deep(next, visit),
                (Shape::Runs, None) => unreachable!("a rope of runs holds its runs"),
            }
        }
    }

    /// Levels of recursion that a walk takes.
    fn depth(self) -> u32 {
        match self {
            Str::Run(_) => 0,
            Str::Rope(rope) => rope.depth,
        }
    }

    /// The bytes `range` of the string, which must lie on character boundaries.
    pub fn slice(self, arena: &'r Bump, range: Range<usize>) -> Self {
        if range.start == 0 && range.end == self.len() {
            return self;
        }
        match self {
            Str::Run(run) => Str::Run(Run { text: &run.text[range], tag: run.tag }),
            Str::Rope(_) => {
                let mut out = BumpVec::new_in(arena);
                self.push_slice(arena, range, &mut out);
                Str::from_runs(arena, out)
            }
        }
    }

    /// Appends the runs of the bytes `range` to `out`.
    pub fn push_slice(self, arena: &'r Bump, range: Range<usize>, out: &mut BumpVec<'r, Run<'r>>) {
        let (first, mut offset) = self.run_at(arena, range.start);
        for run in &self.runs(arena)[first..] {
            let end = offset + run.text.len();
            let from = range.start.max(offset);
            let to = range.end.min(end);
            let marker_inside = run.text.is_empty() && range.start < offset && offset <= range.end;
            if from < to || marker_inside {
                out.push(Run { text: &run.text[from.min(end) - offset..to.max(from) - offset], tag: run.tag });
            }
            offset = end;
            if offset > range.end {
                break;
            }
        }
        meter::steps(out.len() / RUNS_PER_STEP);
    }

    /// The tag of the byte at `offset`; the last tag from the end on, the first when the string is empty.
    pub fn tag_at(self, arena: &'r Bump, offset: usize) -> Tag {
        let (first, _) = self.run_at(arena, offset);
        let runs = self.runs(arena).get(..=first).unwrap_or_default();
        // A marker at the end is no text that another could stem from.
        let text = runs.iter().rev().find(|run| !run.is_marker());
        text.map_or(Tag::COMPUTED, |run| run.tag)
    }

    /// The last run that starts at `offset` or before, and where it starts.
    fn run_at(self, arena: &'r Bump, offset: usize) -> (usize, usize) {
        let Str::Rope(rope) = self else {
            return (0, 0);
        };
        let starts = rope.starts(self.runs(arena), arena);
        let at = starts.partition_point(|start| *start <= offset);
        let at = at.saturating_sub(1);
        (at, starts.get(at).copied().unwrap_or(0))
    }

    /// The first source that is data, else [`COMPUTED`].
    pub fn data_source(self, arena: &'r Bump) -> u32 {
        match self {
            Str::Run(run) if run.tag.is_data() => run.tag.source,
            Str::Run(_) => COMPUTED,
            Str::Rope(_) => {
                let runs = self.runs(arena);
                let data = runs.iter().position(|run| run.tag.is_data() && !run.text.is_empty());
                meter::steps(data.unwrap_or(runs.len()) / RUNS_PER_STEP);
                data.map_or(COMPUTED, |at| runs[at].tag.source)
            }
        }
    }
}
