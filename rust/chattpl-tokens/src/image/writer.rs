//! Writes images.

use xxhash_rust::xxh3::xxh3_64;

use super::{ALIGNMENT, HEADER_BYTES, MAGIC, VERSION};
use crate::table::{bytes_of, Plain};

/// An image in the making.
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn new() -> Self {
        Writer { bytes: vec![0; HEADER_BYTES] }
    }

    pub fn number(&mut self, number: u64) {
        self.table(&[number]);
    }

    pub fn table<T: Plain>(&mut self, items: &[T]) {
        let bytes = bytes_of(items);
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        self.bytes.extend_from_slice(bytes);
    }

    /// The image of all that was put into it.
    pub fn done(mut self) -> Vec<u8> {
        let body = &self.bytes[HEADER_BYTES..];
        let (len, checksum) = (body.len() as u64, xxh3_64(body));
        let header = [&MAGIC[..], &VERSION.to_ne_bytes(), &[0; 4], &len.to_ne_bytes(), &checksum.to_ne_bytes()];
        let header = header.concat();
        self.bytes[..header.len()].copy_from_slice(&header);
        self.bytes
    }
}
