//! Finds the end of one piece, character by character.

use super::class::{run, Char, CASELESS, LETTER, LOWER, MARK, NEWLINE, NUMBER, SPACE, UPPER, WHITE};
use super::scheme::{Contraction, Digits, Scheme, Tail, Word};

/// Where the piece ends that begins at `start`, which is not the end of the text.
#[inline(always)]
pub(super) fn piece<S: Scheme>(text: &[u8], start: usize) -> usize {
    if contracts_in_front::<S>() && text[start] == b'\'' {
        if let Some(end) = contraction::<S>(text, start) {
            return end;
        }
    }
    let first = Char::at(text, start);
    let second_start = start + first.bytes;
    if first.is(word_classes::<S>()) {
        return word::<S>(text, start);
    }
    if first.is(NUMBER) {
        return digits::<S>(text, second_start);
    }
    if first.is(NEWLINE) {
        return white::<S>(text, start);
    }
    let second = Char::at(text, second_start);
    let after_space = text[start] == b' ';
    if second.is(word_classes::<S>()) && (after_space || !matches!(S::RULES.word, Word::AfterSpace)) {
        return word::<S>(text, second_start);
    }
    if !first.is(SPACE) {
        return signs::<S>(text, second_start);
    }
    if after_space && second.bytes != 0 {
        if !second.is(NUMBER | WHITE) {
            return signs::<S>(text, second_start + second.bytes);
        }
        if matches!(S::RULES.digits, Digits::AfterSpace) && second.is(NUMBER) {
            return run(text, second_start, NUMBER);
        }
    }
    white::<S>(text, start)
}

/// Where white space ends that is a piece: before its last character if something follows, so that a word can take that.
#[inline(always)]
fn white<S: Scheme>(text: &[u8], start: usize) -> usize {
    let (end, last_start, newline_end) = white_run(text, start);
    let at_end = end == text.len() || S::RULES.numbers_first && Char::at(text, end).is(NUMBER);
    if at_end && (S::RULES.end_is_whole || newline_end == 0) {
        return end;
    }
    if newline_end != 0 && !matches!(S::RULES.tail, Tail::Nothing) {
        return newline_end;
    }
    if at_end || last_start == start {
        end
    } else {
        last_start
    }
}

/// Where white space ends, where its last character begins, and where its last newline ends; 0 where it has none.
#[inline(always)]
fn white_run(text: &[u8], start: usize) -> (usize, usize, usize) {
    let (mut end, mut last_start, mut newline_end) = (start, start, 0);
    loop {
        let char = Char::at(text, end);
        if !char.is(WHITE) {
            return (end, last_start, newline_end);
        }
        last_start = end;
        end += char.bytes;
        if char.is(NEWLINE) {
            newline_end = end;
        }
    }
}

/// Whether a byte of an apostrophe and what follows is one of the contractions; where it ends.
#[inline(always)]
fn contraction<S: Scheme>(text: &[u8], apostrophe: usize) -> Option<usize> {
    let fold = if matches!(S::RULES.contraction, Contraction::PieceInLower) { 0 } else { 0x20 };
    let byte = |offset: usize| text.get(apostrophe + offset).map_or(0, |byte| byte | fold);
    match (byte(1), byte(2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(apostrophe + 2),
        (b'r' | b'v', b'e') | (b'l', b'l') => Some(apostrophe + 3),
        // U+017F, which is an `s` where case doesn't count.
        _ if fold != 0 && text[apostrophe + 1..].starts_with("\u{17f}".as_bytes()) => Some(apostrophe + 3),
        _ => None,
    }
}

#[inline(always)]
const fn contracts_in_front<S: Scheme>() -> bool {
    matches!(S::RULES.contraction, Contraction::Piece | Contraction::PieceInLower)
}

#[inline(always)]
const fn word_classes<S: Scheme>() -> u8 {
    match S::RULES.word {
        Word::AfterSpace | Word::Letters => LETTER,
        Word::LettersAndMarks | Word::Cased | Word::DeepSeek => LETTER | MARK,
    }
}

#[inline(always)]
fn word<S: Scheme>(text: &[u8], start: usize) -> usize {
    let end = match S::RULES.word {
        Word::Cased => cased_word(text, start),
        _ => run(text, start, word_classes::<S>()),
    };
    match S::RULES.contraction {
        Contraction::Suffix if text.get(end) == Some(&b'\'') => contraction::<S>(text, end).unwrap_or(end),
        _ => end,
    }
}

/// Capitals, then small letters; characters without case are both. With no small letter after them, the capitals end
/// after the last that is both, where the expression finds its way back to.
#[inline(always)]
fn cased_word(text: &[u8], start: usize) -> usize {
    let (mut at, mut both_end) = (start, 0);
    loop {
        let char = Char::at(text, at);
        if char.is(LOWER) {
            return run(text, at + char.bytes, LOWER | CASELESS | MARK);
        }
        if !char.is(UPPER | CASELESS | MARK) {
            return if both_end == 0 { at } else { both_end };
        }
        at += char.bytes;
        if char.is(CASELESS | MARK) {
            both_end = at;
        }
    }
}

#[inline(always)]
fn digits<S: Scheme>(text: &[u8], second_start: usize) -> usize {
    match S::RULES.digits {
        Digits::One => second_start,
        Digits::Three => up_to_two_more(text, second_start),
        Digits::AfterSpace => run(text, second_start, NUMBER),
    }
}

#[inline(always)]
pub(super) fn up_to_two_more(text: &[u8], mut at: usize) -> usize {
    for _ in 0..2 {
        let char = Char::at(text, at);
        if !char.is(NUMBER) {
            break;
        }
        at += char.bytes;
    }
    at
}

/// Where what is neither letter, number nor white space ends, with what belongs to it.
#[inline(always)]
fn signs<S: Scheme>(text: &[u8], start: usize) -> usize {
    let not_signs =
        NUMBER | WHITE | if matches!(S::RULES.word, Word::LettersAndMarks) { LETTER | MARK } else { LETTER };
    let mut end = start;
    loop {
        let char = Char::at(text, end);
        if char.is(not_signs) || char.bytes == 0 {
            return tail::<S>(text, end);
        }
        end += char.bytes;
    }
}

#[inline(always)]
pub(super) fn tail<S: Scheme>(text: &[u8], mut end: usize) -> usize {
    let belongs = |byte: &u8| match S::RULES.tail {
        Tail::Nothing => false,
        Tail::Newlines => matches!(byte, b'\r' | b'\n'),
        Tail::NewlinesAndSlashes => matches!(byte, b'\r' | b'\n' | b'/'),
    };
    while text.get(end).is_some_and(belongs) {
        end += 1;
    }
    end
}
