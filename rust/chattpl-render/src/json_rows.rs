//! Splits JSON text into rows while it is read: the elements of an array, or several values one after another.
//!
//! It counts brackets and knows strings; the inside of a row is checked by whoever reads the row.

use memchr::{memchr2, memchr_iter};

/// One row of a [`Block`]: a span of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSpan {
    pub start_byte: usize,
    pub end_byte: usize,
    /// Line of the first byte in the file, from 1.
    pub line: u64,
}

/// Rows that are complete, and the text that they lie in.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    pub data: Vec<u8>,
    /// Ascending, without overlap. Between them are commas, brackets and white space only.
    pub spans: Vec<RowSpan>,
    /// Line of the first byte of `data` in the file, from 1.
    pub first_line: u64,
}

/// Text that cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    /// In the file, from 1.
    pub line: u64,
}

/// Where the splitter stands between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// Outside every array.
    Values,
    /// Behind the `[` at this offset; its first element tells whether it is a conversation or holds rows.
    FirstElement(usize),
    /// Behind a comma of an array of rows.
    Element,
    /// Behind an element of an array of rows.
    CommaOrEnd,
}

/// What is read of the row that is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// Brackets are counted.
    Container,
    /// A string inside a container, or a string that is an element itself. `true` behind a backslash.
    Text { is_escaped: bool, start_byte: usize },
    /// A number, `true`, `false`, `null`, or other characters without a delimiter.
    Scalar,
}

/// A splitter: takes pieces of text and gives blocks of whole rows. Holds no more than the row that is not complete.
///
/// An array whose first element is a message (an object with a string `role`, or with `from` and `value`) is one row;
/// of other arrays each element is a row. Outside of arrays each object is a row.
#[derive(Debug)]
pub struct JsonRows {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that have been looked at.
    scanned: usize,
    /// Lines are counted up to this offset of `buffer`, which lies in `line`.
    counted: usize,
    line: u64,
    first_line: u64,
    between: Between,
    /// Start of the row that is not complete, and what it is.
    open: Option<(usize, Inside)>,
    brackets: Brackets,
    spans: Vec<RowSpan>,
    /// Why the text cannot be split further.
    fault: Option<Fault>,
}

impl Default for JsonRows {
    fn default() -> Self {
        JsonRows::new(1)
    }
}

impl JsonRows {
    /// A splitter for text that begins in `first_line` of its file.
    pub fn new(first_line: u64) -> Self {
        JsonRows {
            buffer: Vec::new(),
            scanned: 0,
            counted: 0,
            line: first_line,
            first_line,
            between: Between::Values,
            open: None,
            brackets: Brackets::default(),
            spans: Vec::new(),
            fault: None,
        }
    }

