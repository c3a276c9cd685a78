//! Jinja's `urlize`: links around URLs and mail addresses.

use std::ops::Range;

use super::charprops::{decimal_value, is_whitespace, is_word};
use super::index::{byte_of_char, char_count};
use super::Piece;

/// What `urlize` puts into its links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlizeOptions<'o> {
    /// Most characters to show of a URL.
    pub trim_url_limit: Option<i64>,
    /// The attribute `rel`, escaped; left out where empty.
    pub rel: &'o str,
    /// The attribute `target`, escaped; left out where empty.
    pub target: &'o str,
    /// Further schemes to link, such as `ftp://`.
    pub extra_schemes: &'o [&'o str],
}

/// Returns the parts of Jinja's `urlize` of an already escaped text.
pub fn urlize(escaped: &str, options: &UrlizeOptions<'_>) -> Vec<Piece<'static>> {
    let mut attributes = String::new();
    for (name, value) in [("rel", options.rel), ("target", options.target)] {
        if !value.is_empty() {
            attributes.push_str(&format!(" {name}=\"{value}\""));
        }
    }
    let mut linker = Linker { text: escaped, options, attributes, pieces: Vec::new(), done: 0 };
    let mut at = 0;
    while at < escaped.len() {
        let rest = &escaped[at..];
        let start = at + rest.len() - rest.trim_start_matches(is_whitespace).len();
        at = start + escaped[start..].find(is_whitespace).unwrap_or(escaped.len() - start);
        linker.word(start..at);
    }
    linker.push_source(escaped.len());
    linker.pieces
}

/// Says whether `urlize` takes a scheme: `[\w.+-]{2,}:/{0,2}`.
pub fn is_uri_scheme(scheme: &str) -> bool {
    let Some((name, slashes)) = scheme.split_once(':') else {
        return false;
    };
    let name_fits = name.chars().all(|c| is_word(c) || matches!(c, '.' | '+' | '-'));
    char_count(name) >= 2 && name_fits && matches!(slashes, "" | "/" | "//")
}

struct Linker<'t> {
    text: &'t str,
    options: &'t UrlizeOptions<'t>,
    attributes: String,
    pieces: Vec<Piece<'static>>,
    done: usize,
}

impl Linker<'_> {
    fn push_source(&mut self, end: usize) {
        if self.done < end {
            self.pieces.push(Piece::Source(self.done..end));
        }
        self.done = self.done.max(end);
    }

    fn word(&mut self, word: Range<usize>) {
        let middle = middle_of(self.text, word);
        let text = &self.text[middle.clone()];
        if is_http_url(text) {
            let has_scheme = text.starts_with("https://") || text.starts_with("http://");
            let shown = self.trimmed(text);
            let scheme = if has_scheme { "" } else { "https://" };
            self.link(middle.clone(), scheme, true, middle.start..middle.start + shown);
            if shown < text.len() {
                self.done = middle.end;
                self.insert("...</a>");
            } else {
                self.insert("</a>");
            }
        } else if text.strip_prefix("mailto:").is_some_and(is_email) {
            self.link(middle.clone(), "", false, middle.start + "mailto:".len()..middle.end);
            self.insert("</a>");
        } else if is_bare_email(text) {
            self.link(middle.clone(), "mailto:", false, middle);
            self.insert("</a>");
        } else if self.has_extra_scheme(text) {
            self.link(middle.clone(), "", true, middle);
            self.insert("</a>");
        }
    }

    fn has_extra_scheme(&self, text: &str) -> bool {
        let schemes = self.options.extra_schemes.iter();
        schemes.into_iter().any(|scheme| text != *scheme && text.starts_with(scheme))
    }

    /// Returns how many bytes of a URL are shown.
    fn trimmed(&self, url: &str) -> usize {
        let Some(limit) = self.options.trim_url_limit else {
            return url.len();
        };
        let chars = i64::try_from(char_count(url)).unwrap_or(i64::MAX);
        if chars <= limit {
            return url.len();
        }
        // A negative limit counts from the end, as a slice does.
        let kept = if limit < 0 { chars.saturating_add(limit).max(0) } else { limit };
        byte_of_char(url, usize::try_from(kept).unwrap_or(0))
    }

    /// Writes an opening tag and the shown part of the link.
    fn link(&mut self, url: Range<usize>, scheme: &str, attributes: bool, shown: Range<usize>) {
        self.push_source(url.start);
        self.insert(&format!("<a href=\"{scheme}"));
        self.pieces.push(Piece::Source(url.clone()));
        let attributes = if attributes { self.attributes.clone() } else { String::new() };
        self.insert(&format!("\"{attributes}>"));
        if !shown.is_empty() {
            self.pieces.push(Piece::Source(shown.clone()));
        }
        self.done = url.end;
    }

    fn insert(&mut self, text: &str) {
        self.pieces.push(Piece::Inserted(text.to_owned().into()));
    }
}

