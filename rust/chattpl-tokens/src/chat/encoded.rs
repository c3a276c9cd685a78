//! Encoded conversations, one after the other.

/// Encoded conversations: ragged arrays that share their offsets.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Ids of all tokens.
    pub input_ids: Vec<i32>,
    /// 1 where a token is learnt.
    pub loss_mask: Vec<u8>,
    /// Which message each token belongs to; -1 for none.
    pub message_index: Vec<i32>,
    /// Code of the origin of each token's first byte.
    pub origin: Vec<u8>,
    /// How much each token counts; empty where the mask says it all.
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

impl Batch {
    /// A batch without conversations.
    pub fn new() -> Self {
        Batch { offsets: vec![0], ..Batch::default() }
    }

    /// How many conversations there are.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// The conversations of several batches, one batch after the other; `threads` of them copy.
    pub fn join(batches: Vec<Batch>, threads: usize) -> Batch {
        if batches.len() < 2 {
            return batches.into_iter().next().unwrap_or_default();
        }
        let len = |of: fn(&Batch) -> usize| batches.iter().map(of).sum();
        let tokens: usize = len(|batch| batch.input_ids.len());
        // Zeroes straight from the system: the thread that copies is the first to touch the memory.
        let mut joined = Batch {
            input_ids: vec![0; tokens],
            loss_mask: vec![0; tokens],
            message_index: vec![0; tokens],
            origin: vec![0; tokens],
            loss_weight: vec![0.0; len(|batch| batch.loss_weight.len())],
            offsets: vec![0; len(Batch::len) + 1],
        };
        let share = tokens.div_ceil(threads.max(1));
        std::thread::scope(|scope| {
            let (mut batches, mut rest, mut base) = (&batches[..], joined.as_parts(), 0);
            while !batches.is_empty() {
                let (mut count, mut tokens) = (0, 0);
                while count < batches.len() && (tokens < share || batches[count].input_ids.is_empty()) {
                    tokens += batches[count].input_ids.len();
                    count += 1;
                }
                let (these, later) = batches.split_at(count);
                let (parts, rest_of) = rest.split(these);
                (batches, rest) = (later, rest_of);
                let first = base;
                base += tokens as i64;
                let copy = move || parts.fill(these, first);
                if batches.is_empty() {
                    copy();
                } else {
                    scope.spawn(copy);
                }
            }
        });
        joined
    }

    fn as_parts(&mut self) -> Parts<'_> {
        Parts {
            input_ids: &mut self.input_ids,
            loss_mask: &mut self.loss_mask,
            message_index: &mut self.message_index,
            origin: &mut self.origin,
            loss_weight: &mut self.loss_weight,
            offsets: &mut self.offsets[1..],
        }
    }
}

/// A stretch of a batch that is written to.
struct Parts<'a> {
    input_ids: &'a mut [i32],
    loss_mask: &'a mut [u8],
    message_index: &'a mut [i32],
    origin: &'a mut [u8],
    loss_weight: &'a mut [f32],
    offsets: &'a mut [i64],
}

impl<'a> Parts<'a> {
    /// Room for `batches`, and what comes after it.
    fn split(self, batches: &[Batch]) -> (Parts<'a>, Parts<'a>) {
        let len = |of: fn(&Batch) -> usize| batches.iter().map(of).sum::<usize>();
        let tokens = len(|batch| batch.input_ids.len());
        let input_ids = self.input_ids.split_at_mut(tokens);
        let loss_mask = self.loss_mask.split_at_mut(tokens);
        let message_index = self.message_index.split_at_mut(tokens);
        let origin = self.origin.split_at_mut(tokens);
        let loss_weight = self.loss_weight.split_at_mut(len(|batch| batch.loss_weight.len()));
        let offsets = self.offsets.split_at_mut(len(Batch::len));
        (
            Parts {
                input_ids: input_ids.0,
                loss_mask: loss_mask.0,
                message_index: message_index.0,
                origin: origin.0,
                loss_weight: loss_weight.0,
                offsets: offsets.0,
            },
            Parts {
                input_ids: input_ids.1,
                loss_mask: loss_mask.1,
                message_index: message_index.1,
                origin: origin.1,
                loss_weight: loss_weight.1,
                offsets: offsets.1,
            },
        )
    }

    /// Copies `batches` in; `base` tokens stand before them.
    fn fill(self, batches: &[Batch], base: i64) {
        let (mut at, mut weights, mut row) = (0, 0, 0);
        for batch in batches {
            let end = at + batch.input_ids.len();
            self.input_ids[at..end].copy_from_slice(&batch.input_ids);
            self.loss_mask[at..end].copy_from_slice(&batch.loss_mask);
            self.message_index[at..end].copy_from_slice(&batch.message_index);
            self.origin[at..end].copy_from_slice(&batch.origin);
            self.loss_weight[weights..weights + batch.loss_weight.len()].copy_from_slice(&batch.loss_weight);
            for (offset, own) in self.offsets[row..].iter_mut().zip(&batch.offsets[1..]) {
                *offset = base + at as i64 + own;
            }
            (at, weights, row) = (end, weights + batch.loss_weight.len(), row + batch.len());
        }
    }
}
