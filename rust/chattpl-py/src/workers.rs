//! Spreads rows over threads and brings the results back in order.
//!
//! Threads live as long as one call: nothing survives into a forked process, and starting one takes some microseconds.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

/// Rows that a thread takes at a time.
const CHUNK: usize = 64;

/// How many threads there are for so many rows: as many as the machine has by default.
pub fn count(threads: Option<usize>, rows: usize) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    threads.unwrap_or_else(available).clamp(1, rows.max(1))
}

/// What one thread made of the blocks that it worked on.
pub struct Share<S> {
    /// What it made, block by block.
    pub made: S,
    /// The number of each block, and how many rows had been made after it.
    blocks: Vec<(usize, usize)>,
}

impl<S> Share<S> {
    fn new(made: S) -> Self {
        Share { made, blocks: Vec::new() }
    }

    /// The share with what `change` makes of it.
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> Share<T> {
        Share { made: change(self.made), blocks: self.blocks }
    }
}

/// Which rows of which share come one after the other, in the order of the blocks.
pub fn in_order<S>(shares: &[Share<S>]) -> Vec<(usize, Range<usize>)> {
    let blocks_of = |(share, Share { blocks, .. }): (usize, &Share<S>)| {
        let firsts = [0].into_iter().chain(blocks.iter().map(|&(_, rows)| rows)).collect::<Vec<_>>();
        blocks.iter().zip(firsts).map(|(&(at, rows), first)| (at, (share, first..rows))).collect::<Vec<_>>()
    };
    let mut blocks: Vec<_> = shares.iter().enumerate().flat_map(blocks_of).collect();
    blocks.sort_by_key(|(at, _)| *at);
    blocks.into_iter().map(|(_, rows)| rows).collect()
}

/// Calls `work(made, rows, index of the first)` for all chunks, on `threads` threads (as many as the machine has by
/// default), each of which begins with what `start` gives. `work` returns how many rows have been made.
pub fn in_chunks<T: Sync, S: Send>(
    rows: &[T],
    threads: Option<usize>,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &[T], usize) -> usize + Sync,
) -> Vec<Share<S>> {
    let threads = count(threads, rows.len());
    let size = if threads == 1 { rows.len().max(1) } else { rows.len().div_ceil(threads * 8).clamp(1, CHUNK) };
    let chunks: Vec<&[T]> = rows.chunks(size).collect();
    let next = AtomicUsize::new(0);
    let share = || {
        let mut share = Share::new(start());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(at) else { return share };
            let rows = work(&mut share.made, chunk, at * size);
            share.blocks.push((at, rows));
        }
    };
    if threads == 1 {
        return vec![share()];
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
        others.into_iter().map(|other| other.join().expect("a panic ends the call")).collect()
    })
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

/// Makes blocks on this thread while others work on them.
///
/// `make` gives the next block, or `None` after the last; it alone may use what belongs to this thread. Each thread begins
/// with what `start` gives. `work(made, block)` returns how many rows have been made; `work_here` is the same as this thread
/// does it, which it does when blocks pile up and when none is left to make.
pub fn piped<B: Send, S: Send>(
    threads: usize,
    mut make: impl FnMut() -> Option<B>,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, B) -> usize + Sync,
    work_here: impl Fn(&mut S, B) -> usize,
) -> Vec<Share<S>> {
    let queue = Mutex::new(Queue { blocks: VecDeque::new(), closed: false });
    let more = Condvar::new();
    let lock = || queue.lock().expect("nobody panics with the lock");
    std::thread::scope(|scope| {
        let share = || {
            let mut share = Share::new(start());
            loop {
                let mut queue = lock();
                while queue.blocks.is_empty() && !queue.closed {
                    queue = more.wait(queue).expect("nobody panics with the lock");
                }
                let Some((at, block)) = queue.blocks.pop_front() else { return share };
                drop(queue);
                let rows = work(&mut share.made, block);
                share.blocks.push((at, rows));
            }
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut own = Share::new(start());
        let mut help = |waiting: usize| {
            let next = || Some(lock()).filter(|queue| queue.blocks.len() > waiting)?.blocks.pop_front();
            while let Some((at, block)) = next() {
                let rows = work_here(&mut own.made, block);
                own.blocks.push((at, rows));
            }
        };
        let closing = Closing { queue: &queue, more: &more };
        let mut at = 0;
        while let Some(block) = make() {
            lock().blocks.push_back((at, block));
            more.notify_one();
            at += 1;
            help(if threads == 1 { 0 } else { threads });
        }
        drop(closing);
        help(0);
        let others = others.into_iter().map(|other| other.join().expect("a panic ends the call"));
        others.chain([own]).collect()
    })
}
