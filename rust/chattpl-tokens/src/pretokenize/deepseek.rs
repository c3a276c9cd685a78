//! DeepSeek V3's scheme: numbers are cut first, then Han and kana, then the rest.

use super::class::{decode, Char, LETTER, MARK, NEWLINE, NUMBER, SIGN, WHITE};
use super::scan::{tail, up_to_two_more, white_run};
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
    };

    #[inline(always)]
    fn piece(text: &[u8], start: usize) -> usize {
        let first = Char::at(text, start);
        let second_start = start + first.bytes;
        if first.is(NUMBER) {
            return up_to_two_more(text, second_start);
        }
        if is_han_or_kana(text, start) {
            return han_or_kana(text, second_start);
        }
        if first.is(LETTER | MARK) {
            return word(text, start);
        }
        if first.is(SIGN) {
            return match text.get(second_start) {
                Some(second) if first.bytes == 1 && second.is_ascii_alphabetic() => ascii_letters(text, second_start),
                _ => signs(text, second_start),
            };
        }
        let second = Char::at(text, second_start);
        if second.is(LETTER | MARK) && !first.is(NEWLINE) && !is_han_or_kana(text, second_start) {
            return word(text, second_start);
        }
        if text[start] == b' ' && second.is(SIGN) && !is_han_or_kana(text, second_start) {
            return signs(text, second_start);
        }
        if first.is(WHITE) {
            return white(text, start);
        }
        nothing(text, second_start)
    }
}

/// Whether the character at a byte is one of `[一-龥぀-ゟ゠-ヿ]`.
#[inline(always)]
fn is_han_or_kana(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        Some(0xE3..=0xE9) => matches!(decode(text, at).0, 0x4E00..=0x9FA5 | 0x3040..=0x30FF),
        _ => false,
    }
}

#[inline(always)]
fn han_or_kana(text: &[u8], mut at: usize) -> usize {
    while is_han_or_kana(text, at) {
        at += 3;
    }
    at
}

#[inline(always)]
fn word(text: &[u8], mut at: usize) -> usize {
    loop {
        let char = Char::at(text, at);
        if !char.is(LETTER | MARK) || is_han_or_kana(text, at) {
            return at;
        }
        at += char.bytes;
    }
}

#[inline(always)]
fn ascii_letters(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_alphabetic) {
        at += 1;
    }
    at
}

#[inline(always)]
fn signs(text: &[u8], mut at: usize) -> usize {
    loop {
        let char = Char::at(text, at);
        if !char.is(SIGN) || is_han_or_kana(text, at) {
            return tail::<DeepSeekV3>(text, at);
        }
        at += char.bytes;
    }
}

/// As in the other schemes, but numbers, Han and kana end the text that the expression sees.
#[inline(always)]
fn white(text: &[u8], start: usize) -> usize {
    let (end, last_start, newline_end) = white_run(text, start);
    if newline_end != 0 {
        return newline_end;
    }
    if last_start == start || Char::at(text, end).is(NUMBER) || end == text.len() || is_han_or_kana(text, end) {
        end
    } else {
        last_start
    }
}

/// Where characters of no class end, that no expression matches unless a word takes the last of them.
#[inline(always)]
fn nothing(text: &[u8], start: usize) -> usize {
    let (mut at, mut last_start) = (start, start);
    loop {
        let char = Char::at(text, at);
        if char.class != 0 || char.bytes == 0 || is_han_or_kana(text, at) {
            let taken = char.is(LETTER | MARK) && !is_han_or_kana(text, at);
            return if taken { last_start } else { at };
        }
        last_start = at;
        at += char.bytes;
    }
}
