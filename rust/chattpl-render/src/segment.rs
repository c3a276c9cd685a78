//! What a render gives back: text, and where each stretch of it came from.

use std::sync::Arc;

use chattpl_syntax::Span;

use crate::compile::program::Program;
use crate::origin::{
    is_data, Key, Nodes, Origin, ARGUMENTS_ROOT, CLOCK_ROOT, COMPUTED, DOCUMENTS_ROOT, MESSAGES_ROOT, ROW_ROOT,
    TEMPLATE_BIT, TOOLS_ROOT, UNUSED,
};
use crate::vm::output::Mark;

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// A name: of a root, or of a value of a mapping.
    Name(&'a str),
    /// An index.
    Index(u32),
}

/// A value of the input that was printed, or one around it.
#[derive(Debug, Clone, Copy)]
struct PathNode {
    /// Index of the path it continues; `u32::MAX` for a root.
    parent: u32,
    /// An index, or where the name begins in `names`.
    start: u32,
    /// Bytes of the name; `u32::MAX` for an index.
    len: u32,
    /// What the root of the path is.
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    end: u32,
    /// A place of the template (with [`TEMPLATE_BIT`]) or an index into the paths.
    source: u32,
    message: u32,
}

/// Stretches of rendered text in order; each begins where the one before ends.
#[derive(Debug, Clone)]
pub struct Segments {
    records: Vec<Record>,
    paths: Vec<PathNode>,
    /// The names of the paths, one after the other.
    names: String,
    /// Paths of the strings of the input of which nothing was printed.
    unprinted: Vec<u32>,
    program: Arc<Program>,
}

/// A stretch of rendered text with one origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What kind of source it has.
    pub origin: Origin,
    /// The message it belongs to.
    pub message: Option<u32>,
    /// Where in the template's source it stands; only for [`Origin::Template`].
    pub template_span: Option<Span>,
    /// Index for [`Segments::path`]; only for data.
    path: Option<u32>,
}

impl Segments {
    /// No segments.
    pub(crate) fn empty(program: &Arc<Program>) -> Self {
        let program = Arc::clone(program);
        Segments { records: Vec::new(), paths: Vec::new(), names: String::new(), unprinted: Vec::new(), program }
    }

