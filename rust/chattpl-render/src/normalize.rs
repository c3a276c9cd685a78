//! Brings messages into the form that a template takes: parts or text, arguments as objects or as text, roles, content.
//!
//! What a template takes is found by rendering probes. A form that the template takes already is left alone.

use std::sync::Arc;

use bumpalo::collections::Vec as BumpVec;

use crate::compile::program::Program;
use crate::input::{Data, Input, Place, Step};
use crate::json::{read_conversation, read_text_of_value};
use crate::origin::Tag;
use crate::pytext::{self, JsonCharset};
use crate::render::{render, Buffers, Options};
use crate::value::{Dict, Run, Seq, Str, Value};

/// Text that no template contains, to be looked for in what a probe printed.
const MARK: &str = "Zx9qProbe";

/// What a template takes, as far as probes tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forms {
    takes_text: bool,
    takes_parts: bool,
    takes_object_arguments: bool,
    takes_text_arguments: bool,
    /// Whether a call without content fails, and one with an empty content does not.
    wants_content: bool,
    /// Roles of which a message is printed.
    roles: Vec<&'static str>,
}

/// Other names of roles, and the usual name.
const ALIASES: [(&str, &str); 21] = [
    ("human", "user"),
    ("prompter", "user"),
    ("gpt", "assistant"),
    ("chatgpt", "assistant"),
    ("model", "assistant"),
    ("bot", "assistant"),
    ("ai", "assistant"),
    ("chatbot", "assistant"),
    ("claude", "assistant"),
    ("developer", "system"),
    ("system_prompt", "system"),
    ("function", "tool"),
    ("ipython", "tool"),
    ("observation", "tool"),
    ("tool_response", "tool"),
    ("tool_result", "tool"),
    ("function_response", "tool"),
    ("tool_output", "tool"),
    ("environment", "tool"),
    ("tool", "ipython"),
    ("system", "developer"),
];

/// A change that was made to messages, as it is named in reports.
pub type Change = &'static str;

/// Brings the messages of `input` into the form that `program` takes, and names the changes.
///
/// Text keeps its place in the input as the caller gave it.
pub fn normalize<'r>(
    program: &Arc<Program>,
    input: &mut Input<'r>,
    options: &Options<'_>,
    buffers: &mut Buffers,
) -> Vec<Change> {
    let (Value::List(seq) | Value::Tuple(seq)) = input.messages else { return Vec::new() };
    let mut changes = Vec::new();
    let forms = program.forms.get_or_init(|| Forms::of(program, input, options, buffers));
    let mut messages = Vec::with_capacity(seq.items.len());
    for (at, &message) in seq.items.iter().enumerate() {
        messages.push(match message {
            Value::Dict(dict) => forms.message(program, input, at, dict, &mut changes),
            other => other,
        });
    }
    if !changes.is_empty() {
        let items = input.arena.alloc_slice_copy(&messages);
        input.messages = Value::List(input.arena.alloc(Seq::new(items, seq.source)));
        changes.sort_unstable();
        changes.dedup();
    }
    changes
}

