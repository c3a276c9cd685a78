//! Limits and the clock of a render.

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
