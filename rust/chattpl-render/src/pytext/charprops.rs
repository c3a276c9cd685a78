//! Properties of single characters, as Python 3.11's `unicodedata` has them.

use super::unicode_tables as tables;
use super::unicode_tables::CharRange;

fn in_ranges(ranges: &[CharRange], c: char) -> bool {
    let code = u32::from(c);
    let after = ranges.partition_point(|&(first, _)| first <= code);
    after > 0 && code <= ranges[after - 1].1
}

/// Says whether `repr` prints `c` as it is.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    in_ranges(tables::PRINTABLE, c)
}

/// Says whether `c` is whitespace to `str.isspace`, `str.strip`, `str.split` and `\s`.
pub fn is_whitespace(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '\t'..='\r' | '\x1c'..=' ');
    }
    in_ranges(tables::SPACE, c)
}

/// Says whether `str.splitlines` ends a line at `c`.
pub fn is_linebreak(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Says whether `\w` matches `c`.
pub fn is_word(c: char) -> bool {
    c == '_' || is_alphanumeric(c)
}

pub(super) fn is_alphabetic(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    in_ranges(tables::ALPHABETIC, c)
}

pub(super) fn is_alphanumeric(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    in_ranges(tables::ALPHABETIC, c) || in_ranges(tables::NUMERIC, c)
}

pub(super) fn is_numeric(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    in_ranges(tables::NUMERIC, c)
}

pub(super) fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    in_ranges(tables::DIGIT, c)
}

/// Returns the value of a decimal digit in any script.
pub(super) fn decimal_value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = u32::from(c);
    let after = tables::DECIMAL_ZEROS.partition_point(|&zero| zero <= code);
    let zero = tables::DECIMAL_ZEROS[after.checked_sub(1)?];
    u8::try_from(code - zero).ok().filter(|value| *value < 10)
}

pub(super) fn is_uppercase(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_uppercase();
    }
    in_ranges(tables::UPPERCASE, c)
}

pub(super) fn is_lowercase(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_lowercase();
    }
    in_ranges(tables::LOWERCASE, c)
}

pub(super) fn is_titlecase(c: char) -> bool {
    !c.is_ascii() && in_ranges(tables::TITLECASE, c)
}

pub(super) fn is_cased(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    in_ranges(tables::CASED, c)
}

pub(super) fn is_case_ignorable(c: char) -> bool {
    in_ranges(tables::CASE_IGNORABLE, c)
}

pub(super) fn is_id_start(c: char) -> bool {
    if c.is_ascii() {
        return c == '_' || c.is_ascii_alphabetic();
    }
    in_ranges(tables::ID_START, c)
}

pub(super) fn is_id_continue(c: char) -> bool {
    if c.is_ascii() {
        return c == '_' || c.is_ascii_alphanumeric();
    }
    in_ranges(tables::ID_CONTINUE, c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_fast_paths_agree_with_the_tables() {
        for c in (0..128u8).map(char::from) {
            assert_eq!(is_printable(c), in_ranges(tables::PRINTABLE, c), "{c:?}");
            assert_eq!(is_whitespace(c), in_ranges(tables::SPACE, c), "{c:?}");
            assert_eq!(is_alphabetic(c), in_ranges(tables::ALPHABETIC, c), "{c:?}");
            assert_eq!(is_numeric(c), in_ranges(tables::NUMERIC, c), "{c:?}");
            assert_eq!(is_digit(c), in_ranges(tables::DIGIT, c), "{c:?}");
            assert_eq!(is_uppercase(c), in_ranges(tables::UPPERCASE, c), "{c:?}");
            assert_eq!(is_lowercase(c), in_ranges(tables::LOWERCASE, c), "{c:?}");
            assert_eq!(is_cased(c), in_ranges(tables::CASED, c), "{c:?}");
            assert_eq!(is_id_start(c), in_ranges(tables::ID_START, c), "{c:?}");
            assert_eq!(is_id_continue(c), in_ranges(tables::ID_CONTINUE, c), "{c:?}");
        }
    }

    #[test]
    fn decimal_values_cover_every_script() {
        assert_eq!(decimal_value('7'), Some(7));
        assert_eq!(decimal_value('\u{665}'), Some(5));
        assert_eq!(decimal_value('\u{b2}'), None);
    }
}