    /// The segments of a text, in the memory of others; `known` is scratch for the paths of the input's values, `printed`
    /// for which of them were printed.
    pub(crate) fn filled(
        mut self,
        program: &Arc<Program>,
        nodes: &Nodes<'_>,
        marks: &[Mark],
        known: &mut Vec<u32>,
        printed: &mut Vec<u64>,
    ) -> Self {
        self.records.clear();
        self.paths.clear();
        self.names.clear();
        self.unprinted.clear();
        known.clear();
        known.resize(nodes.len(), u32::MAX);
        printed.clear();
        printed.resize(nodes.len().div_ceil(64), 0);
        let mut paths = PathTable { items: self.paths, names: self.names, known };
        self.records.extend(marks.iter().map(|mark| {
            let source = match mark.tag.source {
                source if is_data(source) => {
                    printed[source as usize / 64] |= 1 << (source % 64);
                    paths.of(nodes, source)
                }
                source => source,
            };
            Record { end: mark.end, source, message: mark.tag.message }
        }));
        nodes.unprinted(printed, |source| self.unprinted.push(paths.of(nodes, source)));
        (self.paths, self.names) = (paths.items, paths.names);
        if !Arc::ptr_eq(&self.program, program) {
            self.program = Arc::clone(program);
        }
        self
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The segment at `index`.
    ///
    /// # Panics
    /// Panics if there is none.
    pub fn get(&self, index: usize) -> Segment {
        let record = self.records[index];
        let start = if index == 0 { 0 } else { self.records[index - 1].end };
        let in_template = record.source & TEMPLATE_BIT != 0;
        let template_span = (in_template && record.source != COMPUTED).then(|| {
            let span = self.program.places[(record.source & !TEMPLATE_BIT) as usize];
            self.program.source.original_span(span)
        });
        Segment {
            start: start as usize,
            end: record.end as usize,
            origin: if in_template { Origin::Template } else { self.origin(record.source) },
            message: (record.message != UNUSED).then_some(record.message),
            template_span,
            path: (!in_template).then_some(record.source),
        }
    }

    /// A number that segments with the same path share, and no others; `None` for the template's own text.
    ///
    /// # Panics
    /// Panics if there is no segment at `index`.
    #[inline]
    pub fn path_number(&self, index: usize) -> Option<u32> {
        let source = self.records[index].source;
        (source & TEMPLATE_BIT == 0).then_some(source)
    }

    /// The number of the literal that the segment at `index` is, or was made of; `None` for data and what was computed.
    ///
    /// # Panics
    /// Panics if there is no such segment.
    #[inline]
    pub fn literal(&self, index: usize) -> Option<u32> {
        let source = self.records[index].source;
        (source & TEMPLATE_BIT != 0 && source != COMPUTED).then_some(source & !TEMPLATE_BIT)
    }

    /// One past the last byte of the segment at `index`.
    ///
    /// # Panics
    /// Panics if there is none.
    #[inline]
    pub fn end(&self, index: usize) -> usize {
        self.records[index].end as usize
    }

    /// The message that the segment at `index` belongs to.
    ///
    /// # Panics
    /// Panics if there is none.
    #[inline]
    pub fn message(&self, index: usize) -> Option<u32> {
        let message = self.records[index].message;
        (message != UNUSED).then_some(message)
    }

    /// What kind of source the segment at `index` has.
    ///
    /// # Panics
    /// Panics if there is none.
    #[inline]
    pub fn origin_at(&self, index: usize) -> Origin {
        match self.records[index].source {
            source if source & TEMPLATE_BIT != 0 => Origin::Template,
            source => self.origin(source),
        }
    }

    /// Index of the segment that the byte at `offset` lies in; [`Segments::len`] past the end.
    pub fn index_at(&self, offset: usize) -> usize {
        self.records.partition_point(|record| record.end as usize <= offset)
    }

    /// The name at `depth` steps below the root of a segment's path: 0 for an argument's name, 1 for the key of a message.
    pub fn name_at(&self, index: usize, depth: usize) -> Option<&str> {
        let source = self.records[index].source;
        if source & TEMPLATE_BIT != 0 {
            return None;
        }
        // The steps from the root on are the last that the walk meets.
        let mut steps = [u32::MAX; 3];
        let mut next = source;
        while next != u32::MAX {
            steps.rotate_right(1);
            steps[0] = next;
            next = self.paths[next as usize].parent;
        }
        match steps.get(depth + 1).map(|&node| self.paths.get(node as usize).map(|node| self.step(node))) {
            Some(Some(PathStep::Name(name))) => Some(name),
            _ => None,
        }
    }

    /// The index that a segment's path begins with, below its root: of a message, a tool or a document.
    pub fn index_in_root(&self, index: usize) -> Option<u32> {
        let source = self.records[index].source;
        if source & TEMPLATE_BIT != 0 {
            return None;
        }
        let mut node = &self.paths[source as usize];
        let mut below = None;
        while node.parent != u32::MAX {
            below = Some(node);
            node = &self.paths[node.parent as usize];
        }
        below.filter(|node| node.len == u32::MAX).map(|node| node.start)
    }

    /// All segments in order.
    pub fn iter(&self) -> impl Iterator<Item = Segment> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    #[inline]
    fn origin(&self, path: u32) -> Origin {
        self.paths[path as usize].origin
    }

    fn step(&self, node: &PathNode) -> PathStep<'_> {
        match node.len {
            u32::MAX => PathStep::Index(node.start),
            len => PathStep::Name(&self.names[node.start as usize..][..len as usize]),
        }
    }

