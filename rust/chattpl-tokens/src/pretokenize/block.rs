//! Finds where pieces begin in 64 bytes at a time, with a bit for each.
//!
//! A block begins where a piece begins, so nothing before it matters. What comes behind it is unknown, as is everything from
//! the first byte on that isn't ASCII; a begin that hangs on that is left out, and the next block begins at the last one found.

use super::scheme::{Contraction, Digits, Scheme, Tail, Word};

/// How many bytes a block has.
pub(super) const BLOCK: usize = 64;

/// Texts that end sooner than this are not worth a block.
const SHORT: usize = 16;

/// With other than ASCII among so many bytes, a block is not worth it.
const WORTH: usize = 4;

/// Which bytes of a block are what; the lowest bit is the first byte. Bits of bytes that are unknown are without meaning.
pub(super) struct Classes {
    /// ASCII letters.
    pub(super) letters: u64,
    /// Bytes with the bit that tells small letters from capitals.
    pub(super) lower_bit: u64,
    /// ASCII digits.
    pub(super) digits: u64,
    /// `' '`.
    pub(super) spaces: u64,
    /// `\t`, `\n`, `\x0b`, `\x0c` and `\r`.
    pub(super) white_controls: u64,
    /// `\n` and `\r`.
    pub(super) newlines: u64,
    /// Below `' '`, or `\x7f`.
    pub(super) controls: u64,
    /// `'\''`.
    pub(super) apostrophes: u64,
    /// `'/'`.
    pub(super) slashes: u64,
    /// Not ASCII, or not there.
    pub(super) unknown: u64,
}

