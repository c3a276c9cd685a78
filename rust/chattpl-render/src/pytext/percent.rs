//! Reads `%` format strings.

use std::ops::Range;

use super::error::FormatError;

/// A width or precision as the format string gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A number written in the format string.
    Fixed(usize),
    /// `*`: the next argument.
    Star,
}

/// The flags of a directive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PercentFlags {
    /// `-`
    pub left: bool,
    /// `+`
    pub sign: bool,
    /// a space
    pub blank: bool,
    /// `#`
    pub alternate: bool,
    /// `0`
    pub zero: bool,
}

/// One conversion, such as `%(name)-5.2f`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Bytes of the format string, from the `%` on.
    pub span: Range<usize>,
    /// Bytes of the key between the parentheses.
    pub key: Option<Range<usize>>,
    /// The flags.
    pub flags: PercentFlags,
    /// Least characters of the result.
    pub width: Option<Size>,
    /// Most characters, least digits or decimal places, by conversion.
    pub precision: Option<Size>,
    /// The conversion character, whether Python knows it or not.
    pub conversion: char,
    /// Place of the conversion character, counted in characters.
    pub conversion_index: usize,
}

/// A part of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PercentPiece {
    /// Bytes to copy; for `%%` those of one `%`.
    Literal(Range<usize>),
    /// A conversion.
    Directive(Directive),
    /// `%(` without its `)`.
    OpenKey,
    /// A directive that cannot be read further; arguments that its key and stars
    /// ask for are taken before the error is raised.
    Broken(Directive, FormatError),
}

/// Reads a format string piece by piece; a [`PercentPiece::Broken`] or
/// [`PercentPiece::OpenKey`] is the last piece that means anything.
pub fn parse_percent(format: &str) -> PercentParser<'_> {
    PercentParser { format, at: 0, chars_before: 0 }
}

/// Iterates over the pieces of a format string.
#[derive(Clone, Debug)]
pub struct PercentParser<'f> {
    format: &'f str,
    at: usize,
    chars_before: usize,
}

impl Iterator for PercentParser<'_> {
    type Item = PercentPiece;

    fn next(&mut self) -> Option<PercentPiece> {
        let rest = self.format.as_bytes().get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let found = memchr::memchr(b'%', rest).unwrap_or(rest.len());
        if found > 0 {
            self.at += found;
            self.chars_before += self.format[start..self.at].chars().count();
            return Some(PercentPiece::Literal(start..self.at));
        }
        if rest.get(1) == Some(&b'%') {
            self.at += 2;
            self.chars_before += 2;
            return Some(PercentPiece::Literal(start..start + 1));
        }
        Some(self.directive())
    }
}

impl PercentParser<'_> {
    fn directive(&mut self) -> PercentPiece {
        let start = self.at;
        self.at += 1;
        let mut directive = Directive {
            span: start..start,
            key: None,
            flags: PercentFlags::default(),
            width: None,
            precision: None,
            conversion: '\0',
            conversion_index: 0,
        };
        if self.peek() == Some(b'(') {
            match self.key() {
                Some(key) => directive.key = Some(key),
                None => return PercentPiece::OpenKey,
            }
        }
        let read = self.rest_of_directive(&mut directive);
        directive.span.end = self.at;
        self.chars_before += self.format[start..self.at].chars().count();
        directive.conversion_index = self.chars_before.saturating_sub(1);
        match read {
            Ok(()) => PercentPiece::Directive(directive),
            Err(error) => PercentPiece::Broken(directive, error),
        }
    }

    fn rest_of_directive(&mut self, directive: &mut Directive) -> Result<(), FormatError> {
        directive.flags = self.flags();
        directive.width = self.size(i64::MAX as u64, "width too big")?;
        if self.peek() == Some(b'.') {
            self.at += 1;
            let precision = self.size(i32::MAX as u64, "precision too big")?;
            directive.precision = precision.or(Some(Size::Fixed(0)));
        }
        if matches!(self.peek(), Some(b'h' | b'l' | b'L')) {
            self.at += 1;
        }
        let Some(conversion) = self.format[self.at..].chars().next() else {
            return Err(FormatError::value("incomplete format"));
        };
        self.at += conversion.len_utf8();
        directive.conversion = conversion;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// Reads a key, parentheses balanced; leaves the cursor after the `)`.
    fn key(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let mut depth = 0usize;
        for (offset, byte) in self.format.as_bytes()[self.at..].iter().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at += offset + 1;
                return Some(start..self.at - 1);
            }
        }
        self.at = self.format.len();
        None
    }

    fn flags(&mut self) -> PercentFlags {
        let mut flags = PercentFlags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'-' => flags.left = true,
                b'+' => flags.sign = true,
                b' ' => flags.blank = true,
                b'#' => flags.alternate = true,
                b'0' => flags.zero = true,
                _ => break,
            }
            self.at += 1;
        }
        flags
    }

    fn size(&mut self, most: u64, too_big: &str) -> Result<Option<Size>, FormatError> {
        if self.peek() == Some(b'*') {
            self.at += 1;
            return Ok(Some(Size::Star));
        }
        let mut value: Option<u64> = None;
        while let Some(byte) = self.peek().filter(u8::is_ascii_digit) {
            let digit = u64::from(byte - b'0');
            let before = value.unwrap_or(0);
            if before > (most - digit) / 10 {
                return Err(FormatError::value(too_big));
            }
            value = Some(before * 10 + digit);
            self.at += 1;
        }
        Ok(value.map(|value| Size::Fixed(usize::try_from(value).unwrap_or(usize::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_directives_cover_the_format() {
        let pieces: Vec<_> = parse_percent("é%%a%(k(x))-05.*f%").collect();
        assert_eq!(pieces[0], PercentPiece::Literal(0..2));
        assert_eq!(pieces[1], PercentPiece::Literal(2..3));
        assert_eq!(pieces[2], PercentPiece::Literal(4..5));
        let PercentPiece::Directive(directive) = &pieces[3] else { panic!("a directive") };
        assert_eq!(directive.key, Some(7..11));
        assert!(directive.flags.left && directive.flags.zero);
        assert_eq!((directive.width, directive.precision), (Some(Size::Fixed(5)), Some(Size::Star)));
        assert!(matches!(&pieces[4], PercentPiece::Broken(_, error) if error.message == "incomplete format"));
    }
}
