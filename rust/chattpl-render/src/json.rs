//! Reads JSON text as input values, as Python's `json.loads` reads it.
//!
//! Not `serde_json`: its numbers lose integers beyond 64 bits, it refuses `NaN`, and it cannot say which value a
//! fault lies in. Strings without escapes are borrowed from the text.

use std::cell::Cell;

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;
use num_bigint::BigInt;

use crate::error::{code, RenderError, Result};
use crate::input::{Data, Input, Place, Step, MAX_INPUT_DEPTH};
use crate::rows::{
    is_row_field, place_of_field, read_call_arguments, read_messages, read_row, RowReport, TEMPLATE_KWARGS,
};

/// Reads a conversation: a list of messages as it is, or an object that holds one in any dialect of [`crate::rows`].
///
/// What `input` has already (tools, documents) is kept.
///
/// # Errors
/// Text that is not UTF-8 or not JSON, with its line and column; an object without a conversation.
pub fn read_conversation<'r>(input: &mut Input<'r>, bytes: &'r [u8]) -> Result<()> {
    match read_json_row(input, bytes)? {
        JsonRow::Messages(messages) => input.set_messages(messages),
        JsonRow::Fields(fields) => drop(read_row(input, &fields, &[])?),
    }
    Ok(())
}

/// Reads a row: a list of messages, which may be turns of another dialect, or an object that holds a conversation.
///
/// # Errors
/// As [`read_conversation`].
pub fn read_row_text<'r>(input: &mut Input<'r>, bytes: &'r [u8]) -> Result<RowReport<'r>> {
    match read_json_row(input, bytes)? {
        JsonRow::Messages(messages) => read_messages(input, messages),
        JsonRow::Fields(fields) => read_row(input, &fields, &[]),
    }
}

/// The JSON value of a row.
enum JsonRow<'r> {
    Messages(Data<'r>),
    Fields(BumpVec<'r, (&'r str, Data<'r>)>),
}

fn read_json_row<'r>(input: &mut Input<'r>, bytes: &'r [u8]) -> Result<JsonRow<'r>> {
    let mut reader = Reader::new(bytes, input.arena)?;
    reader.skip_space();
    let row = match reader.peek() {
        Some(b'{') => JsonRow::Fields(reader.row_fields(input)?),
        _ => JsonRow::Messages(reader.value(input, Place::MESSAGES)?),
    };
    reader.end()?;
    Ok(row)
}

/// Reads any JSON value that belongs at `place`.
///
/// # Errors
/// As [`read_conversation`].
pub fn read_value<'r>(input: &mut Input<'r>, place: Place, bytes: &'r [u8]) -> Result<Data<'r>> {
    let mut reader = Reader::new(bytes, input.arena)?;
    let value = reader.value(input, place)?;
    reader.end()?;
    Ok(value)
}

/// Entries beyond which an object is taken to repeat names, rather than looked through for each.
const MANY: usize = 16;

struct Reader<'r> {
    /// Whether the JSON text is itself a value of the input: all that it holds lies at that value's place.
    is_value: bool,
    text: &'r str,
    bytes: &'r [u8],
    at: usize,
    depth: u32,
    unescaped: String,
    /// Elements of the lists that are open.
    items: BumpVec<'r, Data<'r>>,
    /// Name, place and value of the entries of the objects that are open.
    entries: BumpVec<'r, (&'r str, Place, Data<'r>)>,
}

thread_local! {
    /// Room in which the reader before put the escapes of its strings.
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// More room than this is given back, in bytes.
const MAX_SPARE_BYTES: usize = 1 << 20;

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if self.unescaped.capacity() <= MAX_SPARE_BYTES {
            SPARE.set(std::mem::take(&mut self.unescaped));
        }
    }
}

/// Reads the arguments of a call as [`read_arguments`] does; no row replaces them.
///
/// # Errors
/// As [`read_conversation`].
pub fn read_call<'r>(input: &mut Input<'r>, bytes: &'r [u8]) -> Result<()> {
    let before = input.arguments.len();
    read_arguments(input, bytes)?;
    for at in before..input.arguments.len() {
        let name = input.arguments[at].0;
        input.keep_argument(name);
    }
    Ok(())
}

