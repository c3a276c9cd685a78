//! A probe conversation and what it has in it.

use std::sync::LazyLock;

use serde_json::{json, Value};

use super::shapes::table;
use super::{Form, REASONING_FIELDS};

/// A conversation that is rendered with every template.
#[derive(Debug)]
pub struct Shape {
    /// Its name in findings, such as `tool-call`.
    pub name: &'static str,
    /// `{"messages": [...], "tools": [...], "documents": [...]}`; absent where there are none.
    pub conversation: Value,
    /// Whether any model meets it: a template has to render it, or to raise an exception of its own.
    pub ordinary: bool,
    /// JSON text of the conversation.
    pub(crate) json: String,
    /// JSON text of an object with template arguments; empty for none.
    pub(crate) arguments: String,
    pub(crate) index: usize,
}

/// A text inside a conversation, unlike any other text in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// JSON pointer of the value, such as `/messages/1/content`.
    pub path: String,
    /// The message it lies in.
    pub message: Option<usize>,
    /// The value.
    pub text: String,
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let drafts = table().into_iter().enumerate();
    let made = drafts.map(|(index, draft)| Shape {
        name: draft.name,
        json: draft.conversation.to_string(),
        arguments: draft.arguments.map(|value| value.to_string()).unwrap_or_default(),
        conversation: draft.conversation,
        ordinary: draft.ordinary,
        index,
    });
    made.collect()
});

/// All shapes, the plainest first.
pub fn shapes() -> &'static [Shape] {
    &SHAPES
}

/// The shape with this name.
///
/// # Panics
/// Panics if there is none: names are part of the source.
pub fn shape(name: &str) -> &'static Shape {
    shapes().iter().find(|shape| shape.name == name).unwrap_or_else(|| panic!("no shape is called `{name}`"))
}

impl Shape {
    /// The messages.
    pub fn messages(&self) -> &[Value] {
        self.conversation["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The tools; empty where none are declared.
    pub fn tools(&self) -> &[Value] {
        self.conversation.get("tools").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The role of a message; empty where there is no such message.
    pub fn role(&self, message: usize) -> &str {
        self.messages().get(message).and_then(|message| message["role"].as_str()).unwrap_or_default()
    }

    /// The roles of all messages in order.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        (0..self.messages().len()).map(|message| self.role(message))
    }

    /// Whether a message has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|found| found == role)
    }

    /// Whether tools are declared.
    pub fn has_tools(&self) -> bool {
        !self.tools().is_empty()
    }

    /// Whether a message calls tools.
    pub fn has_calls(&self) -> bool {
        self.messages().iter().any(|message| message.get("tool_calls").is_some())
    }

    /// Whether a message holds reasoning, under any of its names.
    pub fn has_reasoning(&self) -> bool {
        self.messages().iter().any(|message| REASONING_FIELDS.iter().any(|field| message.get(field).is_some()))
    }

    /// Whether a message's content is a list of parts.
    pub fn has_parts(&self) -> bool {
        self.messages().iter().any(|message| message["content"].is_array())
    }

    /// Whether the assistant is to speak next.
    pub fn awaits_assistant(&self) -> bool {
        self.messages().last().is_some_and(|last| last["role"] != "assistant")
    }

    /// The conversation in a form.
    pub fn in_form(&self, form: Form) -> Value {
        self.written(None, form, false)
    }

    /// Whether the template gets no arguments besides the conversation.
    pub fn plain_arguments(&self) -> bool {
        self.arguments.is_empty()
    }

    /// The conversation, or its first messages alone, in a form; with reasoning in the field `reasoning`, if need be.
    pub(crate) fn written(&self, upto: Option<usize>, form: Form, under_reasoning: bool) -> Value {
        let mut conversation = self.conversation.clone();
        let Some(messages) = conversation["messages"].as_array_mut() else {
            return conversation;
        };
        messages.truncate(upto.unwrap_or(usize::MAX));
        for message in messages {
            if let Some(fields) = message.as_object_mut().filter(|_| under_reasoning) {
                if let Some(reasoning) = fields.shift_remove("reasoning_content") {
                    fields.insert("reasoning".to_owned(), reasoning);
                }
            }
            if form.parts && message["content"].is_string() {
                let text = message["content"].take();
                message["content"] = json!([{ "type": "text", "text": text }]);
            }
            let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
            for call in calls.into_iter().flatten().filter(|_| form.string_arguments) {
                let arguments = &mut call["function"]["arguments"];
                if !arguments.is_string() {
                    *arguments = Value::String(arguments.to_string());
                }
            }
        }
        conversation
    }

    /// The text of each message's content: the content itself, or its text parts. Written as parts, a content that is a
    /// text keeps its path and gets the parts below it.
    pub fn contents(&self) -> Vec<Text> {
        let mut found = Vec::new();
        for (message, value) in self.messages().iter().enumerate() {
            let path = format!("/messages/{message}/content");
            match &value["content"] {
                Value::String(text) => found.push(Text { path, message: Some(message), text: text.clone() }),
                Value::Array(parts) => {
                    for (part, value) in parts.iter().enumerate() {
                        if let Some(text) = value["text"].as_str() {
                            let path = format!("{path}/{part}/text");
                            found.push(Text { path, message: Some(message), text: text.to_owned() });
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }
}
