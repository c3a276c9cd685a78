//! Conversations that a row gives as a list of turns: messages, ShareGPT's `from` and `value`, or texts in turn.

use super::anthropic;
use super::fields::{wrong_item, Fields, CONVERSATIONS, DIALOGUES};
use super::{disagree, list, object, parse, text_of, wrong_type, Dialect, Message, Read};
use crate::error::{code, RenderError, Result};
use crate::input::Input;
use crate::value::cmp::equal;
use crate::value::{Dict, Value};

const WHO: [&str; 4] = ["from", "speaker", "author", "sender"];
const WHAT: [&str; 4] = ["value", "content", "text", "message"];

/// The role that a name stands for in ShareGPT and its kin; `None` for a call of a tool.
fn role_of(name: &str) -> Option<&str> {
    let plain = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    Some(match plain.as_str() {
        "human" | "user" | "prompter" | "customer" => "user",
        "gpt" | "chatgpt" | "assistant" | "model" | "bot" | "ai" | "bing" | "bard" | "claude" | "chatbot" => {
            "assistant"
        }
        "system" => "system",
        "developer" => "developer",
        "observation" | "tool" | "function_response" | "tool_response" | "function" | "tool_result" => "tool",
        "function_call" | "tool_call" | "tool_calls" => return None,
        _ => name,
    })
}

/// Whether a list of messages can be used as it is.
pub(super) fn is_plain<'r>(input: &Input<'r>, messages: Value<'r>) -> bool {
    let (Value::List(seq) | Value::Tuple(seq)) = messages else { return true };
    seq.items.iter().all(|item| match item {
        Value::Dict(dict) => match dict.get_str(input.arena, "role") {
            Some(_) => !anthropic::has_blocks(input, dict),
            None => !is_turn(input, dict) && !is_row(input, dict),
        },
        Value::Str(_) | Value::List(_) | Value::Tuple(_) => false,
        _ => true,
    })
}

/// Whether a mapping is a turn of ShareGPT.
fn is_turn<'r>(input: &Input<'r>, dict: &Dict<'r>) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| dict.get_str(input.arena, name).is_some());
    has(&WHO) && has(&WHAT)
}

/// Whether a mapping is a row rather than a message.
fn is_row<'r>(input: &Input<'r>, dict: &Dict<'r>) -> bool {
    let has = |name: &&str| dict.get_str(input.arena, name).is_some();
    let is_list = |name: &&str| matches!(dict.get_str(input.arena, name), Some(Value::List(_) | Value::Tuple(_)));
    !["role", "content"].iter().any(has)
        && (CONVERSATIONS.iter().any(is_list) || ["prompt", "instruction", "question"].iter().any(has))
}

/// The conversation in one of the fields that hold turns.
pub(super) fn of_fields<'r>(input: &mut Input<'r>, fields: &mut Fields<'_, 'r>) -> Result<Option<Read<'r>>> {
    let mut found: Option<(&str, Read<'r>)> = None;
    for name in CONVERSATIONS {
        let Some(value) = fields.take(name) else { continue };
        let value = match value.as_str() {
            Some(text) => parse(input, name, text.flat(input.arena))?,
            None => value,
        };
        let read = match value {
            Value::List(_) | Value::Tuple(_) => read(input, value, name)?,
            Value::Dict(_) => {
                let value = list(input, &[value]);
                read(input, value, name)?
            }
            _ => return Err(wrong_type(name, value, "a list of messages")),
        };
        match &found {
            Some((first, other)) if !same(input, &other.messages, &read.messages) => {
                return Err(disagree(first, name));
            }
            Some(_) => {}
            None => found = Some((name, read)),
        }
    }
    if found.is_some() {
        return Ok(found.map(|(_, read)| read));
    }
    for name in DIALOGUES {
        if let Some(value @ (Value::List(_) | Value::Tuple(_))) = fields.peek(name) {
            fields.mark(name);
            return read(input, value, name).map(Some);
        }
    }
    Ok(None)
}

/// Whether two conversations say the same.
pub(super) fn same<'r>(input: &Input<'r>, one: &[Message<'r>], other: &[Message<'r>]) -> bool {
    let value = |messages: &[Message<'r>]| {
        let items = messages.iter().map(|message| object(input, message)).collect::<Vec<_>>();
        list(input, &items)
    };
    equal(input.arena, value(one), value(other))
}

