//! CT206: nothing says that an assistant's turn is over.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::ending::{Ending, Endings};
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::turn::shown;
use crate::probe::{shape, Ask, Printed};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations that end with an assistant's turn.
const SHAPES: [&str; 5] = ["plain", "multi-turn", "tool-answer", "two-rounds", "tool-call"];

declare_rule! {
    /// ## What it does
    /// Reports assistant's turns behind whose content, or behind whose calls, no end token follows. Formats in which a turn
    /// ends with the marker of whoever speaks next (`<|user|>`) close their turns, and so do formats in which the result of a
    /// call is part of the assistant's turn.
    ///
    /// ## Why
    /// A model that is trained on such turns never learns to stop.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<|start|>' + message.role + '\n' + (message.content or '') -}}
    /// {%- if message.role != 'assistant' -%}{{- '<|end|>' -}}{%- endif -%}
    /// {{- '\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant\n' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<|start|>' + message.role + '\n' + (message.content or '') + '<|end|>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant\n' -}}{%- endif -%}
    /// ```
    code: "CT206",
    name: "turn-not-closed",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let Some(endings) = Endings::of(context)? else {
        return Ok(Vec::new());
    };
    // By whether the turn is the last: what is true of answers need not be said of calls.
    let mut open_answers = [false; 2];
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let outcome = probes.get(Ask::whole(shape));
        let Ok(printed) = &*outcome else {
            continue;
        };
        let count = shape.messages().len();
        let turns = (0..count).filter(|message| shape.role(*message) == "assistant" && printed.body_of(*message).is_some());
        for message in turns {
            let (calls, is_last) = (shape.messages()[message].get("tool_calls").is_some(), message + 1 == count);
            let what = match &endings.answer {
                Ending::Own(usual) if calls && !open_answers[usize::from(is_last)] => {
                    endings.is_call_open(printed, message, usual).then(|| call_fault(is_last, usual))
                }
                answer if !calls => endings.is_open(printed, message).then(|| answer_fault(answer, is_last)),
                _ => None,
            };
            let Some(what) = what else {
                continue;
            };
            open_answers[usize::from(is_last)] |= !calls;
            let place = place_of(context, printed, message)?;
            if !found.iter().any(|finding| finding.span == place || finding.message == what) {
                found.push(Finding::new(rule, place, what).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

fn which(is_last: bool) -> &'static str {
    if is_last {
        "the last turn of an assistant"
    } else {
        "an assistant's turn that is not the last"
    }
}

fn answer_fault(answer: &Ending, is_last: bool) -> String {
    let turn = if *answer == Ending::Open { "an assistant's turn" } else { which(is_last) };
    format!("{turn} is not closed: no end token follows its content")
}

fn call_fault(is_last: bool, usual: &str) -> String {
    format!("{} is not closed where it calls tools: {} ends other turns", which(is_last), shown(usual))
}

/// The literal that printed the last of the turn.
fn place_of(context: &Context<'_>, printed: &Printed, message: usize) -> Result<chattpl_syntax::Span, NotEvaluated> {
    let end = printed.body_of(message).map_or(0, |body| body.end);
    match printer_of(context, printed, end.saturating_sub(1)) {
        Some(span) => Ok(span),
        None => message_loop(context),
    }
}
