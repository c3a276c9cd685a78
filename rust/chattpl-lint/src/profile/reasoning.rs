//! What an assistant thinks before it speaks: where it is read from, where it is kept, and what turns it on.

use serde_json::{json, Value};

use super::fate::{judge, Fate};
use super::turns::generation_prompt;
use crate::context::Context;
use crate::probe::reader::is_read;
use crate::probe::{shape, Ask, Probes, Thinking, REASONING_FIELDS, THINKING_FLAGS};
use crate::rule::NotEvaluated;

/// Where the flag may show: in a prompt, in history, beside tools.
const FLAG_SHAPES: [&str; 3] = ["single-user", "reasoning-multi-turn", "tools-system"];

/// What a template does where the flag of reasoning is not passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// The flag changes nothing, or there is none.
    NoFlag,
    /// As with `true`.
    On,
    /// As with `false`.
    Off,
    /// Something else.
    Neither,
}

impl Default {
    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Default::NoFlag => "no flag",
            Default::On => "on",
            Default::Off => "off",
            Default::Neither => "neither",
        }
    }
}

/// What becomes of reasoning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasoning {
    /// The fields of messages that the template reads it from.
    pub fields: Vec<&'static str>,
    /// In the last turn of a conversation.
    pub latest: Fate,
    /// In turns before a later question.
    pub history: Fate,
    /// In calls whose answers the model is about to read.
    pub tool_loop: Fate,
    /// Between `<think>` and `</think>` in the content of an earlier turn.
    pub in_content: Fate,
    /// The argument that turns it on or off.
    pub flag: Option<&'static str>,
    /// What is done where that is not passed.
    pub default: Default,
    /// The generation prompt with the flag on.
    pub prompt_on: Option<String>,
    /// The generation prompt with the flag off.
    pub prompt_off: Option<String>,
    /// Whether the generation prompt opens a block of reasoning, so that the model's text has no `<think>`.
    pub is_opened_by_prompt: bool,
}

impl Reasoning {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "fields": self.fields,
            "latest": self.latest.to_json(),
            "history": self.history.to_json(),
            "tool_loop": self.tool_loop.to_json(),
            "in_content": self.in_content.to_json(),
            "flag": self.flag,
            "default": self.default.name(),
            "prompt_on": self.prompt_on,
            "prompt_off": self.prompt_off,
            "is_opened_by_prompt": self.is_opened_by_prompt,
        })
    }
}

pub(super) fn of(context: &Context<'_>) -> Result<Reasoning, NotEvaluated> {
    let probes = context.probes()?;
    let mut fields = Vec::new();
    for field in REASONING_FIELDS {
        if is_read(context, field)? {
            fields.push(field);
        }
    }
    let reads = context.scopes()?.uses();
    let named = THINKING_FLAGS.into_iter().find(|flag| reads.iter().any(|read| read.name == *flag));
    let default = default_of(probes);
    let flag = named.filter(|_| default != Default::NoFlag);
    let prompt = |thinking| flag.and_then(|_| generation_prompt(probes, thinking));
    let unset = generation_prompt(probes, Thinking::Unset).unwrap_or_default();
    let asked = |name: &str| {
        let ask = Ask::whole(shape(name)).thinking(Thinking::On);
        if fields == ["reasoning"] {
            ask.under_reasoning()
        } else {
            ask
        }
    };
    Ok(Reasoning {
        latest: thought(probes, asked("reasoning")),
        history: thought(probes, asked("reasoning-multi-turn")),
        tool_loop: thought(probes, asked("reasoning-tool").prompted()),
        in_content: in_content(probes),
        flag,
        default,
        prompt_on: prompt(Thinking::On),
        prompt_off: prompt(Thinking::Off),
        is_opened_by_prompt: unset.trim_end().ends_with("<think>"),
        fields,
    })
}

/// What becomes of the reasoning of the second message.
fn thought(probes: &Probes<'_>, ask: Ask) -> Fate {
    judge(&probes.get(ask), |printed| {
        let said = |field: &&str| !printed.text_of(&format!("/messages/1/{field}")).trim().is_empty();
        if REASONING_FIELDS.iter().any(said) {
            Fate::Accepted
        } else {
            Fate::Dropped
        }
    })
}

/// What becomes of reasoning that stands in the content of an earlier turn.
fn in_content(probes: &Probes<'_>) -> Fate {
    judge(&probes.natural(shape("reasoning-in-content")), |printed| {
        let kept = printed.text.contains("Titan trails Ganymede.");
        if kept {
            Fate::Accepted
        } else {
            Fate::Dropped
        }
    })
}

/// Which setting of the flag its absence is like.
fn default_of(probes: &Probes<'_>) -> Default {
    let like = |left: Thinking, right: Thinking| {
        FLAG_SHAPES.map(shape).into_iter().all(|shape| {
            let text = |thinking| probes.get(Ask::natural(shape).thinking(thinking));
            match (&*text(left), &*text(right)) {
                (Ok(left), Ok(right)) => left.text == right.text,
                _ => true,
            }
        })
    };
    if like(Thinking::On, Thinking::Off) {
        Default::NoFlag
    } else if like(Thinking::Unset, Thinking::On) {
        Default::On
    } else if like(Thinking::Unset, Thinking::Off) {
        Default::Off
    } else {
        Default::Neither
    }
}