/// Returns a word without the punctuation around it.
fn middle_of(text: &str, word: Range<usize>) -> Range<usize> {
    let mut middle = word.clone();
    while let Some(length) = opener_at(&text[middle.clone()]) {
        middle.start += length;
    }
    while let Some(length) = closer_at(&text[middle.clone()]) {
        middle.end -= length;
    }
    // A word ending in openers only leaves the middle empty.
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
        let opened = text[middle.clone()].matches(open).count();
        if opened <= text[middle.clone()].matches(close).count() {
            continue;
        }
        let tail = &text[middle.end..word.end];
        let ends = tail.match_indices(close).take(opened).map(|(at, _)| at + close.len());
        middle.end += ends.last().unwrap_or(0);
    }
    middle
}

fn opener_at(text: &str) -> Option<usize> {
    if text.starts_with(['(', '<']) {
        return Some(1);
    }
    text.starts_with("&lt;").then_some("&lt;".len())
}

fn closer_at(text: &str) -> Option<usize> {
    if text.ends_with([')', '>', '.', ',']) {
        return Some(1);
    }
    text.ends_with("&gt;").then_some("&gt;".len())
}

/// Maps the letters that a case-insensitive `[a-z]` matches to their ASCII form.
fn fold(c: char) -> char {
    match c {
        'İ' | 'ı' => 'i',
        'ſ' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    }
}

/// Removes `prefix`, which is lower case, whatever the case of `text`.
fn strip_folded<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    prefix.chars().all(|wanted| chars.next().map(fold) == Some(wanted)).then_some(chars.as_str())
}

fn equals_folded(text: &str, wanted: &str) -> bool {
    strip_folded(text, wanted) == Some("")
}

/// Matches Jinja's `_http_re`.
fn is_http_url(text: &str) -> bool {
    let after_scheme = strip_folded(text, "https://").or_else(|| strip_folded(text, "http://"));
    let after_start = after_scheme.or_else(|| strip_folded(text, "www."));
    after_start.is_some_and(is_started_url) || is_bare_domain_url(text) || after_scheme.is_some_and(is_address_url)
}

/// Splits before the port, path, query or fragment.
fn split_host(text: &str) -> (&str, &str) {
    text.split_at(text.find([':', '/', '?', '#']).unwrap_or(text.len()))
}

/// Matches `(?::[\d]{1,5})?(?:[/?#]\S*)?$`.
fn is_url_tail(text: &str) -> bool {
    let rest = match text.strip_prefix(':') {
        None => text,
        Some(port) => {
            let rest = port.trim_start_matches(|c| decimal_value(c).is_some());
            if !(1..=5).contains(&char_count(&port[..port.len() - rest.len()])) {
                return false;
            }
            rest
        }
    };
    rest.is_empty() || rest.starts_with(['/', '?', '#'])
}

/// Matches what may follow a scheme or `www.`: labels and a top-level domain.
fn is_started_url(text: &str) -> bool {
    let (host, tail) = split_host(text);
    let (labels, top) = host.rsplit_once('.').map_or((None, host), |(labels, top)| (Some(labels), top));
    let labels_fit = labels.is_none_or(|labels| labels.split('.').all(|label| is_label(label, 1..=usize::MAX)));
    labels_fit && is_top_level(top) && is_url_tail(tail)
}

