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
        let [natural, whole, prompted] = [Ask::natural(shape), Ask::whole(shape), Ask::whole(shape).prompted()]
            .map(|ask| ask.written(before.form()));
        if ![whole, prompted].into_iter().all(|ask| same_text(&before.get(ask), &after.get(ask))) {
            return Ok(false);
        }
        if let (Ok(printed), Ok(marked)) = (&*before.get(natural), &*after.get(natural)) {
            let sampled = sampling.sampled(shape, printed).spans;
            if joined(sampled) != joined(blocks(&marked.generation)) {
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

/// What blocks printed, in order of the text.
fn blocks(generation: &[(u32, u32)]) -> Vec<Range<usize>> {
    let ranges = generation.iter().map(|&(start, end)| start as usize..end as usize);
    let mut sorted: Vec<Range<usize>> = ranges.filter(|range| !range.is_empty()).collect();
    sorted.sort_unstable_by_key(|range| range.start);
    sorted
}

/// Ranges side by side are one.
fn joined(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => joined.push(range),
        }
    }
    joined
}