/// Reads template arguments: an object, or `null` for none.
///
/// `tools` and `documents` among them become the input's own.
///
/// # Errors
/// As [`read_conversation`].
pub fn read_arguments<'r>(input: &mut Input<'r>, bytes: &'r [u8]) -> Result<()> {
    let mut reader = Reader::new(bytes, input.arena)?;
    reader.skip_space();
    if reader.peek() == Some(b'{') {
        reader.object(input, |reader, input, name| {
            let place = match name {
                "tools" => Place::TOOLS,
                "documents" => Place::DOCUMENTS,
                _ => input.place(Place::ARGUMENTS, Step::Name(name)),
            };
            let value = reader.value(input, place)?;
            match name {
                "tools" => input.set_tools(value),
                "documents" => input.set_documents(value),
                TEMPLATE_KWARGS => read_call_arguments(input, value)?,
                _ => input.set_argument(name, value),
            }
            Ok(())
        })?;
    } else {
        reader.value(input, Place::ARGUMENTS)?;
    }
    reader.end()
}

/// Reads the JSON text of an input value; all that it holds lies at the place of that value.
///
/// # Errors
/// Text that is no JSON.
pub(crate) fn read_text_of_value<'r>(input: &mut Input<'r>, place: Place, text: &'r str) -> Result<Data<'r>> {
    let mut reader = Reader::new(text.as_bytes(), input.arena)?;
    reader.is_value = true;
    let value = reader.value(input, place)?;
    reader.end()?;
    Ok(value)
}

