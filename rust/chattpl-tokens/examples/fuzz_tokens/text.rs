//! Random texts that lie near what a vocabulary knows.

use chattpl_tokens::Vocabulary;
use fastrand::Rng;

/// Characters on which schemes and tables turn.
const EDGES: [char; 24] = [
    '\0',
    '\t',
    '\n',
    '\r',
    ' ',
    '\'',
    '/',
    '\u{a0}',
    '\u{ad}',
    '\u{301}',
    '\u{3000}',
    '\u{2028}',
    '\u{feff}',
    '\u{fffd}',
    '\u{10ffff}',
    '\u{1f469}',
    '\u{200d}',
    '\u{e9}',
    '\u{4e2d}',
    '\u{ac00}',
    '\u{2581}',
    '0',
    's',
    'S',
];

/// Up to some hundreds of bytes: tokens, halves of tokens, characters of all planes, runs, and what comes of joining them.
pub fn random(rng: &mut Rng, vocabulary: &Vocabulary) -> String {
    let mut text = Vec::new();
    for _ in 0..rng.usize(..12) {
        match rng.u8(..8) {
            0 | 1 => text.extend_from_slice(token(rng, vocabulary)),
            2 => {
                let token = token(rng, vocabulary);
                text.extend_from_slice(&token[rng.usize(..=token.len())..]);
            }
            3 => push(&mut text, EDGES[rng.usize(..EDGES.len())], rng.usize(1..4)),
            4 => push(&mut text, rng.char(..), 1),
            5 => {
                let character = if rng.bool() { EDGES[rng.usize(..EDGES.len())] } else { rng.char(..) };
                push(&mut text, character, rng.usize(1..70));
            }
            6 => (0..rng.usize(1..40)).for_each(|_| text.push(rng.u8(b' '..0x7F))),
            _ => {
                if let Some(added) = rng.choice(&vocabulary.added) {
                    let content = added.content.as_bytes();
                    text.extend_from_slice(&content[..content.len() - rng.usize(..content.len().min(2))]);
                }
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn token<'v>(rng: &mut Rng, vocabulary: &'v Vocabulary) -> &'v [u8] {
    vocabulary.tokens.get(rng.u32(..vocabulary.tokens.len() as u32))
}

fn push(text: &mut Vec<u8>, character: char, times: usize) {
    (0..times).for_each(|_| text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()));
}
