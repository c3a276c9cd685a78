//! The answer to a prompt, and the answers that were ranked below it.

use super::fields::{Fields, RANKED};
use super::question::single_answer;
use super::{field, is_text, list, note_others, text_of, turns, wrong_type, Dialect, Message, Read};
use crate::error::Result;
use crate::input::Input;
use crate::value::cmp::{as_float, equal};
use crate::value::Value;

const TEXTS: [&str; 8] = ["answer", "text", "response", "content", "completion", "output", "value", "message"];
const SCORES: [&str; 6] = ["score", "overall_score", "rating", "pm_score", "reward", "upvotes"];

/// Puts the row's answer after its prompt, and keeps the others as alternatives.
pub(super) fn after<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>, mut read: Read<'r>) -> Result<Read<'r>> {
    let from_turns = matches!(read.dialect, Dialect::Messages | Dialect::ShareGpt | Dialect::Anthropic);
    let single = match from_turns {
        // `output` and the like beside a whole conversation are columns about it.
        true => super::fields::one_of(input, fields, &["chosen", "completion", "response"])?,
        false => single_answer(input, fields)?,
    };
    let prompt = std::mem::take(&mut read.messages);
    let mut unused = std::mem::take(&mut read.unused);
    let ranked = if from_turns { Vec::new() } else { ranked(input, fields, &mut unused)? };
    read.unused = unused;
    let rejected = fields.take("rejected").map(|value| ("rejected", value));
    let mut answers = single.into_iter().chain(ranked.into_iter().map(|value| ("answers", value)));
    let Some((name, first)) = answers.next() else {
        if let Some((name, value)) = rejected {
            read.alternatives.push(continued(input, &prompt, name, value)?.1);
        }
        read.messages = prompt;
        return Ok(read);
    };
    let others = answers.chain(rejected).collect::<Vec<_>>();
    let (start, answer) = continued(input, &prompt, name, first)?;
    for (name, value) in others {
        if !equal(input.arena, value, first) {
            read.alternatives.push(continued(input, &prompt, name, value)?.1);
        }
    }
    read.messages = prompt;
    read.messages.truncate(start);
    read.messages.extend(answer);
    read.answer_start = Some(start);
    Ok(read)
}

/// A preference row without a prompt: `chosen` is the whole conversation.
pub(super) fn alone<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<Option<Read<'r>>> {
    let (chosen, rejected) = (fields.take("chosen"), fields.take("rejected"));
    let Some(value) = chosen else { return Ok(None) };
    let mut read = Read::new(Dialect::Preference, messages(input, "chosen", value, None)?);
    if let Some(value) = rejected {
        let other = messages(input, "rejected", value, None)?;
        let shared =
            read.messages.iter().zip(&other).take_while(|(a, b)| turns::same(input, &[(*a).clone()], &[(*b).clone()]));
        let shared = shared.count();
        read.answer_start = Some(shared);
        read.alternatives.push(other[shared..].to_vec());
    }
    Ok(Some(read))
}

/// The messages of an answer after a prompt, and where in the prompt they begin.
fn continued<'r>(
    input: &mut Input<'r>,
    prompt: &[Message<'r>],
    name: &str,
    value: Value<'r>,
) -> Result<(usize, Vec<Message<'r>>)> {
    let answer = messages(input, name, value, Some("assistant"))?;
    let role = |message: &Message<'r>| field(message, "role").and_then(|role| text_of(input, role));
    let opens = answer.first().and_then(role).is_some_and(|role| role == "user" || role == "system");
    if !opens {
        return Ok((prompt.len(), answer));
    }
    // The answer repeats the conversation from its beginning.
    let repeats = answer.len() >= prompt.len() && turns::same(input, &answer[..prompt.len()], prompt);
    let said = |message: &Message<'r>| field(message, "content").and_then(|content| text_of(input, content));
    let asks_same = || match prompt {
        [question] => {
            let asked = answer
                .iter()
                .position(|message| field(message, "role").is_some_and(|role| is_text(input, role, "user")));
            asked.is_some_and(|at| said(&answer[at]).is_some() && said(&answer[at]) == said(question))
        }
        _ => false,
    };
    match () {
        () if repeats => Ok((prompt.len(), answer[prompt.len()..].to_vec())),
        () if asks_same() => Ok((0, answer)),
        () if prompt.last().and_then(role) == Some("assistant") => Ok((prompt.len(), answer)),
        () => Err(super::disagree("prompt", name)),
    }
}

