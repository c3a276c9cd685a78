//! Spreads rows over threads and brings the results back in order.
//!
//! Threads live as long as one call: nothing survives into a forked process, and starting one takes some microseconds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

/// Rows that a thread takes at a time.
const CHUNK: usize = 64;

/// How many threads there are for so many rows: as many as the machine has by default.
pub fn count(threads: Option<usize>, rows: usize) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    threads.unwrap_or_else(available).clamp(1, rows.max(1))
}

/// Calls `work(rows, index of the first)` for all chunks, on `threads` threads (as many as the machine has by default).
pub fn in_chunks<T: Sync, R: Send>(
    rows: &[T],
    threads: Option<usize>,
    work: impl Fn(&[T], usize) -> R + Sync,
) -> Vec<R> {
    let threads = count(threads, rows.len());
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

/// Blocks that wait for a thread.
struct Queue<B> {
    blocks: VecDeque<(usize, B)>,
    closed: bool,
}

/// Tells waiting threads that no block is to come, when it goes out of scope: a panic must not leave them waiting.
struct Closing<'q, B> {
    queue: &'q Mutex<Queue<B>>,
    more: &'q Condvar,
}

impl<B> Drop for Closing<'_, B> {
    fn drop(&mut self) {
        self.queue.lock().expect("nobody panics with the lock").closed = true;
        self.more.notify_all();
    }
}

/// Makes blocks on this thread while others work on them; the results in order.
///
/// `make` gives the next block, or `None` after the last; it alone may use what belongs to this thread. `work_here` is
/// `work` as this thread does it, which it does when blocks pile up and when none is left to make.
pub fn piped<B: Send, R: Send>(
    threads: usize,
    mut make: impl FnMut() -> Option<B>,
    work: impl Fn(B) -> R + Sync,
    work_here: impl Fn(B) -> R,
) -> Vec<R> {
    let queue = Mutex::new(Queue { blocks: VecDeque::new(), closed: false });
    let (more, done) = (Condvar::new(), Mutex::new(Vec::new()));
    let lock = || queue.lock().expect("nobody panics with the lock");
    let keep = |(at, result): (usize, R)| done.lock().expect("nobody panics with the lock").push((at, result));
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| loop {
                let mut queue = lock();
                while queue.blocks.is_empty() && !queue.closed {
                    queue = more.wait(queue).expect("nobody panics with the lock");
                }
                let Some((at, block)) = queue.blocks.pop_front() else { return };
                drop(queue);
                keep((at, work(block)));
            });
        }
        let help = |waiting: usize| {
            let next = || Some(lock()).filter(|queue| queue.blocks.len() > waiting)?.blocks.pop_front();
            while let Some((at, block)) = next() {
                keep((at, work_here(block)));
            }
        };
        let closing = Closing { queue: &queue, more: &more };
        let mut at = 0;
        while let Some(block) = make() {
            lock().blocks.push_back((at, block));
            more.notify_one();
            at += 1;
            help(threads);
        }
        drop(closing);
        help(0);
    });
    let mut done = done.into_inner().expect("nobody panicked with the lock");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
