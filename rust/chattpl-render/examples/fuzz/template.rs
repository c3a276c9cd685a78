//! Mutates templates: tag by tag, so that most of them still parse, or character by character.

use fastrand::Rng;

use crate::expression::{expression, statement};

/// Longest template that is grown further, in bytes.
const MAX_BYTES: usize = 6_000;

/// A mutated template.
pub fn mutated(rng: &mut Rng, seeds: &[String]) -> String {
    let mut pieces = if rng.bool() {
        Vec::new()
    } else {
        let seed = &seeds[rng.usize(..seeds.len())];
        window(rng, &pieces_of(seed))
    };
    for _ in 0..rng.usize(1..5) {
        mutate(rng, &mut pieces, seeds);
    }
    pieces.concat()
}

/// The same template with characters changed, moved, cut off and inserted.
pub fn broken(rng: &mut Rng, template: &str) -> String {
    let mut chars: Vec<char> = template.chars().collect();
    for _ in 0..rng.usize(..4) {
        let at = rng.usize(..=chars.len());
        match rng.u8(..4) {
            0 => chars.truncate(at),
            1 => drop(chars.drain(at..(at + rng.usize(..8)).min(chars.len()))),
            2 => {
                let end = (at + rng.usize(..40)).min(chars.len());
                let copy = chars[at..end].to_vec();
                let to = rng.usize(..=chars.len());
                drop(chars.splice(to..to, copy));
            }
            _ => drop(chars.splice(at..at, token(rng).chars())),
        }
    }
    chars.into_iter().collect()
}

fn mutate(rng: &mut Rng, pieces: &mut Vec<String>, seeds: &[String]) {
    let at = rng.usize(..=pieces.len());
    let grown = pieces.iter().map(String::len).sum::<usize>() > MAX_BYTES;
    match rng.u8(..8) {
        0 if at < pieces.len() => drop(pieces.remove(at)),
        1 if at < pieces.len() && !grown => pieces.insert(at, pieces[at].clone()),
        2 if at < pieces.len() => {
            let other = rng.usize(..pieces.len());
            pieces.swap(at, other);
        }
        3 if !grown => {
            let seed = &seeds[rng.usize(..seeds.len())];
            let other = window(rng, &pieces_of(seed));
            drop(pieces.splice(at..at, other));
        }
        4 if at < pieces.len() && pieces[at].starts_with("{{") => {
            let inner = pieces[at].trim_matches(['{', '}', '-', ' ']).to_owned();
            pieces[at] = format!("{{{{ ({inner}) {} }}}}", suffix(rng));
        }
        5 | 6 => pieces.insert(at, {
            let depth = rng.u32(..3);
            statement(rng, depth)
        }),
        _ => pieces.insert(at, {
            let depth = rng.u32(1..4);
            format!("{{{{ {} }}}}", expression(rng, depth))
        }),
    }
}

fn suffix(rng: &mut Rng) -> String {
    match rng.u8(..3) {
        0 => format!("|{}", crate::expression::filter(rng, 2)),
        1 => format!("~ {}", expression(rng, 2)),
        _ => format!("[{}]", expression(rng, 1)),
    }
}

/// Some consecutive pieces; mostly all of them.
fn window(rng: &mut Rng, pieces: &[String]) -> Vec<String> {
    if rng.bool() || pieces.is_empty() {
        return pieces.to_vec();
    }
    let start = rng.usize(..pieces.len());
    let end = rng.usize(start..=pieces.len());
    pieces[start..end].to_vec()
}

/// The tags of a template and the text between them.
fn pieces_of(template: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let close = match &rest[open..open + 2] {
            "{{" => "}}",
            "{%" => "%}",
            _ => "#}",
        };
        let end = rest[open..].find(close).map_or(rest.len(), |end| open + end + 2);
        pieces.push(rest[..open].to_owned());
        pieces.push(rest[open..end].to_owned());
        rest = &rest[end..];
    }
    pieces.push(rest.to_owned());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// A piece of syntax, or a character that text seldom holds.
fn token(rng: &mut Rng) -> &'static str {
    const TOKENS: &[&str] = &[
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{%-",
        "-%}",
        "{{-",
        "-}}",
        "{%+",
        "+%}",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        "|",
        ".",
        ",",
        ":",
        "~",
        "==",
        "not ",
        " in ",
        " is ",
        " if ",
        " else ",
        "for ",
        "endfor",
        "set ",
        "raw",
        "endraw",
        "macro ",
        "call",
        "endcall",
        "filter",
        "generation",
        "break",
        "0x",
        "1_0",
        "1e",
        "9",
        "_",
        "\r\n",
        "\r",
        "\n",
        "\t",
        "\0",
        "\u{feff}",
        "é",
        "𝒳",
        "\u{2028}",
        "٣",
        "ª",
        "\u{301}",
        "\u{a0}",
        "😀",
        "\\N{DEGREE SIGN}",
        "\\x4",
        "\\ud800",
        "\\U0010ffff",
        "*",
        "**",
        "=",
        "/",
        "//",
        "%",
        "<",
        "!",
        "@",
        "&",
        ";",
    ];
    TOKENS[rng.usize(..TOKENS.len())]
}
