//! Rows with a question and its answer: Alpaca, Dolly, prompt and completion, question and answer.

use super::answers;
use super::fields::{one_of, wrong_item, Fields, ANSWERS, QUESTIONS, RANKED, SUPPLEMENTS};
use super::{string, text_of, turns, wrong_type, Dialect, Message, Read};
use crate::error::Result;
use crate::input::Input;
use crate::value::Value;

/// The conversation of a row that has no list of turns.
pub(super) fn of_fields<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<Option<Read<'r>>> {
    let question = one_of(input, fields, &QUESTIONS)?;
    let Some((name, value)) = question else {
        let has_answer = fields.has_any(&["chosen", "rejected"]);
        return if has_answer { answers::alone(input, fields) } else { Ok(None) };
    };
    let mut messages = history(input, fields)?;
    messages.extend(match value {
        Value::Str(_) => asked(input, fields, name, value)?,
        Value::List(_) | Value::Tuple(_) => turns::read(input, value, name)?.messages,
        Value::Dict(_) => {
            let value = super::list(input, &[value]);
            turns::read(input, value, name)?.messages
        }
        _ => return Err(wrong_type(name, value, "text or a list of messages")),
    });
    let has_several = fields.has_any(&RANKED) || fields.has_any(&["chosen", "rejected"]);
    let dialect = match name {
        _ if has_several => Dialect::Preference,
        "instruction" => Dialect::Instruction,
        "prompt" => Dialect::Prompt,
        _ => Dialect::Question,
    };
    answers::after(input, fields, Read::new(dialect, messages)).map(Some)
}

/// The messages of a question that is text.
fn asked<'r>(
    input: &mut Input<'r>,
    fields: &mut Fields<'_, 'r>,
    name: &'static str,
    value: Value<'r>,
) -> Result<Vec<Message<'r>>> {
    let text = text_of(input, value).unwrap_or("");
    if let Some(messages) = turns::transcript(text) {
        return Ok(messages);
    }
    let names = SUPPLEMENTS.into_iter().filter(|other| *other != name).collect::<Vec<_>>();
    let content = match one_of(input, fields, &names)? {
        None => value,
        Some((other, supplement)) => match text_of(input, supplement) {
            Some(supplement) => string(input, &format!("{text}\n\n{supplement}")),
            None => return Err(wrong_type(other, supplement, "text")),
        },
    };
    Ok(vec![vec![("role", Value::str("user")), ("content", content)]])
}

/// Earlier turns: pairs of a question and an answer, or messages.
fn history<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<Vec<Message<'r>>> {
    let mut messages = Vec::new();
    let Some(Value::List(seq) | Value::Tuple(seq)) = super::fields::list(input, fields, "history")? else {
        return Ok(messages);
    };
    if seq.items.iter().all(|item| matches!(item, Value::Dict(_))) {
        return Ok(turns::read(input, Value::List(seq), "history")?.messages);
    }
    for (at, item) in seq.items.iter().enumerate() {
        let (Value::List(pair) | Value::Tuple(pair)) = item else {
            return Err(wrong_item(format!("history[{at}]"), *item, "a pair of a question and an answer"));
        };
        if pair.items.len() > 2 {
            return Err(wrong_item(format!("history[{at}]"), *item, "a pair of a question and an answer"));
        }
        for (said, role) in pair.items.iter().zip(["user", "assistant"]) {
            messages.push(vec![("role", Value::str(role)), ("content", *said)]);
        }
    }
    Ok(messages)
}

/// Whether a row has an answer of its own beside its question.
pub(super) fn single_answer<'r>(
    input: &Input<'r>,
    fields: &mut Fields<'_, 'r>,
) -> Result<Option<(&'static str, Value<'r>)>> {
    one_of(input, fields, &ANSWERS)
}
