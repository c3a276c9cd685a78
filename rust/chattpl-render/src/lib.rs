//! Renders chat templates as `transformers` does, and knows where every byte of the output came from.
//!
//! A [`Program`] is compiled once; [`render`] runs it on an [`Input`] that borrows the caller's text. The result's
//! [`Segments`] say for each stretch of text which literal of the template or which value of the input it is.

mod builtins;
mod compile;
pub mod error;
mod input;
mod json;
pub mod json_rows;
mod meter;
pub mod names;
mod options;
mod origin;
pub mod pytext;
mod render;
mod segment;
mod value;
mod vm;

pub use bumpalo::Bump;
pub use compile::dump::dump_bytecode;
pub use compile::program::Program;
pub use error::{ErrorClass, RenderError};
pub use input::{Data, DictRoom, Input, ListRoom, Place, Slot, Step, MAX_INPUT_DEPTH};
pub use json::{read_arguments, read_conversation, read_value, too_deep};
pub use options::{Clock, DateTime, Limits};
pub use origin::Origin;
pub use render::{render, Buffers, Options, Rendered};
pub use segment::{PathStep, Segment, Segments};
pub use vm::output::LARGE_RUN;
