//! Case mapping: `str.upper` and its kin, and Jinja's `title`.

use std::borrow::Cow;
use std::ops::Range;

use super::charprops as props;
use super::unicode_tables as tables;
use super::unicode_tables::CaseRun;
use super::Piece;

/// A change of case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseOp {
    /// `str.upper`
    Upper,
    /// `str.lower`
    Lower,
    /// `str.title`
    Title,
    /// `str.capitalize`
    Capitalize,
    /// `str.swapcase`
    Swapcase,
    /// `str.casefold`
    Casefold,
    /// Jinja's `title` filter
    JinjaTitle,
}

/// Does what `str.upper` does.
pub fn upper(text: &str) -> String {
    change_case(text, CaseOp::Upper)
}

/// Does what `str.lower` does.
pub fn lower(text: &str) -> String {
    change_case(text, CaseOp::Lower)
}

/// Does what `str.title` does.
pub fn title(text: &str) -> String {
    change_case(text, CaseOp::Title)
}

/// Does what `str.capitalize`, and so Jinja's `capitalize`, does.
pub fn capitalize(text: &str) -> String {
    change_case(text, CaseOp::Capitalize)
}

/// Does what `str.swapcase` does.
pub fn swapcase(text: &str) -> String {
    change_case(text, CaseOp::Swapcase)
}

/// Does what `str.casefold` does.
pub fn casefold(text: &str) -> String {
    change_case(text, CaseOp::Casefold)
}

/// Does what Jinja's `title` filter does: words start after `[-\s({\[<]`.
pub fn jinja_title(text: &str) -> String {
    change_case(text, CaseOp::JinjaTitle)
}

/// Returns `text` after one change of case.
pub fn change_case(text: &str, op: CaseOp) -> String {
    if text.is_ascii() {
        match op {
            CaseOp::Upper => return text.to_ascii_uppercase(),
            CaseOp::Lower | CaseOp::Casefold => return text.to_ascii_lowercase(),
            _ => {}
        }
    }
    let mut out = String::with_capacity(text.len());
    map_case(text, op, &mut |piece| out.push_str(piece.text(text)));
    out
}

/// Tells `sink` how each part of `text` changes, in order and without gaps.
///
/// A [`Piece::Replaced`] whose text is as long as its source corresponds to it
/// character by character, each of equal length; any other stems from one character.
pub fn map_case(text: &str, op: CaseOp, sink: &mut dyn FnMut(Piece<'_>)) {
    let mut run = Run { text, sink, source: 0..0, image: String::new() };
    let mut image = String::new();
    let mut state = WordState::Start;
    let mut context_start = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let ascii = ascii_image(&text[at..], op);
        if !ascii.is_empty() {
            run.add(at + ascii.len(), &ascii);
            at += ascii.len();
            continue;
        }
        let end = at + c.len_utf8();
        if op == CaseOp::JinjaTitle && state == WordState::Start {
            context_start = end;
        }
        let around = Around { before: &text[context_start.min(at)..at], after: &text[end..] };
        image.clear();
        push_image(c, op.step(&mut state, c), around, &mut image);
        run.add(end, &image);
        at = end;
    }
    run.flush();
}

/// Maps the ASCII characters that `text` starts with, where each maps for itself.
fn ascii_image(text: &str, op: CaseOp) -> String {
    let ascii = || {
        let bytes = text.as_bytes();
        &text[..bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(bytes.len())]
    };
    match op {
        CaseOp::Upper => ascii().to_ascii_uppercase(),
        CaseOp::Lower | CaseOp::Casefold => ascii().to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// Returns the simple upper case of a character, which is always one character.
pub(super) fn simple_upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let image = single_image(u32::from(c), tables::UPPER_RUNS);
    // Where the upper case is longer, the title case stands in for it.
    image.or_else(|| single_image(u32::from(c), tables::TITLE_RUNS)).unwrap_or(c)
}

/// Where in a word the next character stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WordState {
    Start,
    Inside,
}

/// The text around a character that may decide its image.
#[derive(Clone, Copy)]
struct Around<'t> {
    before: &'t str,
    after: &'t str,
}

/// What happens to one character.
#[derive(Clone, Copy)]
enum CharOp {
    Upper,
    Lower,
    Title,
    Swap,
    Fold,
}

impl CaseOp {
    /// Chooses the change for `c` and moves `state` past it.
    fn step(self, state: &mut WordState, c: char) -> CharOp {
        let before = *state;
        let inside_if = |inside| {
            if inside {
                WordState::Inside
            } else {
                WordState::Start
            }
        };
        *state = match self {
            CaseOp::Title => inside_if(props::is_cased(c)),
            CaseOp::JinjaTitle => inside_if(!ends_jinja_word(c)),
            _ => WordState::Inside,
        };
        match (self, before) {
            (CaseOp::Upper, _) | (CaseOp::JinjaTitle, WordState::Start) => CharOp::Upper,
            (CaseOp::Swapcase, _) => CharOp::Swap,
            (CaseOp::Casefold, _) => CharOp::Fold,
            (CaseOp::Title | CaseOp::Capitalize, WordState::Start) => CharOp::Title,
            (CaseOp::Lower | CaseOp::Title | CaseOp::Capitalize | CaseOp::JinjaTitle, _) => CharOp::Lower,
        }
    }
}

