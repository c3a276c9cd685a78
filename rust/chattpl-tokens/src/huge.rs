//! Large arrays in large pages: the system hands those out many times as fast as small ones.

/// Arrays of fewer bytes are left as they are.
const LEAST_BYTES: usize = 4 << 20;

/// No more than this is asked for at once, in bytes: what is expected may never come.
const MOST_BYTES: usize = 1 << 30;

/// Makes room for `more` items that are expected, if there is any; where that is a lot, asks the system for large pages.
pub fn reserve_large<T>(items: &mut Vec<T>, more: usize) {
    const { assert!(size_of::<T>() != 0) };
    if items.try_reserve(more.min(MOST_BYTES / size_of::<T>())).is_ok() {
        advise(items);
    }
}

/// Asks the system for large pages where the memory of an array has not been touched yet.
pub(crate) fn advise<T>(items: &mut Vec<T>) {
    let bytes = items.capacity() * size_of::<T>();
    if bytes >= LEAST_BYTES {
        advise_bytes(items.as_mut_ptr().cast(), bytes);
    }
}

#[cfg(target_os = "linux")]
fn advise_bytes(start: *mut u8, bytes: usize) {
    const PAGE: usize = 4096;
    let before = start as usize % PAGE;
    let len = (before + bytes).next_multiple_of(PAGE);
    // SAFETY: the advice changes what kind of pages back the memory, never what it holds, so that the rest of the first and
    // the last page may belong to anybody. It may be refused, and then nothing happens.
    unsafe { libc::madvise(start.wrapping_sub(before).cast(), len, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise_bytes(_: *mut u8, _: usize) {}