impl Forms {
    fn of(program: &Arc<Program>, input: &Input<'_>, options: &Options<'_>, buffers: &mut Buffers) -> Self {
        let mut probe = |conversation: &str| printed(program, input, options, buffers, conversation);
        let user = |content: &str| format!(r#"[{{"role": "user", "content": {content}}}]"#);
        let text = probe(&user(&format!("{MARK:?}")));
        let parts = probe(&user(&format!(r#"[{{"type": "text", "text": "{MARK}"}}]"#)));
        let is_plain = |text: &String| holds_once(text) && !text.contains("'text'") && !text.contains("\"text\"");
        let call = |arguments: &str, content: &str| {
            let tools = r#"[{"type": "function", "function": {"name": "f", "description": "d", "parameters":
                {"type": "object", "properties": {"k": {"type": "string", "description": "e"}}}}}]"#;
            let calls = format!(
                r#"{{"role": "assistant", {content} "tool_calls": [{{"id": "aaaaaaaaa", "type": "function",
                "function": {{"name": "f", "arguments": {arguments}}}}}]}}"#
            );
            let result = r#"{"role": "tool", "name": "f", "tool_call_id": "aaaaaaaaa", "content": "c"}"#;
            let messages = format!(r#"[{{"role": "user", "content": "a"}}, {calls}, {result}]"#);
            [messages.clone(), format!(r#"{{"messages": {messages}, "tools": {tools}}}"#)]
        };
        let empty = r#""content": "","#;
        let object = call(&format!(r#"{{"k": "{MARK}"}}"#), empty).iter().find_map(|probed| probe(probed));
        let quoted = call(&format!(r#""{{\"k\": \"{MARK}\"}}""#), empty).iter().find_map(|probed| probe(probed));
        let object_call = format!(r#"{{"k": "{MARK}"}}"#);
        let with = call(&object_call, empty).iter().any(|probed| probe(probed).is_some());
        let without = call(&object_call, "").iter().any(|probed| probe(probed).is_some());
        let mut roles = Vec::new();
        for role in ["system", "developer", "user", "assistant", "tool", "ipython", "function", "observation"] {
            if conversations_of(role).iter().any(|probed| probe(probed).is_some_and(|text| text.contains(MARK))) {
                roles.push(role);
            }
        }
        Forms {
            takes_text: text.as_ref().is_some_and(is_plain),
            takes_parts: parts.as_ref().is_some_and(is_plain),
            takes_object_arguments: object.is_some_and(|text| text.contains(MARK) && !text.contains("{'k'")),
            takes_text_arguments: quoted.is_some_and(|text| text.contains(MARK) && !text.contains("\\\"k\\\"")),
            wants_content: with && !without,
            roles,
        }
    }

    fn message<'r>(
        &self,
        program: &Program,
        input: &mut Input<'r>,
        at: usize,
        dict: &'r Dict<'r>,
        changes: &mut Vec<Change>,
    ) -> Value<'r> {
        let before = changes.len();
        let message_place = Place { source: dict.source, message: at as u32 };
        let mut entries = dict.entries.to_vec();
        let mut has_content = false;
        for (key, value) in &mut entries {
            let Some(name) = key.as_str().map(|name| name.flat(input.arena)) else { continue };
            match name {
                "role" => {
                    if let Some(role) = self.role(program, input, *value) {
                        *value = renamed(input, *value, role);
                        changes.push("roles");
                    }
                }
                "content" => {
                    has_content = !value.is_none();
                    if let Some((content, change)) = self.content(input, *value) {
                        *value = content;
                        changes.push(change);
                    }
                }
                "tool_calls" => {
                    if let Some((calls, change)) = self.calls(input, *value, at) {
                        *value = calls;
                        changes.push(change);
                    }
                }
                _ => {}
            }
        }
        let calls = dict.get_str(input.arena, "tool_calls").is_some_and(|calls| calls.truthy());
        if !has_content && calls && self.wants_content {
            let place = input.place(message_place, Step::Name("content"));
            entries.retain(|(key, _)| key.as_str().is_none_or(|name| name.flat(input.arena) != "content"));
            entries.push((input.key(place, "content").0, input.str(place, "").0));
            changes.push("missing content");
        }
        if changes.len() == before {
            return Value::Dict(dict);
        }
        Value::Dict(input.arena.alloc(Dict::new(input.arena.alloc_slice_copy(&entries), dict.source)))
    }

    /// The role that stands for one that the template does not name.
    fn role<'r>(&self, program: &Program, input: &Input<'r>, value: Value<'r>) -> Option<&'static str> {
        let role = value.as_str()?.flat(input.arena);
        let is_named = |role: &str| names(program, role);
        if is_named(role) {
            return None;
        }
        let plain = role.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        if plain != role {
            if let Some(known) = self.roles.iter().find(|known| **known == plain) {
                return Some(known);
            }
        }
        // A role that the template prints as it is stands for itself, unless it is another name of a usual one.
        let printed = self.roles.contains(&role);
        let others = ALIASES.iter().filter(|(alias, _)| *alias == plain).map(|(_, usual)| *usual);
        let mut others = others.filter(|usual| self.roles.contains(usual) && (!printed || is_named(usual)));
        match role {
            "system" | "tool" if printed => None,
            _ => others.next(),
        }
    }

    fn content<'r>(&self, input: &Input<'r>, value: Value<'r>) -> Option<(Value<'r>, Change)> {
        match value {
            Value::List(seq) | Value::Tuple(seq) if self.takes_text && !self.takes_parts && !seq.items.is_empty() => {
                let texts = seq.items.iter().map(|part| text_of_part(input, *part)).collect::<Option<Vec<_>>>()?;
                let mut runs = BumpVec::with_capacity_in(texts.len() * 2, input.arena);
                for (at, text) in texts.into_iter().enumerate() {
                    if at > 0 {
                        let tag = Tag { source: seq.source, message: input.nodes.message(seq.source) };
                        runs.push(Run { text: "\n", tag });
                    }
                    text.for_each_run(|run| runs.push(run));
                }
                Some((Value::Str(Str::from_runs(input.arena, runs)), "content parts to text"))
            }
            Value::Str(_) if self.takes_parts && !self.takes_text => {
                let part = [(Value::str("type"), Value::str("text")), (Value::str("text"), value)];
                let source = value.source(input.arena);
                let part = Value::Dict(input.arena.alloc(Dict::new(input.arena.alloc_slice_copy(&part), source)));
                let items = input.arena.alloc_slice_copy(&[part]);
                Some((Value::List(input.arena.alloc(Seq::new(items, source))), "content text to parts"))
            }
            _ => None,
        }
    }

    fn calls<'r>(&self, input: &mut Input<'r>, value: Value<'r>, at: usize) -> Option<(Value<'r>, Change)> {
        let (Value::List(seq) | Value::Tuple(seq)) = value else { return None };
        let mut change = None;
        let mut calls = seq.items.to_vec();
        for call in &mut calls {
            let Value::Dict(dict) = *call else { continue };
            let (holder, inner) = match dict.get_str(input.arena, "function") {
                Some(Value::Dict(function)) => (function, true),
                _ => (dict, false),
            };
            let Some(arguments) = holder.get_str(input.arena, "arguments") else { continue };
            let Some((changed, name)) = self.arguments(input, arguments, at) else { continue };
            change = Some(name);
            let holder = replaced(input, holder, "arguments", changed);
            *call = if inner { replaced(input, dict, "function", holder) } else { holder };
        }
        let items = input.arena.alloc_slice_copy(&calls);
        Some((Value::List(input.arena.alloc(Seq::new(items, seq.source))), change?))
    }

    fn arguments<'r>(&self, input: &mut Input<'r>, value: Value<'r>, at: usize) -> Option<(Value<'r>, Change)> {
        match value {
            Value::Str(text) if self.takes_object_arguments && !self.takes_text_arguments => {
                let place = Place { source: value.source(input.arena), message: at as u32 };
                let text = text.flat(input.arena);
                let text = if text.trim().is_empty() { "{}" } else { text };
                let parsed = read_text_of_value(input, place, text).ok()?.0;
                matches!(parsed, Value::Dict(_)).then_some((parsed, "tool arguments to objects"))
            }
            Value::Dict(dict) if self.takes_text_arguments && !self.takes_object_arguments => {
                let mut text = String::new();
                json_text(input, value, &mut text);
                let place = Place { source: dict.source, message: at as u32 };
                Some((input.str(place, input.arena.alloc_str(&text)).0, "tool arguments to text"))
            }
            _ => None,
        }
    }
}

