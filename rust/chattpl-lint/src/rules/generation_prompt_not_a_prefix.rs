//! CT204: the generation prompt ends in text that the assistant's turn does not have.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::probe::printer::print_of;
use crate::probe::turn::{shown, Prompted};
use crate::probe::{shape, Ask, Probes, Shape, Thinking};
use crate::rule::{Checked, Rule};

/// Conversations, and the assistant's message in each that answers a prompt.
const TURNS: [(&str, usize); 4] = [("plain", 1), ("multi-turn", 5), ("tool-call", 1), ("tool-answer", 3)];

declare_rule! {
    /// ## What it does
    /// Renders the messages before an assistant's turn with the generation prompt, and reports where that is not the beginning
    /// of the text with the turn. Where `enable_thinking=false` gives the prompt of rows without reasoning, and the default that
    /// of rows with it, nothing is reported.
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
        let Some(opening) = renders.opening() else {
            continue;
        };
        if opening.prompt.is_empty() || has_prompts_for_both(probes, shape, &renders) {
            continue;
        }
        let asked = Ask::whole(shape).upto(message).prompted();
        let place = match print_of(context, asked, opening.at)? {
            Some(span) => span,
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

/// Whether the two settings of `enable_thinking` are for the two kinds of rows: with the flag off the prompt begins the row
/// without reasoning, and otherwise the row with it.
fn has_prompts_for_both(probes: &Probes<'_>, plain: &'static Shape, renders: &Prompted) -> bool {
    let off = probes.get(Ask::whole(plain).upto(renders.message).prompted().thinking(Thinking::Off));
    let (Ok(off), Ok(row)) = (&*off, &*renders.whole) else {
        return false;
    };
    let reasoning = Prompted::of(probes, shape("reasoning"), 1);
    let Some((prompted, _, with_reasoning)) = reasoning.texts() else {
        return false;
    };
    row.text.starts_with(&off.text) && with_reasoning.text.starts_with(&prompted.text)
}