impl<'r> Reader<'r> {
    fn new(bytes: &'r [u8], arena: &'r Bump) -> Result<Self> {
        let text = match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(_) => {
                let at = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
                let message = format!("invalid UTF-8 at byte {at}");
                return Err(RenderError::own(code::ENCODING, message, "save the file as UTF-8"));
            }
        };
        Ok(Reader {
            is_value: false,
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            unescaped: SPARE.take(),
            items: BumpVec::new_in(arena),
            entries: BumpVec::new_in(arena),
        })
    }

    fn place(&self, input: &Input<'r>, place: Place, step: Step<'r>) -> Place {
        if self.is_value {
            place
        } else {
            input.place(place, step)
        }
    }

    fn end(&mut self) -> Result<()> {
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.fault("extra data after the JSON value"));
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn fault(&self, message: &str) -> RenderError {
        let before = &self.text.as_bytes()[..self.at.min(self.bytes.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        RenderError::own(code::JSON, format!("{message} at line {line} column {column}"), "check the JSON text there")
    }

    fn expect(&mut self, byte: u8, message: &str) -> Result<()> {
        self.skip_space();
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.fault(message))
    }

    /// Reads the fields of a row; what the row reader does not look at gets no places of its own.
    fn row_fields(&mut self, input: &mut Input<'r>) -> Result<BumpVec<'r, (&'r str, Data<'r>)>> {
        let mut fields = BumpVec::with_capacity_in(4, input.arena);
        self.object(input, |reader, input, name| {
            let is_known = is_row_field(name);
            let place = if is_known { place_of_field(input, name) } else { Place::ROW };
            reader.is_value = !is_known;
            reader.skip_space();
            let start = reader.at;
            let value = reader.value(input, place)?;
            reader.is_value = false;
            let text = reader.text;
            input.keep_field(name, &text[start..reader.at]);
            fields.push((name, value));
            Ok(())
        })?;
        Ok(fields)
    }

    /// Reads an object, calling `member` at each value.
    fn object(
        &mut self,
        input: &mut Input<'r>,
        mut member: impl FnMut(&mut Self, &mut Input<'r>, &'r str) -> Result<()>,
    ) -> Result<()> {
        self.enter()?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.fault("expected a property name in double quotes"));
            }
            let name = self.string(input)?;
            self.expect(b':', "expected `:`")?;
            member(self, input, name)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return Err(self.fault("expected `,` or `}`")),
            }
        }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_INPUT_DEPTH {
            return Err(too_deep(&format!("byte {}", self.at)));
        }
        Ok(())
    }

    fn value(&mut self, input: &mut Input<'r>, place: Place) -> Result<Data<'r>> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => {
                let text = self.string(input)?;
                Ok(input.str(place, text))
            }
            Some(b'{') => self.dict(input, place),
            Some(b'[') => self.list(input, place),
            Some(b't') => self.word("true", input.bool(place, true)),
            Some(b'f') => self.word("false", input.bool(place, false)),
            Some(b'n') => self.word("null", input.none(place)),
            Some(b'N') => self.word("NaN", input.float(place, f64::NAN)),
            Some(b'I') => self.word("Infinity", input.float(place, f64::INFINITY)),
            Some(b'-') if self.bytes[self.at..].starts_with(b"-Infinity") => {
                self.word("-Infinity", input.float(place, f64::NEG_INFINITY))
            }
            Some(b'-' | b'0'..=b'9') => self.number(input, place),
            _ => Err(self.fault("expected a JSON value")),
        }
    }

    fn word(&mut self, word: &str, value: Data<'r>) -> Result<Data<'r>> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fault("expected a JSON value"))
    }

    fn dict(&mut self, input: &mut Input<'r>, place: Place) -> Result<Data<'r>> {
        let base = self.entries.len();
        let mut repeats = false;
        self.object(input, |reader, input, name| {
            let value_place = reader.place(input, place, Step::Name(name));
            let value = reader.value(input, value_place)?;
            let before = &reader.entries[base..];
            repeats |= before.len() >= MANY || before.iter().any(|(other, _, _)| *other == name);
            reader.entries.push((name, value_place, value));
            Ok(())
        })?;
        let entries = self.entries[base..].iter().map(|&(name, place, value)| (input.key(place, name), value));
        let dict = input.dict_from(place, entries, repeats);
        self.entries.truncate(base);
        Ok(dict)
    }

    fn list(&mut self, input: &mut Input<'r>, place: Place) -> Result<Data<'r>> {
        self.enter()?;
        self.at += 1;
        let base = self.items.len();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(input.list(place, &[]));
        }
        loop {
            let item_place = self.place(input, place, Step::Index((self.items.len() - base) as u32));
            let item = self.value(input, item_place)?;
            self.items.push(item);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    self.depth -= 1;
                    let list = input.list(place, &self.items[base..]);
                    self.items.truncate(base);
                    return Ok(list);
                }
                _ => return Err(self.fault("expected `,` or `]`")),
            }
        }
    }

    fn number(&mut self, input: &Input<'r>, place: Place) -> Result<Data<'r>> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while let Some(b'0'..=b'9') = reader.peek() {
                reader.at += 1;
            }
            reader.at - from
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = digits(self);
        if whole == 0 || (whole > 1 && first == Some(b'0')) {
            self.at = start;
            return Err(self.fault("malformed number"));
        }
        let mut is_float = false;
        if self.peek() == Some(b'.') && matches!(self.bytes.get(self.at + 1), Some(b'0'..=b'9')) {
            is_float = true;
            self.at += 1;
            digits(self);
        }
        if let Some(b'e' | b'E') = self.peek() {
            let mark = self.at;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if digits(self) == 0 {
                self.at = mark;
            } else {
                is_float = true;
            }
        }
        let text = &self.text[start..self.at];
        if is_float {
            let value = text.parse().map_err(|_| self.fault("malformed number"))?;
            return Ok(input.float(place, value));
        }
        if let Ok(value) = text.parse() {
            return Ok(input.int(place, value));
        }
        if text.len() > 4300 {
            return Err(self.fault("an integer of more than 4300 digits"));
        }
        let value: BigInt = text.parse().map_err(|_| self.fault("malformed number"))?;
        Ok(input.big_int(place, value))
    }

    /// Reads a string; the reader stands at its opening quote.
    fn string(&mut self, input: &Input<'r>) -> Result<&'r str> {
        self.at += 1;
        let start = self.at;
        let Some(found) = string_end(&self.bytes[self.at..]) else {
            self.at = self.bytes.len();
            return Err(self.fault("unterminated string"));
        };
        self.at += found;
        match self.bytes[self.at] {
            b'"' => {
                let text = &self.text[start..self.at];
                self.at += 1;
                Ok(text)
            }
            b'\\' => self.escaped_string(input, start),
            _ => Err(self.fault("a control character inside a string")),
        }
    }

    /// Reads on from the first escape of a string.
    fn escaped_string(&mut self, input: &Input<'r>, start: usize) -> Result<&'r str> {
        let mut out = std::mem::take(&mut self.unescaped);
        out.clear();
        out.push_str(&self.text[start..self.at]);
        loop {
            let found = string_end(&self.bytes[self.at..]);
            let Some(found) = found else {
                self.at = self.bytes.len();
                return Err(self.fault("unterminated string"));
            };
            out.push_str(&self.text[self.at..self.at + found]);
            self.at += found;
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    let text = input.arena.alloc_str(&out);
                    self.unescaped = out;
                    return Ok(text);
                }
                b'\\' => {
                    let c = self.escape()?;
                    out.push(c);
                }
                _ => return Err(self.fault("a control character inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let c = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.fault("an unknown escape in a string")),
        };
        self.at += 2;
        Ok(c)
    }

    fn unicode_escape(&mut self) -> Result<char> {
        let first = self.hex4(self.at + 2)?;
        if !(0xd800..0xe000).contains(&first) {
            self.at += 6;
            return Ok(char::from_u32(first).expect("not a surrogate"));
        }
        let paired = first < 0xdc00 && self.bytes[self.at + 6..].starts_with(b"\\u");
        if paired {
            let second = self.hex4(self.at + 8)?;
            if (0xdc00..0xe000).contains(&second) {
                self.at += 12;
                let c = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(c).expect("a pair of surrogates is a character"));
            }
        }
        let error = self.fault("a lone surrogate in a string").with_code(code::ENCODING);
        Err(error.with_hint("no UTF-8 text can hold it; remove it from the data"))
    }

    fn hex4(&self, at: usize) -> Result<u32> {
        let digits = self.bytes.get(at..at + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.fault("a malformed \\u escape"))
    }
}

/// Finds the quote, backslash or control character that ends a stretch of plain text.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let at = first_notable(bytes)?;
    let is_control = bytes[at] < 0x20;
    // A control character is a fault only in a string that ends.
    (!is_control || memchr::memchr2(b'"', b'\\', &bytes[at..]).is_some()).then_some(at)
}