    /// Takes the next piece, cut anywhere, and gives the rows that it completes, if there are any.
    ///
    /// # Errors
    /// Brackets that do not match, and text where a row or a comma belongs. Rows before the fault are given first; the
    /// fault comes with the next call.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<Block>, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        self.buffer.extend_from_slice(piece);
        if let Err(fault) = self.scan() {
            if self.spans.is_empty() {
                return Err(fault);
            }
            self.fault = Some(fault);
        }
        Ok(self.take_block())
    }

    fn scan(&mut self) -> Result<(), Fault> {
        while self.scanned < self.buffer.len() {
            match self.open {
                None => self.between_rows()?,
                Some((start, Inside::Container)) => self.inside_container(start)?,
                Some((start, Inside::Text { is_escaped, start_byte })) => {
                    self.inside_text(start, is_escaped, start_byte);
                }
                Some((start, Inside::Scalar)) => self.inside_scalar(start),
            }
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// A fault that is due, or a row or an array that is not closed; the line is the one where that begins.
    pub fn finish(&mut self) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if let Some((start, inside)) = self.open {
            let fault = match inside {
                Inside::Text { start_byte, .. } => self.fault(start_byte, "the string that begins here is not closed"),
                _ => self.fault(start, "the text ends inside the JSON value that begins here"),
            };
            return Err(fault);
        }
        match self.between {
            Between::Values => Ok(()),
            Between::FirstElement(start) => Err(self.fault(start, "the array that begins here is not closed")),
            Between::Element => {
                Err(self.fault(self.buffer.len(), "the text ends behind a comma: its array is not closed"))
            }
            Between::CommaOrEnd => Err(self.fault(self.buffer.len(), "the text ends before the `]` of its array")),
        }
    }

    /// Reads white space and one byte of structure, or opens a row.
    fn between_rows(&mut self) -> Result<(), Fault> {
        let rest = &self.buffer[self.scanned..];
        let space = rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len());
        self.scanned += space;
        let Some(&byte) = self.buffer.get(self.scanned) else { return Ok(()) };
        let at = self.scanned;
        self.scanned += 1;
        match (self.between, byte) {
            (Between::Values, b'[') => self.between = Between::FirstElement(at),
            (Between::Values, b'{') => self.open_row(at, byte),
            (Between::Values, _) => return Err(self.expected(at, "`{` or `[`")),
            (Between::FirstElement(_) | Between::CommaOrEnd, b']') => self.between = Between::Values,
            (Between::CommaOrEnd, b',') => self.between = Between::Element,
            (Between::CommaOrEnd, _) => return Err(self.expected(at, "`,` or `]`")),
            (_, b',' | b']' | b'}' | b':') => return Err(self.expected(at, "a JSON value")),
            (_, _) => self.open_row(at, byte),
        }
        Ok(())
    }

    fn open_row(&mut self, at: usize, byte: u8) {
        let inside = match byte {
            b'{' | b'[' => {
                self.brackets.push(byte == b'{');
                Inside::Container
            }
            b'"' => Inside::Text { is_escaped: false, start_byte: at },
            _ => Inside::Scalar,
        };
        self.open = Some((at, inside));
    }

    fn inside_container(&mut self, start: usize) -> Result<(), Fault> {
        while let Some(offset) = self.buffer[self.scanned..].iter().position(|byte| IS_STRUCTURE[usize::from(*byte)]) {
            let at = self.scanned + offset;
            self.scanned = at + 1;
            match self.buffer[at] {
                b'"' => {
                    self.open = Some((start, Inside::Text { is_escaped: false, start_byte: at }));
                    return Ok(());
                }
                opening @ (b'{' | b'[') => self.brackets.push(opening == b'{'),
                closing => {
                    if self.brackets.pop() != Some(closing == b'}') {
                        let wanted = if closing == b'}' { "`]`" } else { "`}`" };
                        return Err(self.expected(at, wanted));
                    }
                    if self.brackets.is_empty() {
                        self.close_row(start, at + 1);
                        return Ok(());
                    }
                }
            }
        }
        self.scanned = self.buffer.len();
        Ok(())
    }

    fn inside_text(&mut self, start: usize, is_escaped: bool, start_byte: usize) {
        if is_escaped {
            self.scanned += 1;
        }
        while let Some(offset) = memchr2(b'"', b'\\', &self.buffer[self.scanned..]) {
            let at = self.scanned + offset;
            if self.buffer[at] == b'"' {
                self.scanned = at + 1;
                if self.brackets.is_empty() {
                    self.close_row(start, at + 1);
                } else {
                    self.open = Some((start, Inside::Container));
                }
                return;
            }
            self.scanned = at + 2;
            if self.scanned > self.buffer.len() {
                break;
            }
        }
        let is_escaped = self.scanned > self.buffer.len();
        self.scanned = self.buffer.len();
        self.open = Some((start, Inside::Text { is_escaped, start_byte }));
    }

    fn inside_scalar(&mut self, start: usize) {
        let rest = &self.buffer[self.scanned..];
        let ends = |byte: &u8| is_space(*byte) || matches!(byte, b',' | b']' | b'}' | b'[' | b'{' | b'"' | b':');
        let Some(offset) = rest.iter().position(ends) else {
            self.scanned = self.buffer.len();
            return;
        };
        self.scanned += offset;
        self.close_row(start, self.scanned);
    }

    /// Ends a value: a row, or the first message of a conversation, which is then the row that is open.
    fn close_row(&mut self, start: usize, end: usize) {
        self.open = None;
        match self.between {
            Between::FirstElement(array) if is_message(&self.buffer[start..end]) => {
                self.between = Between::Values;
                self.brackets.push(false);
                self.open = Some((array, Inside::Container));
                return;
            }
            Between::FirstElement(_) | Between::Element => self.between = Between::CommaOrEnd,
            Between::Values | Between::CommaOrEnd => {}
        }
        let line = self.line_of(start);
        self.spans.push(RowSpan { start_byte: start, end_byte: end, line });
    }

    /// Gives the rows that are complete; what no row will need is dropped.
    fn take_block(&mut self) -> Option<Block> {
        let kept = match (self.open, self.between) {
            (_, Between::FirstElement(array)) => array,
            (Some((start, _)), _) => start,
            (None, _) => self.scanned,
        };
        if kept == 0 {
            return None;
        }
        let next_line = self.line_of(kept);
        let rest = self.buffer.split_off(kept);
        let data = std::mem::replace(&mut self.buffer, rest);
        self.scanned -= kept;
        self.counted = 0;
        if let Between::FirstElement(array) = &mut self.between {
            *array -= kept;
        }
        if let Some((start, inside)) = &mut self.open {
            *start -= kept;
            if let Inside::Text { start_byte, .. } = inside {
                *start_byte -= kept;
            }
        }
        let first_line = std::mem::replace(&mut self.first_line, next_line);
        let spans = std::mem::take(&mut self.spans);
        (!spans.is_empty()).then_some(Block { data, spans, first_line })
    }

    /// The line of an offset that is not before those asked for earlier.
    fn line_of(&mut self, at: usize) -> u64 {
        if at > self.counted {
            self.line += memchr_iter(b'\n', &self.buffer[self.counted..at]).count() as u64;
            self.counted = at;
        }
        self.line
    }

    fn fault(&self, at: usize, message: &str) -> Fault {
        let lines = memchr_iter(b'\n', &self.buffer[..at]).count() as u64;
        Fault { message: message.to_owned(), line: self.first_line + lines }
    }

    fn expected(&self, at: usize, wanted: &str) -> Fault {
        let found = match self.buffer[at] {
            byte @ 0x21..=0x7e => format!("`{}`", char::from(byte)),
            byte => format!("the byte 0x{byte:02x}"),
        };
        self.fault(at, &format!("expected {wanted}, found {found}"))
    }
}

