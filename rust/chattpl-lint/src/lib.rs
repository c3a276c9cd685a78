//! Finds faults of chat templates: in their source, in what they print, and against a tokenizer.
pub mod context;
pub mod finding;
pub mod fix;
pub mod index;
pub mod lint;
pub mod manual;
pub mod probe;
pub mod rule;
pub mod rules;
pub mod scope;
pub mod suppress;

pub use context::{Context, Subject, Supplied};
pub use finding::Finding;
pub use fix::{Applicability, Edit, Fix};
pub use lint::{fix_all, lint, Report, Selector, Settings};
pub use rule::{Kind, Profile, Rule};
pub use rules::{rule, RULES};