/// Reads a list of turns that stands in the field `name`.
pub(super) fn read<'r>(input: &mut Input<'r>, value: Value<'r>, name: &str) -> Result<Read<'r>> {
    let (Value::List(seq) | Value::Tuple(seq)) = value else {
        return Err(wrong_type(name, value, "a list of messages"));
    };
    let mut dialect = Dialect::Messages;
    let (mut messages, mut unused) = (Vec::with_capacity(seq.items.len()), Vec::new());
    for (at, &item) in seq.items.iter().enumerate() {
        let place = || format!("{name}[{at}]");
        let item = match text_of(input, item).filter(|text| text.trim_start().starts_with('{')) {
            Some(text) => parse(input, &place(), text)?,
            None => item,
        };
        match item {
            Value::Dict(dict) if is_row(input, dict) => return Err(rows_for_messages(&place())),
            Value::Dict(dict) if dict.get_str(input.arena, "role").is_none() && is_turn(input, dict) => {
                dialect = Dialect::ShareGpt;
                messages.push(turn(input, dict, &place())?);
            }
            Value::Dict(dict) if anthropic::has_blocks(input, dict) => {
                dialect = Dialect::Anthropic;
                anthropic::read(input, dict, &mut messages, &mut unused);
            }
            Value::Dict(dict) => messages.push(entries(input, dict)),
            Value::Str(_) if name != "messages" => {
                dialect = Dialect::Alternating;
                let role = if at % 2 == 0 { "user" } else { "assistant" };
                messages.push(vec![("role", Value::str(role)), ("content", item)]);
            }
            Value::List(_) | Value::Tuple(_) => return Err(rows_for_messages(&place())),
            _ => return Err(wrong_item(place(), item, "a message")),
        }
    }
    if dialect == Dialect::Anthropic {
        anthropic::join_texts(input, &mut messages, &mut unused);
    }
    if name != "messages" && dialect == Dialect::Messages {
        dialect = Dialect::ShareGpt;
    }
    Ok(Read { unused, ..Read::new(dialect, messages) })
}

fn rows_for_messages(place: &str) -> RenderError {
    let message = "a list of rows where the messages of one conversation were expected";
    let hint = "give each row by itself: one line of JSON Lines, one element of a JSON array, one element of the list";
    RenderError::own(code::SHAPE, message, hint).at_input(place)
}

/// The fields of a mapping with text for keys.
pub(super) fn entries<'r>(input: &Input<'r>, dict: &Dict<'r>) -> Message<'r> {
    let entries = dict.entries.iter().filter_map(|(key, value)| Some((key.as_str()?.flat(input.arena), *value)));
    entries.collect()
}

/// A turn of ShareGPT as a message; what it says besides who and what is kept.
fn turn<'r>(input: &mut Input<'r>, dict: &Dict<'r>, place: &str) -> Result<Message<'r>> {
    let first = |names: &[&'static str]| {
        names.iter().find_map(|&name| dict.get_str(input.arena, name).map(|value| (name, value)))
    };
    let (Some((who, from)), Some((what, value))) = (first(&WHO), first(&WHAT)) else {
        return Ok(entries(input, dict));
    };
    let others = dict.entries.iter().filter_map(|(key, value)| {
        let name = key.as_str()?.flat(input.arena);
        (name != who && name != what).then_some((name, *value))
    });
    let others = others.collect::<Vec<_>>();
    let name = from.as_str().map(|name| name.flat(input.arena));
    let mut message = match name {
        None => vec![("role", from), ("content", value)],
        Some(name) => match role_of(name) {
            Some(role) => {
                let role = if role == name { from } else { super::string(input, role) };
                vec![("role", role), ("content", value)]
            }
            None => {
                let calls = calls(input, value, &format!("{place}.{what}"))?;
                vec![("role", Value::str("assistant")), ("content", Value::str("")), ("tool_calls", calls)]
            }
        },
    };
    message.extend(others);
    Ok(message)
}

/// ShareGPT's calls of functions: one `{"name", "arguments"}` or a list of them, as such or as JSON text.
fn calls<'r>(input: &mut Input<'r>, value: Value<'r>, place: &str) -> Result<Value<'r>> {
    let value = match text_of(input, value) {
        Some(text) => parse(input, place, text)?,
        None => value,
    };
    let calls: &[Value<'r>] = match value {
        Value::List(seq) | Value::Tuple(seq) => seq.items,
        _ => &[value],
    };
    let mut made = Vec::with_capacity(calls.len());
    for &call in calls {
        let Value::Dict(dict) = call else { return Err(wrong_item(place.to_owned(), call, "a call with a `name`")) };
        made.push(match dict.get_str(input.arena, "function") {
            Some(Value::Dict(_)) => call,
            _ => object(input, &[("type", Value::str("function")), ("function", call)]),
        });
    }
    Ok(list(input, &made))
}

/// Texts of users and assistants in one text, each after `\n\nHuman:` or `\n\nAssistant:`, as in HH-RLHF.
pub(super) fn transcript(text: &str) -> Option<Vec<Message<'_>>> {
    const TURNS: [(&str, &str); 2] = [("\n\nHuman:", "user"), ("\n\nAssistant:", "assistant")];
    let begins = |text: &str| TURNS.into_iter().find(|(mark, _)| text.starts_with(mark));
    let (mut mark, mut role) = begins(text)?;
    let (mut rest, mut messages) = (text, Vec::new());
    loop {
        let said = &rest[mark.len()..];
        let next = memchr::memmem::find_iter(said.as_bytes(), b"\n\n").find_map(|at| Some((at, begins(&said[at..])?)));
        let end = next.map_or(said.len(), |(at, _)| at);
        let content = said[..end].trim();
        // A transcript that ends with an empty turn asks for it.
        if next.is_some() || !content.is_empty() {
            messages.push(vec![("role", Value::str(role)), ("content", Value::str(content))]);
        }
        let Some((at, found)) = next else { break };
        (mark, role) = found;
        rest = &said[at..];
    }
    Some(messages)
}
