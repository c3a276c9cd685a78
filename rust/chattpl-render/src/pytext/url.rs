//! Jinja's `urlencode` and the attribute names of `xmlattr`.

/// The part of a URL to quote for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPart {
    /// A path, in which `/` stays.
    Path,
    /// A query string, in which a space becomes `+`.
    Query,
}

/// Percent-encodes the UTF-8 of `text` as Jinja's `url_quote` does.
pub fn url_quote(text: &str, part: UrlPart) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            b'/' if part == UrlPart::Path => out.push('/'),
            b' ' if part == UrlPart::Query => out.push('+'),
            _ => {
                out.push('%');
                for nibble in [byte >> 4, byte & 0xf] {
                    out.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
                }
            }
        }
    }
    out
}

/// Says whether Jinja's `xmlattr` refuses a key.
pub fn is_invalid_attribute_name(name: &str) -> bool {
    name.contains(|c| matches!(c, '\t'..='\r' | ' ' | '/' | '>' | '='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_differ_in_slash_and_space() {
        assert_eq!(url_quote("a b/é~", UrlPart::Path), "a%20b/%C3%A9~");
        assert_eq!(url_quote("a b/é~", UrlPart::Query), "a+b%2F%C3%A9~");
    }
}
