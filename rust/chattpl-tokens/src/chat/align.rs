//! Gives each token the message, the origin and the weight of its first byte.

use chattpl_render::Segments;

use super::encoded::Batch;
use crate::encode::Tokens;
use crate::vocabulary::TokenTable;

/// A stretch of text whose tokens share everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    /// One past its last byte; it begins where the one before ends.
    pub end_byte: usize,
    pub message: i32,
    pub origin: u8,
    pub weight: f32,
}

/// A stretch of text that is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub start_byte: usize,
    pub end_byte: usize,
    pub weight: f32,
}

/// Segments and trained spans laid over each other. Spans ascend and do not overlap.
pub(crate) fn runs(segments: &Segments, spans: &[Span], runs: &mut Vec<Run>) {
    runs.clear();
    let mut spans = spans.iter().copied().filter(|span| span.start_byte < span.end_byte).peekable();
    let mut at = 0;
    for index in 0..segments.len() {
        let end = segments.end(index);
        let message = segments.message(index).map_or(-1, |message| message as i32);
        let origin = segments.origin_at(index) as u8;
        while at < end {
            while spans.peek().is_some_and(|span| span.end_byte <= at) {
                spans.next();
            }
            let (end_byte, weight) = match spans.peek() {
                Some(span) if span.start_byte <= at => (span.end_byte.min(end), span.weight),
                Some(span) => (span.start_byte.min(end), 0.0),
                None => (end, 0.0),
            };
            let run = Run { end_byte, message, origin, weight };
            match runs.last_mut() {
                Some(last) if (Run { end_byte, ..*last }) == run => last.end_byte = end_byte,
                _ => runs.push(run),
            }
            at = end_byte;
        }
    }
}

/// Appends a row: the ids of `tokens`, and for each what its run says.
pub(crate) fn align(tokens: &Tokens, table: &TokenTable, runs: &[Run], batch: &mut Batch) {
    let base = batch.input_ids.len();
    batch.input_ids.extend(tokens.ids.iter().map(|&id| id as i32));
    batch.offsets.push(batch.input_ids.len() as i64);
    // Gives all tokens before `to` that have nothing yet what a run says.
    let mut fill = |to: usize, run: &Run| {
        let len = base + to;
        let is_counted = run.weight != 0.0 && run.weight != 1.0 && batch.loss_mask.len() < len;
        if !batch.loss_weight.is_empty() || is_counted {
            batch.weigh();
            batch.loss_weight.resize(len, run.weight);
        }
        batch.loss_mask.resize(len, u8::from(run.weight != 0.0));
        batch.message_index.resize(len, run.message);
        batch.origin.resize(len, run.origin);
    };
    let mut current = 0;
    let mut begin = |token: usize, start_byte: usize| {
        if runs[current].end_byte <= start_byte {
            fill(token, &runs[current]);
            while runs[current].end_byte <= start_byte {
                current += 1;
            }
        }
        runs[current].end_byte
    };
    for (index, region) in tokens.regions().iter().enumerate() {
        if begin(region.first_token, region.start_byte) < region.end_byte {
            tokens.places(table, index, |token, place| begin(token, place.start) < region.end_byte);
        }
    }
    if let Some(run) = runs.get(current) {
        fill(tokens.ids.len(), run);
    }
}
