//! Compiles regular expressions that mean the same in `fancy-regex` as in Oniguruma.

use fancy_regex::{Expr, LookAround, Regex, RegexBuilder};

use crate::error::TokenError;

/// Properties whose tables were compared code point by code point and are equal.
const PROPERTIES: &[&str] = &[
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "Han", "Hiragana", "Katakana", "Hangul", "Latin",
    "Cyrillic", "Arabic", "Thai",
];

/// What may follow `(?`: where case doesn't count, some characters match several others in Oniguruma, but none of these.
const GROUPS: &[&str] = &[":", "=", "!", ">", "i:'s|'t|'re|'ve|'m|'ll|'d)", "i:[sdmt]|ll|ve|re)"];

/// Compiles an expression, and tells whether the rest of a match, from any character in it on, is a match.
///
/// # Errors
/// [`TokenError::UNSUPPORTED`] for an expression that could match something else than in Oniguruma, that can match nothing, or
/// that looks at what is behind it.
pub(super) fn compile(expression: &str) -> Result<(Regex, bool), TokenError> {
    let unsupported = |reason: String| {
        TokenError::new(TokenError::UNSUPPORTED, format!("the expression `{expression}` {reason}"))
            .hint("use another engine for this tokenizer")
    };
    if let Some(part) = first_doubt(expression) {
        return Err(unsupported(format!("has `{part}`, which is not covered")));
    }
    let tree = Expr::parse_tree(expression).map_err(|error| unsupported(format!("is not read: {error}")))?;
    match shortest(&tree.expr) {
        None => return Err(unsupported("looks at what is behind it, or has parts that are not covered".to_owned())),
        Some(0) => return Err(unsupported("can match nothing".to_owned())),
        Some(_) => {}
    }
    let regex = RegexBuilder::new(expression)
        .oniguruma_mode(true)
        .backtrack_limit(usize::MAX)
        .build()
        .map_err(|error| unsupported(format!("is not compiled: {error}")))?;
    Ok((regex, is_run(&tree.expr)))
}

/// The first part that could have two meanings.
fn first_doubt(expression: &str) -> Option<&str> {
    let mut rest = expression;
    while let Some(at) = rest.find(['\\', '(', '[', '{', '}']) {
        let part = &rest[at..];
        let after = &part[1..];
        let clear = match part.as_bytes()[0] {
            b'\\' => escape_bytes(after),
            b'(' if after.starts_with('?') => group_bytes(&after[1..]),
            b'(' => (!after.starts_with('*')).then_some(1),
            b'[' => (!after.starts_with([':', '.', '=', ']']) && !after.starts_with("^]")).then_some(1),
            b'{' => (!after.starts_with([',', '}'])).then_some(1),
            _ => (!after.starts_with(['{', '?', '*'])).then_some(1),
        };
        match clear {
            Some(bytes) => rest = &part[bytes..],
            None => return Some(part.char_indices().nth(8).map_or(part, |(end, _)| &part[..end])),
        }
    }
    None
}

/// How long an escape is, if it means the same to both.
fn escape_bytes(after: &str) -> Option<usize> {
    match after.bytes().next()? {
        b'p' | b'P' => {
            let (name, _) = after[1..].strip_prefix('{')?.split_once('}')?;
            PROPERTIES.contains(&name).then_some(name.len() + 4)
        }
        b's' | b'S' | b'd' | b'D' | b'r' | b'n' | b't' => Some(2),
        // An escaped `<` or `>` is a border of words to one of them.
        b'<' | b'>' => None,
        sign => sign.is_ascii_punctuation().then_some(2),
    }
}

fn group_bytes(after: &str) -> Option<usize> {
    GROUPS.iter().find(|group| after.starts_with(**group)).map(|group| group.len() + 2)
}

/// How many characters the shortest match has, up to one; nothing for an expression that is not covered.
fn shortest(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Empty => Some(0),
        Expr::Any { .. } | Expr::Delegate { .. } => Some(1),
        Expr::Literal { val, .. } => Some(val.len().min(1)),
        Expr::Concat(parts) => parts.iter().try_fold(0, |longest: usize, part| Some(longest.max(shortest(part)?))),
        Expr::Alt(parts) => parts.iter().try_fold(1, |least: usize, part| Some(least.min(shortest(part)?))),
        Expr::Group(part) => shortest(part),
        Expr::AtomicGroup(part) => shortest(part),
        Expr::LookAround(part, LookAround::LookAhead | LookAround::LookAheadNeg) => shortest(part).map(|_| 0),
        Expr::Repeat { child, lo, .. } => shortest(child).map(|least| least.min(*lo)),
        _ => None,
    }
}

/// Whether every match is one character, or all there are in a row of one kind.
fn is_run(expression: &Expr) -> bool {
    match expression {
        Expr::Group(part) => is_run(part),
        Expr::Repeat { child, lo: 0 | 1, hi: usize::MAX, greedy: true } => is_one_char(child),
        Expr::AtomicGroup(part) => is_run(part),
        _ => is_one_char(expression),
    }
}

fn is_one_char(expression: &Expr) -> bool {
    match expression {
        Expr::Any { .. } | Expr::Delegate { .. } => true,
        Expr::Literal { val, .. } => val.chars().count() == 1,
        _ => false,
    }
}