fn is_label(label: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&char_count(label)) && label.chars().all(|c| is_word(c) || matches!(c, '%' | '-'))
}

fn is_top_level(top: &str) -> bool {
    let basic = (2..=63).contains(&char_count(top)) && top.chars().all(|c| fold(c).is_ascii_lowercase());
    let international = strip_folded(top, "xn--")
        .is_some_and(|rest| (2..=59).contains(&char_count(rest)) && rest.chars().all(|c| is_word(c) || c == '%'));
    basic || international
}

/// Matches a domain without a scheme, of a top-level domain that is well known.
fn is_bare_domain_url(text: &str) -> bool {
    let (host, tail) = split_host(text);
    let Some((labels, top)) = host.rsplit_once('.') else {
        return false;
    };
    let known = ["com", "net", "int", "edu", "gov", "org", "info", "mil"];
    known.iter().any(|name| equals_folded(top, name))
        && labels.split('.').all(|label| is_label(label, 2..=63))
        && is_url_tail(tail)
}

/// Matches a numeric address and what may follow it.
fn is_address_url(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, tail)| is_ipv6(address) && is_url_tail(tail));
    }
    let (host, tail) = split_host(text);
    let is_octet =
        |octet: &str| (1..=3).contains(&char_count(octet)) && octet.chars().all(|c| decimal_value(c).is_some());
    host.split('.').count() == 4 && host.split('.').all(is_octet) && is_url_tail(tail)
}

/// Matches `([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}`.
fn is_ipv6(address: &str) -> bool {
    let is_digit = |c: char| decimal_value(c).is_some() || matches!(fold(c), 'a'..='f');
    let groups: Vec<&str> = address.split(':').collect();
    if groups.len() < 3 || !groups.iter().all(|group| group.chars().all(is_digit)) {
        return false;
    }
    let (fixed, free) = groups.split_at(2);
    let last = free.len() - 1;
    // A longer group takes several rounds of the expression; the last has no colon to match.
    let rounds: usize = free
        .iter()
        .enumerate()
        .map(|(number, group)| char_count(group).div_ceil(4).max(usize::from(number < last)))
        .sum();
    fixed.iter().all(|group| char_count(group) <= 4) && rounds <= 6
}

/// Matches Jinja's `_email_re` in a text without whitespace.
fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let Some((host, top)) = domain.rsplit_once('.') else {
        return false;
    };
    !name.is_empty()
        && host.chars().next().is_some_and(is_word)
        && host.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
        && !top.is_empty()
        && top.chars().all(is_word)
}

fn is_bare_email(text: &str) -> bool {
    text.contains('@') && !text.starts_with("www.") && !text.starts_with('@') && !text.contains(':') && is_email(text)
}

#[cfg(test)]
mod tests {
    use super::super::join_pieces;
    use super::*;

    fn links(text: &str) -> String {
        join_pieces(text, &urlize(text, &UrlizeOptions::default()))
    }

    #[test]
    fn urls_and_addresses_become_links() {
        assert_eq!(links("see (www.x.org/a_(b))."), "see (<a href=\"https://www.x.org/a_(b)\">www.x.org/a_(b)</a>).");
        assert_eq!(links("a@b.io x"), "<a href=\"mailto:a@b.io\">a@b.io</a> x");
        assert_eq!(links("http://[::1]:80/ 1.2.3"), "<a href=\"http://[::1]:80/\">http://[::1]:80/</a> 1.2.3");
    }

    #[test]
    fn shown_urls_are_trimmed() {
        let options = UrlizeOptions { trim_url_limit: Some(4), rel: "nofollow", ..Default::default() };
        let text = "http://x.com";
        assert_eq!(join_pieces(text, &urlize(text, &options)), "<a href=\"http://x.com\" rel=\"nofollow\">http...</a>");
    }
}
