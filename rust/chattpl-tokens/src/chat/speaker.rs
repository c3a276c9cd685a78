//! Who says each message of a conversation, and how much it is trained.

use chattpl_render::{Heading, RenderError};

use super::roles::{is_assistant, is_tool, KnownRoles, RoleId};
use super::train::{Train, Turns};

/// What is known of a message before it is rendered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Speaker {
    /// Whether the message is trained.
    pub is_trained: bool,
    /// Whether it is of a role that is trained.
    pub of_role: bool,
    /// Whether an assistant said it.
    pub is_assistant: bool,
    /// Whether it follows one of a tool.
    pub after_tool: bool,
    /// Its role, where the format knows it.
    pub role: Option<RoleId>,
    /// Factor for the weight of its tokens; not 0 where it is trained.
    pub weight: f32,
    /// Whether it is a tool's.
    pub is_tool: bool,
}

impl Speaker {
    /// Writes down who says the messages that have these headings, in a conversation that counts `weight`.
    ///
    /// # Errors
    /// What is wrong with the flags of a message.
    pub fn list<'r>(
        headings: impl Iterator<Item = Result<Heading<'r>, RenderError>>,
        weight: f32,
        train: &Train,
        known: &KnownRoles,
        speakers: &mut Vec<Speaker>,
    ) -> Result<(), RenderError> {
        speakers.clear();
        let mut after_tool = false;
        for heading in headings {
            let Heading { role, weight: own } = heading?;
            let of_role = role.is_some_and(|role| train.roles.iter().any(|trained| trained == role));
            let is_tool = role.is_some_and(is_tool);
            speakers.push(Speaker {
                is_trained: of_role,
                of_role,
                is_assistant: role.is_some_and(is_assistant),
                after_tool: std::mem::replace(&mut after_tool, is_tool),
                role: role.and_then(|role| known.find(role)),
                weight: own * weight,
                is_tool,
            });
        }
        choose(&train.turns, speakers);
        speakers.iter_mut().for_each(|speaker| speaker.is_trained &= speaker.weight != 0.0);
        Ok(())
    }
}

/// Leaves out the messages of trained roles that are not to be trained.
fn choose(turns: &Turns, speakers: &mut [Speaker]) {
    match turns {
        Turns::All => {}
        Turns::Last => {
            let last = speakers.iter().rposition(|speaker| speaker.is_trained);
            speakers.iter_mut().enumerate().for_each(|(at, speaker)| speaker.is_trained = Some(at) == last);
        }
        Turns::LastChain => {
            let asks = |speaker: &Speaker| !speaker.is_trained && !speaker.is_tool;
            let first = speakers.iter().rposition(asks).map_or(0, |at| at + 1);
            speakers[..first].iter_mut().for_each(|speaker| speaker.is_trained = false);
        }
        Turns::Indices(indices) => {
            let count = speakers.len() as i64;
            let is_chosen =
                |at: usize| indices.iter().any(|&index| (if index < 0 { index + count } else { index }) == at as i64);
            speakers.iter_mut().enumerate().for_each(|(at, speaker)| speaker.is_trained &= is_chosen(at));
        }
    }
}
