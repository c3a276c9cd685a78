//! Packs: a vocabulary as one compact, checksummed file that reads in milliseconds.
//!
//! ```text
//! magic "chattplV", version u32, length of the body u64, XXH3 of the body u64 (all little-endian), body
//! ```
//! The body holds one kind of thing after the other (all lengths of tokens, then all bytes, ...), so that it compresses
//! well. Numbers are varints; lists and texts begin with their length. A merge is kept as the place where its token
//! splits in two: the halves are looked up by their bytes.

mod halves;
mod reader;
mod writer;

pub use reader::read;
pub(crate) use reader::read_small;
pub use writer::write;
pub(crate) use writer::write_small;

const MAGIC: &[u8; 8] = b"chattplV";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 28;

/// Merges in ascending order of the token they make, at most one each: one byte for every id.
const MERGES_BY_ID: u8 = 0;
/// Merges in any order: the step from one merged id to the next, then where it splits.
const MERGES_BY_PRIORITY: u8 = 1;
/// In place of a split: both ids stand in the list of exceptions. No merge splits at 255 or later in [`MERGES_BY_ID`].
const EXPLICIT: u8 = 255;
/// In place of a split: no merge makes this token.
const NO_MERGE: u8 = 0;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::read::{tiktoken, Description};
    use crate::vocabulary::*;
    use crate::TokenError;

    pub fn by_rank() -> Vocabulary {
        let file = b"YQ== 0\nYg== 1\nYWI= 2\nYmI= 4\nYWJi 5\n";
        let description = Description {
            name: "letters".to_owned(),
            pattern: "[a-z]+".to_owned(),
            normalizers: vec![Normalizer::Nfc],
            added: vec![AddedToken {
                id: 9,
                content: "<end>".to_owned(),
                special: true,
                lstrip: false,
                rstrip: true,
                single_word: false,
                normalized: true,
                in_model: true,
            }],
            prefix: vec![9],
        };
        tiktoken(file, description).expect("the file is sound")
    }

    /// Every variant, merges out of order, a byte token that looks like a letter.
    pub fn by_priority() -> Vocabulary {
        let mut bytes = Box::new([0; 256]);
        bytes.iter_mut().zip(10..).for_each(|(id, next)| *id = next);
        let letters =
            [(0, &b"<unk>"[..]), (1, b"a"), (2, b"\xe2\x96\x81"), (3, b"aa"), (4, b"\xe2\x96\x81aa"), (300, b"a")];
        let every_byte: Vec<(u32, [u8; 1])> = (0..=255).map(|byte| (10 + u32::from(byte), [byte])).collect();
        let pairs = letters.into_iter().chain(every_byte.iter().map(|(id, byte)| (*id, &byte[..])));
        Vocabulary {
            name: String::new(),
            tokens: TokenTable::from_pairs(pairs).expect("ids are distinct"),
            merges: vec![
                Merge { left: 2, right: 3, merged: 4 },
                Merge { left: 1, right: 1, merged: 3 },
                Merge { left: 1, right: 300, merged: 3 },
            ]
            .into(),
            units: Units::Chars { bytes: Some(bytes), unknown: Some(0), fuse_unknown: true },
            ignore_merges: false,
            added: Vec::new(),
            normalizers: vec![
                Normalizer::Prepend("x".to_owned()),
                Normalizer::PrependFirst("y".to_owned()),
                Normalizer::Replace { pattern: " ".to_owned(), content: "\u{2581}".to_owned() },
                Normalizer::Metaspace { replacement: '\u{2581}', prepend: Prepend::First },
            ],
            splits: vec![
                Split { pattern: Pattern::Text(" ".to_owned()), behavior: SplitBehavior::MergedWithNext, invert: true },
                Split { pattern: Pattern::Regex("a+".to_owned()), behavior: SplitBehavior::Contiguous, invert: false },
            ],
            prefix: vec![1, 2],
            suffix: vec![0],
            decoder: Decoder::Metaspace { replacement: '\u{2581}', leading: Leading::OneSpace },
            trim_offsets: TrimOffsets::SpacesButFirst,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for vocabulary in [by_rank(), by_priority()] {
            assert_eq!(read(&write(&vocabulary)), Ok(vocabulary));
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_refused() {
        let pack = write(&by_rank());
        for len in 0..pack.len() {
            assert_eq!(read(&pack[..len]).map_err(|error| error.code), Err(TokenError::DAMAGED_PACK), "{len} bytes");
        }
        for bit in 0..pack.len() * 8 {
            let mut flipped = pack.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped).map_err(|error| error.code), Err(TokenError::DAMAGED_PACK), "bit {bit}");
        }
    }

    /// A writer's mistake or a forged checksum: the body is damaged and the header agrees with it.
    #[test]
    fn damaged_body_with_a_right_checksum_never_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        for pack in [write(&by_rank()), write(&by_priority())] {
            for _ in 0..20_000 {
                let mut body = pack[HEADER_BYTES..].to_vec();
                for _ in 0..random.usize(1..4) {
                    let at = random.usize(..body.len());
                    body[at] = if random.bool() { random.u8(..) } else { [0, 0x7f, 0x80, 0xff][random.usize(..4)] };
                }
                body.truncate(if random.bool() { body.len() } else { random.usize(..body.len()) });
                if let Err(error) = read(&writer::with_header(&body)) {
                    assert_eq!(error.code, TokenError::DAMAGED_PACK);
                }
            }
        }
    }
}
