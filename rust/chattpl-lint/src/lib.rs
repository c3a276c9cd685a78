//! Finds faults of chat templates: in their source, in what they print, and against a tokenizer.
pub mod context;
pub mod finding;
pub mod fix;
pub mod index;
pub mod probe;
pub mod rule;
pub mod scope;
