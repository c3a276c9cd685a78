//! Canonical composition, which next to no text needs: most of it is skipped over character by character.

use unicode_normalization_alignments::UnicodeNormalization;

use super::normalize::Normalized;

/// One bit for each code point of three bytes and less, in words of 64: set where the character is *plain*, one that begins
/// a cluster and stays itself whatever stands before it (`NFC_Quick_Check=Yes`, combining class 0).
static PLAIN: [u64; 1024] = {
    let mut words = [!0; 1024];
    let mut range = 0;
    while range < NOT_PLAIN.len() {
        let mut code = NOT_PLAIN[range].0 as usize;
        while code <= NOT_PLAIN[range].1 as usize {
            words[code / 64] &= !(1 << (code % 64));
            code += 1;
        }
        range += 1;
    }
    words
};

/// Applies the step to a text; `None` if it changes nothing.
pub(super) fn compose(text: &str) -> Option<Normalized> {
    let bytes = text.as_bytes();
    let mut changed: Option<Normalized> = None;
    let mut buffer = String::new();
    let (mut copied, mut at) = (0, 0);
    loop {
        let (base, odd) = next_odd(bytes, at);
        if odd == bytes.len() {
            break;
        }
        // What may change: the plain character before, and all up to the next one.
        let mut end = odd;
        while end < bytes.len() && !is_plain(bytes, end) {
            end += len_of(bytes[end]);
        }
        let start = base.max(copied);
        buffer.clear();
        // By the tables of Unicode 9, as in `tokenizers`; what is plain by later ones is plain by those.
        buffer.extend(text[start..end].nfc().map(|(character, _)| character));
        if buffer != text[start..end] {
            let normalized = changed.get_or_insert_with(Normalized::default);
            // The character before keeps its place unless it takes part.
            let kept = &text[start..odd];
            let from = if buffer.starts_with(kept) { odd } else { start };
            normalized.copy(&text[copied..from], copied);
            normalized.push(&buffer[from - start..], from);
            copied = end;
        }
        at = end;
    }
    changed.map(|mut normalized| {
        normalized.copy(&text[copied..], copied);
        normalized.ended(text)
    })
}

/// The first character from `from` on that is not plain, and the one before it; both the end of the text if there is none.
#[inline]
fn next_odd(text: &[u8], from: usize) -> (usize, usize) {
    let mut at = from;
    while at < text.len() {
        if let Some(chunk) = text[at..].first_chunk::<{ CHUNK + BEHIND }>() {
            if all_plain(chunk) {
                // The last character may go on behind the chunk.
                at += CHUNK;
                while text.get(at).is_some_and(|&byte| byte & 0xC0 == 0x80) {
                    at -= 1;
                }
                continue;
            }
        }
        // As far as the chunk that is not all plain goes, character by character.
        let end = (at + CHUNK).min(text.len());
        while at < end {
            if !is_plain(text, at) {
                return (char_before(text, from, at), at);
            }
            at += len_of(text[at]);
        }
    }
    (text.len(), text.len())
}

const CHUNK: usize = 32;

/// Bytes behind a chunk that its last characters may have.
const BEHIND: usize = 2;

/// Whether all characters that begin in the first 32 bytes are surely plain; written so that it is vectorized.
#[inline]
fn all_plain(chunk: &[u8; CHUNK + BEHIND]) -> bool {
    if chunk.is_ascii() {
        return true;
    }
    let all = |range: std::ops::RangeInclusive<u8>, byte: u8| {
        byte.wrapping_sub(*range.start()) <= range.end() - range.start()
    };
    let bytes = chunk.iter().zip(&chunk[1..]).zip(&chunk[2..]);
    let odd = bytes.fold(0, |odd, ((&first, &second), &third)| {
        // ASCII and continuations, Latin to U+02FF, Cyrillic to U+047F, U+4000 to U+9FFF.
        let plain = (first < 0xCC) | all(0xD0..=0xD1, first) | all(0xE4..=0xE9, first);
        // Punctuation from U+2002 to U+203F.
        let punctuation = (first == 0xE2) & (second == 0x80) & (third > 0x81);
        // U+3000 to U+3FFF but for combining marks, and characters of full width.
        let marks = (second == 0x80) & all(0xAA..=0xAF, third) | (second == 0x82) & all(0x99..=0x9A, third);
        let kana = (first == 0xE3) & !marks;
        let wide = (first == 0xEF) & (second == 0xBC);
        odd | u8::from(!(plain | punctuation | kana | wide))
    });
    odd == 0
}

