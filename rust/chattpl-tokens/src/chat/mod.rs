//! Conversations to ids: what the template wrote is told from what callers did, and what a model learns from both.

mod align;
mod encoded;
mod encoder;
mod header;
mod prompt;
mod sampled;
mod train;
mod trust;
mod trusted;

pub use encoded::{Batch, Row};
pub use encoder::{ChatEncoder, ChatOptions, ChatScratch, Draft, KnownHeaders};
pub use prompt::{Header, Headers};
pub use sampled::Conversation;
pub use train::{Part, Parts, Train, Turns};
pub use trust::Control;