fn ends_jinja_word(c: char) -> bool {
    matches!(c, '-' | '(' | '{' | '[' | '<') || props::is_whitespace(c)
}

fn push_image(c: char, op: CharOp, around: Around<'_>, out: &mut String) {
    match op {
        CharOp::Upper => push_upper(c, out),
        CharOp::Lower => push_lower(c, around, out),
        CharOp::Title => push_title(c, out),
        CharOp::Swap if props::is_uppercase(c) => push_lower(c, around, out),
        CharOp::Swap if props::is_lowercase(c) => push_upper(c, out),
        CharOp::Swap => out.push(c),
        CharOp::Fold => push_fold(c, out),
    }
}

fn push_upper(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_uppercase());
    } else if !push_mapped(c, tables::UPPER_RUNS, tables::UPPER_LONGER, out) {
        out.push(c);
    }
}

fn push_lower(c: char, around: Around<'_>, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
    } else if c == 'Σ' {
        out.push(if is_final_sigma(around) { 'ς' } else { 'σ' });
    } else if !push_mapped(c, tables::LOWER_RUNS, tables::LOWER_LONGER, out) {
        out.push(c);
    }
}

fn push_title(c: char, out: &mut String) {
    if c.is_ascii() || !push_mapped(c, tables::TITLE_RUNS, tables::TITLE_LONGER, out) {
        push_upper(c, out);
    }
}

fn push_fold(c: char, out: &mut String) {
    if c.is_ascii() || !push_mapped(c, tables::FOLD_RUNS, tables::FOLD_LONGER, out) {
        push_lower(c, Around { before: "", after: "" }, out);
    }
}

/// Says whether a sigma between these texts ends a word.
fn is_final_sigma(around: Around<'_>) -> bool {
    let before = around.before.chars().rev().find(|c| !props::is_case_ignorable(*c));
    let after = around.after.chars().find(|c| !props::is_case_ignorable(*c));
    before.is_some_and(props::is_cased) && !after.is_some_and(props::is_cased)
}

fn push_mapped(c: char, runs: &[CaseRun], longer: &[(u32, &str)], out: &mut String) -> bool {
    let code = u32::from(c);
    if let Ok(found) = longer.binary_search_by_key(&code, |(source, _)| *source) {
        out.push_str(longer[found].1);
        return true;
    }
    match single_image(code, runs) {
        Some(image) => {
            out.push(image);
            true
        }
        None => false,
    }
}

fn single_image(code: u32, runs: &[CaseRun]) -> Option<char> {
    let after = runs.partition_point(|run| run.0 <= code);
    let (first, last, step, delta) = *runs.get(after.checked_sub(1)?)?;
    if code > last || (code - first) % step != 0 {
        return None;
    }
    char::from_u32(code.wrapping_add_signed(delta))
}

/// Gathers neighbouring characters whose images keep their length into one piece.
struct Run<'s> {
    text: &'s str,
    sink: &'s mut dyn FnMut(Piece<'_>),
    source: Range<usize>,
    /// Image of the source so far; empty while nothing has changed.
    image: String,
}

impl Run<'_> {
    /// Adds the image of the source up to `end`.
    fn add(&mut self, end: usize, image: &str) {
        let start = self.source.end;
        if image.len() != end - start {
            self.flush();
            self.source.end = end;
            self.image.push_str(image);
            return self.emit_replaced();
        }
        if !self.image.is_empty() {
            self.image.push_str(image);
        } else if image != &self.text[start..end] {
            self.image.push_str(&self.text[self.source.start..start]);
            self.image.push_str(image);
        }
        self.source.end = end;
    }

    fn flush(&mut self) {
        if !self.image.is_empty() {
            self.emit_replaced();
        } else if !self.source.is_empty() {
            (self.sink)(Piece::Source(self.source.clone()));
            self.source.start = self.source.end;
        }
    }

    fn emit_replaced(&mut self) {
        let source = self.source.clone();
        (self.sink)(Piece::Replaced { text: Cow::Borrowed(&self.image), source });
        self.source.start = self.source.end;
        self.image.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_casing_follows_python() {
        assert_eq!(upper("straße ŉ ﬃ"), "STRASSE ʼN FFI");
        assert_eq!(lower("ΟΔΟΣ ΣΑΣ. İ"), "οδος σας. i\u{307}");
        assert_eq!(title("they're ǆ ﬁn"), "They'Re ǅ Fin");
        assert_eq!(capitalize("ǆABC"), "ǅabc");
        assert_eq!(swapcase("aBß ǅ"), "AbSS ǅ");
        assert_eq!(casefold("Straße ϐ"), "strasse β");
    }

    #[test]
    fn jinja_titles_start_after_brackets_and_hyphens() {
        assert_eq!(jinja_title("they're half-done (OR so)"), "They're Half-Done (Or So)");
    }

    #[test]
    fn pieces_cover_the_source_in_order() {
        let text = "aΣß İx.Σ-ŉok";
        for op in [CaseOp::Upper, CaseOp::Lower, CaseOp::Title, CaseOp::Swapcase] {
            let mut next = 0;
            map_case(text, op, &mut |piece| {
                if let Piece::Source(range) | Piece::Replaced { source: range, .. } = piece {
                    assert_eq!(range.start, next);
                    next = range.end;
                }
            });
            assert_eq!(next, text.len());
        }
    }
}
