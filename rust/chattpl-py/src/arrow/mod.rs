//! Conversations in Arrow arrays, read where they lie.

mod column;
mod import;
mod rows;

pub use import::Handed;
pub use rows::{Row, Rows};
