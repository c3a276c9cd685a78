//! Text to ids: added tokens are cut out, the rest is normalized, split into pieces, and each piece looked up or joined.

mod added;
mod aligned;
mod bpe;
mod compose;
mod cuts;
mod encoder;
mod known;
mod normalize;
mod offsets;
mod pairs;
mod walk;

pub use added::Found;
pub use encoder::{Encoder, Scratch, SpecialTokens};
pub use walk::{Region, Tokens};
