//! Options of a render: limits, the clock, null fields.

pub use crate::pytext::DateTime;

/// What a template may use before it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions; long text counts as one for every 64 bytes.
    pub max_instructions: u64,
    /// Bytes of printed text.
    pub max_output_bytes: usize,
    /// Bytes of values made while rendering, the input's own structure included.
    pub max_memory_bytes: usize,
    /// Calls inside calls.
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_instructions: 25_000_000,
            max_output_bytes: 128 << 20,
            max_memory_bytes: 128 << 20,
            max_depth: 180,
        }
    }
}

/// What `strftime_now` reads.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Local time, without a time zone.
    pub now: DateTime,
}

/// What becomes of a message's fields whose value is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NullFields {
    /// They are dropped before the template runs, as `tokenizer.apply_chat_template` of transformers 5.23 and later does.
    #[default]
    Drop,
    /// The template sees them, as in llama.cpp and in older versions of transformers.
    Keep,
}
