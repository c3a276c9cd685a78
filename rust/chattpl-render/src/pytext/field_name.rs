//! Reads the field names of `str.format`, such as `0.name[key]`.

use super::charprops::decimal_value;
use super::error::FormatError;

/// A step from a value to one of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldPart<'n> {
    /// `.name`
    Attribute(&'n str),
    /// `[7]`
    Index(usize),
    /// `[key]`
    Key(&'n str),
}

/// Splits a field name into its first part and the steps that follow.
///
/// # Errors
/// A step that cannot be read is an error in its place; nothing follows it.
pub fn split_field_name(name: &str) -> (&str, impl Iterator<Item = Result<FieldPart<'_>, FormatError>>) {
    let end = memchr::memchr2(b'.', b'[', name.as_bytes()).unwrap_or(name.len());
    let (first, rest) = name.split_at(end);
    (first, FieldParts { rest })
}

struct FieldParts<'n> {
    rest: &'n str,
}

impl<'n> Iterator for FieldParts<'n> {
    type Item = Result<FieldPart<'n>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = match self.rest.bytes().next()? {
            b'.' => {
                let tail = &self.rest[1..];
                let end = memchr::memchr2(b'.', b'[', tail.as_bytes()).unwrap_or(tail.len());
                self.rest = &tail[end..];
                Ok(FieldPart::Attribute(&tail[..end]))
            }
            b'[' => match self.rest[1..].split_once(']') {
                Some((key, rest)) => {
                    self.rest = rest;
                    index_of(key).map(|index| index.map_or(FieldPart::Key(key), FieldPart::Index))
                }
                None => Err(FormatError::value("Missing ']' in format string")),
            },
            _ => Err(FormatError::value("Only '.' or '[' may follow ']' in format field specifier")),
        };
        let step = step.and_then(|step| match step {
            FieldPart::Attribute("") | FieldPart::Key("") => {
                Err(FormatError::value("Empty attribute in format string"))
            }
            step => Ok(step),
        });
        if step.is_err() {
            self.rest = "";
        }
        Some(step)
    }
}

/// Reads a text of decimal digits only; `None` for any other.
pub(super) fn index_of(text: &str) -> Result<Option<usize>, FormatError> {
    let mut index = None;
    for c in text.chars() {
        let Some(digit) = decimal_value(c).map(usize::from) else {
            return Ok(None);
        };
        let before = index.unwrap_or(0);
        if before > (isize::MAX as usize - digit) / 10 {
            return Err(FormatError::value("Too many decimal digits in format string"));
        }
        index = Some(before * 10 + digit);
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_steps() {
        let (first, steps) = split_field_name("0.name[7][k.x]");
        let steps: Result<Vec<_>, _> = steps.collect();
        let expected = [FieldPart::Attribute("name"), FieldPart::Index(7), FieldPart::Key("k.x")];
        assert_eq!((first, steps), ("0", Ok(expected.to_vec())));
    }

    #[test]
    fn broken_steps_are_errors_in_their_place() {
        let messages: Vec<_> = ["a[", "a.", "a[0]x"]
            .map(|name| split_field_name(name).1.filter_map(Result::err).map(|e| e.message).collect::<String>())
            .to_vec();
        assert_eq!(messages[0], "Missing ']' in format string");
        assert_eq!(messages[1], "Empty attribute in format string");
        assert!(messages[2].starts_with("Only '.' or '['"));
    }
}
