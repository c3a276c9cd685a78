//! Encoded conversations, one after the other.

use std::ops::Range;

use crate::huge::reserve_large;
use crate::joined::joined;

/// Encoded conversations: ragged arrays that share their offsets.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Ids of all tokens.
    pub input_ids: Vec<i32>,
    /// 1 where a token is trained.
    pub loss_mask: Vec<u8>,
    /// Which message each token belongs to; -1 for none.
    pub message_index: Vec<i32>,
    /// Code of the origin of each token's first byte.
    pub origin: Vec<u8>,
    /// How much each token counts; empty where no trained token counts other than 1, so that the mask says it all.
    pub loss_weight: Vec<f32>,
    /// Where each conversation begins, and where the last ends.
    pub offsets: Vec<i64>,
}

/// One conversation of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// See [`Batch::input_ids`].
    pub input_ids: &'a [i32],
    /// See [`Batch::loss_mask`].
    pub loss_mask: &'a [u8],
    /// See [`Batch::message_index`].
    pub message_index: &'a [i32],
    /// See [`Batch::origin`].
    pub origin: &'a [u8],
}

impl Default for Batch {
    fn default() -> Self {
        Batch::new()
    }
}

impl Batch {
    /// A batch without conversations.
    pub fn new() -> Self {
        Batch {
            input_ids: Vec::new(),
            loss_mask: Vec::new(),
            message_index: Vec::new(),
            origin: Vec::new(),
            loss_weight: Vec::new(),
            offsets: vec![0],
        }
    }

    /// How many conversations there are.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for `rows` more conversations like those that are there, and for a few more tokens than that takes.
    pub fn expect(&mut self, rows: usize) {
        let tokens = (self.input_ids.len() as f64 / self.len().max(1) as f64 * rows as f64 * 1.1) as usize;
        reserve_large(&mut self.input_ids, tokens);
        reserve_large(&mut self.loss_mask, tokens);
        reserve_large(&mut self.message_index, tokens);
        reserve_large(&mut self.origin, tokens);
        if !self.loss_weight.is_empty() {
            reserve_large(&mut self.loss_weight, tokens);
        }
        self.offsets.reserve(rows);
    }

    /// Fills in the weights of the tokens that have a mask, if they have none yet.
    pub(crate) fn weigh(&mut self) {
        if self.loss_weight.is_empty() {
            self.loss_weight.extend(self.loss_mask.iter().map(|&mask| f32::from(mask)));
        }
    }

    /// The conversation at `index`.
    ///
    /// # Panics
    /// Panics if there is none.
    pub fn row(&self, index: usize) -> Row<'_> {
        let range = self.offsets[index] as usize..self.offsets[index + 1] as usize;
        Row {
            input_ids: &self.input_ids[range.clone()],
            loss_mask: &self.loss_mask[range.clone()],
            message_index: &self.message_index[range.clone()],
            origin: &self.origin[range],
        }
    }

    /// The conversations that `parts` name, each a range of one of the batches, one part after the other; up to `threads`
    /// threads copy.
    ///
    /// # Panics
    /// Panics if a part names what is not there.
    pub fn join(mut batches: Vec<Batch>, parts: &[(usize, Range<usize>)], threads: usize) -> Batch {
        if batches.len() < 2 {
            return batches.pop().unwrap_or_default();
        }
        let mut offsets = vec![0];
        let mut tokens = Vec::with_capacity(parts.len());
        for (batch, rows) in parts {
            let of_part = &batches[*batch].offsets[rows.start..=rows.end];
            let base = offsets.last().copied().unwrap_or_default() - of_part[0];
            offsets.extend(of_part[1..].iter().map(|offset| base + offset));
            tokens.push((*batch, of_part[0] as usize..of_part[rows.len()] as usize));
        }
        if batches.iter().any(|batch| !batch.loss_weight.is_empty()) {
            batches.iter_mut().for_each(Batch::weigh);
        }
        fn column<'b, T>(
            batches: &'b [Batch],
            tokens: &[(usize, Range<usize>)],
            of: impl Fn(&'b Batch) -> &'b [T],
        ) -> Vec<&'b [T]> {
            // Weights are there for all batches, but for those without tokens, or for none.
            let part =
                |(batch, range): &(usize, Range<usize>)| of(&batches[*batch]).get(range.clone()).unwrap_or_default();
            tokens.iter().map(part).collect()
        }
        Batch {
            input_ids: joined(&column(&batches, &tokens, |batch| &batch.input_ids), threads),
            loss_mask: joined(&column(&batches, &tokens, |batch| &batch.loss_mask), threads),
            message_index: joined(&column(&batches, &tokens, |batch| &batch.message_index), threads),
            origin: joined(&column(&batches, &tokens, |batch| &batch.origin), threads),
            loss_weight: joined(&column(&batches, &tokens, |batch| &batch.loss_weight), threads),
            offsets,
        }
    }
}
