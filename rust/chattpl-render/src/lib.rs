//! Renders chat templates as `transformers` does, and knows where every byte of the output came from.
//!
//! A [`Program`] is compiled once; [`render`] runs it on an [`Input`] that borrows the caller's text. The result's
//! [`Segments`] say for each stretch of text which literal of the template or which value of the input it is.

mod builtins;
mod compile;
pub mod error;
mod fingerprint;
mod flags;
mod input;
mod json;
pub mod json_rows;
mod meter;
pub mod names;
mod normalize;
mod options;
mod origin;
pub mod pytext;
mod render;
mod roles;
pub mod rows;
mod segment;
mod value;
mod vm;

pub use bumpalo::Bump;
pub use compile::dump::dump_bytecode;
pub use compile::program::Program;
pub use error::{ErrorClass, RenderError};
pub use flags::Heading;
pub use input::{Data, DictRoom, Input, ListRoom, Place, Slot, Step, View, MAX_INPUT_DEPTH};
pub use json::{read_arguments, read_call, read_conversation, read_row_text, read_value, too_deep};
pub use normalize::{normalize, Change};
pub use options::{Clock, DateTime, Limits, NullFields};
pub use origin::Origin;
pub use render::{render, Buffers, Options, Rendered};
pub use segment::{PathStep, Segment, Segments};
pub use vm::output::LARGE_RUN;
