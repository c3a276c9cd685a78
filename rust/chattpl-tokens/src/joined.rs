//! Arrays that several threads made, put together by as many.

use crate::huge::advise;

/// Bytes below which one thread copies everything.
const ALONE_BYTES: usize = 1 << 20;

/// The elements of all parts, one part after the other; up to `threads` threads copy.
pub fn joined<T: Copy + Default + Send + Sync>(parts: &[&[T]], threads: usize) -> Vec<T> {
    let len = parts.iter().map(|part| part.len()).sum();
    if threads < 2 || len * size_of::<T>() < ALONE_BYTES {
        return parts.concat();
    }
    // Zeroes come straight from the system: the thread that copies is the first to touch the memory.
    let mut all = vec![T::default(); len];
    advise(&mut all);
    std::thread::scope(|scope| {
        let mut rest = &mut all[..];
        for share in parts.chunks(parts.len().div_ceil(threads)) {
            let (room, later) = rest.split_at_mut(share.iter().map(|part| part.len()).sum());
            rest = later;
            scope.spawn(move || {
                let mut at = 0;
                for part in share {
                    room[at..at + part.len()].copy_from_slice(part);
                    at += part.len();
                }
            });
        }
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_whatever_the_threads() {
        let parts: Vec<Vec<i32>> = (0..37).map(|part| (0..part * 2_000).collect()).collect();
        let slices: Vec<&[i32]> = parts.iter().map(Vec::as_slice).collect();
        let expected = parts.concat();
        assert!(expected.len() * size_of::<i32>() > ALONE_BYTES);
        for threads in [1, 2, 3, 36, 37, 38, 1000] {
            assert_eq!(joined(&slices, threads), expected, "{threads} threads");
        }
        assert!(joined::<i32>(&[], 2).is_empty());
    }
}
