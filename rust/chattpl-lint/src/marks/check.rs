//! Whether a template with blocks prints as before, and its blocks are what is sampled.

use std::ops::Range;

use crate::context::{Context, Subject};
use crate::fix::{edited, Edit};
use crate::probe::{shapes, Ask, Outcome};
use crate::rule::NotEvaluated;

/// Tries the edits on every shape.
pub(super) fn keeps_its_promise(context: &Context<'_>, edits: &[Edit]) -> Result<bool, NotEvaluated> {
    let subject = context.subject;
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let text = edited(&subject.original, &subject.source, &ordered);
    let fixed = Subject::new(text, None, subject.supplied.clone());
    let fixed = Context::new(&fixed);
    let (before, Ok(after)) = (context.probes()?, fixed.probes()) else {
        return Ok(false);
    };
    let sampling = context.sampling()?;
    for shape in shapes() {
        let asks = [Ask::whole(shape), Ask::whole(shape).prompted()];
        if !asks.into_iter().all(|ask| same_text(&before.get(ask), &after.get(ask))) {
            return Ok(false);
        }
        if let (Ok(printed), Ok(marked)) = (&*before.natural(shape), &*after.natural(shape)) {
            if sampling.sampled(shape, printed).spans != joined(&marked.generation) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether both print the same text, or neither prints any.
fn same_text(before: &Outcome, after: &Outcome) -> bool {
    match (before, after) {
        (Ok(before), Ok(after)) => before.text == after.text,
        (before, after) => before.is_err() && after.is_err(),
    }
}

/// Blocks side by side are one stretch.
fn joined(blocks: &[(u32, u32)]) -> Vec<Range<usize>> {
    let mut sorted: Vec<(u32, u32)> = blocks.iter().copied().filter(|(start, end)| start < end).collect();
    sorted.sort_unstable();
    let mut joined: Vec<Range<usize>> = Vec::new();
    for (start, end) in sorted {
        match joined.last_mut().filter(|last| last.end == start as usize) {
            Some(last) => last.end = end as usize,
            None => joined.push(start as usize..end as usize),
        }
    }
    joined
}
