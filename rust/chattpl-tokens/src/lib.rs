//! Text and rendered segments to token ids, and where each of them came from.
//!
//! A [`Vocabulary`] is what a tokenizer file says, whatever kind of file it was; it is read once and an encoder is built from it.

mod chat;
pub mod decode;
mod encode;
mod engine;
pub mod error;
mod foreign;
mod huge;
pub mod image;
mod joined;
pub mod pack;
pub mod pretokenize;
pub mod read;
mod sentencepiece;
mod table;
pub mod vocabulary;

pub use chat::{
    Batch, ChatEncoder, ChatOptions, ChatScratch, Control, Conversation, Draft, DraftRoom, Header, Headers,
    KnownHeaders, Part, Parts, Row, StopSource, StopTokens, Train, Turns,
};
pub use encode::{Encoder, Found, Region, Scratch, SpecialTokens, Tokens};
pub use engine::{Engine, EngineScratch, EngineStream, BYTES_A_TOKEN};
pub use error::TokenError;
pub use foreign::{Admitted, DecodeStep, Foreign, ForeignStream, Library, Placed, Rewrite};
pub use huge::reserve_large;
pub use joined::joined;
pub use pretokenize::Pretokenizer;
pub use sentencepiece::sentencepiece_pieces;
pub use table::{Map, Plain, Table};
pub use vocabulary::{TokenId, Vocabulary};