/// Whether the template has a role among its string literals.
fn names(program: &Program, role: &str) -> bool {
    let source = &program.source().text;
    ['\'', '"'].iter().any(|quote| source.contains(&format!("{quote}{role}{quote}")))
}

fn text_of_part<'r>(input: &Input<'r>, part: Value<'r>) -> Option<Str<'r>> {
    match part {
        Value::Str(text) => Some(text),
        Value::Dict(dict) => {
            let kind = dict.get_str(input.arena, "type").and_then(|kind| kind.as_str());
            let is_text =
                kind.is_none_or(|kind| matches!(kind.flat(input.arena), "text" | "input_text" | "output_text"));
            dict.get_str(input.arena, "text").filter(|_| is_text)?.as_str()
        }
        _ => None,
    }
}

fn renamed<'r>(input: &Input<'r>, value: Value<'r>, role: &'static str) -> Value<'r> {
    let source = value.source(input.arena);
    Value::Str(Str::tagged(role, Tag { source, message: input.nodes.message(source) }))
}

/// A copy of a mapping with another value under `name`.
fn replaced<'r>(input: &Input<'r>, dict: &Dict<'r>, name: &str, value: Value<'r>) -> Value<'r> {
    let is_it = |key: &Value<'r>| key.as_str().is_some_and(|key| key.flat(input.arena) == name);
    let entries = dict.entries.iter().map(|(key, old)| (*key, if is_it(key) { value } else { *old }));
    let entries = input.arena.alloc_slice_fill_iter(entries.collect::<Vec<_>>());
    Value::Dict(input.arena.alloc(Dict::new(entries, dict.source)))
}

