//! The fields of a protocol buffer message, one after the other.

use super::unreadable;
use crate::error::TokenError;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wire<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'a [u8]),
}

/// Reads the fields of one message.
pub struct Fields<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    offset: usize,
}

impl<'a> Fields<'a> {
    pub fn new(message: &'a [u8], offset: usize) -> Self {
        Fields { rest: message, offset }
    }

    /// The next field's number, what it holds, and where its contents begin in the file; `None` at the end.
    pub fn read(&mut self) -> Result<Option<(u64, Wire<'a>, usize)>, TokenError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed64)?,
            2 => {
                let len = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(len).unwrap_or(usize::MAX))?)
            }
            5 => Wire::Fixed32(self.take(4)?.try_into().expect("four bytes were taken")),
            kind => return Err(self.damaged(&format!("a field of unknown kind {kind}"))),
        };
        let start = match value {
            Wire::Bytes(bytes) => self.offset - bytes.len(),
            _ => self.offset,
        };
        Ok(Some((key >> 3, value, start)))
    }

    fn varint(&mut self) -> Result<u64, TokenError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number of more than ten bytes"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], TokenError> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or_else(|| self.damaged("the file ends too early"))?;
        self.rest = tail;
        self.offset += len;
        Ok(head)
    }

    fn damaged(&self, what: &str) -> TokenError {
        unreadable(format!("not a SentencePiece model: {what}"), format!("byte {}", self.offset))
    }
}
