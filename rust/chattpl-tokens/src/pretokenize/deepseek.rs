//! DeepSeek V3's scheme: numbers are cut first, then Han and kana, and each part is split for itself.

use super::class::{Char, LETTER, MARK, NEWLINE, NUMBER, SIGN, WHITE};
use super::scan::{tail, up_to_two_more};
use super::scheme::{Contraction, Digits, Rules, Scheme, Tail, Word};

pub(super) struct DeepSeekV3;

impl Scheme for DeepSeekV3 {
    const NAME: &'static str = "deepseek-v3";
    const RULES: Rules = Rules {
        contraction: Contraction::None,
        word: Word::DeepSeek,
        digits: Digits::Three,
        tail: Tail::Newlines,
        end_is_whole: false,
        numbers_first: true,
    };

    #[inline(always)]
    fn piece(text: &[u8], start: usize) -> usize {
        let first = Char::at(text, start);
        let second_start = start + first.bytes;
        if first.is(NUMBER) {
            return up_to_two_more(text, second_start);
        }
        let part = Part { text, han: is_han_or_kana(first) };
        if first.is(LETTER | MARK) {
            return part.run(second_start, LETTER | MARK);
        }
        if first.is(SIGN) {
            return match text.get(second_start) {
                Some(second) if first.bytes == 1 && second.is_ascii_alphabetic() => ascii_letters(text, second_start),
                _ => part.signs(second_start),
            };
        }
        let second = part.at(second_start);
        if second.is(LETTER | MARK) && !first.is(NEWLINE) {
            return part.run(second_start, LETTER | MARK);
        }
        if second.is(SIGN) && text[start] == b' ' {
            return part.signs(second_start);
        }
        if first.is(WHITE) {
            return part.white(start);
        }
        part.nothing(second_start)
    }
}

/// What the last expression sees: a part of the text without numbers that is all Han and kana, or holds none.
#[derive(Clone, Copy)]
struct Part<'t> {
    text: &'t [u8],
    han: bool,
}

impl Part<'_> {
    /// The character at a byte; of no class and no length at the end of the part.
    #[inline(always)]
    fn at(self, at: usize) -> Char {
        let char = Char::at(self.text, at);
        if char.is(NUMBER) | (is_han_or_kana(char) != self.han) {
            return Char { class: 0, bytes: 0, code: 0 };
        }
        char
    }

    #[inline(always)]
    fn run(self, mut at: usize, classes: u8) -> usize {
        loop {
            let char = self.at(at);
            if !char.is(classes) {
                return at;
            }
            at += char.bytes;
        }
    }

    #[inline(always)]
    fn signs(self, start: usize) -> usize {
        let end = self.run(start, SIGN);
        if self.han {
            end
        } else {
            tail::<DeepSeekV3>(self.text, end)
        }
    }

    #[inline(always)]
    fn white(self, start: usize) -> usize {
        let (mut end, mut last_start, mut newline_end) = (start, start, 0);
        loop {
            let char = self.at(end);
            if !char.is(WHITE) {
                let at_part_end = char.bytes == 0;
                return match newline_end {
                    0 if at_part_end || last_start == start => end,
                    0 => last_start,
                    _ => newline_end,
                };
            }
            last_start = end;
            end += char.bytes;
            if char.is(NEWLINE) {
                newline_end = end;
            }
        }
    }

    /// Where characters of no class end, that the expression doesn't match unless a word takes the last of them.
    #[inline(always)]
    fn nothing(self, start: usize) -> usize {
        let (mut at, mut last_start) = (start, start);
        loop {
            let char = self.at(at);
            if char.is(LETTER | MARK) {
                return last_start;
            }
            if char.class != 0 || char.bytes == 0 {
                return at;
            }
            last_start = at;
            at += char.bytes;
        }
    }
}

/// Whether a character is one of `[一-龥぀-ゟ゠-ヿ]`.
#[inline(always)]
fn is_han_or_kana(char: Char) -> bool {
    // Both are always asked, as text goes to and fro between Han and kana.
    matches!(char.code, 0x4E00..=0x9FA5) | matches!(char.code, 0x3040..=0x30FF)
}

#[inline(always)]
fn ascii_letters(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_alphabetic) {
        at += 1;
    }
    at
}
