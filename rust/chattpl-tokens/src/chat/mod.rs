//! Conversations to ids: what the template wrote is told from what callers did, and what a model is trained on from both.

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
