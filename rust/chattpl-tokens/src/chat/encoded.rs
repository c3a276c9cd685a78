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

    /// Adds the conversations of another batch after its own.
    pub fn append(&mut self, other: &Batch) {
        let base = self.input_ids.len() as i64;
        self.input_ids.extend_from_slice(&other.input_ids);
        self.loss_mask.extend_from_slice(&other.loss_mask);
        self.message_index.extend_from_slice(&other.message_index);
        self.origin.extend_from_slice(&other.origin);
        self.loss_weight.extend_from_slice(&other.loss_weight);
        self.offsets.extend(other.offsets.iter().skip(1).map(|offset| base + offset));
    }
}
