//! The fields of a row: which names are known, which were used, and which steer the row.

use super::{disagree, parse, text_of, wrong_type, RowReport};
use crate::error::{code, RenderError, Result};
use crate::input::{Data, Input};
use crate::value::cmp::equal;
use crate::value::{Seq, Value};

/// Fields that hold a conversation as a list of turns. Two of them in one row have to say the same.
pub(super) const CONVERSATIONS: [&str; 3] = ["messages", "conversations", "conversation"];
/// Lists of turns that count only where none of [`CONVERSATIONS`] is there.
pub(super) const DIALOGUES: [&str; 5] = ["dialog", "dialogue", "turns", "chat", "data"];
pub(super) const SYSTEMS: [&str; 3] = ["system", "system_prompt", "system_message"];
pub(super) const QUESTIONS: [&str; 5] = ["instruction", "prompt", "question", "query", "problem"];
/// Text that goes with a question.
pub(super) const SUPPLEMENTS: [&str; 3] = ["input", "context", "query"];
pub(super) const ANSWERS: [&str; 6] = ["completion", "response", "output", "answer", "solution", "chosen"];
/// Lists of several answers.
pub(super) const RANKED: [&str; 5] = ["answers", "responses", "completions", "outputs", "generations"];
/// Fields that change the conversation of a row with `messages`.
pub(super) const BESIDE_MESSAGES: [&str; 10] = [
    "conversations",
    "conversation",
    "system",
    "system_prompt",
    "system_message",
    "chosen",
    "rejected",
    "completion",
    "response",
    "history",
];
const OTHERS: [&str; 9] =
    ["tools", "functions", "documents", "chat_template_kwargs", "weight", "rejected", "history", "scores", "ranks"];

/// Flags of a message that are honoured.
pub(super) const FLAGS: [&str; 5] = ["weight", "train", "trainable", "training", "loss"];
/// Names that other tools give to such flags.
const FLAG_LIKE: [&str; 14] = [
    "mask",
    "masked",
    "loss_mask",
    "loss_weight",
    "loss_scale",
    "no_loss",
    "compute_loss",
    "calculate_loss",
    "learn",
    "is_trained",
    "is_trainable",
    "do_train",
    "ignore",
    "skip_loss",
];

pub(super) fn is_known(name: &str) -> bool {
    // The names that most rows have, first.
    if matches!(name, "messages" | "tools" | "prompt" | "documents") {
        return true;
    }
    let lists: [&[&str]; 8] =
        [&CONVERSATIONS, &DIALOGUES, &SYSTEMS, &QUESTIONS, &SUPPLEMENTS, &ANSWERS, &RANKED, &OTHERS];
    lists.iter().any(|names| names.contains(&name))
}

/// Whether a name looks like a training flag and has no effect, such as `Weight` or `loss_mask`.
pub(super) fn looks_like_flag(name: &str) -> bool {
    if FLAGS.contains(&name) || name.len() > 20 {
        return false;
    }
    let plain = name.to_ascii_lowercase().replace('-', "_");
    FLAG_LIKE.contains(&plain.as_str()) || (plain != name && FLAGS.contains(&plain.as_str()))
}

/// The fields of one row.
pub(super) struct Fields<'a, 'r> {
    given: &'a [(&'r str, Data<'r>)],
    /// Names of fields with a value that the source did not read.
    unread: &'a [&'r str],
    used: Vec<bool>,
}

impl<'a, 'r> Fields<'a, 'r> {
    pub fn new(given: &'a [(&'r str, Data<'r>)], unread: &'a [&'r str]) -> Self {
        Fields { given, unread, used: vec![false; given.len()] }
    }

    /// The value of a field; `None` for null. The last field of a name counts.
    pub fn peek(&self, name: &str) -> Option<Value<'r>> {
        let found = self.given.iter().rev().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.0).filter(|value| !value.is_none())
    }

    /// The value of a field, which counts as used from now on.
    pub fn take(&mut self, name: &str) -> Option<Value<'r>> {
        self.mark(name);
        self.peek(name)
    }

    /// Marks a field as used.
    pub fn mark(&mut self, name: &str) {
        for ((key, _), used) in self.given.iter().zip(&mut self.used) {
            *used |= *key == name;
        }
    }

    /// Whether one of these fields has a value.
    pub fn has_any(&self, names: &[&str]) -> bool {
        self.given.iter().any(|(key, value)| !value.0.is_none() && names.contains(key))
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'r str> + '_ {
        self.given.iter().map(|(name, _)| *name).chain(self.unread.iter().copied())
    }

    /// How much the row counts.
    pub fn weight(&mut self) -> Result<Option<f64>> {
        let Some(value) = self.take("weight") else { return Ok(None) };
        let weight = crate::value::cmp::as_float(value).filter(|weight| weight.is_finite());
        weight.map(Some).ok_or_else(|| wrong_type("weight", value, "a finite number"))
    }

    /// Names what was not used.
    pub fn finish(self, report: &mut RowReport<'r>) {
        let unused = self.given.iter().zip(&self.used).filter(|((_, value), used)| !**used && says_something(value.0));
        let names = unused.map(|((name, _), _)| *name).chain(self.unread.iter().copied());
        for name in names {
            match looks_like_flag(name) || FLAGS.contains(&name) {
                true => report.flag_like.push(name),
                false => report.unused.push(name),
            }
        }
    }
}