/// The first quote, backslash or control character.
fn first_notable(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 32;
    /// Most strings, and most stretches between escapes, end sooner.
    const SHORT: usize = 64;
    let near = bytes.len().min(SHORT);
    first_in_words(&bytes[..near]).or_else(|| {
        // Without a way out, so that it is vectorized.
        let is_clear = |chunk: &[u8; CHUNK]| !chunk.iter().fold(false, |found, &byte| found | is_notable(byte));
        let mut at = near;
        while bytes[at..].first_chunk().is_some_and(is_clear) {
            at += CHUNK;
        }
        first_in_words(&bytes[at..]).map(|offset| at + offset)
    })
}

fn is_notable(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// The same, eight bytes at a time.
#[inline(always)]
fn first_in_words(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&word) = bytes[at..].first_chunk() {
        match notable_bytes(u64::from_le_bytes(word)) {
            0 => at += size_of::<u64>(),
            found => return Some(at + found.trailing_zeros() as usize / 8),
        }
    }
    bytes[at..].iter().position(|&byte| is_notable(byte)).map(|offset| at + offset)
}

/// Has the highest bit of the first byte that is notable, and no bit below it.
fn notable_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    // A borrow reaches only bytes above one that is found.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let same = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | same(b'"') | same(b'\\')) & (ONES << 7)
}

/// The error of input nested too deeply.
pub fn too_deep(place: &str) -> RenderError {
    let message = format!("the input is nested more than {MAX_INPUT_DEPTH} levels deep");
    RenderError::own(code::DEPTH, message, "flatten the data").at_input(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notable_bytes_are_found_wherever_they_stand() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let odd = [b'"', b'\\', 0, 0x1F, 0x20, 0x21, b'#', 0x7F, 0x80, 0xA2, 0xDC, 0xFF];
            let mut bytes = vec![b'a'; random.usize(..250)];
            for _ in 0..random.usize(..4) {
                if let Some(byte) = random.choice(bytes.iter_mut()) {
                    *byte = odd[random.usize(..odd.len())];
                }
            }
            let expected = bytes.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'));
            assert_eq!(first_notable(&bytes), expected, "{bytes:?}");
        }
    }
}
