//! Images: the finished tables of an encoder as one file, which is mapped rather than read.
//!
//! ```text
//! magic "chattplI", version u32, 0 u32, length of the body u64, XXH3 of the body u64, zeroes up to 64 bytes, body
//! ```
//! Numbers are in the byte order of the machine that wrote them: in the other order the version is one that does not
//! exist. The body holds arrays, each after its length in bytes (u64) and at a multiple of 64 bytes. An image is good for
//! one version of the tables only, so it is something for a cache; what is kept is the pack.
//!
//! The checksum tells damage. Whatever else the tables say is checked where they are opened, so that encoding with them
//! ends and stays inside of them: an image that somebody made up can give wrong ids, but do nothing worse.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// Changes with everything that decides where something stands in a table: what they hold, their order, their hashes.
pub const VERSION: u32 = 2;

const MAGIC: &[u8; 8] = b"chattplI";
const HEADER_BYTES: usize = 64;
/// Where arrays begin: the lines of a processor's cache.
const ALIGNMENT: usize = 64;
