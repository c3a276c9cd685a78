//! Reads the format strings of `str.format`.

use std::ops::Range;

use super::error::FormatError;

/// A part of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatPiece {
    /// Bytes to copy; of a doubled brace the first.
    Literal(Range<usize>),
    /// A replacement field.
    Field {
        /// Bytes of the field name, such as `0.name[key]`.
        name: Range<usize>,
        /// The character after `!`.
        conversion: Option<char>,
        /// Bytes of the format spec, which may hold fields of its own.
        spec: Range<usize>,
    },
}

/// Reads a format string piece by piece; nothing follows an error.
pub fn parse_format(format: &str) -> FormatParser<'_> {
    FormatParser { format, at: 0, pending: None }
}

/// Iterates over the pieces of a format string.
#[derive(Clone, Debug)]
pub struct FormatParser<'f> {
    format: &'f str,
    at: usize,
    pending: Option<Result<FormatPiece, FormatError>>,
}

impl Iterator for FormatParser<'_> {
    type Item = Result<FormatPiece, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(pending) = self.pending.take() {
            return Some(pending);
        }
        if self.at >= self.format.len() {
            return None;
        }
        let start = self.at;
        let literal_end = match self.literal() {
            Ok(end) => end,
            Err(error) => return Some(Err(self.stop(error))),
        };
        match literal_end {
            Literal::Plain(end) => Some(Ok(FormatPiece::Literal(start..end))),
            Literal::BeforeField(end) => {
                let field = self.field().map_err(|error| self.stop(error));
                if end == start || field.is_err() {
                    return Some(field);
                }
                self.pending = Some(field);
                Some(Ok(FormatPiece::Literal(start..end)))
            }
        }
    }
}

/// How a literal stretch ends.
enum Literal {
    Plain(usize),
    BeforeField(usize),
}

impl FormatParser<'_> {
    fn stop(&mut self, error: FormatError) -> FormatError {
        self.at = self.format.len();
        error
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.format[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn literal(&mut self) -> Result<Literal, FormatError> {
        let bytes = self.format.as_bytes();
        let Some(found) = memchr::memchr2(b'{', b'}', &bytes[self.at..]) else {
            self.at = bytes.len();
            return Ok(Literal::Plain(self.at));
        };
        let brace_at = self.at + found;
        let brace = bytes[brace_at];
        self.at = brace_at + 1;
        if bytes.get(self.at) == Some(&brace) {
            self.at += 1;
            return Ok(Literal::Plain(brace_at + 1));
        }
        match brace {
            b'}' => Err(FormatError::value("Single '}' encountered in format string")),
            _ if self.at >= bytes.len() => Err(FormatError::value("Single '{' encountered in format string")),
            _ => Ok(Literal::BeforeField(brace_at)),
        }
    }

    fn field(&mut self) -> Result<FormatPiece, FormatError> {
        let name_start = self.at;
        let terminator = self.field_name()?;
        let name = name_start..self.at - 1;
        if terminator == '}' {
            return Ok(FormatPiece::Field { name, conversion: None, spec: self.at..self.at });
        }
        let mut conversion = None;
        if terminator == '!' {
            conversion = Some(
                self.next_char()
                    .ok_or_else(|| FormatError::value("end of string while looking for conversion specifier"))?,
            );
            match self.next_char() {
                Some('}') => return Ok(FormatPiece::Field { name, conversion, spec: self.at..self.at }),
                Some(':') | None => {}
                Some(_) => return Err(FormatError::value("expected ':' after conversion specifier")),
            }
        }
        let spec = self.spec()?;
        Ok(FormatPiece::Field { name, conversion, spec })
    }

    /// Moves past a field name and the character that ends it.
    fn field_name(&mut self) -> Result<char, FormatError> {
        while let Some(c) = self.next_char() {
            match c {
                '{' => return Err(FormatError::value("unexpected '{' in field name")),
                '[' => {
                    let rest = &self.format.as_bytes()[self.at..];
                    self.at += memchr::memchr(b']', rest).unwrap_or(rest.len());
                }
                '}' | ':' | '!' => return Ok(c),
                _ => {}
            }
        }
        Err(FormatError::value("expected '}' before end of string"))
    }

    /// Moves past a spec, braces balanced, and the brace that ends it.
    fn spec(&mut self) -> Result<Range<usize>, FormatError> {
        let start = self.at;
        let mut depth = 1usize;
        for (offset, byte) in self.format.as_bytes()[start..].iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = start + offset + 1;
                return Ok(start..start + offset);
            }
        }
        Err(FormatError::value("unmatched '{' in format spec"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_braces_and_fields_are_told_apart() {
        let pieces: Vec<_> = parse_format("a{{b{0.x[k]!r:>{w}}").collect();
        let field = FormatPiece::Field { name: 5..11, conversion: Some('r'), spec: 14..18 };
        let expected = [FormatPiece::Literal(0..2), FormatPiece::Literal(3..4), field];
        assert_eq!(pieces, expected.map(Ok));
    }

    #[test]
    fn nothing_follows_an_error() {
        let pieces: Vec<_> = parse_format("ab}c{d}").collect();
        assert_eq!(pieces.len(), 1);
        assert!(matches!(&pieces[0], Err(error) if error.message.starts_with("Single '}'")));
    }
}