/// Brackets that are open, one bit each: `{` is 1, `[` is 0.
#[derive(Debug, Default)]
struct Brackets {
    words: Vec<u64>,
    len: usize,
}

impl Brackets {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.len / 64, self.len % 64);
        if word == self.words.len() {
            self.words.push(0);
        }
        self.words[word] = self.words[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.len += 1;
    }

    fn pop(&mut self) -> Option<bool> {
        self.len = self.len.checked_sub(1)?;
        Some(self.words[self.len / 64] >> (self.len % 64) & 1 == 1)
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The bytes that matter outside of strings in a container.
static IS_STRUCTURE: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a JSON value is a message: an object with a string `role`, or with `from` and `value`, and no messages.
fn is_message(value: &[u8]) -> bool {
    let (mut role, mut from, mut text) = (false, false, false);
    for (key, first) in Keys::new(value) {
        match key.as_slice() {
            b"messages" | b"conversations" if first == b'[' => return false,
            b"role" => role = first == b'"',
            b"from" => from = true,
            b"value" => text = true,
            _ => {}
        }
    }
    role || from && text
}

/// The keys of an object with the first byte of each value; none for what is no object.
struct Keys<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Keys<'a> {
    fn new(value: &'a [u8]) -> Self {
        let at = if value.first() == Some(&b'{') { 1 } else { value.len() };
        Keys { bytes: value, at }
    }

    /// Skips a string whose opening quote is before `self.at`, and gives its inside.
    fn text(&mut self) -> &'a [u8] {
        let start = self.at;
        while let Some(offset) = memchr2(b'"', b'\\', self.bytes.get(self.at..).unwrap_or_default()) {
            let found = self.at + offset;
            if self.bytes[found] == b'"' {
                self.at = found + 1;
                return &self.bytes[start..found];
            }
            self.at = found + 2;
        }
        self.at = self.bytes.len();
        &self.bytes[start.min(self.at)..]
    }

    /// Goes on to the next byte of structure or colon or comma, outside of strings, and past it.
    fn mark(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        let is_mark = |byte: &u8| IS_STRUCTURE[usize::from(*byte)] || matches!(byte, b':' | b',');
        let offset = rest.iter().position(is_mark)?;
        self.at += offset + 1;
        Some(rest[offset])
    }
}

