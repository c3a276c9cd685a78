//! Finds faults of chat templates: in their source, in what they print, and against a tokenizer.
//!
//! ```
//! use chattpl_lint::{lint, Settings, Subject, Supplied};
//!
//! let subject = Subject::new("{% for m in messages %}{{ m.content }}", None, Supplied::default());
//! let report = lint(&subject, &Settings::default());
//! assert_eq!(report.findings[0].code, "CT001");
//! ```
//!
//! # How it works
//!
//! ```text
//! Subject ─► Context ─► checks ─► suppressions ─► promises of fixes ─► Report
//! ```
//!
//! A [`Subject`] is one template, parsed and compiled, with what the caller supplied besides: declared tokens, a
//! tokenizer, the stop tokens of the generation configuration. A [`Context`] holds what checks share, each made when it
//! is first asked for:
//!
//! | call | what it gives |
//! |---|---|
//! | [`Context::nodes`] | the syntax tree as a list, parents before children: iterate, filter, look `around` or `inside` |
//! | [`Context::scopes`] | every binding and read of a name, and which binding a read sees |
//! | [`Context::probes`] | renders of the probe conversations, each made once |
//! | [`Context::printed_places`] | the literals that some conversation prints |
//! | [`Context::sampling`] | what a model samples of a render, which token ends a turn |
//! | [`Context::encoder`], [`Context::declared`] | the tokenizer; the text of `bos_token` and the like |
//! | [`Context::engines`] | other engines that the caller can run |
//!
//! Each gives [`rule::NotEvaluated`] where its input is missing: pass it on with `?`, so that a rule that could not look
//! is never reported as clean.
//!
//! # Probes
//!
//! [`probe::shapes`] is the table of conversations. No text stands twice in one of them, and every stretch of output knows
//! its origin, so a check asks for paths and not for substrings: [`probe::Printed::text_of`] with
//! `"/messages/1/content"` is what was printed of that value, wherever it went. [`probe::Ask`] names a render: a shape,
//! its first messages only, with the generation prompt, with `enable_thinking`, at another time.
//! [`probe::Probes::natural`] is what a server would ask for. Some templates take contents only as parts, or arguments
//! only as JSON text; conversations are written as the template takes them ([`probe::Probes::form`]), and rules about that
//! very difference ask for a [`probe::Form`] by name.
//!
//! What caused a fault is shown by a trial: [`probe::trial::tried`] renders with an edited template, and an edit that mends
//! the conversation names the place.
//!
//! An error is an outcome like any other. [`probe::is_constraint`] tells the author's own `raise_exception`, which is no
//! fault; [`probe::is_runaway`] a render that was stopped.
//!
//! [`probe::locate`] leads back to the source: from a range of output to the literals that printed it, and from lost data
//! to the branch or loop that should have printed it. [`probe::reader`] finds the expression that reads a field of a role's
//! messages, for data that is printed changed; [`probe::markers`] tells `<|im_start|>` from other text and knows its closer. Spans of segments are of the caller's text, those of findings of the
//! normalized text: [`Context::normalized`] is between.
//!
//! [`profile::of`] sums up, without opinions, what a template takes and prints.
//!
//! [`behaviour::of`] gives a digest of every render, which tells whether an edit changes what a model sees.
//!
//! # A new rule
//!
//! One file `rules/<name>.rs` and one line in `rules/mod.rs`, in order of codes. The file declares the rule with
//! [`declare_rule!`] and has its check. The doc comment is the manual and the test ([`manual`]): `Bad` triggers the
//! rule and, in the default profile, no other; `Good` is clean; fixing `Bad` gives `Good`, or `Fixed` where there is such a
//! section. `tests/rule_contract.rs` holds every rule to it and writes `RULES.md` anew with `CHATTPL_UPDATE=1`.
//!
//! A [`Fix`] made with [`Fix::safe`] is offered as safe only if all probe conversations render as before; one that
//! repairs what is printed is made with [`Fix::changing`].
//!
//! A rule is in [`Profile::Default`] only if its findings change what a model sees or learns, whatever the use.

// The fences of manuals carry settings for their examples.
#![allow(rustdoc::invalid_codeblock_attributes)]

pub mod behaviour;
pub mod constant;
pub mod context;
pub mod engine;
pub mod expr;
pub mod finding;
pub mod fix;
pub mod index;
pub mod lint;
pub mod manual;
pub mod marks;
pub mod portability;
pub mod probe;
pub mod profile;
pub mod reads;
pub mod rule;
pub mod rules;
pub mod sampling;
pub mod scope;
pub mod seams;
pub mod suppress;

pub use context::{Context, Engines, Subject, Supplied};
pub use engine::{EngineError, EngineInput, EngineOutcome, OtherEngine};
pub use finding::Finding;
pub use fix::{Applicability, Edit, Fix};
pub use lint::{fix_all, lint, Report, Selector, Settings};
pub use rule::{Kind, Profile, Rule};
pub use rules::{rule, RULES};