/// Appends a value as Python's `json.dumps(value, ensure_ascii=False)` writes it.
fn json_text<'r>(input: &Input<'r>, value: Value<'r>, out: &mut String) {
    let quoted = |text: &str, out: &mut String| pytext::push_json_string(text, JsonCharset::Unicode, out);
    match value {
        Value::Str(text) => quoted(text.flat(input.arena), out),
        Value::Bool(value, _) => out.push_str(if value { "true" } else { "false" }),
        Value::Int(value, _) => out.push_str(&value.to_string()),
        Value::BigInt(value, _) => out.push_str(&value.get().to_string()),
        Value::Float(value, _) => out.push_str(&pytext::json_float(value)),
        Value::List(seq) | Value::Tuple(seq) => {
            out.push('[');
            for (at, item) in seq.items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                json_text(input, *item, out);
            }
            out.push(']');
        }
        Value::Dict(dict) => {
            out.push('{');
            for (at, (key, item)) in dict.entries.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                match key.as_str() {
                    Some(key) => quoted(key.flat(input.arena), out),
                    None => quoted(key.repr_text(input.arena), out),
                }
                out.push_str(": ");
                json_text(input, *item, out);
            }
            out.push('}');
        }
        _ => out.push_str("null"),
    }
}

fn holds_once(text: &str) -> bool {
    text.matches(MARK).count() == 1
}

/// Conversations in which a message of a role holds the mark, the plainest first.
fn conversations_of(role: &str) -> Vec<String> {
    let marked = format!(r#"{{"role": "{role}", "content": "{MARK}"}}"#);
    let user = r#"{"role": "user", "content": "a"}"#;
    let called = r#"{"role": "assistant", "content": "", "tool_calls": [{"id": "aaaaaaaaa", "type": "function",
        "function": {"name": "f", "arguments": {}}}]}"#;
    let answered = format!(r#"{{"role": "{role}", "name": "f", "tool_call_id": "aaaaaaaaa", "content": "{MARK}"}}"#);
    match role {
        "user" => vec![format!("[{marked}]")],
        "system" | "developer" => vec![format!("[{marked}, {user}]")],
        "assistant" => vec![format!("[{user}, {marked}]")],
        _ => vec![
            format!("[{user}, {called}, {answered}]"),
            format!(r#"[{user}, {{"role": "assistant", "content": "b"}}, {marked}]"#),
        ],
    }
}

/// What the template prints for a conversation; `None` where it refuses.
fn printed(
    program: &Arc<Program>,
    input: &Input<'_>,
    options: &Options<'_>,
    buffers: &mut Buffers,
    conversation: &str,
) -> Option<String> {
    // In an arena of its own: the text of the conversation lives no longer than the probe.
    let arena = bumpalo::Bump::new();
    let mut probe = Input::new(&arena);
    for (name, value) in &input.arguments {
        let name = arena.alloc_str(name);
        let place = probe.place(Place::ARGUMENTS, Step::Name(name));
        let value = copied(&probe, place, *value);
        probe.set_argument(name, value);
    }
    read_conversation(&mut probe, conversation.as_bytes()).ok()?;
    let name = "add_generation_prompt";
    probe.set_argument(name, probe.bool(probe.place(Place::ARGUMENTS, Step::Name(name)), false));
    let options = Options { limits: options.limits, clock: options.clock, continue_field: None, ..*options };
    let output = render(program, probe, &options, buffers).ok()?;
    Some(output.into_parts().0)
}

/// A copy of a plain value of another input.
fn copied<'p>(probe: &Input<'p>, place: Place, value: Value<'_>) -> Data<'p> {
    match value {
        Value::Str(Str::Run(run)) => probe.str(place, probe.arena.alloc_str(run.text)),
        Value::Bool(value, _) => probe.bool(place, value),
        Value::Int(value, _) => probe.int(place, value),
        Value::Float(value, _) => probe.float(place, value),
        _ => probe.none(place),
    }
}
