//! What each piece prints, over all shapes: whether it is sampled, and where that begins and ends inside of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use chattpl_render::Program;
use chattpl_syntax::Span;

use super::conditions::{conditions, Condition};
use super::pieces::{marked, unmarked, Piece, Run};
use crate::context::Context;
use crate::probe::{shapes, Ask, Outcome, Printed, Probes, Shape};
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
    /// A condition of the template that holds where it is sampled, and nowhere else.
    pub condition: Option<String>,
}

/// The parts of each piece, by where it stands.
pub(super) type Trace = HashMap<Span, Vec<Part>>;

/// One render with marks.
struct Render {
    shape: &'static Shape,
    outcome: Rc<Outcome>,
    runs: Vec<Run>,
    /// What is sampled of it.
    spans: Vec<Range<usize>>,
}

/// The pieces of a template, and all renders.
type Renders = (Vec<Piece>, Vec<Render>);

impl Render {
    fn printed(&self) -> &Printed {
        self.outcome.as_ref().as_ref().expect("only conversations that render are kept")
    }
}

/// Renders every shape with marks around pieces; `None` where that changes a text, or what is sampled begins in data.
pub(super) fn trace(context: &Context<'_>) -> Result<Option<Trace>, NotEvaluated> {
    let Some((pieces, renders)) = renders(context, &HashMap::new())? else {
        return Ok(None);
    };
    let Some(cuts) = cuts(&pieces, &renders) else {
        return Ok(None);
    };
    let mut parts: Vec<Vec<Part>> = pieces.iter().zip(cuts).map(|(piece, cuts)| parts_of(piece, &cuts)).collect();
    for render in &renders {
        for run in &render.runs {
            for part in &mut parts[run.piece] {
                part.seen = part.seen.with(seen(part, run, render));
            }
        }
    }
    let mut trace: Trace = pieces.into_iter().map(|piece| piece.span).zip(parts).collect();
    find_conditions(context, &mut trace)?;
    Ok(Some(trace))
}

/// Finds a condition for each part that is sampled at some times only.
fn find_conditions(context: &Context<'_>, trace: &mut Trace) -> Result<(), NotEvaluated> {
    let is_mixed = |part: &Part| part.seen.class() == Class::Mixed;
    let mixed = trace.iter().filter(|(_, parts)| parts.iter().any(is_mixed)).map(|(span, _)| *span).collect();
    let found = conditions(&context.parsed()?.template, context.text(), &mixed);
    if found.is_empty() {
        return Ok(());
    }
    let Some((pieces, renders)) = renders(context, &found)? else {
        return Ok(());
    };
    for (index, piece) in pieces.iter().enumerate().filter(|(_, piece)| found.contains_key(&piece.span)) {
        let parts = trace.get_mut(&piece.span).expect("pieces are the same every time");
        for part in parts.iter_mut().filter(|part| is_mixed(part)) {
            let of_piece = |run: &&Run| run.piece == index;
            let runs =
                renders.iter().flat_map(|render| render.runs.iter().filter(of_piece).map(move |run| (render, run)));
            let seen = runs.filter_map(|(render, run)| match seen(part, run, render) {
                Seen { sampled: 0, supplied: 0, others: 0 } => None,
                seen => Some((seen.sampled > 0, run)),
            });
            let seen: Vec<(bool, &Run)> = seen.collect();
            part.condition = found[&piece.span].iter().enumerate().find_map(|(at, condition)| {
                let holds =
                    |wanted: bool| seen.iter().all(|(sampled, run)| run.held.get(at) == Some(&(*sampled == wanted)));
                match (holds(true), holds(false)) {
                    (true, _) => Some(condition.source.clone()),
                    (_, true) => Some(format!("not ({})", condition.source)),
                    _ => None,
                }
            });
        }
    }
    Ok(())
}

/// Renders every shape with marks around pieces; `None` where that changes a text.
fn renders(context: &Context<'_>, conditions: &HashMap<Span, Vec<Condition>>) -> Result<Option<Renders>, NotEvaluated> {
    let (parsed, pieces) = marked(context.parsed()?, conditions);
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
        renders.push(Render { shape, outcome, runs, spans });
    }
    Ok(Some((pieces, renders)))
}

/// Where what is sampled begins or ends inside of each piece; `None` if that is in a piece that is no literal.
fn cuts(pieces: &[Piece], renders: &[Render]) -> Option<Vec<BTreeSet<usize>>> {
    let mut cuts = vec![BTreeSet::new(); pieces.len()];
    for Render { runs, spans, .. } in renders {
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
        return vec![Part { range: None, seen: Seen::default(), condition: None }];
    };
    let edges: Vec<usize> = std::iter::once(0).chain(cuts.iter().copied()).chain([literal.len()]).collect();
    edges
        .windows(2)
        .map(|pair| Part { range: Some(pair[0]..pair[1]), seen: Seen::default(), condition: None })
        .collect()
}

/// What a part printed in one run.
fn seen(part: &Part, run: &Run, render: &Render) -> Seen {
    let range = match &part.range {
        Some(range) => run.start + range.start..run.start + range.end,
        None => run.start..run.end,
    };
    if range.is_empty() {
        return Seen::default();
    }
    let inside = render.spans.iter().any(|span| span.start <= range.start && range.end <= span.end);
    let segments = &render.printed().segments;
    let message = segments.message(segments.index_at(range.start));
    let of_assistant = message.is_some_and(|message| render.shape.role(message as usize) == "assistant");
    match (inside, of_assistant) {
        (true, true) => Seen { sampled: 1, ..Seen::default() },
        (false, true) => Seen { supplied: 1, ..Seen::default() },
        (false, false) => Seen { others: 1, ..Seen::default() },
        // No test of a role leads here.
        (true, false) => Seen { sampled: 1, supplied: 1, others: 0 },
    }
}
