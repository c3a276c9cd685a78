//! Every way of splitting gives the same pieces: character by character, block by block, and by expression.

#![allow(clippy::unwrap_used)]

use fancy_regex::{Regex, RegexBuilder};

use super::fill::{fill_by_character, fill_with, Fill};
use super::scheme::*;
use super::{deepseek::DeepSeekV3, Pretokenizer};
use crate::error::TokenError;
use crate::vocabulary::{Pattern, Split, SplitBehavior};

const SIGNS: &[&str] = &[
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "'",
    "'",
    "/",
    "-",
    "(",
    "_",
    "\0",
    "\x1f",
    "\x7f",
    "a",
    "b",
    "s",
    "S",
    "t",
    "re",
    "rE",
    "VE",
    "ll",
    "m",
    "D",
    "A",
    "Z",
    "1",
    "23",
    "4567",
    "\u{85}",
    "\u{a0}",
    "\u{aa}",
    "\u{b2}",
    "é",
    "É",
    "ß",
    "\u{17f}",
    "ǅ",
    "ʰ",
    "\u{301}",
    "ж",
    "Ж",
    "١",
    "\u{2028}",
    "\u{3000}",
    "中",
    "日",
    "あ",
    "ア",
    "・",
    "。",
    "\u{3040}",
    "\u{3099}",
    "\u{9fa6}",
    "👨\u{200d}👩",
    "\u{fe0f}",
    "\u{20000}",
    "\u{e0100}",
    "\u{e000}",
    "don't",
    "I'LL",
    "'s",
    "''s",
    "HTMLParser",
    "hello",
    " world",
    ");\n    ",
    "\n \n",
    "-\n/",
    "x = 1;\n\n",
    "            ",
];

fn isolated(expression: &str) -> Split {
    Split { pattern: Pattern::Regex(expression.to_owned()), behavior: SplitBehavior::Isolated, invert: false }
}

fn text(random: &mut fastrand::Rng) -> String {
    let few: Vec<&str> = (0..random.usize(1..12)).map(|_| SIGNS[random.usize(..SIGNS.len())]).collect();
    let ascii = random.bool();
    let parts = random.usize(1..80);
    let part = |random: &mut fastrand::Rng| few[random.usize(..few.len())];
    (0..parts).map(|_| part(random)).filter(|part| !ascii || part.is_ascii()).collect()
}

fn ends(fill: impl Fn(&[u8], usize, &mut [u32]) -> usize, text: &str, room: usize) -> Vec<u32> {
    let (mut ends, mut start, mut buffer) = (Vec::new(), 0, vec![0; room]);
    while start < text.len() {
        let count = fill(text.as_bytes(), start, &mut buffer);
        assert!(count > 0, "no piece at {start} of {text:?}");
        ends.extend_from_slice(&buffer[..count]);
        start = buffer[count - 1] as usize;
    }
    ends
}

fn ends_by_expressions(expressions: &[Regex], text: &str) -> Vec<u32> {
    let Some((regex, inner)) = expressions.split_first() else {
        return vec![text.len() as u32];
    };
    let (mut ends, mut start) = (Vec::new(), 0);
    let mut take = |start: usize, end: usize| {
        if start < end {
            ends.extend(ends_by_expressions(inner, &text[start..end]).iter().map(|inner| inner + start as u32));
        }
    };
    for found in regex.find_iter(text) {
        let found = found.unwrap();
        take(start, found.start());
        take(found.start(), found.end());
        start = found.end();
    }
    take(start, text.len());
    ends
}

fn agree<S: Scheme>(expressions: &[&str]) {
    let fast: Fill = fill_with::<S>();
    let as_oniguruma = S::NAME != Cl100kTiktoken::NAME;
    let compile = |expression: &&str| RegexBuilder::new(expression).oniguruma_mode(as_oniguruma).build().unwrap();
    let regexes: Vec<Regex> = expressions.iter().map(compile).collect();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..4000 {
        let text = text(&mut random);
        let expected = ends_by_expressions(&regexes, &text);
        assert_eq!(ends(fill_by_character::<S>, &text, 256), expected, "{} by character: {text:?}", S::NAME);
        for room in [1, 2, 3, 256] {
            assert_eq!(ends(fast, &text, room), expected, "{} by block, {room} at a time: {text:?}", S::NAME);
        }
    }
    let splits: Vec<Split> = expressions.iter().map(|expression| isolated(expression)).collect();
    assert_eq!(Pretokenizer::new(&splits).unwrap().scheme_name(), S::NAME);
}

#[test]
fn schemes_agree_with_their_expressions() {
    agree::<Gpt2>(&[GPT2]);
    agree::<Gpt2>(&[GPT2_TIKTOKEN]);
    agree::<Gpt2Digits>(&[NUMBER, GPT2]);
    agree::<Cl100k>(&[CL100K]);
    agree::<Cl100k>(&[CL100K_SHORT]);
    agree::<Cl100k>(&[CL100K_SHORT_PLAIN]);
    agree::<Cl100k>(&[CL100K_POSSESSIVE]);
    agree::<Cl100kTiktoken>(&[CL100K_TIKTOKEN]);
    agree::<Qwen2>(&[QWEN2]);
    agree::<Qwen35>(&[QWEN35]);
    agree::<O200k>(&[O200K]);
    agree::<Tekken>(&[TEKKEN]);
    agree::<DeepSeekV3>(&DEEPSEEK_V3);
}