    /// The paths of the strings in messages, tools and documents of which nothing was printed; blank ones do not count.
    pub fn unprinted(&self) -> impl ExactSizeIterator<Item = Vec<PathStep<'_>>> {
        self.unprinted.iter().map(|&path| self.path_from(path))
    }

    /// Those of [`Segments::unprinted`] that say something: not roles, types, ids and names, which templates compare or leave out.
    pub fn lost(&self) -> impl Iterator<Item = Vec<PathStep<'_>>> {
        let says =
            |path: &&u32| !matches!(self.step(&self.paths[**path as usize]), PathStep::Name(name) if is_label(name));
        self.unprinted.iter().filter(says).map(|&path| self.path_from(path))
    }

    /// The path of a segment's value as the caller gave it, from the root on; empty for the template's own text.
    pub fn path(&self, segment: &Segment) -> Vec<PathStep<'_>> {
        self.path_from(segment.path.unwrap_or(u32::MAX))
    }

    fn path_from(&self, path: u32) -> Vec<PathStep<'_>> {
        let mut steps = Vec::new();
        let mut next = path;
        while next != u32::MAX {
            let node = &self.paths[next as usize];
            steps.push(self.step(node));
            next = node.parent;
        }
        steps.reverse();
        steps
    }
}

/// Collects the paths of the sources that were printed.
struct PathTable<'k> {
    items: Vec<PathNode>,
    names: String,
    /// Index of the path of each source; `u32::MAX` where it has none yet.
    known: &'k mut [u32],
}

impl PathTable<'_> {
    /// The path of a source.
    #[inline]
    fn of(&mut self, nodes: &Nodes<'_>, source: u32) -> u32 {
        match self.known[source as usize] {
            u32::MAX => self.add(nodes, source),
            known => known,
        }
    }

    fn add(&mut self, nodes: &Nodes<'_>, source: u32) -> u32 {
        let node = nodes.get(source);
        let (parent, origin) = match node.parent {
            u32::MAX => (u32::MAX, origin_of_root(source)),
            parent => {
                let parent = self.of(nodes, parent);
                (parent, self.items[parent as usize].origin)
            }
        };
        let (start, len) = match node.key {
            Key::Index(index) => (index, u32::MAX),
            Key::Root(name) | Key::Name(name) => {
                self.names.push_str(name);
                ((self.names.len() - name.len()) as u32, name.len() as u32)
            }
        };
        self.items.push(PathNode { parent, start, len, origin });
        let index = self.items.len() as u32 - 1;
        self.known[source as usize] = index;
        index
    }
}

/// Whether a field of that name labels what stands beside it.
fn is_label(name: &str) -> bool {
    matches!(name, "role" | "type" | "id" | "name" | "tool_call_id" | "call_id" | "cache_control")
}

fn origin_of_root(source: u32) -> Origin {
    match source {
        MESSAGES_ROOT => Origin::Message,
        TOOLS_ROOT => Origin::Tools,
        DOCUMENTS_ROOT => Origin::Documents,
        CLOCK_ROOT => Origin::Clock,
        _ => Origin::Argument,
    }
}

/// A source as a path such as `messages[3].content`.
pub(crate) fn describe(nodes: &Nodes<'_>, source: u32) -> String {
    let node = nodes.get(source);
    if let MESSAGES_ROOT | TOOLS_ROOT | DOCUMENTS_ROOT | ARGUMENTS_ROOT | CLOCK_ROOT = source {
        return match node.key {
            Key::Root(name) => name.to_owned(),
            _ => String::new(),
        };
    }
    let parent = match node.parent {
        ROW_ROOT => String::new(),
        parent => describe(nodes, parent),
    };
    match node.key {
        Key::Root(name) => name.to_owned(),
        Key::Index(index) => format!("{parent}[{index}]"),
        Key::Name(name) if parent.is_empty() => name.to_owned(),
        Key::Name(name) => format!("{parent}.{name}"),
    }
}
