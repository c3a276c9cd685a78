//! Fills a buffer with the ends of pieces, with the fastest way that the processor has.

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::block::{begins, Classes, BLOCK};
use super::scheme::Scheme;

/// Texts that end sooner than this are not worth a block.
const SHORT: usize = 16;

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

/// Goes block by block where the text is ASCII, and by character over what no block is sure of.
#[inline(always)]
pub(super) fn fill_by_block<S: Scheme>(
    text: &[u8],
    start: usize,
    ends: &mut [u32],
    classify: impl Fn(&[u8; BLOCK]) -> Classes,
) -> usize {
    let (mut at, mut count) = (start, 0);
    while count < ends.len() && at < text.len() {
        let rest = &text[at..];
        let found = if rest.len() < SHORT || (rest[0] | rest[1]) >= 0x80 {
            0
        } else if let Some(block) = rest.first_chunk() {
            begins::<S>(&classify(block), rest)
        } else {
            // Zeros follow the text, and only what comes before them is known.
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            let mut classes = classify(&block);
            classes.unknown |= !0 << rest.len();
            begins::<S>(&classes, rest)
        };
        if found == 0 {
            at = S::piece(text, at);
            ends[count] = at as u32;
            count += 1;
        } else {
            let written = write_ends(at, found, &mut ends[count..]);
            count += written;
            at = ends[count - 1] as usize;
        }
    }
    count
}

/// Writes the places of the bits, counted from `at`, as long as there is room; returns how many, at least one.
#[inline(always)]
fn write_ends(at: usize, mut found: u64, ends: &mut [u32]) -> usize {
    let mut count = 0;
    for end in ends {
        *end = at as u32 + found.trailing_zeros();
        count += 1;
        found &= found - 1;
        if found == 0 {
            break;
        }
    }
    count
}
