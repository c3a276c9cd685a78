//! An opened image encodes as what it was made of does; damage is refused, and what somebody made up does no harm.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::{HEADER_BYTES, VERSION};
use crate::pack::tests::{by_priority, by_rank};
use crate::table::{bytes_of, Map};
use crate::vocabulary::{AddedToken, Merge, Normalizer, Prepend, TokenTable, Units, Vocabulary};
use crate::{Encoder, SpecialTokens, TokenError, TokenId, Tokens};

/// Bytes that begin where a mapped file would.
struct Aligned {
    words: Vec<u64>,
    start: usize,
    len: usize,
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &bytes_of(&self.words)[self.start..][..self.len]
    }
}

fn map(bytes: &[u8]) -> Map {
    let words = vec![0_u64; (bytes.len() + 64).div_ceil(8)];
    let mut aligned = Aligned { start: words.as_ptr().align_offset(64) * 8, len: bytes.len(), words };
    for (at, &byte) in (aligned.start..).zip(bytes) {
        aligned.words[at / 8] |= u64::from_ne_bytes({
            let mut word = [0; 8];
            word[at % 8] = byte;
            word
        });
    }
    Arc::new(aligned)
}

/// Every byte and pairs of them, so that all text has tokens.
fn of_bytes() -> Vocabulary {
    let mut ids = Box::new([0; 256]);
    ids.iter_mut().zip(0..).for_each(|(id, next)| *id = next);
    let single: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
    let longer = ["ab", "bab", "\u{e9}", "<end>", "whole"].map(str::as_bytes);
    let tokens = (0..).zip(single.iter().map(|token| &token[..]).chain(longer));
    let merge = |(left, right, merged)| Merge { left, right, merged };
    Vocabulary {
        tokens: TokenTable::from_pairs(tokens).expect("ids are distinct"),
        merges: [(97, 98, 256), (98, 256, 257), (0xC3, 0xA9, 258)].map(merge).to_vec().into(),
        units: Units::Bytes { ids },
        added: vec![AddedToken {
            id: 259,
            content: "<end>".to_owned(),
            normalized: false,
            ..by_rank().added[0].clone()
        }],
        normalizers: Vec::new(),
        splits: Vec::new(),
        ..by_rank()
    }
}

/// Characters, bytes beside them, marks for spaces.
fn of_characters() -> Vocabulary {
    let merges = by_priority().merges[..2].to_vec().into();
    let metaspace = Normalizer::Metaspace { replacement: '\u{2581}', prepend: Prepend::First };
    Vocabulary { merges, normalizers: vec![metaspace], splits: Vec::new(), ..by_priority() }
}

fn encoders() -> [Encoder; 2] {
    [of_bytes(), of_characters()].map(|vocabulary| Encoder::new(Arc::new(vocabulary)).expect("covered"))
}

fn encoded(encoder: &Encoder, text: &str) -> Vec<TokenId> {
    let mut tokens = Tokens::default();
    encoder.encode(&mut encoder.scratch(), text, SpecialTokens::Parity, &mut tokens).expect("nothing is refused");
    tokens.ids
}

const TEXTS: [&str; 4] = ["", "babab whole<end>  aa \u{e9}\u{4e2d}", "aa aaa \u{2581} \0", "whole"];

fn long_text() -> String {
    "aab \u{e9}ab".repeat(2000)
}

#[test]
fn an_opened_image_is_the_encoder_that_it_was_made_of() {
    for built in encoders() {
        let image = built.image();
        let opened = Encoder::open(map(&image)).expect("the image is sound");
        assert_eq!(opened.vocabulary(), built.vocabulary());
        assert_eq!(opened.image(), image);
        let long = long_text();
        for text in TEXTS.into_iter().chain([&*long]) {
            assert_eq!(encoded(&opened, text), encoded(&built, text), "{text:?}");
        }
    }
}

/// If this fails, tables hold something else, or in other places, than before: count `VERSION` up, and write down what
/// the images are now. Else an image of an older build would be read as one of this.
#[test]
fn images_of_this_version_are_the_same_as_ever() {
    let checksums = encoders().map(|encoder| xxh3_64(&encoder.image()));
    if cfg!(target_endian = "little") {
        assert_eq!((VERSION, checksums), (2, [12918753838086801439, 14205327065293157946]));
    }
}

fn open(image: &[u8]) -> Result<Encoder, TokenError> {
    Encoder::open(map(image))
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused() {
    let mut random = fastrand::Rng::with_seed(13);
    for encoder in encoders() {
        let image = encoder.image();
        let refused = |image: &[u8]| open(image).err().map(|error| error.code) == Some(TokenError::DAMAGED_PACK);
        for len in (0..HEADER_BYTES + 64).chain((0..150).map(|_| random.usize(..image.len()))) {
            assert!(refused(&image[..len]), "{len} bytes");
        }
        assert!(refused(&[&image[..], &[0]].concat()));
        let mut flipped = image.clone();
        let bits = (0..HEADER_BYTES * 8).chain((0..150).map(|_| random.usize(..image.len() * 8)));
        for bit in bits.collect::<Vec<_>>() {
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&flipped), "bit {bit}");
            flipped[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// A forged checksum: what the tables say is anything, and encoding with them still ends, inside of them.
#[test]
fn made_up_tables_never_panic_hang_or_leave_their_bounds() {
    let mut random = fastrand::Rng::with_seed(17);
    let long = long_text();
    for encoder in encoders() {
        let image = encoder.image();
        let places = interesting(&image);
        let mut opened = 0;
        for round in 0..600 {
            let mut made_up = image.clone();
            for _ in 0..random.usize(1..3) {
                // Most of the image are bits of what can be cut, which may be anything.
                let anywhere = random.usize(HEADER_BYTES..image.len() - 8);
                let at = if round % 3 == 0 { anywhere } else { *random.choice(&places).expect("some") } & !3;
                let value = match random.u8(..4) {
                    0 => random.u32(..),
                    1 => random.u32(..300),
                    2 => u32::MAX,
                    _ => 1 << random.u32(..32),
                };
                made_up[at..at + 4].copy_from_slice(&value.to_ne_bytes());
            }
            made_up.truncate(if random.u8(..8) > 0 { image.len() } else { random.usize(HEADER_BYTES..image.len()) });
            let body = (made_up.len() - HEADER_BYTES) as u64;
            made_up[16..24].copy_from_slice(&body.to_ne_bytes());
            let checksum = xxh3_64(&made_up[HEADER_BYTES..]);
            made_up[24..32].copy_from_slice(&checksum.to_ne_bytes());
            match open(&made_up) {
                Ok(encoder) => {
                    opened += 1;
                    let ids = TEXTS.into_iter().chain([&*long]).flat_map(|text| encoded(&encoder, text));
                    assert!(ids.max() < Some(encoder.vocabulary().tokens.len() as TokenId));
                }
                Err(error) => assert!([TokenError::DAMAGED_PACK, TokenError::UNSUPPORTED].contains(&error.code)),
            }
        }
        assert!(opened > 120, "{opened} of 600 were opened");
    }
}

/// Bytes that are not in the midst of zeroes, which the tables of bits have many of.
fn interesting(image: &[u8]) -> Vec<usize> {
    let is_plain = |at: usize| image[at..(at + 8).min(image.len())].iter().all(|&byte| byte == 0);
    (HEADER_BYTES..image.len() - 8).filter(|&at| !is_plain(at)).collect()
}
