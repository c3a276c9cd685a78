//! Text to ids: added tokens are cut out, the rest is normalized, split into pieces, and each piece looked up or joined.

mod added;
mod aligned;
mod bpe;
mod by_bytes;
mod chars;
mod compose;
mod cuts;
mod encoder;
mod front;
mod known;
mod lanes;
mod literals;
mod long;
mod normalize;
mod offsets;
mod pairs;
mod pieces;
mod spaces;
mod spelled;
mod tables;
mod units;
mod walk;
mod wide;
mod windows;
mod zeroed;

pub use added::Found;
pub(crate) use added::{Finder, Refused};
pub use encoder::{Encoder, Scratch, SpecialTokens};
pub(crate) use literals::Literal;
pub(crate) use offsets::Counter;
pub(crate) use spelled::Spelled;
pub use walk::{Region, Tokens};
