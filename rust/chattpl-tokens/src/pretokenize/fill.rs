//! Fills a buffer with the ends of pieces, with the fastest way that the processor has.

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::scheme::Scheme;

/// Writes the ends of the pieces from a byte on; returns how many.
pub(super) type Fill = fn(&[u8], usize, &mut [u32]) -> usize;

/// The fastest way for a scheme on this processor.
pub(super) fn fill_with<S: Scheme>() -> Fill {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        return avx2::fill::<S>;
    }
    fill_by_character::<S>
}

/// Goes character by character.
pub(super) fn fill_by_character<S: Scheme>(text: &[u8], start: usize, ends: &mut [u32]) -> usize {
    let (mut at, mut count) = (start, 0);
    while count < ends.len() && at < text.len() {
        at = S::piece(text, at);
        ends[count] = at as u32;
        count += 1;
    }
    count
}
