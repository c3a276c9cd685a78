//! What a template writes before a model's turn, read off two renders of a short conversation.

use chattpl_render::{Origin, Segments};

/// What generation prompts of a format look like for one set of arguments; `None` where the template refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// After a message of a user, or of anybody but tools.
    pub after_user: Option<Header>,
    /// After a message of a tool.
    pub after_tool: Option<Header>,
}

/// What stands before a turn of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// What a conversation gains with the prompt.
    pub prompt: String,
    /// All that follows what the last message says: what ends that message, and the prompt.
    pub tail: String,
}

impl Headers {
    /// What stands before a turn, the likelier first.
    pub fn of_turn(&self, after_tool: bool) -> impl Iterator<Item = &Header> {
        let (first, second) = match after_tool {
            true => (&self.after_tool, &self.after_user),
            false => (&self.after_user, &self.after_tool),
        };
        [first, second].into_iter().flatten()
    }

    /// Whether the template is known to prompt for such a turn with nothing.
    pub fn is_empty(&self, after_tool: bool) -> bool {
        let header = if after_tool { &self.after_tool } else { &self.after_user };
        header.as_ref().is_some_and(|header| header.prompt.is_empty())
    }
}

impl Header {
    /// Reads it off the text of a conversation `without` the prompt, and the render `with` it.
    pub fn new(without: &str, with: &str, segments: &Segments) -> Self {
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
