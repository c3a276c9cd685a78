//! Messages with the content blocks of Anthropic's API: tool uses, tool results and thinking.

use super::turns::entries;
use super::{is_text, list, note_others, object, string, text_of, Message};
use crate::input::Input;
use crate::value::{Dict, Value};

/// Where the fields of blocks are, in reports.
const BLOCK: &str = "messages[].content[].";

/// Whether the content of a message has blocks that only Anthropic's API has.
pub(super) fn has_blocks<'r>(input: &Input<'r>, message: &Dict<'r>) -> bool {
    let Some(Value::List(parts) | Value::Tuple(parts)) = message.get_str(input.arena, "content") else { return false };
    parts.items.iter().any(|part| {
        let Value::Dict(part) = part else { return false };
        let has = |name| part.get_str(input.arena, name).is_some();
        match kind(input, part) {
            "tool_use" => has("name") && has("input"),
            "tool_result" => has("tool_use_id"),
            "thinking" => has("signature"),
            "redacted_thinking" => true,
            _ => false,
        }
    })
}

fn kind<'r>(input: &Input<'r>, part: &Dict<'r>) -> &'r str {
    part.get_str(input.arena, "type").and_then(|kind| text_of(input, kind)).unwrap_or("")
}

/// Appends the messages that one message of Anthropic's API stands for: results of tools first, then the rest.
///
/// `unused` gets the names of fields of blocks that have no place in messages.
pub(super) fn read<'r>(
    input: &Input<'r>,
    message: &Dict<'r>,
    messages: &mut Vec<Message<'r>>,
    unused: &mut Vec<&'r str>,
) {
    let Some(Value::List(parts) | Value::Tuple(parts)) = message.get_str(input.arena, "content") else { return };
    let (mut calls, mut thoughts, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for &part in parts.items {
        let Value::Dict(dict) = part else {
            rest.push(part);
            continue;
        };
        let get = |name| dict.get_str(input.arena, name);
        match kind(input, dict) {
            "tool_use" => {
                note_others(input, dict, &["type", "id", "name", "input"], BLOCK, unused);
                let function = object(
                    input,
                    &[
                        ("name", get("name").unwrap_or(Value::str(""))),
                        ("arguments", get("input").unwrap_or(object(input, &[]))),
                    ],
                );
                let id = get("id").map(|id| ("id", id));
                let call = [("type", Value::str("function")), ("function", function)];
                calls.push(object(input, &id.into_iter().chain(call).collect::<Vec<_>>()));
            }
            "tool_result" => messages.push(result(input, dict, messages)),
            "thinking" => {
                note_others(input, dict, &["type", "thinking"], BLOCK, unused);
                thoughts.extend(get("thinking"));
            }
            "redacted_thinking" => note_others(input, dict, &["type"], BLOCK, unused),
            _ => rest.push(part),
        }
    }
    let says_nothing = rest.is_empty() && calls.is_empty() && thoughts.is_empty();
    if says_nothing
        && parts.items.iter().any(|part| matches!(part, Value::Dict(part) if kind(input, part) == "tool_result"))
    {
        return;
    }
    let content = join(input, &rest, unused);
    let mut made = Vec::new();
    for (name, value) in entries(input, message) {
        made.push(if name == "content" { (name, content) } else { (name, value) });
    }
    if let Some(thoughts) = joined(input, &thoughts) {
        made.push(("reasoning_content", thoughts));
    }
    if !calls.is_empty() {
        made.push(("tool_calls", list(input, &calls)));
    }
    messages.push(made);
}

/// Joins the text blocks of messages that have no others.
pub(super) fn join_texts<'r>(input: &Input<'r>, messages: &mut [Message<'r>], unused: &mut Vec<&'r str>) {
    for (name, value) in messages.iter_mut().flatten() {
        if let ("content", Value::List(parts) | Value::Tuple(parts)) = (*name, *value) {
            *value = join(input, parts.items, unused);
        }
    }
}

/// The text of blocks, or the list of them where there are others than text.
fn join<'r>(input: &Input<'r>, parts: &[Value<'r>], unused: &mut Vec<&'r str>) -> Value<'r> {
    let Some(text) = joined_text(input, parts) else { return list(input, parts) };
    for part in parts {
        if let Value::Dict(part) = part {
            note_others(input, part, &["type", "text"], BLOCK, unused);
        }
    }
    text
}

/// The message of a tool's result; its name is that of the call which it answers.
fn result<'r>(input: &Input<'r>, part: &Dict<'r>, before: &[Message<'r>]) -> Message<'r> {
    let get = |name| part.get_str(input.arena, name);
    let content = match get("content") {
        Some(Value::List(parts) | Value::Tuple(parts)) => {
            joined_text(input, parts.items).unwrap_or_else(|| list(input, parts.items))
        }
        Some(content) if !content.is_none() => content,
        _ => Value::str(""),
    };
    let mut message = vec![("role", Value::str("tool")), ("content", content)];
    if let Some(id) = get("tool_use_id") {
        message.push(("tool_call_id", id));
        message.extend(text_of(input, id).and_then(|id| name_of_call(input, id, before)).map(|name| ("name", name)));
    }
    message.extend(
        entries(input, part).into_iter().filter(|(name, _)| !["type", "content", "tool_use_id"].contains(name)),
    );
    message
}

fn name_of_call<'r>(input: &Input<'r>, id: &str, before: &[Message<'r>]) -> Option<Value<'r>> {
    before.iter().rev().find_map(|message| {
        let Some(Value::List(calls)) = super::field(message, "tool_calls") else { return None };
        calls.items.iter().find_map(|call| {
            let Value::Dict(call) = call else { return None };
            let is_it = call.get_str(input.arena, "id").is_some_and(|own| is_text(input, own, id));
            let Some(Value::Dict(function)) = call.get_str(input.arena, "function").filter(|_| is_it) else {
                return None;
            };
            function.get_str(input.arena, "name")
        })
    })
}

/// The text of text blocks, with an empty line between two; `None` if there are others.
pub(super) fn joined_text<'r>(input: &Input<'r>, parts: &[Value<'r>]) -> Option<Value<'r>> {
    let texts = parts.iter().map(|part| match part {
        Value::Str(_) => Some(*part),
        Value::Dict(part) if kind(input, part) == "text" => part.get_str(input.arena, "text"),
        _ => None,
    });
    let texts = texts.collect::<Option<Vec<_>>>()?;
    joined(input, &texts).or(Some(Value::str("")))
}

/// Texts with an empty line between two; `None` for none.
fn joined<'r>(input: &Input<'r>, texts: &[Value<'r>]) -> Option<Value<'r>> {
    match texts {
        [] => None,
        [text] => Some(*text),
        texts => {
            let texts = texts.iter().filter_map(|text| text_of(input, *text)).collect::<Vec<_>>();
            Some(string(input, &texts.join("\n\n")))
        }
    }
}
