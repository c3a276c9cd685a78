//! Encodes conversations: separates template text from data, and derives control tokens and loss masks from both.

mod align;
mod encoded;
mod encoder;
mod header;
mod known;
mod literals;
mod probe;
mod prompt;
mod roles;
mod sampled;
mod speaker;
mod train;
mod trust;
mod trusted;
mod written;

pub use encoded::{Batch, Row};
pub use encoder::{ChatEncoder, ChatOptions, ChatScratch, Draft, DraftRoom, KnownHeaders};
pub use probe::{StopSource, StopTokens};
pub use prompt::{Header, Headers};
pub use sampled::Conversation;
pub use train::{Part, Parts, Train, Turns};
pub use trust::Control;
