//! Conversations to ids: what the template wrote is told from what callers did, and what a model learns from both.

mod align;
mod encoded;
mod encoder;
mod header;
mod literals;
mod prompt;
mod sampled;
mod speaker;
mod train;
mod trust;
mod trusted;

pub use encoded::{Batch, Row};
pub use encoder::{ChatEncoder, ChatOptions, ChatScratch, Draft, DraftRoom, KnownHeaders};
pub use prompt::{Header, Headers};
pub use sampled::Conversation;
pub use train::{Part, Parts, Train, Turns};
pub use trust::Control;
