//! Reads the format-spec mini-language.

use super::charprops::decimal_value;
use super::error::FormatError;
use super::format_arg::{fill, Body, Formatted};

/// What is being formatted, which decides the defaults.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Float,
}

/// A parsed spec; `kind_char` is `'\0'` where a float gives no type.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) fill: char,
    pub(super) align: char,
    pub(super) sign: Option<char>,
    pub(super) no_negative_zero: bool,
    pub(super) alternate: bool,
    pub(super) width: Option<usize>,
    pub(super) separator: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind_char: char,
}

impl Spec {
    pub(super) fn parse(text: &str, type_name: &str, kind: Kind) -> Result<Spec, FormatError> {
        let chars: Vec<char> = text.chars().collect();
        let mut cursor = Cursor { chars: &chars, at: 0 };
        let default_align = if kind == Kind::Text { '<' } else { '>' };
        let mut spec = Spec {
            fill: ' ',
            align: default_align,
            sign: None,
            no_negative_zero: false,
            alternate: false,
            width: None,
            separator: None,
            precision: None,
            kind_char: match kind {
                Kind::Text => 's',
                Kind::Integer => 'd',
                Kind::Float => '\0',
            },
        };
        spec.parse_alignment(&mut cursor, default_align);
        spec.width = cursor.integer()?;
        spec.parse_separator(&mut cursor)?;
        if cursor.eat('.') {
            let missing = || FormatError::value("Format specifier missing precision");
            spec.precision = Some(cursor.integer()?.ok_or_else(missing)?);
        }
        match cursor.rest() {
            [] => {}
            [kind_char] => spec.kind_char = *kind_char,
            _ => {
                return Err(FormatError::value(format!(
                    "Invalid format specifier '{text}' for object of type '{type_name}'"
                )))
            }
        }
        spec.check_separator()?;
        Ok(spec)
    }

    /// Reads fill, alignment, sign, `z`, `#` and the padding zero.
    fn parse_alignment(&mut self, cursor: &mut Cursor<'_>, default_align: char) {
        let is_align = |c: Option<char>| c.is_some_and(|c| matches!(c, '<' | '>' | '=' | '^'));
        let has_fill = is_align(cursor.peek(1));
        let has_align = has_fill || is_align(cursor.peek(0));
        if has_fill {
            self.fill = cursor.next().unwrap_or(' ');
        }
        if has_align {
            self.align = cursor.next().unwrap_or(default_align);
        }
        if let Some(sign @ (' ' | '+' | '-')) = cursor.peek(0) {
            self.sign = Some(sign);
            cursor.at += 1;
        }
        self.no_negative_zero = cursor.eat('z');
        self.alternate = cursor.eat('#');
        if !has_fill && cursor.eat('0') {
            self.fill = '0';
            if !has_align && default_align == '>' {
                self.align = '=';
            }
        }
    }

    fn parse_separator(&mut self, cursor: &mut Cursor<'_>) -> Result<(), FormatError> {
        let comma = cursor.eat(',');
        let underscore = cursor.eat('_');
        if underscore && (comma || cursor.peek(0) == Some(',')) {
            return Err(FormatError::value("Cannot specify both ',' and '_'."));
        }
        self.separator = match (comma, underscore) {
            (true, _) => Some(','),
            (_, true) => Some('_'),
            _ => None,
        };
        Ok(())
    }

    fn check_separator(&self) -> Result<(), FormatError> {
        let Some(separator) = self.separator else {
            return Ok(());
        };
        match self.kind_char {
            'd' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F' | '\0' => Ok(()),
            'b' | 'o' | 'x' | 'X' if separator == '_' => Ok(()),
            other => Err(FormatError::value(format!("Cannot specify '{separator}' with '{}'.", shown_code(other)))),
        }
    }

    /// Returns how many digits stand between separators.
    pub(super) fn group(&self) -> usize {
        match self.kind_char {
            'b' | 'o' | 'x' | 'X' => 4,
            _ => 3,
        }
    }

    pub(super) fn unknown_code(&self, type_name: &str) -> FormatError {
        FormatError::value(format!(
            "Unknown format code '{}' for object of type '{type_name}'",
            shown_code(self.kind_char)
        ))
    }

    /// Splits padding into what goes left and right of the body.
    pub(super) fn padded(&self, missing: usize, body: Body) -> Result<Formatted, FormatError> {
        FormatError::check_size(missing)?;
        let left = match self.align {
            '>' => missing,
            '^' => missing / 2,
            _ => 0,
        };
        Ok(Formatted { padding_left: fill(self.fill, left)?, body, padding_right: fill(self.fill, missing - left)? })
    }
}

fn shown_code(c: char) -> String {
    if c > ' ' && u32::from(c) < 128 {
        c.to_string()
    } else {
        format!("\\x{:x}", u32::from(c))
    }
}

struct Cursor<'c> {
    chars: &'c [char],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0);
        self.at += 1;
        c
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek(0) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn rest(&self) -> &[char] {
        self.chars.get(self.at..).unwrap_or(&[])
    }

    /// Reads decimal digits of any script.
    fn integer(&mut self) -> Result<Option<usize>, FormatError> {
        let mut value: Option<usize> = None;
        while let Some(digit) = self.peek(0).and_then(decimal_value) {
            let digit = usize::from(digit);
            let before = value.unwrap_or(0);
            if before > (isize::MAX as usize - digit) / 10 {
                return Err(FormatError::value("Too many decimal digits in format string"));
            }
            value = Some(before * 10 + digit);
            self.at += 1;
        }
        Ok(value)
    }
}
