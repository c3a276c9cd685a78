//! What of a conversation a model is trained on.

/// Which roles, turns and parts are trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Train {
    /// Roles whose messages are trained.
    pub roles: Vec<String>,
    /// Which of their messages.
    pub turns: Turns,
    /// Which parts of those.
    pub parts: Parts,
    /// Whether flags in messages (`weight`, `train` and their like) are used.
    pub uses_flags: bool,
}

/// Which messages of the trained roles are trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turns {
    /// All of them.
    All,
    /// The last one.
    Last,
    /// Those after the last message of a role that is not trained and not a tool's: one answer with all its calls.
    LastChain,
    /// Those with these indices among the messages of the conversation; negative ones count from the end.
    Indices(Vec<i64>),
}

/// How much each part of a turn counts: 0 not at all, 1 fully.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// What is said.
    pub content: f32,
    /// What is thought.
    pub reasoning: f32,
    /// What is called.
    pub tool_calls: f32,
    /// The token that ends the turn.
    pub end_of_turn: f32,
}

/// A part of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is said.
    Content,
    /// What is thought.
    Reasoning,
    /// What is called.
    ToolCalls,
    /// The token that ends the turn.
    EndOfTurn,
}

impl Default for Train {
    fn default() -> Self {
        Train { roles: vec!["assistant".to_owned()], turns: Turns::All, parts: Parts::default(), uses_flags: true }
    }
}

impl Default for Parts {
    fn default() -> Self {
        Parts { content: 1.0, reasoning: 1.0, tool_calls: 1.0, end_of_turn: 1.0 }
    }
}

impl Parts {
    /// How much a part counts.
    pub fn weight(self, part: Part) -> f32 {
        match part {
            Part::Content => self.content,
            Part::Reasoning => self.reasoning,
            Part::ToolCalls => self.tool_calls,
            Part::EndOfTurn => self.end_of_turn,
        }
    }

    /// Whether every part counts fully.
    pub fn all(self) -> bool {
        self == Parts::default()
    }
}

impl Part {
    /// The part that a field of a message belongs to.
    pub(crate) fn of_field(name: &str) -> Part {
        match name {
            "reasoning_content" | "reasoning" | "thinking" => Part::Reasoning,
            "tool_calls" | "function_call" => Part::ToolCalls,
            _ => Part::Content,
        }
    }
}
