//! The known schemes: their expressions and what sets them apart.

use super::deepseek::DeepSeekV3;
use super::fill::{fill_with, Fill};
use crate::vocabulary::{Pattern, Split, SplitBehavior};

/// What sets one scheme apart from another.
pub(super) struct Rules {
    pub(super) contraction: Contraction,
    pub(super) word: Word,
    pub(super) digits: Digits,
    pub(super) tail: Tail,
    /// Whether white space at the end of the text is one piece even if it holds newlines.
    pub(super) end_is_whole: bool,
    /// Whether numbers are cut out first, so that the text ends before them for everything else.
    pub(super) numbers_first: bool,
}

/// Where `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` and `'d` count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Contraction {
    /// Nowhere.
    None,
    /// As pieces, in small letters.
    PieceInLower,
    /// As pieces, in any case.
    Piece,
    /// At the end of words, in any case.
    Suffix,
}

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Letters, after a space or nothing.
    AfterSpace,
    /// Letters, after any one character that is neither letter, number nor newline, or nothing.
    Letters,
    /// The same with marks in it.
    LettersAndMarks,
    /// Capitals, then small letters, after the same.
    Cased,
    /// Letters and marks after one that is no sign either; or ASCII letters after an ASCII sign.
    DeepSeek,
}

/// How numbers are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Every digit is a piece.
    One,
    /// Three by three.
    Three,
    /// They stay together, with a space before them.
    AfterSpace,
}

/// What belongs to the signs before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing, and a newline is white space like any other.
    Nothing,
    /// Newlines.
    Newlines,
    /// Newlines and slashes.
    NewlinesAndSlashes,
}

/// What is used of a scheme.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) fill: Fill,
    pub(super) after_newline: AfterNewline,
}

/// A scheme that is written out by hand.
pub(super) trait Scheme {
    const NAME: &'static str;
    const RULES: Rules;

    /// Where the piece ends that begins at `start`, which is not the end of the text.
    #[inline(always)]
    fn piece(text: &[u8], start: usize) -> usize
    where
        Self: Sized,
    {
        super::scan::piece::<Self>(text, start)
    }
}

impl Rules {
    /// What is told of a newline that such a character follows: a piece ends there, and what stands on either side doesn't
    /// change the pieces on the other.
    pub(super) fn after_newline(&self) -> AfterNewline {
        match self.tail {
            // White space leaves its last character to what follows, newlines too.
            Tail::Nothing => AfterNewline::Nothing,
            Tail::Newlines => AfterNewline::Visible,
            Tail::NewlinesAndSlashes => AfterNewline::VisibleButSlash,
        }
    }
}

/// What must follow a newline for a piece to end between the two, whatever else the text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterNewline {
    /// There is no such promise.
    Nothing,
    /// Anything but white space.
    Visible,
    /// Anything but white space and slashes.
    VisibleButSlash,
}

macro_rules! schemes {
    ($($scheme:ident $name:literal: $contraction:ident, $word:ident, $digits:ident, $tail:ident, $end_is_whole:literal, $numbers_first:literal;)*) => {$(
        pub(super) struct $scheme;

        impl Scheme for $scheme {
            const NAME: &'static str = $name;
            const RULES: Rules = Rules {
                contraction: Contraction::$contraction,
                word: Word::$word,
                digits: Digits::$digits,
                tail: Tail::$tail,
                end_is_whole: $end_is_whole,
                numbers_first: $numbers_first,
            };
        }
    )*};
}

schemes! {
    Gpt2 "gpt2": PieceInLower, AfterSpace, AfterSpace, Nothing, false, false;
    Gpt2Digits "gpt2-digits": PieceInLower, AfterSpace, One, Nothing, false, true;
    Cl100k "cl100k": Piece, Letters, Three, Newlines, false, false;
    Cl100kTiktoken "cl100k-tiktoken": Piece, Letters, Three, Newlines, true, false;
    Qwen2 "qwen2": Piece, Letters, One, Newlines, false, false;
    Qwen35 "qwen3.5": Piece, LettersAndMarks, One, Newlines, false, false;
    O200k "o200k": Suffix, Cased, Three, NewlinesAndSlashes, false, false;
    Tekken "tekken": None, Cased, One, NewlinesAndSlashes, false, false;
}

/// The scheme of these splits, if it is known.
pub(super) fn known(splits: &[Split]) -> Option<Known> {
    match splits {
        [split] => scheme_of_expression(covering_expression(split)?),
        // In single characters, `Contiguous` would keep numbers together.
        [digits, rest] if isolated_expression(digits) == Some(NUMBER) && isolated_expression(rest) == Some(GPT2) => {
            Some(found::<Gpt2Digits>())
        }
        [digits, han, rest] => {
            let expressions = [isolated_expression(digits)?, isolated_expression(han)?, isolated_expression(rest)?];
            (expressions == DEEPSEEK_V3).then(found::<DeepSeekV3>)
        }
        _ => None,
    }
}

fn scheme_of_expression(expression: &str) -> Option<Known> {
    Some(match expression {
        GPT2 | GPT2_TIKTOKEN => found::<Gpt2>(),
        CL100K | CL100K_SHORT | CL100K_POSSESSIVE | CL100K_SHORT_PLAIN => found::<Cl100k>(),
        CL100K_TIKTOKEN => found::<Cl100kTiktoken>(),
        QWEN2 => found::<Qwen2>(),
        QWEN35 => found::<Qwen35>(),
        O200K => found::<O200k>(),
        TEKKEN => found::<Tekken>(),
        _ => return None,
    })
}

fn found<S: Scheme>() -> Known {
    Known { name: S::NAME, fill: fill_with::<S>(), after_newline: S::RULES.after_newline() }
}

/// The expression whose matches are the pieces; every known one matches every character, so nothing can be removed.
fn covering_expression(split: &Split) -> Option<&str> {
    match (&split.pattern, split.behavior, split.invert) {
        (Pattern::Regex(expression), SplitBehavior::Isolated, _) => Some(expression),
        (Pattern::Regex(expression), SplitBehavior::Removed, true) => Some(expression),
        _ => None,
    }
}

fn isolated_expression(split: &Split) -> Option<&str> {
    match (&split.pattern, split.behavior) {
        (Pattern::Regex(expression), SplitBehavior::Isolated) => Some(expression),
        _ => None,
    }
}

pub(super) const NUMBER: &str = r"\p{N}";
pub(super) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
pub(super) const GPT2_TIKTOKEN: &str =
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s";
pub(super) const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const CL100K_SHORT_PLAIN: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const CL100K_SHORT: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
pub(super) const CL100K_POSSESSIVE: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
/// Read as tiktoken reads it: `$` is the end of the text and `{1,3}+` takes three at most. Oniguruma reads both otherwise.
pub(super) const CL100K_TIKTOKEN: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";
pub(super) const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const DEEPSEEK_V3: [&str; 3] = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
];