/// Goes block by block where the text is ASCII, and by character over what no block is sure of.
#[inline(always)]
pub(super) fn fill<S: Scheme>(
    text: &[u8],
    start: usize,
    ends: &mut [u32],
    classify: impl Fn(&[u8; BLOCK]) -> Classes,
) -> usize {
    let (mut at, mut count) = (start, 0);
    while count < ends.len() && at < text.len() {
        let rest = &text[at..];
        let found = if rest.len() < SHORT || !rest[..WORTH].is_ascii() {
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

/// Where pieces are sure to begin after the first byte. `text` begins with the block and may go on behind it.
#[inline(always)]
fn begins<S: Scheme>(classes: &Classes, text: &[u8]) -> u64 {
    let white_controls = classes.white_controls & !classes.newlines;
    let mut unknown = classes.unknown;
    if matches!(S::RULES.word, Word::DeepSeek) {
        unknown |= classes.controls & !classes.white_controls;
    }
    // What follows something unknown is unknown.
    let known = (unknown & unknown.wrapping_neg()).wrapping_sub(1);
    let block = Block {
        letters: classes.letters & known,
        digits: classes.digits & known,
        spaces: classes.spaces & known,
        blanks: (classes.spaces | white_controls) & known,
        newlines: classes.newlines & known,
        signs: !(classes.letters | classes.digits | classes.spaces | classes.white_controls) & known,
        known,
    };
    let mut begins = block.signs & !(block.signs << 1) & !(block.spaces << 1);
    let mut sure = known;
    begins |= block.digits::<S>();
    begins |= block.white::<S>(classes.slashes, &mut sure);
    begins |= block.words::<S>(classes.lower_bit);
    if !matches!(S::RULES.contraction, Contraction::None) {
        begins = block.contract::<S>(classes.apostrophes & known, text, begins, &mut sure);
    }
    begins & sure & !1
}

/// A block without what is unknown.
struct Block {
    letters: u64,
    digits: u64,
    spaces: u64,
    /// White space other than newlines.
    blanks: u64,
    newlines: u64,
    /// Everything else.
    signs: u64,
    known: u64,
}

impl Block {
    #[inline(always)]
    fn digits<S: Scheme>(&self) -> u64 {
        let firsts = self.digits & !(self.digits << 1);
        match S::RULES.digits {
            Digits::One => self.digits,
            Digits::AfterSpace => firsts & !(self.spaces << 1),
            Digits::Three => {
                let three_before = self.digits & self.digits << 1 & self.digits << 2;
                let (mut begins, mut next) = (firsts, firsts << 3 & three_before);
                while next != 0 {
                    begins |= next;
                    next = next << 3 & three_before;
                }
                begins
            }
        }
    }

    #[inline(always)]
    fn words<S: Scheme>(&self, lower_bit: u64) -> u64 {
        let firsts = self.letters & !(self.letters << 1);
        if matches!(S::RULES.word, Word::AfterSpace) {
            return firsts & !(self.spaces << 1);
        }
        let lone_signs = self.signs & !(self.signs << 1) & !(self.spaces << 1);
        let words = firsts & !((self.blanks | lone_signs) << 1);
        if matches!(S::RULES.word, Word::Cased) {
            let lower = self.letters & lower_bit;
            words | self.letters & !lower & lower << 1
        } else {
            words
        }
    }

    /// White space; takes from `sure` what hangs on the unknown.
    #[inline(always)]
    fn white<S: Scheme>(&self, slashes: u64, sure: &mut u64) -> u64 {
        let white = self.blanks | self.newlines;
        let white_or_unknown = white | !self.known;
        // White space that goes on to the end of what is known: only its first byte is sure.
        let first_of_last = BLOCK as u32 - (!white_or_unknown).leading_zeros();
        *sure &= !(!1u64).checked_shl(first_of_last).unwrap_or(0);
        let before_other = !(white_or_unknown >> 1 | 1 << 63);
        let before_other = if S::RULES.numbers_first { before_other & !(self.digits >> 1) } else { before_other };
        if matches!(S::RULES.tail, Tail::Nothing) {
            return white & (!(white << 1) | before_other);
        }
        let after_signs = self.newlines & self.signs << 1;
        let taken = self.newlines & !self.newlines.wrapping_add(after_signs);
        if matches!(S::RULES.tail, Tail::NewlinesAndSlashes) {
            limit(sure, slashes & taken << 1);
        }
        let free = white & !taken;
        let after_newlines = self.blanks & (self.newlines & free) << 1;
        if after_newlines != 0 && self.blanks & self.newlines >> 1 != 0 {
            limit(sure, self.between_newlines(after_newlines));
        }
        free & !(free << 1) | after_newlines | self.blanks & before_other
    }

    /// The first of the blanks that come after a newline and go on to another.
    #[cold]
    fn between_newlines(&self, mut after_newlines: u64) -> u64 {
        while after_newlines != 0 {
            let first = after_newlines & after_newlines.wrapping_neg();
            if self.blanks.wrapping_add(first) & !self.blanks & self.newlines & !(first - 1) != 0 {
                return first;
            }
            after_newlines &= after_newlines - 1;
        }
        0
    }

    /// Puts contractions into what has been found without them.
    #[inline(always)]
    fn contract<S: Scheme>(&self, apostrophes: u64, text: &[u8], mut begins: u64, sure: &mut u64) -> u64 {
        let suffixes = matches!(S::RULES.contraction, Contraction::Suffix);
        let mut left = if suffixes {
            apostrophes & self.letters << 1
        } else {
            apostrophes & self.letters >> 1 & !(self.signs << 1) & !(self.spaces << 1)
        };
        let mut last_end = 0;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            left &= left - 1;
            // A word that has just ended with a contraction can't have another.
            if suffixes && bit == last_end {
                continue;
            }
            let at = bit.trailing_zeros() as usize;
            if let Some(bytes) = contraction_bytes::<S>(text, at) {
                last_end = bit << bytes;
                let inside = last_end.wrapping_sub(1) & !(bit - 1) & if suffixes { !0 } else { !bit };
                begins = begins & !inside | last_end & self.letters;
            } else if suffixes && text.get(at + 1).is_some_and(|byte| !byte.is_ascii()) {
                limit(sure, bit);
            }
        }
        begins
    }
}

/// Nothing is sure from the first of these bits on.
#[inline(always)]
fn limit(sure: &mut u64, bits: u64) {
    if bits != 0 {
        *sure &= (bits & bits.wrapping_neg()) - 1;
    }
}

#[inline(always)]
fn contraction_bytes<S: Scheme>(text: &[u8], at: usize) -> Option<u32> {
    let fold = if matches!(S::RULES.contraction, Contraction::PieceInLower) { 0 } else { 0x20 };
    let byte = |offset: usize| text.get(at + offset).map_or(0, |byte| byte | fold);
    match (byte(1), byte(2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(2),
        (b'r' | b'v', b'e') | (b'l', b'l') => Some(3),
        _ => None,
    }
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
