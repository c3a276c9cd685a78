//! SentencePiece text without normalizing it: each space stands for its mark, one by one.

use memchr::memmem::Finder;

use crate::vocabulary::{Normalizer, Pattern, Prepend, SplitBehavior, Units, Vocabulary};

/// How a vocabulary marks spaces, where it does nothing else to a text.
pub(crate) struct Spaces {
    pub mark: String,
    pub mark_char: char,
    prepend: Prepend,
    /// Whether a mark is put in front even of one.
    always_another: bool,
    finder: Finder<'static>,
}

impl Spaces {
    /// `None` where more is done than marking spaces, or where the pieces of marked text are not whole texts.
    pub fn of(vocabulary: &Vocabulary) -> Option<Spaces> {
        let by_space = |pattern: &Pattern| matches!(pattern, Pattern::Text(text) if text == " ");
        let never_splits = |split: &crate::vocabulary::Split| {
            by_space(&split.pattern) && !split.invert && split.behavior != SplitBehavior::Removed
        };
        let chars = matches!(vocabulary.units, Units::Chars { .. });
        if !chars || vocabulary.ignore_merges || !vocabulary.splits.iter().all(never_splits) {
            return None;
        }
        let (mark, prepend, always_another) = match vocabulary.normalizers.as_slice() {
            [Normalizer::Metaspace { replacement, prepend }] => (replacement.to_string(), *prepend, false),
            [Normalizer::Replace { pattern, content }] if pattern == " " => (content.clone(), Prepend::Never, false),
            [Normalizer::Prepend(front), Normalizer::Replace { pattern, content }]
                if pattern == " " && front == content =>
            {
                (content.clone(), Prepend::Always, true)
            }
            _ => return None,
        };
        let mut chars = mark.chars();
        let (mark_char, None) = (chars.next().filter(|&mark| mark != ' ')?, chars.next()) else { return None };
        let finder = Finder::new(mark.as_bytes()).into_owned();
        Some(Spaces { mark, mark_char, prepend, always_another, finder })
    }

    /// Whether a text holds marks of its own.
    pub fn is_marked(&self, text: &str) -> bool {
        self.finder.find(text.as_bytes()).is_some()
    }

    /// Whether a space is put in front of a text, which is not empty; `first` says whether it begins the whole text.
    pub fn in_front(&self, text: &str, first: bool) -> bool {
        let wanted = match self.prepend {
            Prepend::Never => false,
            Prepend::First => first,
            Prepend::Always => true,
        };
        wanted && (self.always_another || !text.starts_with(' '))
    }

    /// A token with spaces for its marks, if it has any.
    pub fn put_into(&self, token: &[u8]) -> Option<Vec<u8>> {
        let mut rest = token;
        let mut text = Vec::new();
        while let Some(place) = self.finder.find(rest) {
            text.extend_from_slice(&rest[..place]);
            text.push(b' ');
            rest = &rest[place + self.mark.len()..];
        }
        (rest.len() < token.len()).then(|| {
            text.extend_from_slice(rest);
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::vocabulary::{Decoder, Merge, Split, TokenTable, TrimOffsets};
    use crate::{Encoder, SpecialTokens, TokenId, Tokens};

    fn vocabulary(normalizers: Vec<Normalizer>) -> Vocabulary {
        let mut bytes = Box::new([0; 256]);
        bytes.iter_mut().zip(20..).for_each(|(id, next)| *id = next);
        let every_byte: Vec<(TokenId, [u8; 1])> = (0..=255).map(|byte| (20 + TokenId::from(byte), [byte])).collect();
        let texts = [
            "a",
            "b",
            "\u{2581}",
            "\u{e9}",
            "\u{2581}a",
            "\u{2581}\u{2581}",
            "ab",
            "\u{2581}ab",
            "b\u{e9}",
            "a\u{2581}",
        ];
        let tokens = (0..).zip(texts).map(|(id, text)| (id, text.as_bytes()));
        let pairs = tokens.chain(every_byte.iter().map(|(id, byte)| (*id, &byte[..])));
        let merge = |(left, right, merged)| Merge { left, right, merged };
        Vocabulary {
            name: String::new(),
            tokens: TokenTable::from_pairs(pairs).expect("ids are distinct"),
            merges: [(2, 2, 5), (2, 0, 4), (0, 1, 6), (2, 6, 7), (4, 1, 7), (1, 3, 8), (0, 2, 9)]
                .map(merge)
                .to_vec()
                .into(),
            units: Units::Chars { bytes: Some(bytes), unknown: None, fuse_unknown: true },
            ignore_merges: false,
            added: Vec::new(),
            normalizers,
            splits: vec![Split {
                pattern: Pattern::Text(" ".to_owned()),
                behavior: SplitBehavior::MergedWithPrevious,
                invert: false,
            }],
            prefix: Vec::new(),
            suffix: Vec::new(),
            decoder: Decoder::Bytes,
            trim_offsets: TrimOffsets::Never,
        }
    }

    type Found = (Vec<TokenId>, Vec<std::ops::Range<usize>>);

    fn encoded(encoder: &Encoder, text: &str) -> Found {
        let (mut tokens, mut places) = (Tokens::default(), Vec::new());
        let done = encoder.encode(&mut encoder.scratch(), text, SpecialTokens::Parity, &mut tokens);
        assert_eq!(done, Ok(()));
        for region in 0..tokens.regions().len() {
            tokens.places(&encoder.vocabulary().tokens, region, |_, place| {
                places.push(place);
                true
            });
        }
        (tokens.ids, places)
    }

    #[test]
    fn text_as_it_is_has_the_tokens_and_places_of_normalized_text() {
        let mark = || "\u{2581}".to_owned();
        let replace = || Normalizer::Replace { pattern: " ".to_owned(), content: mark() };
        let metaspace = |prepend| Normalizer::Metaspace { replacement: '\u{2581}', prepend };
        let mut random = fastrand::Rng::with_seed(11);
        for normalizers in [
            vec![replace()],
            vec![Normalizer::Prepend(mark()), replace()],
            vec![metaspace(Prepend::Never)],
            vec![metaspace(Prepend::First)],
            vec![metaspace(Prepend::Always)],
        ] {
            let vocabulary = Arc::new(vocabulary(normalizers));
            let as_it_is = Encoder::new(Arc::clone(&vocabulary)).expect("covered");
            let mut normalizing = Encoder::new(vocabulary).expect("covered");
            assert!(as_it_is.spaces.is_some());
            normalizing.spaces = None;
            for round in 0..4000 {
                let letters: Vec<char> = "  aabb\u{e9}\n\u{4e2d}\u{2581}".chars().collect();
                let known = letters.len() - usize::from(round % 4 != 0);
                let text: String = (0..random.usize(0..40)).map(|_| letters[random.usize(..known)]).collect();
                assert_eq!(encoded(&as_it_is, &text), encoded(&normalizing, &text), "{text:?}");
            }
        }
    }
}
