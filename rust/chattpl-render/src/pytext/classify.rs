//! The `str.is…` predicates.

use super::charprops as props;

fn all_chars(text: &str, holds: fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(holds)
}

/// Does what `str.isalnum` does.
pub fn isalnum(text: &str) -> bool {
    all_chars(text, props::is_alphanumeric)
}

/// Does what `str.isalpha` does.
pub fn isalpha(text: &str) -> bool {
    all_chars(text, props::is_alphabetic)
}

/// Does what `str.isascii` does; the empty text is ASCII.
pub fn isascii(text: &str) -> bool {
    text.is_ascii()
}

/// Does what `str.isdecimal` does.
pub fn isdecimal(text: &str) -> bool {
    all_chars(text, |c| props::decimal_value(c).is_some())
}

/// Does what `str.isdigit` does.
pub fn isdigit(text: &str) -> bool {
    all_chars(text, props::is_digit)
}

/// Does what `str.isidentifier` does; keywords count as identifiers.
pub fn isidentifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(props::is_id_start) && chars.all(props::is_id_continue)
}

/// Does what `str.islower` does.
pub fn islower(text: &str) -> bool {
    let mut any_lower = false;
    for c in text.chars() {
        if props::is_uppercase(c) || props::is_titlecase(c) {
            return false;
        }
        any_lower = any_lower || props::is_lowercase(c);
    }
    any_lower
}

/// Does what `str.isnumeric` does.
pub fn isnumeric(text: &str) -> bool {
    all_chars(text, props::is_numeric)
}

/// Does what `str.isprintable` does; the empty text is printable.
pub fn isprintable(text: &str) -> bool {
    text.chars().all(props::is_printable)
}

/// Does what `str.isspace` does.
pub fn isspace(text: &str) -> bool {
    all_chars(text, props::is_whitespace)
}

/// Does what `str.istitle` does.
pub fn istitle(text: &str) -> bool {
    let mut any_cased = false;
    let mut after_cased = false;
    for c in text.chars() {
        let starts_word = props::is_uppercase(c) || props::is_titlecase(c);
        let is_cased = starts_word || props::is_lowercase(c);
        if is_cased && starts_word == after_cased {
            return false;
        }
        any_cased |= is_cased;
        after_cased = is_cased;
    }
    any_cased
}

/// Does what `str.isupper` does.
pub fn isupper(text: &str) -> bool {
    let mut any_upper = false;
    for c in text.chars() {
        if props::is_lowercase(c) || props::is_titlecase(c) {
            return false;
        }
        any_upper = any_upper || props::is_uppercase(c);
    }
    any_upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicates_of_the_empty_text_are_those_of_python() {
        assert!(isascii("") && isprintable(""));
        assert!(!(isalnum("") || isspace("") || islower("") || istitle("") || isidentifier("")));
    }

    #[test]
    fn digits_decimals_and_numerics_differ() {
        assert!(isdigit("\u{b2}") && !isdecimal("\u{b2}"));
        assert!(isnumeric("\u{bd}") && !isdigit("\u{bd}"));
    }

    #[test]
    fn titles_alternate() {
        assert!(istitle("They'Re Here") && !istitle("They're") && !istitle("AB"));
    }
}
