//! What is left to a render for work done by code that has no machine at hand.
//!
//! Comparing, flattening and writing out values happens far below the machine and cannot fail in itself. A limit that
//! is reached there unwinds, without the panic hook, to [`guard`], which returns it as the error of the render.

use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use bumpalo::Bump;

use crate::error::{code, ErrorClass, RenderError, Result};
use crate::options::Limits;

/// Values nested deeper than this are neither written out nor compared; input cannot be as deep.
pub(crate) const MAX_VALUE_DEPTH: u32 = 600;

/// Bytes that one step reads or writes.
const BYTES_PER_STEP: usize = 64;

/// Writes of fewer bytes are left to the machine, which looks at the memory every so many instructions.
const SMALL: usize = 128;

/// Strings up to this length are not looked at: every limit is higher, and holding them is what is counted.
const ALWAYS_ALLOWED: usize = 4096;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(u64::MAX) };
    static ALLOWED: Cell<Allowed> = const { Cell::new(Allowed::ANYTHING) };
}

#[derive(Clone, Copy)]
struct Allowed {
    max_steps: u64,
    max_memory_bytes: usize,
    /// What the arena may hold, the input that was there before included.
    max_arena_bytes: usize,
}

impl Allowed {
    const ANYTHING: Self = Allowed { max_steps: u64::MAX, max_memory_bytes: usize::MAX, max_arena_bytes: usize::MAX };
}

/// Runs `work` under `limits`; values may be made in `arena`.
///
/// # Errors
/// What `work` returns, or the limit that it reached.
pub(crate) fn guard<T>(arena: &Bump, limits: Limits, work: impl FnOnce() -> Result<T>) -> Result<T> {
    STEPS.set(limits.max_instructions);
    ALLOWED.set(Allowed {
        max_steps: limits.max_instructions,
        max_memory_bytes: limits.max_memory_bytes,
        max_arena_bytes: used_bytes(arena).saturating_add(limits.max_memory_bytes),
    });
    let done = catch(work);
    STEPS.set(u64::MAX);
    ALLOWED.set(Allowed::ANYTHING);
    done
}

/// Runs `work`, and turns a limit reached in it into the error that it returns, so that a place can be put to it.
pub(crate) fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|payload| match payload.downcast::<RenderError>() {
        Ok(error) => Err(*error),
        Err(payload) => resume_unwind(payload),
    })
}

/// Bytes of the arena that are taken; what its last chunk has left does not count.
pub(crate) fn used_bytes(arena: &Bump) -> usize {
    arena.allocated_bytes() - arena.chunk_capacity()
}

/// Ends the render with `error`.
pub(crate) fn fail(error: RenderError) -> ! {
    resume_unwind(Box::new(error))
}

/// Takes `count` steps of work.
pub(crate) fn steps(count: usize) {
    if count == 0 {
        return;
    }
    match STEPS.get().checked_sub(count as u64) {
        Some(left) => STEPS.set(left),
        None => fail(too_many_steps(ALLOWED.get().max_steps)),
    }
}

/// Takes the steps to read `count` bytes.
pub(crate) fn read(count: usize) {
    if count >= BYTES_PER_STEP {
        steps(count / BYTES_PER_STEP);
    }
}

/// Checks that `arena` may grow by `count` bytes, and takes the steps to write them.
pub(crate) fn write(arena: &Bump, count: usize) {
    if count < SMALL {
        return;
    }
    let allowed = ALLOWED.get();
    if used_bytes(arena).saturating_add(count) > allowed.max_arena_bytes {
        fail(too_much_memory(allowed.max_memory_bytes));
    }
    read(count);
}

/// Checks that `count` bytes may be held outside the arena.
pub(crate) fn held(count: usize) {
    let max_memory_bytes = ALLOWED.get().max_memory_bytes;
    if count > max_memory_bytes {
        fail(too_much_memory(max_memory_bytes));
    }
}

/// The sum of two lengths; a string longer than all memory cannot be made even as a rope.
pub(crate) fn joined_len(a: usize, b: usize) -> usize {
    match a.checked_add(b) {
        Some(len) if len <= ALWAYS_ALLOWED => len,
        len => {
            held(len.unwrap_or(usize::MAX));
            a + b
        }
    }
}

/// Counts one level of a nested value; `depth` is that of the value around it.
pub(crate) fn deeper(depth: u32) -> u32 {
    if depth >= MAX_VALUE_DEPTH {
        fail(too_deep());
    }
    depth + 1
}

/// The error of a render that takes too many steps.
pub(crate) fn too_many_steps(max_instructions: u64) -> RenderError {
    RenderError::own(
        code::INSTRUCTIONS,
        format!("the template ran more than {max_instructions} instructions"),
        "raise `max_instructions` if the conversation really is that long",
    )
}

/// The error of a render that needs too much memory.
pub(crate) fn too_much_memory(max_memory_bytes: usize) -> RenderError {
    RenderError::own(
        code::OUTPUT,
        format!("the template needs more than {max_memory_bytes} bytes of memory"),
        "raise `max_output_bytes` if the conversation really is that long",
    )
}

/// The error of calls or values nested too deeply.
pub(crate) fn too_deep() -> RenderError {
    RenderError::new(ErrorClass::RecursionError, "maximum recursion depth exceeded")
        .with_code(code::DEPTH)
        .with_hint("a macro or loop calls itself, or a value holds itself, without end")
}
