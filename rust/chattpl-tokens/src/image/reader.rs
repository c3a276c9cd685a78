//! Opens images.

use xxhash_rust::xxh3::xxh3_64;

use super::{ALIGNMENT, HEADER_BYTES, MAGIC, VERSION};
use crate::error::TokenError;
use crate::table::{Map, Plain, Table};

/// Gives the arrays of an image, in the order in which they were put in.
pub struct Reader {
    map: Map,
    at: usize,
}

impl Reader {
    /// Looks at the header and the checksum.
    pub fn new(map: Map) -> Result<Self, TokenError> {
        let bytes = (*map).as_ref();
        let fault = |message: &str, at: usize| Err(damaged(message, at));
        let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
            return fault("it is cut short", bytes.len());
        };
        let number = |at: usize| u64::from_ne_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        if &header[..8] != MAGIC {
            return fault("it does not begin as an image does", 0);
        }
        if header[8..12] != VERSION.to_ne_bytes() {
            return fault("it is of another version of chattpl, or another machine", 8);
        }
        if number(16) != body.len() as u64 {
            return fault("it is not as long as it says", 16);
        }
        if number(24) != xxh3_64(body) {
            return fault("its checksum is wrong", 24);
        }
        if header[12..16].iter().chain(&header[32..]).any(|&byte| byte != 0) {
            return fault("its header says more than is known", 12);
        }
        Ok(Reader { map, at: HEADER_BYTES })
    }

    pub fn number(&mut self) -> Result<u64, TokenError> {
        match *self.table()? {
            [number] => Ok(number),
            _ => Err(self.damaged("a number that is none")),
        }
    }

    pub fn table<T: Plain>(&mut self) -> Result<Table<T>, TokenError> {
        let len = (*self.map).as_ref().get(self.at..).and_then(|rest| rest.first_chunk());
        let len = len.and_then(|&len| usize::try_from(u64::from_ne_bytes(len)).ok());
        let start = (self.at + size_of::<u64>()).next_multiple_of(ALIGNMENT);
        let table = len.and_then(|len| Some((len, Table::mapped(&self.map, start, len)?)));
        let (len, table) = table.ok_or_else(|| self.damaged("a table is longer than the rest, or no table"))?;
        self.at = start + len;
        Ok(table)
    }

    pub fn damaged(&self, message: &str) -> TokenError {
        damaged(message, self.at)
    }

    /// Refuses what stands after the last table.
    pub fn end(&self) -> Result<(), TokenError> {
        match (*self.map).as_ref().len() == self.at {
            true => Ok(()),
            false => Err(self.damaged("more bytes than it says")),
        }
    }
}

fn damaged(message: &str, at: usize) -> TokenError {
    TokenError::new(TokenError::DAMAGED_PACK, format!("the image is damaged: {message}"))
        .at(format!("byte {at}"))
        .hint("delete the file; it is made again")
}