fn part_after_newlines<S: Scheme>(expressions: &[&str]) {
    let splits: Vec<Split> = expressions.iter().map(|expression| isolated(expression)).collect();
    let pretokenizer = Pretokenizer::new(&splits).unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    let mut parted = 0;
    for _ in 0..8000 {
        let text = text(&mut random);
        let pieces = |text: &str| ends(|_, start, ends| pretokenizer.pieces(text, start, ends), text, 256);
        let expected = pieces(&text);
        for at in (1..text.len()).filter(|&at| pretokenizer.parts_at(text.as_bytes(), at)) {
            let mut apart = pieces(&text[..at]);
            apart.extend(pieces(&text[at..]).iter().map(|end| end + at as u32));
            assert_eq!(apart, expected, "{} at {at}: {text:?}", S::NAME);
            parted += 1;
        }
    }
    assert_eq!(parted > 500, !matches!(S::RULES.tail, Tail::Nothing), "{}: {parted}", S::NAME);
}

#[test]
fn nothing_reaches_past_a_newline_that_parts() {
    part_after_newlines::<Gpt2>(&[GPT2]);
    part_after_newlines::<Gpt2Digits>(&[NUMBER, GPT2]);
    part_after_newlines::<Cl100k>(&[CL100K]);
    part_after_newlines::<Cl100kTiktoken>(&[CL100K_TIKTOKEN]);
    part_after_newlines::<Qwen2>(&[QWEN2]);
    part_after_newlines::<Qwen35>(&[QWEN35]);
    part_after_newlines::<O200k>(&[O200K]);
    part_after_newlines::<Tekken>(&[TEKKEN]);
    part_after_newlines::<DeepSeekV3>(&DEEPSEEK_V3);
}

#[test]
fn classes_are_those_of_the_expressions() {
    let classes = [
        (super::class::UPPER, r"[\p{Lu}\p{Lt}]"),
        (super::class::LOWER, r"\p{Ll}"),
        (super::class::CASELESS, r"[\p{Lm}\p{Lo}]"),
        (super::class::MARK, r"\p{M}"),
        (super::class::NUMBER, r"\p{N}"),
        (super::class::SPACE, r"[\s&&[^\r\n]]"),
        (super::class::NEWLINE, r"[\r\n]"),
        (super::class::SIGN, r"[\p{P}\p{S}]"),
    ];
    for (class, expression) in classes {
        let regex = Regex::new(&format!("^{expression}$")).unwrap();
        for char in '\0'..=char::MAX {
            let text = char.to_string();
            let found = super::class::Char::at(text.as_bytes(), 0);
            assert_eq!(found.bytes, text.len());
            assert_eq!(found.is(class), regex.is_match(&text).unwrap(), "{expression} {:x}", char as u32);
        }
    }
}

#[test]
fn inverted_removal_is_isolation_for_known_expressions() {
    let split = Split { behavior: SplitBehavior::Removed, invert: true, ..isolated(O200K) };
    assert_eq!(Pretokenizer::new(&[split]).unwrap().scheme_name(), "o200k");
}

fn pieces<'t>(splits: &[Split], text: &'t str) -> Vec<&'t str> {
    let pretokenizer = Pretokenizer::new(splits).unwrap();
    let ends = ends(|_, start, ends| pretokenizer.pieces(text, start, ends), text, 1);
    let starts = std::iter::once(&0).chain(&ends);
    starts.zip(&ends).map(|(&start, &end)| &text[start as usize..end as usize]).collect()
}

#[test]
fn without_splits_the_text_is_one_piece() {
    assert_eq!(pieces(&[], "a b"), ["a b"]);
}

#[test]
fn matches_go_where_the_behavior_says() {
    let split = |behavior| [Split { pattern: Pattern::Text("-".to_owned()), behavior, invert: false }];
    assert_eq!(pieces(&split(SplitBehavior::Isolated), "a--b-"), ["a", "-", "-", "b", "-"]);
    assert_eq!(pieces(&split(SplitBehavior::Contiguous), "a--b-"), ["a", "--", "b", "-"]);
    assert_eq!(pieces(&split(SplitBehavior::MergedWithPrevious), "a--b-"), ["a-", "-", "b-"]);
    assert_eq!(pieces(&split(SplitBehavior::MergedWithNext), "a--b-"), ["a", "-", "-b", "-"]);
}

#[test]
fn later_splits_stay_in_the_pieces_of_earlier_ones() {
    let splits = [isolated(r"\p{N}"), isolated(r"\s?[\p{L}\p{N}]+")];
    assert_eq!(pieces(&splits, "ab12 cd3"), ["ab", "1", "2", " cd", "3"]);
}

#[test]
fn what_could_differ_from_oniguruma_is_refused() {
    let refused =
        [r"\w+", r"(?<=a)b", r"a*", r"\bx", "(?i:st)", "x$", "[[:alpha:]]", r"(a)\1", "(", r"x{2}?", r"\p{Greek}"];
    for expression in refused {
        let error = Pretokenizer::new(&[isolated(expression)]).err().map(|error| error.code);
        assert_eq!(error, Some(TokenError::UNSUPPORTED), "{expression}");
    }
    let two = [isolated("[0-9]{3}"), isolated(r"\p{L}+")];
    assert!(Pretokenizer::new(&two).is_err(), "no telling whether one has stopped within three digits");
    let removed = Split { behavior: SplitBehavior::Removed, ..isolated(r"\s") };
    assert!(Pretokenizer::new(&[removed]).is_err(), "text would be lost");
}