pub(super) fn says_something(value: Value<'_>) -> bool {
    match value {
        Value::None(_) => false,
        Value::Str(text) => !text.is_empty(),
        Value::List(seq) | Value::Tuple(seq) => !seq.items.is_empty(),
        Value::Dict(dict) => !dict.entries.is_empty(),
        _ => true,
    }
}

/// The value of a field, read from its JSON text if it is text; blank text is nothing.
pub(super) fn parsed<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>, name: &str) -> Result<Option<Value<'r>>> {
    let Some(value) = fields.take(name) else { return Ok(None) };
    match value.as_str() {
        Some(text) => match text.flat(input.arena).trim() {
            "" => Ok(None),
            text => parse(input, name, text).map(|value| Some(value).filter(|value| !value.is_none())),
        },
        None => Ok(Some(value)),
    }
}

/// A field that holds a list, JSON text of one, a list of JSON texts, or one element alone.
pub(super) fn list<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>, name: &str) -> Result<Option<Value<'r>>> {
    match parsed(input, fields, name)? {
        None => Ok(None),
        Some(Value::List(seq) | Value::Tuple(seq)) => elements(input, name, seq).map(Some),
        Some(value @ Value::Dict(_)) => Ok(Some(super::list(input, &[value]))),
        Some(value) => Err(wrong_type(name, value, "a list")),
    }
}

/// The elements of a list, read from their JSON text where they are text.
fn elements<'r>(input: &mut Input<'r>, name: &str, seq: &'r Seq<'r>) -> Result<Value<'r>> {
    if !seq.items.iter().any(|item| matches!(item, Value::Str(_))) {
        return Ok(Value::List(seq));
    }
    let mut items = Vec::with_capacity(seq.items.len());
    for &item in seq.items {
        items.push(match text_of(input, item).filter(|text| text.trim_start().starts_with('{')) {
            Some(text) => parse(input, name, text)?,
            None => item,
        });
    }
    Ok(super::list(input, &items))
}

/// The system prompt that stands beside the conversation: the name of its field, and its text.
pub(super) fn system_text<'r>(
    input: &mut Input<'r>,
    fields: &mut Fields<'_, 'r>,
) -> Result<Option<(&'static str, Value<'r>)>> {
    let mut found: Option<(&'static str, Value<'r>)> = None;
    for name in SYSTEMS {
        let Some(value) = fields.take(name) else { continue };
        let text = match value {
            Value::Str(text) if text.is_empty() => continue,
            Value::Str(_) => value,
            Value::List(seq) | Value::Tuple(seq) => match super::anthropic::joined_text(input, seq.items) {
                Some(text) => text,
                None => return Err(wrong_type(name, value, "text, or a list of text blocks")),
            },
            _ => return Err(wrong_type(name, value, "text")),
        };
        match found {
            Some((first, other)) if !equal(input.arena, other, text) => return Err(disagree(first, name)),
            Some(_) => {}
            None => found = Some((name, text)),
        }
    }
    Ok(found)
}

/// The first of these fields that has a value; others that have one must say the same, or hold it, or lie in it.
pub(super) fn one_of<'r>(
    input: &Input<'r>,
    fields: &mut Fields<'_, 'r>,
    names: &[&'static str],
) -> Result<Option<(&'static str, Value<'r>)>> {
    let mut found: Option<(&'static str, Value<'r>)> = None;
    for &name in names {
        let Some(value) = fields.peek(name).filter(|value| says_something(*value)) else { continue };
        let Some((first, other)) = found else {
            fields.mark(name);
            found = Some((name, value));
            continue;
        };
        if equal(input.arena, other, value) {
            fields.mark(name);
        } else if !holds(input, other, value) && !holds(input, value, other) {
            return Err(disagree(first, name));
        }
    }
    Ok(found)
}

/// Whether one text holds another, as a formatted prompt holds the instruction that it was made of.
fn holds<'r>(input: &Input<'r>, whole: Value<'r>, part: Value<'r>) -> bool {
    match (text_of(input, whole), text_of(input, part)) {
        (Some(whole), Some(part)) => whole.contains(part.trim()),
        _ => false,
    }
}

/// The error for a value in a list that has the wrong type.
pub(super) fn wrong_item(place: String, value: Value<'_>, wanted: &str) -> RenderError {
    let message = format!("`{place}` is {}, not {wanted}", super::kind(value));
    RenderError::own(code::SHAPE, message, "see docs/rows.md for the dialects that are read").at_input(place)
}
