//! Fast search for the next byte of a kind.

/// Bytes looked at in one step; the compiler turns the test of a block into vector code.
const BLOCK: usize = 64;

/// Bytes looked at in one step near the end.
const SMALL_BLOCK: usize = 16;

/// Finds the first byte from `from` on that matches.
#[inline(always)]
pub(super) fn next_match(bytes: &[u8], from: usize, matches: impl Fn(u8) -> bool) -> Option<usize> {
    let at = from + skip_blocks::<BLOCK>(&bytes[from..], &matches);
    let at = at + skip_blocks::<SMALL_BLOCK>(&bytes[at..], &matches);
    let found = bytes[at..].iter().position(|&b| matches(b));
    found.map(|offset| at + offset)
}

/// How many bytes lie in whole blocks before the first match.
#[inline(always)]
fn skip_blocks<const N: usize>(bytes: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    let mut clean = 0;
    for block in bytes.chunks_exact(N) {
        if block.iter().fold(false, |any, &b| any | matches(b)) {
            break;
        }
        clean += N;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_found_in_blocks_and_after_them() {
        for length in [0, 1, 63, 64, 65, 200] {
            let mut bytes = vec![b'a'; length];
            bytes.push(b'x');
            assert_eq!(next_match(&bytes, 0, |b| b == b'x'), Some(length));
            assert_eq!(next_match(&bytes, length, |b| b == b'x'), Some(length));
            assert_eq!(next_match(&bytes[..length], 0, |b| b == b'x'), None);
        }
    }
}
