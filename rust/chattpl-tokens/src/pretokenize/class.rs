//! What kind of character stands at a byte of a text.
//!
//! The classes are those that Oniguruma gives `tokenizers` (0.23.3, Unicode 16). The tables of `regex-syntax` 0.8.12,
//! which tiktoken and `fancy-regex` use, differ from them in no code point.

use super::class_table::{BLOCKS, PAGES, RANGES};

/// Capitals and title case: `\p{Lu}`, `\p{Lt}`.
pub(super) const UPPER: u8 = 1;
/// Small letters: `\p{Ll}`.
pub(super) const LOWER: u8 = 2;
/// Letters without case: `\p{Lm}`, `\p{Lo}`.
pub(super) const CASELESS: u8 = 4;
/// Combining marks: `\p{M}`.
pub(super) const MARK: u8 = 8;
/// Numbers: `\p{N}`.
pub(super) const NUMBER: u8 = 16;
/// White space other than newlines.
pub(super) const SPACE: u8 = 32;
/// `\r` and `\n`.
pub(super) const NEWLINE: u8 = 64;
/// Punctuation and symbols: `\p{P}`, `\p{S}`.
pub(super) const SIGN: u8 = 128;
/// `\p{L}`.
pub(super) const LETTER: u8 = UPPER | LOWER | CASELESS;
/// `\s`.
pub(super) const WHITE: u8 = SPACE | NEWLINE;

const BLOCK: usize = BLOCKS[0].len();
const PAGED: u32 = (PAGES.len() * BLOCK) as u32;

static CLASSES: [u8; BLOCKS.len() * BLOCK] = {
    let mut classes = [0; BLOCKS.len() * BLOCK];
    let mut index = 0;
    while index < classes.len() {
        classes[index] = class_of_letter(BLOCKS[index / BLOCK][index % BLOCK]);
        index += 1;
    }
    classes
};

/// The classes of what takes up to two bytes, in one step.
static CLASSES_OF_TWO_BYTES: [u8; 0x800] = {
    let mut classes = [0; 0x800];
    let mut code = 0;
    while code < classes.len() {
        classes[code] = CLASSES[PAGES[code / BLOCK] as usize * BLOCK + code % BLOCK];
        code += 1;
    }
    classes
};

/// A character of a text: its class, 0 for those of no class, how many bytes it takes, and its number.
#[derive(Clone, Copy)]
pub(super) struct Char {
    pub(super) class: u8,
    pub(super) bytes: usize,
    pub(super) code: u32,
}

impl Char {
    /// The character at a byte; of no class and no length at the end of the text.
    #[inline(always)]
    pub(super) fn at(text: &[u8], at: usize) -> Self {
        match text.get(at) {
            None => Char { class: 0, bytes: 0, code: 0 },
            Some(&byte) => Char::at_lead(text, at, byte),
        }
    }

    #[inline(always)]
    fn at_lead(text: &[u8], at: usize, lead: u8) -> Self {
        if lead < 0x80 {
            return Char { class: CLASSES_OF_TWO_BYTES[lead as usize], bytes: 1, code: u32::from(lead) };
        }
        let bits = |index: usize| text.get(at + index).map_or(0, |byte| u32::from(byte & 0x3F));
        let lead = u32::from(lead);
        if lead < 0xE0 {
            let code = (lead & 0x1F) << 6 | bits(1);
            return Char { class: CLASSES_OF_TWO_BYTES[code as usize], bytes: 2, code };
        }
        if lead < 0xF0 {
            let code = (lead & 0x0F) << 12 | bits(1) << 6 | bits(2);
            let block = PAGES[code as usize / BLOCK] as usize;
            return Char { class: CLASSES[block * BLOCK + code as usize % BLOCK], bytes: 3, code };
        }
        let code = (lead & 0x07) << 18 | bits(1) << 12 | bits(2) << 6 | bits(3);
        Char { class: class_of(code), bytes: 4, code }
    }

    /// Whether the class is one of these.
    #[inline(always)]
    pub(super) fn is(self, classes: u8) -> bool {
        self.class & classes != 0
    }
}

/// Where the characters of these classes end that begin at a byte.
#[inline(always)]
pub(super) fn run(text: &[u8], mut at: usize, classes: u8) -> usize {
    while let Some(&byte) = text.get(at) {
        let char = Char::at_lead(text, at, byte);
        if !char.is(classes) {
            break;
        }
        at += char.bytes;
    }
    at
}

#[inline(always)]
fn class_of(code: u32) -> u8 {
    if code < PAGED {
        let block = PAGES[code as usize / BLOCK] as usize;
        CLASSES[block * BLOCK + code as usize % BLOCK]
    } else {
        class_above(code)
    }
}

#[cold]
fn class_above(code: u32) -> u8 {
    RANGES.iter().find(|(first, last, _)| (*first..=*last).contains(&code)).map_or(0, |range| class_of_letter(range.2))
}

const fn class_of_letter(letter: u8) -> u8 {
    match letter {
        b'u' => UPPER,
        b'w' => LOWER,
        b'x' => CASELESS,
        b'm' => MARK,
        b'n' => NUMBER,
        b's' => SPACE,
        b'l' => NEWLINE,
        b'p' => SIGN,
        _ => 0,
    }
}
