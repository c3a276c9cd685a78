//! What becomes of something that a template is given.

use serde_json::{json, Value};

use crate::probe::{is_constraint, Outcome, Printed, Probes, Shape};

/// What becomes of something that a template is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is printed.
    Accepted,
    /// It is printed inside another's turn.
    Merged,
    /// It is printed before what was said earlier.
    Moved,
    /// It is printed in another way than meant: in which, in words.
    Garbled(&'static str),
    /// Nothing of it is printed.
    Dropped,
    /// The author raises an exception, with these words.
    Refused(String),
    /// The template fails, with these words.
    Fails(String),
    /// It can't be told: a plainer conversation is not taken either.
    Unknown,
}

impl Fate {
    /// Whether it reaches the model.
    pub fn is_taken(&self) -> bool {
        matches!(self, Fate::Accepted | Fate::Merged | Fate::Moved)
    }

    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Merged => "merged",
            Fate::Moved => "moved",
            Fate::Garbled(_) => "garbled",
            Fate::Dropped => "dropped",
            Fate::Refused(_) => "refused",
            Fate::Fails(_) => "fails",
            Fate::Unknown => "unknown",
        }
    }

    /// The author's or the engine's words, or the way in which it is garbled.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Fate::Garbled(reason) => Some(reason),
            Fate::Refused(reason) | Fate::Fails(reason) => Some(reason),
            _ => None,
        }
    }

    /// `{"state": ...}`, and `"reason"` where there is one.
    pub fn to_json(&self) -> Value {
        let mut value = json!({ "state": self.name() });
        if let Some(reason) = self.reason() {
            value["reason"] = json!(reason);
        }
        value
    }
}

/// The fate of a render by a test of its text; an error is its own fate.
pub(super) fn judge(outcome: &Outcome, of_text: impl FnOnce(&Printed) -> Fate) -> Fate {
    match outcome {
        Ok(printed) => of_text(printed),
        Err(error) if is_constraint(error) => Fate::Refused(error.message().to_owned()),
        Err(error) => Fate::Fails(error.message().to_owned()),
    }
}

/// Whether the values at all these paths of a conversation are printed.
pub(super) fn printed_at(probes: &Probes<'_>, shape: &'static Shape, paths: &[&str]) -> Fate {
    judge(&probes.natural(shape), |printed| {
        let says = |path: &&str| !printed.text_of(path).trim().is_empty();
        if paths.iter().all(says) {
            Fate::Accepted
        } else {
            Fate::Dropped
        }
    })
}

/// `{"name": fate, ...}`.
pub(super) fn all_json(fates: &[(&'static str, Fate)]) -> Value {
    Value::Object(fates.iter().map(|(name, fate)| ((*name).to_owned(), fate.to_json())).collect())
}
