//! Spreads rows over threads and brings the results back in order.
//!
//! Threads live as long as one call: nothing survives into a forked process, and starting one takes some microseconds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

/// Rows that a thread takes at a time.
const CHUNK: usize = 64;

/// Calls `work(rows, index of the first)` for all chunks, on `threads` threads (as many as the machine has by default).
pub fn in_chunks<T: Sync, R: Send>(
    rows: &[T],
    threads: Option<usize>,
    work: impl Fn(&[T], usize) -> R + Sync,
) -> Vec<R> {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(available).clamp(1, rows.len().max(1));
    if threads == 1 {
        // All at once: one result that goes on growing costs less than many small ones.
        return vec![work(rows, 0)];
    }
    let size = rows.len().div_ceil(threads * 8).clamp(1, CHUNK);
    let chunks: Vec<&[T]> = rows.chunks(size).collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(chunks.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = chunks.get(at) else { return };
                let result = work(chunk, at * size);
                done.lock().expect("a panic ends the scope").push((at, result));
            });
        }
    });
    let mut done = done.into_inner().expect("a panic ended the scope");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
