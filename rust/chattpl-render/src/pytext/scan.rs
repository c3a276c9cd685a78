//! Fast search for the next byte of a kind.

/// Bytes looked at in one step of a long search; the compiler turns the test of a block into vector code.
const BLOCK: usize = 64;

/// Bytes looked at word by word before a search counts as long.
const NEAR: usize = 32;

/// Eight bytes of text. Each test gives a word whose lowest bit set lies in the first byte that matches; what bits
/// follow says nothing.
#[derive(Clone, Copy)]
pub(super) struct Word(u64);

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = LOW << 7;

impl Word {
    #[inline(always)]
    fn of(bytes: [u8; 8]) -> Self {
        Word(u64::from_le_bytes(bytes))
    }

    /// Finds bytes below `limit`, which is at most 128.
    #[inline(always)]
    pub fn bytes_below(self, limit: u8) -> u64 {
        self.0.wrapping_sub(LOW * u64::from(limit)) & !self.0 & HIGH
    }

    /// Finds bytes that are `byte`.
    #[inline(always)]
    pub fn bytes_equal(self, byte: u8) -> u64 {
        Word(self.0 ^ (LOW * u64::from(byte))).bytes_below(1)
    }

    /// Finds bytes from 128 on.
    #[inline(always)]
    pub fn bytes_beyond_ascii(self) -> u64 {
        self.0 & HIGH
    }
}

/// Finds the first byte from `from` on that matches.
#[inline(always)]
pub(super) fn next_match(bytes: &[u8], from: usize, matches: impl Fn(Word) -> u64) -> Option<usize> {
    let mut at = from;
    let mut near = from + NEAR;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        if at >= near {
            at += clean_blocks(&bytes[at..], &matches);
            near = at + BLOCK;
            continue;
        }
        let found = matches(Word::of(*word));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    // Filled up with letters, which no search looks for.
    let rest = &bytes[at..];
    let mut last = [b'a'; 8];
    last[..rest.len()].copy_from_slice(rest);
    match matches(Word::of(last)) {
        0 => None,
        found => Some(at + found.trailing_zeros() as usize / 8),
    }
}

/// How many bytes lie in whole blocks before the first match.
#[inline(always)]
fn clean_blocks(bytes: &[u8], matches: impl Fn(Word) -> u64) -> usize {
    let mut clean = 0;
    for block in bytes.chunks_exact(BLOCK) {
        let words = block.chunks_exact(8).map(|word| Word::of(word.try_into().expect("eight bytes")));
        if words.fold(0, |found, word| found | matches(word)) != 0 {
            break;
        }
        clean += BLOCK;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_found_in_blocks_and_after_them() {
        for length in [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 95, 96, 97, 200] {
            let mut bytes = vec![b'a'; length];
            bytes.push(b'x');
            assert_eq!(next_match(&bytes, 0, |word| word.bytes_equal(b'x')), Some(length));
            assert_eq!(next_match(&bytes, length, |word| word.bytes_equal(b'x')), Some(length));
            assert_eq!(next_match(&bytes[..length], 0, |word| word.bytes_equal(b'x')), None);
        }
    }

    #[test]
    fn the_first_match_counts_whatever_follows() {
        for byte in 0..=255u8 {
            for at in 0..8 {
                for follows in [0, 0x1f, 0x20, b'"', 0x7f, 0x80, 0xff] {
                    let mut bytes = [b'a'; 8];
                    bytes[at..].fill(follows);
                    bytes[at] = byte;
                    let first = |matches: &dyn Fn(u8) -> bool| bytes.iter().position(|byte| matches(*byte));
                    assert_eq!(next_match(&bytes, 0, |word| word.bytes_below(0x20)), first(&|byte| byte < 0x20));
                    assert_eq!(next_match(&bytes, 0, |word| word.bytes_equal(0x7f)), first(&|byte| byte == 0x7f));
                    assert_eq!(next_match(&bytes, 0, Word::bytes_beyond_ascii), first(&|byte| byte >= 0x80));
                }
            }
        }
    }
}
