//! Text and rendered segments to token ids, and where each of them came from.
//!
//! A [`Vocabulary`] is what a tokenizer file says, whatever kind of file it was; it is read once and an encoder is built from it.

pub mod error;
pub mod pack;
pub mod read;
pub mod vocabulary;

pub use error::TokenError;
pub use vocabulary::{TokenId, Vocabulary};
