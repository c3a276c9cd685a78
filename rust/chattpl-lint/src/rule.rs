//! What a rule is: its metadata, its manual, and its check.

use crate::context::Context;
use crate::finding::Finding;

/// A group of rules; the digit after `CT` in their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// CT0: the source and its dialect.
    Dialect,
    /// CT1: faults seen in the source.
    Correctness,
    /// CT2: what the template prints.
    Behaviour,
    /// CT3: the template and its tokenizer.
    Tokenizer,
    /// CT4: what a model learns.
    Training,
    /// CT5: other engines.
    Portability,
    /// CT6: hostile templates and hostile content.
    Security,
}

impl Family {
    /// The digit of the family in its codes.
    pub fn digit(self) -> char {
        char::from(b'0' + self as u8)
    }

    /// What the family looks at, as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Family::Dialect => "Source and dialect",
            Family::Correctness => "Correctness seen in the source",
            Family::Behaviour => "Behaviour",
            Family::Tokenizer => "Tokenizer",
            Family::Training => "Training",
            Family::Portability => "Portability",
            Family::Security => "Security",
        }
    }
}

/// What a rule needs to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The syntax tree.
    Static,
    /// Renders of the probe conversations.
    Probe,
    /// A tokenizer besides.
    Token,
    /// Renders, seen as training rows.
    Training,
}

impl Kind {
    /// The word of the manual.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Static => "static",
            Kind::Probe => "probe",
            Kind::Token => "token",
            Kind::Training => "training",
        }
    }
}

/// A named set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// What changes what a model sees or learns, for every use.
    Default,
    /// Prompts are built for a running model.
    Serve,
    /// Supervised fine-tuning.
    Sft,
    /// Reinforcement learning over several turns.
    Rl,
    /// Engines other than Jinja2.
    Portability,
    /// Templates and content from strangers.
    Security,
    /// Every rule.
    All,
}

impl Profile {
    /// All profiles, in the order of the manual.
    pub const ALL: [Profile; 7] = [
        Profile::Default,
        Profile::Serve,
        Profile::Sft,
        Profile::Rl,
        Profile::Portability,
        Profile::Security,
        Profile::All,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Default => "default",
            Profile::Serve => "serve",
            Profile::Sft => "sft",
            Profile::Rl => "rl",
            Profile::Portability => "portability",
            Profile::Security => "security",
            Profile::All => "all",
        }
    }

    /// The profile with this name.
    pub fn by_name(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// Whether findings of a rule come with a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixAvailability {
    /// Never.
    None,
    /// For some findings.
    Sometimes,
    /// For every finding.
    Always,
}

/// Why a rule said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEvaluated(pub String);

impl NotEvaluated {
    /// A reason in words, such as "no tokenizer is given".
    pub fn because(reason: impl Into<String>) -> Self {
        NotEvaluated(reason.into())
    }
}

/// What a check gives: its findings, or why it could not look.
pub type Checked = Result<Vec<Finding>, NotEvaluated>;

/// One rule: made by [`crate::declare_rule`], listed in [`crate::rules`].
#[derive(Debug)]
pub struct Rule {
    /// Stable code, such as `CT101`.
    pub code: &'static str,
    /// Name of the fault, in kebab-case; also the name of its file.
    pub name: &'static str,
    /// Its group.
    pub family: Family,
    /// What it looks at.
    pub kind: Kind,
    /// The profiles that run it, besides [`Profile::All`].
    pub profiles: &'static [Profile],
    /// Whether it repairs.
    pub fix: FixAvailability,
    /// The version that brought it.
    pub since: &'static str,
    /// The manual, as written in its file; [`crate::manual`] reads it.
    pub doc: &'static str,
    /// The file it stands in.
    pub file: &'static str,
    /// Looks at one template.
    pub check: fn(&Rule, &Context<'_>) -> Checked,
}

impl Rule {
    /// Whether a profile runs it.
    pub fn is_in(&self, profile: Profile) -> bool {
        profile == Profile::All || self.profiles.contains(&profile)
    }
}

/// Declares the one rule of a file as `RULE`.
///
/// The doc comment is the rule's manual and its test: `## What it does`, `## Why`, `## Bad`, `## Good` (see
/// [`crate::manual`]).
#[macro_export]
macro_rules! declare_rule {
    (
        $(#[doc = $doc:literal])*
        code: $code:literal,
        name: $name:literal,
        family: $family:ident,
        kind: $kind:ident,
        profiles: [$($profile:ident),* $(,)?],
        fix: $fix:ident,
        since: $since:literal,
        check: $check:path $(,)?
    ) => {
        $(#[doc = $doc])*
        pub static RULE: $crate::rule::Rule = $crate::rule::Rule {
            code: $code,
            name: $name,
            family: $crate::rule::Family::$family,
            kind: $crate::rule::Kind::$kind,
            profiles: &[$($crate::rule::Profile::$profile),*],
            fix: $crate::rule::FixAvailability::$fix,
            since: $since,
            doc: concat!($($doc, "\n"),*),
            file: file!(),
            check: $check,
        };
    };
}
