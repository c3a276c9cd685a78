//! CT204: the generation prompt ends in text that the assistant's turn does not have.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{literals_of, message_loop};
use crate::probe::turn::{shown, Prompted};
use crate::probe::shape;
use crate::rule::{Checked, Rule};

/// Conversations, and the assistant's message in each that answers a prompt.
const TURNS: [(&str, usize); 4] = [("plain", 1), ("multi-turn", 5), ("tool-call", 1), ("tool-answer", 3)];

declare_rule! {
    /// ## What it does
    /// Renders the messages before an assistant's turn with the generation prompt, and reports where that is not the beginning
    /// of the text with the turn.
    ///
    /// ## Why
    /// The model samples behind a prompt that no training row has: labels are masked at the wrong place, and in training
    /// over several turns the row is not what was sampled. A prompt that opens `<think>` needs rows that print it.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant><think>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + ('<think></think>' if message.role == 'assistant' else '') -}}
    /// {{- (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant><think>' -}}{%- endif -%}
    /// ```
    code: "CT204",
    name: "generation-prompt-not-a-prefix",
    family: Behaviour,
    kind: Probe,
    // The prompt of a reasoning model may open a thought that rows without reasoning lack: no fault for serving.
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for (shape, message) in TURNS.map(|(name, message)| (shape(name), message)) {
        let renders = Prompted::of(probes, shape, message);
        let (Some(opening), Some((prompted, ..))) = (renders.opening(), renders.texts()) else {
            continue;
        };
        if opening.prompt.is_empty() {
            continue;
        }
        let place = match literals_of(context, prompted, opening.at..prompted.text.len()).first() {
            Some(span) => *span,
            None => message_loop(context)?,
        };
        let instead = match opening.turn {
            "" => "its content".to_owned(),
            turn => shown(turn),
        };
        let message = format!("the prompt goes on with {}, where the assistant's turn has {instead}", shown(opening.prompt));
        if !found.iter().any(|finding| finding.span == place) {
            found.push(Finding::new(rule, place, message).on_shape(shape.name));
        }
    }
    Ok(found)
}
