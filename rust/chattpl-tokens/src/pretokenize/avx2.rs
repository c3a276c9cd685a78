//! Classifies blocks with AVX2.

use std::arch::x86_64::*;

use super::block::{self, Classes, BLOCK};
use super::scheme::Scheme;

/// Whether the processor has what [`fill_unchecked`] takes.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

/// Fills a buffer with the ends of pieces. Only to be handed out where [`is_there`].
pub(super) fn fill<S: Scheme>(text: &[u8], start: usize, ends: &mut [u32]) -> usize {
    debug_assert!(is_there());
    // SAFETY: `fill_with`, the only one to name this function, asks `is_there` first.
    unsafe { fill_unchecked::<S>(text, start, ends) }
}

/// # Safety
/// The processor has the features named here.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn fill_unchecked<S: Scheme>(text: &[u8], start: usize, ends: &mut [u32]) -> usize {
    // SAFETY: this function has the features that `classify` takes.
    block::fill::<S>(text, start, ends, |block| unsafe { classify(block) })
}

/// # Safety
/// The processor has AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn classify(block: &[u8; BLOCK]) -> Classes {
    // SAFETY: both loads lie within the 64 bytes, and unaligned loads may be anywhere.
    let halves = unsafe {
        [_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(BLOCK / 2).cast())]
    };
    // SAFETY: the caller vouches for AVX2, here and below.
    let [low, high] = halves.map(|half| unsafe { classify_half(half) });
    let join = |index: usize| u64::from(low[index]) | u64::from(high[index]) << 32;
    Classes {
        letters: join(0),
        lower_bit: join(1),
        digits: join(2),
        spaces: join(3),
        white_controls: join(4),
        newlines: join(5),
        controls: join(6),
        apostrophes: join(7),
        slashes: join(8),
        unknown: join(9),
    }
}

/// The classes of 32 bytes, in the order of [`Classes`].
///
/// # Safety
/// The processor has AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn classify_half(bytes: __m256i) -> [u32; 10] {
    let all = |byte: u8| _mm256_set1_epi8(byte as i8);
    let bits = |mask: __m256i| _mm256_movemask_epi8(mask) as u32;
    let equal = |byte: u8| _mm256_cmpeq_epi8(bytes, all(byte));
    // `first..=last`, moved to the top of the signed bytes; nothing beyond 0x7F gets there for the ranges asked for.
    let within = |bytes: __m256i, first: u8, last: u8| {
        let moved = _mm256_add_epi8(bytes, all(127 - last));
        _mm256_cmpgt_epi8(moved, all(126 - (last - first)))
    };
    let newlines = _mm256_or_si256(equal(b'\n'), equal(b'\r'));
    let below_space = _mm256_and_si256(_mm256_cmpgt_epi8(all(b' '), bytes), _mm256_cmpgt_epi8(bytes, all(0xFF)));
    [
        bits(within(_mm256_or_si256(bytes, all(0x20)), b'a', b'z')),
        bits(_mm256_slli_epi16::<2>(bytes)),
        bits(within(bytes, b'0', b'9')),
        bits(equal(b' ')),
        bits(within(bytes, b'\t', b'\r')),
        bits(newlines),
        bits(_mm256_or_si256(below_space, equal(0x7F))),
        bits(equal(b'\'')),
        bits(equal(b'/')),
        bits(bytes),
    ]
}
