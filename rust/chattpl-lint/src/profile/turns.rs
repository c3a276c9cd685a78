//! How turns begin and end, and whether a conversation that goes on keeps its beginning.

use serde_json::{json, Value};

use super::fate::{judge, Fate};
use crate::context::Context;
use crate::probe::turn::marker_start;
use crate::probe::{common_prefix, shape, Ask, Probes, Thinking};
use crate::rule::NotEvaluated;
use crate::rules::history_not_a_prefix;

/// How turns begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    /// What `add_generation_prompt` adds; empty where it adds nothing, `None` where nothing could be rendered.
    pub generation_prompt: Option<String>,
    /// What stands after the last words of an assistant, at the end of a conversation.
    pub end_of_turn: Option<String>,
    /// Whether an assistant's turn in the middle ends in the same way.
    pub ends_alike: bool,
    /// Whether a message can be gone on with (`continue_final_message`).
    pub continues: Fate,
    /// Where history is printed in another way once the conversation goes on; empty where it never is.
    pub breaks: Vec<Break>,
}

/// A place at which the text of a conversation is not the beginning of that of a longer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// What is lost, in words.
    pub message: String,
    /// The conversation that shows it.
    pub shape: &'static str,
    /// The line of the template.
    pub line: u32,
    /// The column of the template.
    pub column: u32,
}

impl Turns {
    /// Whether the text of a conversation is always the beginning of that of a longer one.
    pub fn is_prefix_stable(&self) -> bool {
        self.breaks.is_empty()
    }

    pub(super) fn to_json(&self) -> Value {
        let breaks = self.breaks.iter().map(|found| {
            json!({ "message": found.message, "shape": found.shape, "line": found.line, "column": found.column })
        });
        json!({
            "generation_prompt": self.generation_prompt,
            "end_of_turn": self.end_of_turn,
            "ends_alike": self.ends_alike,
            "continues": self.continues.to_json(),
            "is_prefix_stable": self.is_prefix_stable(),
            "breaks": breaks.collect::<Vec<_>>(),
        })
    }
}

pub(super) fn of(context: &Context<'_>) -> Result<Turns, NotEvaluated> {
    let probes = context.probes()?;
    let end_of_turn = end_of_turn(probes);
    Ok(Turns {
        generation_prompt: generation_prompt(probes, Thinking::Unset),
        ends_alike: end_of_turn
            .as_deref()
            .is_some_and(|end| middle(probes).is_some_and(|middle| middle.starts_with(end))),
        end_of_turn,
        continues: continues(probes),
        breaks: breaks(context)?,
    })
}

/// What `add_generation_prompt` adds after a question.
pub(super) fn generation_prompt(probes: &Probes<'_>, thinking: Thinking) -> Option<String> {
    // Some templates render only where tools are declared.
    ["single-user", "tools-system"].map(shape).into_iter().find_map(|shape| {
        let ask = Ask::whole(shape).thinking(thinking);
        match (&*probes.get(ask), &*probes.get(ask.prompted())) {
            (Ok(unasked), Ok(asked)) => {
                // What is printed only where no prompt is, such as an end token, is no part of the two, but may begin alike.
                let shared = marker_start(&asked.text, common_prefix(&unasked.text, &asked.text));
                Some(asked.text[shared..].to_owned())
            }
            _ => None,
        }
    })
}

/// What stands after the last words of a conversation.
fn end_of_turn(probes: &Probes<'_>) -> Option<String> {
    ["plain", "tools-unused"].map(shape).into_iter().find_map(|shape| {
        let outcome = probes.get(Ask::whole(shape));
        let printed = outcome.as_ref().as_ref().ok()?;
        let end = printed.pieces_of("/messages/1/content").last()?.end;
        Some(printed.text[end..].to_owned())
    })
}

/// What stands between an assistant's words and the next question.
fn middle(probes: &Probes<'_>) -> Option<String> {
    let outcome = probes.get(Ask::whole(shape("multi-turn")));
    let printed = outcome.as_ref().as_ref().ok()?;
    let end = printed.pieces_of("/messages/1/content").last()?.end;
    let start = printed.pieces_of("/messages/2/content").next()?.start;
    printed.text.get(end..start).map(str::to_owned)
}

fn continues(probes: &Probes<'_>) -> Fate {
    let shape = shape("prefill");
    let said = shape.messages()[1]["content"].as_str().unwrap_or_default();
    judge(&probes.get(Ask::whole(shape).continuing("content")), |printed| {
        if printed.text.ends_with(said) {
            Fate::Accepted
        } else {
            Fate::Garbled("the text does not end with the message")
        }
    })
}

fn breaks(context: &Context<'_>) -> Result<Vec<Break>, NotEvaluated> {
    let rule = &history_not_a_prefix::RULE;
    let findings = (rule.check)(rule, context)?;
    let breaks = findings.into_iter().map(|finding| {
        let (line, column) = context.subject.source.line_column(finding.span.start);
        Break { message: finding.message, shape: finding.shape.unwrap_or_default(), line, column }
    });
    Ok(breaks.collect())
}
