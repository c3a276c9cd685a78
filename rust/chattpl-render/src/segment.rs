//! What a render gives back: text, and where each stretch of it came from.

use std::sync::Arc;

use chattpl_syntax::Span;

use crate::compile::program::Program;
use crate::origin::{
    is_data, Key, Nodes, Origin, ARGUMENTS_ROOT, CLOCK_ROOT, COMPUTED, DOCUMENTS_ROOT,
    MESSAGES_ROOT, TEMPLATE_BIT, TOOLS_ROOT, UNUSED,
};
use crate::vm::output::Mark;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// A name that is known at compile time.
    Known(&'static str),
    /// Any other name.
    Name(Box<str>),
    /// An index.
    Index(u32),
}

#[derive(Debug, Clone)]
struct PathNode {
    parent: u32,
    step: PathStep,
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
    pub(crate) fn new(program: Arc<Program>, nodes: &Nodes<'_>, marks: &[Mark]) -> Self {
        let known = vec![u32::MAX; nodes.len()];
        let mut paths = PathTable { items: Vec::with_capacity(marks.len() + 8), known };
        let records = marks.iter().map(|mark| {
            let source = match mark.tag.source {
                source if is_data(source) => paths.add(nodes, source),
                source => source,
            };
            Record {
                end: mark.end,
                source,
                message: mark.tag.message,
            }
        });
        Segments {
            records: records.collect(),
            paths: paths.items,
            program,
        }
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
        let start = if index == 0 {
            0
        } else {
            self.records[index - 1].end
        };
        let in_template = record.source & TEMPLATE_BIT != 0;
        let template_span = (in_template && record.source != COMPUTED).then(|| {
            let span = self.program.places[(record.source & !TEMPLATE_BIT) as usize];
            self.program.source.original_span(span)
        });
        Segment {
            start: start as usize,
            end: record.end as usize,
            origin: if in_template {
                Origin::Template
            } else {
                self.origin(record.source)
            },
            message: (record.message != UNUSED).then_some(record.message),
            template_span,
            path: (!in_template).then_some(record.source),
        }
    }

    /// All segments in order.
    pub fn iter(&self) -> impl Iterator<Item = Segment> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    fn origin(&self, path: u32) -> Origin {
        let mut node = &self.paths[path as usize];
        while node.parent != u32::MAX {
            node = &self.paths[node.parent as usize];
        }
        match node.step {
            PathStep::Known("messages") => Origin::Message,
            PathStep::Known("tools") => Origin::Tools,
            PathStep::Known("documents") => Origin::Documents,
            PathStep::Known("clock") => Origin::Clock,
            _ => Origin::Argument,
        }
    }

    /// The path of a segment's value as the caller gave it, from the root on; empty for the template's own text.
    pub fn path(&self, segment: &Segment) -> Vec<&PathStep> {
        let mut steps = Vec::new();
        let mut next = segment.path.unwrap_or(u32::MAX);
        while next != u32::MAX {
            let node = &self.paths[next as usize];
            steps.push(&node.step);
            next = node.parent;
        }
        steps.reverse();
        steps
    }
}

/// Collects the paths of the sources that were printed.
struct PathTable {
    items: Vec<PathNode>,
    /// Index of the path of each source; `u32::MAX` where it has none yet.
    known: Vec<u32>,
}

impl PathTable {
    fn add(&mut self, nodes: &Nodes<'_>, source: u32) -> u32 {
        let known = self.known[source as usize];
        if known != u32::MAX {
            return known;
        }
        let node = nodes.get(source);
        let parent = if node.parent == u32::MAX {
            u32::MAX
        } else {
            self.add(nodes, node.parent)
        };
        let step = match node.key {
            Key::Root(name) => PathStep::Known(name),
            Key::Index(index) => PathStep::Index(index),
            Key::Name(name) => {
                common(name).map_or_else(|| PathStep::Name(name.into()), PathStep::Known)
            }
        };
        self.items.push(PathNode { parent, step });
        let index = self.items.len() as u32 - 1;
        self.known[source as usize] = index;
        index
    }
}

/// Names that nearly every conversation has, so that they need not be stored.
fn common(name: &str) -> Option<&'static str> {
    Some(match name {
        "role" => "role",
        "content" => "content",
        "name" => "name",
        "type" => "type",
        "text" => "text",
        "tool_calls" => "tool_calls",
        "tool_call_id" => "tool_call_id",
        "function" => "function",
        "arguments" => "arguments",
        "parameters" => "parameters",
        "properties" => "properties",
        "description" => "description",
        "required" => "required",
        "bos_token" => "bos_token",
        "eos_token" => "eos_token",
        "id" => "id",
        _ => return None,
    })
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
    let parent = describe(nodes, node.parent);
    match node.key {
        Key::Root(name) => name.to_owned(),
        Key::Index(index) => format!("{parent}[{index}]"),
        Key::Name(name) => format!("{parent}.{name}"),
    }
}
