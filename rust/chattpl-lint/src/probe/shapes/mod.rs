//! The table of probe conversations. No text stands twice in a conversation, so that what a template printed, moved or
//! lost can be told apart; `ordinary` ones are those that every model meets.

mod content;
mod reasoning;
mod tools;
mod turns;

use serde_json::{json, Value};

/// A conversation of the table.
pub(super) struct Draft {
    pub name: &'static str,
    pub conversation: Value,
    pub ordinary: bool,
    pub arguments: Option<Value>,
}

/// All conversations, the plainest first.
pub(super) fn table() -> Vec<Draft> {
    [turns::table(), content::table(), tools::table(), reasoning::table()].into_iter().flatten().collect()
}

/// A conversation that every model meets.
fn ordinary(name: &'static str, messages: Value) -> Draft {
    Draft { name, conversation: json!({ "messages": messages }), ordinary: true, arguments: None }
}

/// A conversation that some formats have no place for.
fn special(name: &'static str, messages: Value) -> Draft {
    Draft { ordinary: false, ..ordinary(name, messages) }
}

impl Draft {
    fn tools(mut self, tools: Value) -> Self {
        self.conversation["tools"] = tools;
        self
    }

    fn documents(mut self, documents: Value) -> Self {
        self.conversation["documents"] = documents;
        self
    }
}

fn system(content: impl Into<Value>) -> Value {
    json!({ "role": "system", "content": content.into() })
}

fn user(content: impl Into<Value>) -> Value {
    json!({ "role": "user", "content": content.into() })
}

fn assistant(content: impl Into<Value>) -> Value {
    json!({ "role": "assistant", "content": content.into() })
}

/// An assistant's message that calls tools.
fn calling(content: impl Into<Value>, calls: Value) -> Value {
    json!({ "role": "assistant", "content": content.into(), "tool_calls": calls })
}

/// A call with an id of nine characters, which every format takes.
fn call(id: &str, name: &str, arguments: Value) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

/// The result of a call.
fn result(id: &str, name: &str, content: impl Into<Value>) -> Value {
    json!({ "role": "tool", "tool_call_id": id, "name": name, "content": content.into() })
}

/// A function that a model may call.
fn tool(name: &str, description: &str, parameters: Value) -> Value {
    json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
}

/// Two plain tools.
fn plain_tools() -> Value {
    json!([
        tool(
            "get_weather",
            "Tells the weather of a town.",
            json!({
                "type": "object",
                "properties": { "town": { "type": "string", "description": "Name of the town." } },
                "required": ["town"],
            })
        ),
        tool(
            "get_tide",
            "Tells the tide of a harbour.",
            json!({
                "type": "object",
                "properties": { "harbour": { "type": "string" }, "hours": { "type": "integer" } },
                "required": ["harbour"],
            })
        ),
    ])
}