fn char_before(text: &[u8], from: usize, at: usize) -> usize {
    let before = text[from..at].iter().rposition(|byte| byte & 0xC0 != 0x80);
    before.map_or(at, |before| from + before)
}

#[inline]
fn is_plain(text: &[u8], at: usize) -> bool {
    let byte = |offset: usize| text.get(at + offset).map_or(0, |byte| usize::from(byte & 0x3F));
    let lead = text[at];
    match lead {
        0..=0x7F => true,
        // The bits of a word are the last byte; the bytes before it are its number.
        0x80..=0xDF => PLAIN[usize::from(lead & 0x1F)] >> byte(1) & 1 == 1,
        0xE0..=0xEF => PLAIN[usize::from(lead & 0x0F) << 6 | byte(1)] >> byte(2) & 1 == 1,
        // U+1F000 to U+2EFFF: signs, pictures and ideographs. Of the rest, more is said to be odd than is.
        _ => lead == 0xF0 && (0x1F..=0x2E).contains(&byte(1)),
    }
}

#[inline]
fn len_of(lead: u8) -> usize {
    match lead {
        0..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}

/// Code points of three bytes and less that are not plain, first and last of each range (Unicode 17).
const NOT_PLAIN: [(u16, u16); 198] = [
    (0x300, 0x34E),
    (0x350, 0x36F),
    (0x374, 0x374),
    (0x37E, 0x37E),
    (0x387, 0x387),
    (0x483, 0x487),
    (0x591, 0x5BD),
    (0x5BF, 0x5BF),
    (0x5C1, 0x5C2),
    (0x5C4, 0x5C5),
    (0x5C7, 0x5C9),
    (0x610, 0x61A),
    (0x64B, 0x65F),
    (0x670, 0x670),
    (0x6D6, 0x6DC),
    (0x6DF, 0x6E4),
    (0x6E7, 0x6E8),
    (0x6EA, 0x6ED),
    (0x711, 0x711),
    (0x730, 0x74A),
    (0x7EB, 0x7F3),
    (0x7FD, 0x7FD),
    (0x816, 0x819),
    (0x81B, 0x823),
    (0x825, 0x827),
    (0x829, 0x82D),
    (0x859, 0x85B),
    (0x897, 0x89F),
    (0x8CA, 0x8E1),
    (0x8E3, 0x8FF),
    (0x93C, 0x93C),
    (0x94D, 0x94D),
    (0x951, 0x954),
    (0x958, 0x95F),
    (0x9BC, 0x9BC),
    (0x9BE, 0x9BE),
    (0x9CD, 0x9CD),
    (0x9D7, 0x9D7),
    (0x9DC, 0x9DD),
    (0x9DF, 0x9DF),
    (0x9FE, 0x9FE),
    (0xA33, 0xA33),
    (0xA36, 0xA36),
    (0xA3C, 0xA3C),
    (0xA4D, 0xA4D),
    (0xA59, 0xA5B),
    (0xA5E, 0xA5E),
    (0xABC, 0xABC),
    (0xACD, 0xACD),
    (0xB3C, 0xB3C),
    (0xB3E, 0xB3E),
    (0xB4D, 0xB4D),
    (0xB56, 0xB57),
    (0xB5C, 0xB5D),
    (0xBBE, 0xBBE),
    (0xBCD, 0xBCD),
    (0xBD7, 0xBD7),
    (0xC3C, 0xC3C),
    (0xC4D, 0xC4D),
    (0xC55, 0xC56),
    (0xCBC, 0xCBC),
    (0xCC2, 0xCC2),
    (0xCCD, 0xCCD),
    (0xCD5, 0xCD6),
    (0xD3B, 0xD3C),
    (0xD3E, 0xD3E),
    (0xD4D, 0xD4D),
    (0xD57, 0xD57),
    (0xDCA, 0xDCA),
    (0xDCF, 0xDCF),
    (0xDDF, 0xDDF),
    (0xE38, 0xE3A),
    (0xE48, 0xE4B),
    (0xEB8, 0xEBA),
    (0xEC8, 0xECB),
    (0xF18, 0xF19),
    (0xF35, 0xF35),
    (0xF37, 0xF37),
    (0xF39, 0xF39),
    (0xF43, 0xF43),
    (0xF4D, 0xF4D),
    (0xF52, 0xF52),
    (0xF57, 0xF57),
    (0xF5C, 0xF5C),
    (0xF69, 0xF69),
    (0xF71, 0xF76),
    (0xF78, 0xF78),
    (0xF7A, 0xF7D),
    (0xF80, 0xF84),
    (0xF86, 0xF87),
    (0xF93, 0xF93),
    (0xF9D, 0xF9D),
    (0xFA2, 0xFA2),
    (0xFA7, 0xFA7),
    (0xFAC, 0xFAC),
    (0xFB9, 0xFB9),
    (0xFC6, 0xFC6),
    (0x102E, 0x102E),
    (0x1037, 0x1037),
    (0x1039, 0x103A),
    (0x108D, 0x108D),
    (0x1161, 0x1175),
    (0x11A8, 0x11C2),
    (0x135D, 0x135F),
    (0x1714, 0x1715),
    (0x1734, 0x1734),
    (0x17D2, 0x17D2),
    (0x17DD, 0x17DD),
    (0x18A9, 0x18A9),
    (0x1939, 0x193B),
    (0x1A17, 0x1A18),
    (0x1A60, 0x1A60),
    (0x1A75, 0x1A7C),
    (0x1A7F, 0x1A7F),
    (0x1AB0, 0x1ABD),
    (0x1ABF, 0x1AF0),
    (0x1B34, 0x1B35),
    (0x1B44, 0x1B44),
    (0x1B6B, 0x1B73),
    (0x1BAA, 0x1BAB),
    (0x1BE6, 0x1BE6),
    (0x1BF2, 0x1BF3),
    (0x1C37, 0x1C37),
    (0x1CD0, 0x1CD2),
    (0x1CD4, 0x1CE0),
    (0x1CE2, 0x1CE8),
    (0x1CED, 0x1CED),
    (0x1CF4, 0x1CF4),
    (0x1CF8, 0x1CF9),
    (0x1DC0, 0x1DFF),
    (0x1F71, 0x1F71),
    (0x1F73, 0x1F73),
    (0x1F75, 0x1F75),
    (0x1F77, 0x1F77),
    (0x1F79, 0x1F79),
    (0x1F7B, 0x1F7B),
    (0x1F7D, 0x1F7D),
    (0x1FBB, 0x1FBB),
    (0x1FBE, 0x1FBE),
    (0x1FC9, 0x1FC9),
    (0x1FCB, 0x1FCB),
    (0x1FD3, 0x1FD3),
    (0x1FDB, 0x1FDB),
    (0x1FE3, 0x1FE3),
    (0x1FEB, 0x1FEB),
    (0x1FEE, 0x1FEF),
    (0x1FF9, 0x1FF9),
    (0x1FFB, 0x1FFB),
    (0x1FFD, 0x1FFD),
    (0x2000, 0x2001),
    (0x20D0, 0x20DC),
    (0x20E1, 0x20E1),
    (0x20E5, 0x20F0),
    (0x2126, 0x2126),
    (0x212A, 0x212B),
    (0x2329, 0x232A),
    (0x2ADC, 0x2ADC),
    (0x2CEF, 0x2CF1),
    (0x2D7F, 0x2D7F),
    (0x2DE0, 0x2DFF),
    (0x302A, 0x302F),
    (0x3099, 0x309A),
    (0xA66F, 0xA66F),
    (0xA674, 0xA67D),
    (0xA69E, 0xA69F),
    (0xA6F0, 0xA6F1),
    (0xA806, 0xA806),
    (0xA82C, 0xA82C),
    (0xA8C4, 0xA8C4),
    (0xA8E0, 0xA8F1),
    (0xA92B, 0xA92D),
    (0xA953, 0xA953),
    (0xA9B3, 0xA9B3),
    (0xA9C0, 0xA9C0),
    (0xAAB0, 0xAAB0),
    (0xAAB2, 0xAAB4),
    (0xAAB7, 0xAAB8),
    (0xAABE, 0xAABF),
    (0xAAC1, 0xAAC1),
    (0xAAF6, 0xAAF6),
    (0xABED, 0xABED),
    (0xF900, 0xFA0D),
    (0xFA10, 0xFA10),
    (0xFA12, 0xFA12),
    (0xFA15, 0xFA1E),
    (0xFA20, 0xFA20),
    (0xFA22, 0xFA22),
    (0xFA25, 0xFA26),
    (0xFA2A, 0xFA6D),
    (0xFA70, 0xFAD9),
    (0xFB1D, 0xFB1F),
    (0xFB2A, 0xFB36),
    (0xFB38, 0xFB3C),
    (0xFB3E, 0xFB3E),
    (0xFB40, 0xFB41),
    (0xFB43, 0xFB44),
    (0xFB46, 0xFB4E),
    (0xFE20, 0xFE2F),
];

#[cfg(test)]
mod tests {
    use unicode_normalization::char::canonical_combining_class;
    use unicode_normalization::{is_nfc_quick, IsNormalized};

    use super::*;

    #[test]
    fn plain_characters_are_those_that_the_tables_of_unicode_say() {
        for character in (0..=0x10FFFF).filter_map(char::from_u32) {
            let quick = is_nfc_quick(std::iter::once(character)) == IsNormalized::Yes;
            let plain = quick && canonical_combining_class(character) == 0;
            let said = is_plain(character.encode_utf8(&mut [0; 4]).as_bytes(), 0);
            assert!(if character > '\u{FFFF}' { plain || !said } else { plain == said }, "{character:?}");
        }
    }

    #[test]
    fn first_bytes_that_are_said_to_be_plain_are() {
        for character in (0..=0x10FFFF).filter_map(char::from_u32) {
            for at in [0, 1, CHUNK - 1] {
                let mut chunk = [b' '; CHUNK + BEHIND];
                // What does not fit in has no place there: four bytes say by the first that they are not plain.
                let end = CHUNK + BEHIND - at;
                let encoded = character.encode_utf8(&mut [0; 4]).as_bytes().to_owned();
                let len = encoded.len().min(end);
                chunk[at..at + len].copy_from_slice(&encoded[..len]);
                assert!(!all_plain(&chunk) || is_plain(&encoded, 0), "{character:?}");
            }
        }
    }

    #[test]
    fn what_takes_no_part_in_a_composition_keeps_its_place() {
        let origin = |text: &str| compose(text).map(|done| (done.text, done.origin));
        assert_eq!(origin("\n\u{212b}x"), Some(("\n\u{c5}x".to_owned(), vec![0, 1, 1, 4, 5])));
        assert_eq!(origin("ae\u{301}x"), Some(("a\u{e9}x".to_owned(), vec![0, 1, 1, 4, 5])));
        assert_eq!(origin("q\u{301}\u{323}"), Some(("q\u{323}\u{301}".to_owned(), vec![0, 1, 1, 1, 1, 5])));
    }

    #[test]
    fn composed_text_is_what_the_reference_gives() {
        let odd: Vec<char> = (0..=0x1FFFF)
            .filter_map(char::from_u32)
            .filter(|c| !is_plain(c.encode_utf8(&mut [0; 4]).as_bytes(), 0))
            .collect();
        let plain: Vec<char> = "aeiou AZ,\u{e9}\u{433}\u{1100}\u{ac00}\u{304b}\u{4e2d}\u{1f600}".chars().collect();
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..60_000 {
            let mut pick = |from: &[char]| from[random.usize(..from.len())];
            let len = 1 + round % 90;
            let text: String = (0..len)
                .map(|at| if (at + round) % [3, 3, 17, 29][round % 4] == 0 { pick(&odd) } else { pick(&plain) })
                .collect();
            let expected: String = text.nfc().map(|(character, _)| character).collect();
            match compose(&text) {
                None => assert_eq!(text, expected),
                Some(done) => {
                    assert_eq!(done.text, expected);
                    assert_ne!(done.text, text);
                    assert_eq!(done.origin.len(), done.text.len() + 1);
                    assert!(done.origin.is_sorted() && done.origin.last() == Some(&(text.len() as u32)));
                }
            }
        }
    }
}
