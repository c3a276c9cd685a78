//! What a template writes before a model's turn, read off two renders of a short conversation.

use chattpl_render::{Origin, Segments};

/// Conversations that end with a user's message, the plainest first; the first one that a template takes is used.
const AFTER_USER: [&str; 2] = [
    r#"[{"role": "user", "content": "a"}]"#,
    r#"{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function", "function":
        {"name": "f", "description": "f", "parameters": {"type": "object", "properties": {}}}}]}"#,
];

/// The same with a tool's message at the end.
const AFTER_TOOL: [&str; 3] = [
    r#"[{"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls":
            [{"id": "aaaaaaaaa", "type": "function", "function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "name": "f", "tool_call_id": "aaaaaaaaa", "content": "c"}]"#,
    r#"{"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls":
            [{"id": "aaaaaaaaa", "type": "function", "function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "name": "f", "tool_call_id": "aaaaaaaaa", "content": "c"}],
        "tools": [{"type": "function", "function":
            {"name": "f", "description": "f", "parameters": {"type": "object", "properties": {}}}}]}"#,
    r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "tool", "content": "c"}]"#,
];

/// What generation prompts of a format look like for one set of arguments; `None` where the template refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// After a message of a user, or of anybody but tools.
    pub after_user: Option<Header>,
    /// After a message of a tool.
    pub after_tool: Option<Header>,
}

/// What stands before a turn of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What a conversation gains with the prompt.
    pub prompt: String,
    /// All that follows what the last message says: what ends that message, and the prompt.
    pub tail: String,
}

impl Headers {
    /// Reads them off renders of short conversations.
    ///
    /// `render` is given the JSON text of a conversation (a list of messages, or an object with `messages` and `tools`) and
    /// whether the generation prompt is wanted; it gives `None` where the template refuses.
    pub fn of(mut render: impl FnMut(&'static str, bool) -> Option<(String, Segments)>) -> Self {
        let mut header = |conversations: &[&'static str]| {
            conversations.iter().find_map(|conversation| {
                let ((without, _), (with, segments)) = (render(conversation, false)?, render(conversation, true)?);
                Some(Header::new(&without, &with, &segments))
            })
        };
        Headers { after_user: header(&AFTER_USER), after_tool: header(&AFTER_TOOL) }
    }

    /// What stands before a turn, the likelier first.
    pub(crate) fn of_turn(&self, after_tool: bool) -> impl Iterator<Item = &Header> {
        let (first, second) = match after_tool {
            true => (&self.after_tool, &self.after_user),
            false => (&self.after_user, &self.after_tool),
        };
        [first, second].into_iter().flatten()
    }

    /// Whether the template is known to prompt for such a turn with nothing.
    pub(crate) fn is_empty(&self, after_tool: bool) -> bool {
        let header = if after_tool { &self.after_tool } else { &self.after_user };
        header.as_ref().is_some_and(|header| header.core().is_empty())
    }
}

impl Header {
    /// The prompt without the white space around it.
    pub(crate) fn core(&self) -> &str {
        self.prompt.trim()
    }

    /// The white space that stands before what is sampled.
    pub(crate) fn trailing_space(&self) -> &str {
        &self.tail[self.tail.trim_end().len()..]
    }

    /// Reads it off the text of a conversation `without` the prompt, and the render `with` it.
    pub(crate) fn new(without: &str, with: &str, segments: &Segments) -> Self {
        let shared = common_prefix(without.as_bytes(), with.as_bytes());
        let start = (0..=shared).rev().find(|&at| with.is_char_boundary(at)).unwrap_or(0);
        let last_said = (0..segments.len()).rev().find(|&index| is_said(segments, index));
        let tail = last_said.map_or(start, |index| segments.end(index).min(start));
        Header { prompt: with[start..].to_owned(), tail: with[tail..].to_owned() }
    }
}

/// Whether a segment is what a message says, as opposed to who says it.
pub(crate) fn is_said(segments: &Segments, index: usize) -> bool {
    segments.origin_at(index) == Origin::Message
        && segments.name_at(index, 1).is_some_and(|name| name != "role" && name != "name")
}

/// How many bytes two texts begin with alike.
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
