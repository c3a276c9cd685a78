//! Who says each message of a conversation, and whether it is learnt.

use super::train::{Train, Turns};

/// What is known of a message before it is rendered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Speaker {
    /// Whether the message is learnt.
    pub is_learnt: bool,
    /// Whether it is of a role that is learnt.
    pub of_role: bool,
    /// Whether an assistant said it.
    pub is_assistant: bool,
    /// Whether it follows one of a tool.
    pub after_tool: bool,
    /// Whether it is a tool's.
    is_tool: bool,
}

impl Speaker {
    /// Writes down who says the messages, of which these are the roles.
    pub fn list<'r>(roles: impl Iterator<Item = Option<&'r str>>, train: &Train, speakers: &mut Vec<Speaker>) {
        speakers.clear();
        let mut after_tool = false;
        speakers.extend(roles.map(|role| {
            let of_role = role.is_some_and(|role| train.roles.iter().any(|learnt| learnt == role));
            let follows = std::mem::replace(&mut after_tool, matches!(role, Some("tool" | "function" | "ipython")));
            Speaker {
                is_learnt: of_role,
                of_role,
                is_assistant: role == Some("assistant"),
                after_tool: follows,
                is_tool: role == Some("tool"),
            }
        }));
        choose(&train.turns, speakers);
    }
}

/// Leaves out the messages of learnt roles that are not to be learnt.
fn choose(turns: &Turns, speakers: &mut [Speaker]) {
    match turns {
        Turns::All => {}
        Turns::Last => {
            let last = speakers.iter().rposition(|speaker| speaker.is_learnt);
            speakers.iter_mut().enumerate().for_each(|(at, speaker)| speaker.is_learnt = Some(at) == last);
        }
        Turns::LastChain => {
            let asks = |speaker: &Speaker| !speaker.is_learnt && !speaker.is_tool;
            let first = speakers.iter().rposition(asks).map_or(0, |at| at + 1);
            speakers[..first].iter_mut().for_each(|speaker| speaker.is_learnt = false);
        }
        Turns::Indices(indices) => {
            let count = speakers.len() as i64;
            let is_chosen =
                |at: usize| indices.iter().any(|&index| (if index < 0 { index + count } else { index }) == at as i64);
            speakers.iter_mut().enumerate().for_each(|(at, speaker)| speaker.is_learnt &= is_chosen(at));
        }
    }
}
