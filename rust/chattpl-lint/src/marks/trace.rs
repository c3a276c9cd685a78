//! What each piece prints, over all shapes: whether it is sampled, and where that begins and ends inside of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use chattpl_render::Program;
use chattpl_syntax::Span;

use super::pieces::{marked, unmarked, Piece, Run};
use crate::context::Context;
use crate::probe::{shapes, Ask, Printed, Probes, Shape};
use crate::rule::NotEvaluated;

/// Whose text something printed, and whether it is sampled; how often each was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// An assistant's, sampled.
    pub sampled: u32,
    /// An assistant's, not sampled.
    pub supplied: u32,
    /// Anybody else's, or nobody's.
    pub others: u32,
}

/// What is to be done with something that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It printed nothing.
    Silent,
    /// It is never sampled.
    Outside,
    /// It is always sampled.
    Inside,
    /// It is sampled where an assistant speaks, and printed for others as well.
    ByRole,
    /// Anything else.
    Mixed,
}

impl Seen {
    /// Both together.
    pub fn with(self, other: Seen) -> Seen {
        Seen {
            sampled: self.sampled + other.sampled,
            supplied: self.supplied + other.supplied,
            others: self.others + other.others,
        }
    }

    pub fn class(self) -> Class {
        match self {
            Seen { sampled: 0, supplied: 0, others: 0 } => Class::Silent,
            Seen { sampled: 0, .. } => Class::Outside,
            Seen { supplied: 0, others: 0, .. } => Class::Inside,
            Seen { supplied: 0, .. } => Class::ByRole,
            _ => Class::Mixed,
        }
    }
}

/// A part of a piece: all of it, unless it is a literal that is sampled in part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Bytes of the literal; `None` for a piece that is no literal.
    pub range: Option<Range<usize>>,
    pub seen: Seen,
}

/// The parts of each piece, by where it stands.
pub(super) type Trace = HashMap<Span, Vec<Part>>;

/// Renders every shape with marks around pieces; `None` where that changes a text, or what is sampled begins in data.
pub(super) fn trace(context: &Context<'_>) -> Result<Option<Trace>, NotEvaluated> {
    let (parsed, pieces) = marked(context.parsed()?);
    let Ok(program) = Program::from_parsed(parsed, None).map(Arc::new) else {
        return Ok(None);
    };
    let instrumented = Probes::new(&program, context.subject.token_arguments());
    let (probes, sampling) = (context.probes()?, context.sampling()?);
    let mut renders = Vec::new();
    for shape in shapes() {
        // Marked, the template may take what it refused before.
        let ask = Ask::natural(shape).written(probes.form());
        let (outcome, traced) = (probes.get(ask), instrumented.get(ask));
        let Ok(printed) = &*outcome else {
            continue;
        };
        let runs = traced.as_ref().as_ref().ok().and_then(|traced| unmarked(&traced.text));
        let Some((_, runs)) = runs.filter(|(text, _)| *text == printed.text) else {
            return Ok(None);
        };
        let spans = sampling.sampled(shape, printed).spans;
        renders.push((shape, outcome, runs, spans));
    }
    let cuts = cuts(&pieces, renders.iter().map(|(_, _, runs, spans)| (runs.as_slice(), spans.as_slice())));
    let Some(cuts) = cuts else {
        return Ok(None);
    };
    let mut parts: Vec<Vec<Part>> = pieces.iter().zip(cuts).map(|(piece, cuts)| parts_of(piece, &cuts)).collect();
    for (shape, outcome, runs, spans) in &renders {
        let printed = outcome.as_ref().as_ref().expect("only conversations that render are kept");
        for run in runs {
            for part in &mut parts[run.piece] {
                see(part, run, (shape, printed), spans);
            }
        }
    }
    Ok(Some(pieces.into_iter().map(|piece| piece.span).zip(parts).collect()))
}

/// Where what is sampled begins or ends inside of each piece; `None` if that is in a piece that is no literal.
fn cuts<'r>(
    pieces: &[Piece],
    renders: impl Iterator<Item = (&'r [Run], &'r [Range<usize>])>,
) -> Option<Vec<BTreeSet<usize>>> {
    let mut cuts = vec![BTreeSet::new(); pieces.len()];
    for (runs, spans) in renders {
        let edges: Vec<usize> = spans.iter().flat_map(|span| [span.start, span.end]).collect();
        for run in runs {
            let inside = edges.iter().filter(|edge| run.start < **edge && **edge < run.end);
            for edge in inside {
                pieces[run.piece].literal.as_ref()?;
                cuts[run.piece].insert(edge - run.start);
            }
        }
    }
    Some(cuts)
}

fn parts_of(piece: &Piece, cuts: &BTreeSet<usize>) -> Vec<Part> {
    let Some(literal) = &piece.literal else {
        return vec![Part { range: None, seen: Seen::default() }];
    };
    let edges: Vec<usize> = std::iter::once(0).chain(cuts.iter().copied()).chain([literal.len()]).collect();
    edges.windows(2).map(|pair| Part { range: Some(pair[0]..pair[1]), seen: Seen::default() }).collect()
}

/// Counts what a part printed in one run.
fn see(part: &mut Part, run: &Run, (shape, printed): (&Shape, &Printed), spans: &[Range<usize>]) {
    let range = match &part.range {
        Some(range) => run.start + range.start..run.start + range.end,
        None => run.start..run.end,
    };
    if range.is_empty() {
        return;
    }
    let inside = spans.iter().any(|span| span.start <= range.start && range.end <= span.end);
    let message = printed.segments.message(printed.segments.index_at(range.start));
    let of_assistant = message.is_some_and(|message| shape.role(message as usize) == "assistant");
    match (inside, of_assistant) {
        (true, true) => part.seen.sampled += 1,
        (false, true) => part.seen.supplied += 1,
        (false, false) => part.seen.others += 1,
        // No test of a role leads here.
        (true, false) => part.seen = part.seen.with(Seen { sampled: 1, supplied: 1, others: 0 }),
    }
}