/// The messages that a value stands for: text of one role, a message, or a list of them.
fn messages<'r>(
    input: &mut Input<'r>,
    name: &str,
    value: Value<'r>,
    role: Option<&'static str>,
) -> Result<Vec<Message<'r>>> {
    match (value, role) {
        (Value::Str(text), _) => {
            let text = text.flat(input.arena);
            match (turns::transcript(text), role) {
                (Some(messages), None) => Ok(messages),
                (_, Some(role)) => Ok(vec![vec![("role", Value::str(role)), ("content", value)]]),
                (None, None) => Err(wrong_type(name, value, "a list of messages; text needs a `prompt` beside it")),
            }
        }
        (Value::List(_) | Value::Tuple(_), _) => Ok(turns::read(input, value, name)?.messages),
        (Value::Dict(dict), _) => match role {
            Some(role)
                if dict.get_str(input.arena, "role").is_none() && dict.get_str(input.arena, "from").is_none() =>
            {
                match text_in(input, value) {
                    Some(text) => Ok(vec![vec![("role", Value::str(role)), ("content", text)]]),
                    None => Err(wrong_type(name, value, "text or a list of messages")),
                }
            }
            _ => {
                let value = list(input, &[value]);
                Ok(turns::read(input, value, name)?.messages)
            }
        },
        _ => Err(wrong_type(name, value, "text or a list of messages")),
    }
}

/// The text of an answer that is given with its scores.
fn text_in<'r>(input: &Input<'r>, value: Value<'r>) -> Option<Value<'r>> {
    let Value::Dict(dict) = value else { return None };
    TEXTS.iter().find_map(|name| dict.get_str(input.arena, name)).filter(|text| matches!(text, Value::Str(_)))
}

/// Several answers, the best first: by rank or score where they have one, else as they stand.
fn ranked<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>, unused: &mut Vec<&'r str>) -> Result<Vec<Value<'r>>> {
    let Some(name) = RANKED.into_iter().find(|name| fields.has_any(&[name])) else { return Ok(Vec::new()) };
    let value = super::fields::parsed(input, fields, name)?;
    let items: &[Value<'r>] = match value {
        Some(Value::List(seq) | Value::Tuple(seq)) => seq.items,
        // SQuAD keeps the texts of all answers in one object.
        Some(Value::Dict(dict)) => match dict.get_str(input.arena, "text") {
            Some(Value::List(seq) | Value::Tuple(seq)) => {
                note_others(input, dict, &["text"], &format!("{name}."), unused);
                seq.items
            }
            _ => return Err(wrong_type(name, Value::Dict(dict), "a list of answers")),
        },
        Some(value) => return Err(wrong_type(name, value, "a list of answers")),
        None => &[],
    };
    let used = [&TEXTS[..], &SCORES, &["rank", "role", "from"]].concat();
    for item in items {
        if let Value::Dict(dict) = item {
            note_others(input, dict, &used, &format!("{name}[]."), unused);
        }
    }
    let mut column = |name: &str, sign: f64| match fields.peek(name) {
        Some(Value::List(seq) | Value::Tuple(seq)) if seq.items.len() == items.len() => {
            fields.mark(name);
            seq.items.iter().map(|value| as_float(*value).map(|value| value * sign)).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    let own = |names: &[&str], sign: f64| {
        let get = |item: &Value<'r>| {
            let Value::Dict(dict) = item else { return None };
            names.iter().find_map(|name| dict.get_str(input.arena, name)).and_then(as_float).map(|value| value * sign)
        };
        items.iter().map(get).collect::<Option<Vec<f64>>>()
    };
    let keys = column("ranks", 1.0).or_else(|| column("scores", -1.0));
    let keys = keys.or_else(|| own(&["rank"], 1.0)).or_else(|| own(&SCORES, -1.0));
    let mut order = (0..items.len()).collect::<Vec<_>>();
    if let Some(keys) = keys {
        order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    }
    Ok(order.into_iter().map(|at| items[at]).collect())
}