impl Iterator for Keys<'_> {
    type Item = (Vec<u8>, u8);

    fn next(&mut self) -> Option<Self::Item> {
        while self.mark()? != b'"' {}
        let key = unescaped(self.text());
        while self.mark()? != b':' {}
        let first = *self.bytes[self.at..].iter().find(|byte| !is_space(**byte))?;
        let mut depth = 0_usize;
        loop {
            match self.mark()? {
                b'"' => _ = self.text(),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return Some((key, first)),
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => return Some((key, first)),
                _ => {}
            }
        }
    }
}

/// A key without escapes of ASCII characters; other escapes stay, since no key of interest has them.
fn unescaped(key: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(key.len());
    let mut rest = key;
    while let Some((&byte, behind)) = rest.split_first() {
        let code = (byte == b'\\').then(|| behind.strip_prefix(b"u00")).flatten().and_then(|hex| hex.get(..2));
        let code = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        (rest, _) = match code {
            Some(code) => (&rest[6..], plain.push(code)),
            None => (behind, plain.push(byte)),
        };
    }
    plain
}

/// Counts the lines of a text, and those that hold more than white space.
///
/// A last line without its line end counts.
pub fn count_lines(text: &[u8]) -> (u64, u64) {
    let (mut lines, mut rows, mut start) = (0, 0, 0);
    let last = (!text.ends_with(b"\n") && !text.is_empty()).then_some(text.len());
    for end in memchr_iter(b'\n', text).chain(last) {
        lines += 1;
        rows += u64::from(!text[start..end].iter().all(u8::is_ascii_whitespace));
        start = end + 1;
    }
    (lines, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a text cut into pieces of `size` bytes, with their lines; the fault if there is one.
    fn split(text: &str, size: usize) -> (Vec<(String, u64)>, Option<Fault>) {
        let mut rows = Vec::new();
        let mut splitter = JsonRows::default();
        for piece in text.as_bytes().chunks(size) {
            match splitter.push(piece) {
                Ok(Some(block)) => {
                    let row = |span: &RowSpan| &block.data[span.start_byte..span.end_byte];
                    let named = |span| (String::from_utf8(row(span).to_vec()).expect("rows of text"), span.line);
                    rows.extend(block.spans.iter().map(named));
                }
                Ok(None) => {}
                Err(fault) => return (rows, Some(fault)),
            }
        }
        (rows, splitter.finish().err())
    }

    fn rows(text: &str) -> Vec<(String, u64)> {
        let expected = split(text, text.len().max(1));
        for size in 1..text.len() {
            assert_eq!(split(text, size), expected, "pieces of {size} bytes of {text}");
        }
        assert_eq!(expected.1, None, "{text}");
        expected.0
    }

    fn fault(text: &str) -> (String, u64) {
        let faults: Vec<_> = (1..=text.len()).map(|size| split(text, size).1.expect(text)).collect();
        assert!(faults.iter().all(|fault| *fault == faults[0]), "{faults:?}");
        (faults[0].message.clone(), faults[0].line)
    }

    #[test]
    fn elements_of_an_array_are_rows_with_their_lines() {
        let text = "[\n {\"a\": \"]}\\\"\"},\n\n [1, [2]], 5,\n null ]\n";
        let expected = [("{\"a\": \"]}\\\"\"}", 2), ("[1, [2]]", 4), ("5", 4), ("null", 5)];
        assert_eq!(rows(text), expected.map(|(row, line)| (row.to_owned(), line)));
        assert_eq!(rows("[]"), []);
        assert_eq!(rows(" \n"), []);
    }

    #[test]
    fn objects_one_after_another_are_rows() {
        let expected = [("{\n\"a\": 1\n}", 1), ("{}", 4), ("{\"b\": []}", 4)];
        assert_eq!(rows("{\n\"a\": 1\n}\n{}{\"b\": []}"), expected.map(|(row, line)| (row.to_owned(), line)));
    }

    #[test]
    fn an_array_of_messages_is_one_row() {
        for first in
            ["{\"role\": \"user\"}", "{\"r\\u006fle\":\n\"x\"}", "{\"from\": \"human\", \"value\": {\"a\": \"}\"}}"]
        {
            let text = format!("[{first}, {{\"b\": [1]}}]");
            assert_eq!(
                rows(&format!("\n{text}\n{text}")),
                [(text.clone(), 2), (text.clone(), 3 + first.matches('\n').count() as u64)]
            );
        }
        for first in [
            "{\"role\": 5}",
            "{\"messages\": [{\"role\": \"x\"}]}",
            "{\"from\": 1}",
            "{\"x\": {\"role\": \"y\"}}",
            "{}",
            "{\"role\": \"x\", \"messages\": [1]}",
        ] {
            assert_eq!(rows(&format!("[{first},{first}]")).len(), 2, "{first}");
        }
    }

    #[test]
    fn what_cannot_be_split_is_told_with_its_line() {
        assert_eq!(fault("[\n{\"a\": 1},\n{\"b\": [2}]"), ("expected `]`, found `}`".to_owned(), 3));
        assert_eq!(fault("[\n{}\n{}]"), ("expected `,` or `]`, found `{`".to_owned(), 3));
        assert_eq!(fault("[{},\n]"), ("expected a JSON value, found `]`".to_owned(), 2));
        assert_eq!(fault("{}\n,{}"), ("expected `{` or `[`, found `,`".to_owned(), 2));
        assert_eq!(fault("[1]\n\u{e9}"), ("expected `{` or `[`, found the byte 0xc3".to_owned(), 2));
        assert_eq!(fault("[{},\n{\"a\":\n1"), ("the text ends inside the JSON value that begins here".to_owned(), 2));
        assert_eq!(fault("[{},\n{\"a\n\\\""), ("the string that begins here is not closed".to_owned(), 2));
        assert_eq!(fault("\n["), ("the array that begins here is not closed".to_owned(), 2));
        assert_eq!(fault("[1,\n"), ("the text ends behind a comma: its array is not closed".to_owned(), 2));
        assert_eq!(fault("[1\n"), ("the text ends before the `]` of its array".to_owned(), 2));
        assert_eq!(fault("[1:2]"), ("expected `,` or `]`, found `:`".to_owned(), 1));
    }

    #[test]
    fn rows_before_a_fault_are_given() {
        for (text, count) in [("[1,2,}", 2), ("[{},{\"a\": [}", 1), ("{}{} x", 2), ("[1, 2", 1), ("[[1],[2]", 2)] {
            for size in 1..=text.len() {
                let (rows, fault) = split(text, size);
                assert_eq!((rows.len(), fault.is_some()), (count, true), "{text}");
            }
        }
    }

    #[test]
    fn memory_holds_one_row() {
        let mut splitter = JsonRows::default();
        splitter.push(b"[").expect("an array begins");
        for _ in 0..1000 {
            splitter.push(b"{\"a\": 1},").expect("a row");
            assert!(splitter.buffer.len() < 16 && splitter.buffer.capacity() < 100);
        }
    }

    #[test]
    fn lines_and_rows_are_counted() {
        assert_eq!(count_lines(b""), (0, 0));
        assert_eq!(count_lines(b"\n{}\r\n \t\r\n{}"), (4, 2));
        assert_eq!(count_lines(b"{}\n"), (1, 1));
    }
}
