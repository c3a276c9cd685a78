//! Reads the role of each message and its training flags: `weight`, `train` and their like.

use bumpalo::Bump;

use crate::error::{code, RenderError, Result};
use crate::input::Input;
use crate::value::{Dict, Str, Value};

/// Fields of a message that say whether it is trained.
const SWITCHES: [&str; 4] = ["train", "trainable", "training", "loss"];

/// The field of a message that says how much it counts.
const WEIGHT: &str = "weight";

/// The role of a message and how much its tokens count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heading<'r> {
    /// The `role`, where it is a string.
    pub role: Option<&'r str>,
    /// Factor for the weight of every token that is trained in the message; 0 where its flags say not to train it.
    pub weight: f32,
}

impl<'r> Heading<'r> {
    /// The heading of a message without flags.
    pub fn of_role(role: Option<&'r str>) -> Self {
        Heading { role, weight: 1.0 }
    }
}

impl<'r> Input<'r> {
    /// The heading of each message; flags are read if `with_flags`.
    ///
    /// An item is an error where flags disagree, a weight is not a finite number, or a switch is neither true nor false.
    pub fn headings(&self, with_flags: bool) -> impl Iterator<Item = Result<Heading<'r>>> + '_ {
        let messages = match self.messages {
            Value::List(seq) | Value::Tuple(seq) => seq.items,
            _ => &[],
        };
        messages.iter().enumerate().map(move |(at, message)| match message {
            Value::Dict(dict) => heading(self.arena, dict, at, with_flags),
            _ => Ok(Heading::of_role(None)),
        })
    }
}

fn heading<'r>(arena: &'r Bump, dict: &'r Dict<'r>, at: usize, with_flags: bool) -> Result<Heading<'r>> {
    let (mut role, mut has_flags) = (None, false);
    for (key, value) in dict.entries {
        let name = match key {
            Value::Str(Str::Run(run)) => run.text,
            _ => match key.as_str() {
                Some(name) => name.flat(arena),
                None => continue,
            },
        };
        match (name, value) {
            ("role", Value::Str(text)) => role = Some(text.flat(arena)),
            _ => has_flags |= is_flag(name),
        }
    }
    let weight = if has_flags && with_flags { weight(arena, dict, at)? } else { 1.0 };
    Ok(Heading { role, weight })
}

#[inline]
fn is_flag(name: &str) -> bool {
    matches!(name.len(), 4..=9) && matches!(name, "weight" | "train" | "trainable" | "training" | "loss")
}

/// How much a message with flags counts.
#[cold]
fn weight<'r>(arena: &'r Bump, dict: &'r Dict<'r>, at: usize) -> Result<f32> {
    let given = |name: &str| dict.get_str(arena, name).filter(|value| !value.is_none());
    // The first flag and whether it trains; later ones must agree.
    let mut first: Option<(&str, bool)> = None;
    let mut factor = 1.0;
    for name in [WEIGHT].into_iter().chain(SWITCHES) {
        let Some(value) = given(name) else { continue };
        let trains = match name {
            WEIGHT => {
                factor = number(value).ok_or_else(|| not_a_number(value, at))?;
                factor != 0.0
            }
            _ => switch(value).ok_or_else(|| not_a_switch(value, at, name))?,
        };
        match first {
            Some((other, does)) if does != trains => return Err(disagreement(arena, dict, at, (other, name))),
            _ => first = first.or(Some((name, trains))),
        }
    }
    Ok(if first.is_some_and(|(_, trains)| !trains) { 0.0 } else { factor })
}

/// A finite number as a factor.
fn number(value: Value<'_>) -> Option<f32> {
    let number = match value {
        Value::Bool(value, _) => f32::from(u8::from(value)),
        Value::Int(value, _) => value as f32,
        Value::Float(value, _) => value as f32,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn switch(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value, _) => Some(value),
        _ => [(0.0, false), (1.0, true)].into_iter().find(|(known, _)| number(value) == Some(*known)).map(|(_, is)| is),
    }
}

const HINT: &str = "mend the row, or pass `Train(flags=\"ignore\")`";

fn not_a_number(value: Value<'_>, at: usize) -> RenderError {
    let message = format!("the weight of a message is {}; it must be a finite number", shown(value));
    RenderError::own(code::SHAPE, message, HINT).at_input(format!("messages[{at}].{WEIGHT}"))
}

fn not_a_switch(value: Value<'_>, at: usize, name: &str) -> RenderError {
    let message = format!("`{name}` of a message is {}; it must be true or false", shown(value));
    RenderError::own(code::SHAPE, message, HINT).at_input(format!("messages[{at}].{name}"))
}

fn disagreement<'r>(arena: &'r Bump, dict: &'r Dict<'r>, at: usize, names: (&str, &str)) -> RenderError {
    let value = |name: &str| shown(dict.get_str(arena, name).unwrap_or(Value::Missing));
    let (first, second) = (value(names.0), value(names.1));
    let message = format!("two flags of a message disagree: `{}` is {first}, `{}` is {second}", names.0, names.1);
    RenderError::own(code::SHAPE, message, "keep one of the two, or pass `Train(flags=\"ignore\")`")
        .at_input(format!("messages[{at}]"))
}

/// A value for a message: numbers as they are, anything else by its type.
fn shown(value: Value<'_>) -> String {
    match value {
        Value::Bool(value, _) => value.to_string(),
        Value::Int(value, _) => value.to_string(),
        Value::Float(value, _) => value.to_string(),
        Value::Str(Str::Run(run)) => format!("{:?}", run.text.chars().take(40).collect::<String>()),
        other => format!("of type `{}`", other.type_name()),
    }
}
