//! CT405: a row of training shows other turns before an answer than the model sees when it is served.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::probe::printer::place_where_they_part;
use crate::probe::turn::marker_start;
use crate::probe::{common_prefix, shape, Ask, Outcome, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations with several turns of the assistant.
const SHAPES: [&str; 6] =
    ["multi-turn", "multi-turn-system", "user-after-tool", "two-rounds", "reasoning-multi-turn", "reasoning-tool-loop"];

/// Characters of a text that a message shows.
const MAX_SHOWN: usize = 40;

declare_rule! {
    /// ## What it does
    /// Renders whole conversations, as rows of training, and the beginning of each up to a turn of the assistant, as the
    /// prompt of that turn, and reports where what stands before the turn is not the same.
    ///
    /// ## Why
    /// The model learns to answer a history that it never sees when it is served. It happens where a template moves
    /// something to the last user's turn, or drops something from all turns but the last. Train each turn as a row of its
    /// own, or on the last turn only.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- set tail = '<last>' if loop.last and message.role == 'user' else '' -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + tail -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT405",
    name: "train-serve-context-differs",
    family: Training,
    kind: Training,
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let row = probes.get(Ask::whole(shape));
        for turn in (1..shape.messages().len()).filter(|turn| shape.role(*turn) == "assistant") {
            let cut = Ask::whole(shape).upto(turn);
            let (unprompted, served) = (probes.get(cut), probes.get(cut.prompted()));
            let asks = (cut.prompted(), Ask::whole(shape));
            if let Some(finding) = difference(rule, context, (shape, asks), (&row, &unprompted, &served))? {
                if !found.iter().any(|known| known.span == finding.span) {
                    found.push(finding);
                }
                break;
            }
        }
    }
    Ok(found)
}

/// Where a row and a prompt part before what the generation prompt adds.
fn difference(
    rule: &Rule,
    context: &Context<'_>,
    (shape, asks): (&'static Shape, (Ask, Ask)),
    (row, unprompted, served): (&Outcome, &Outcome, &Outcome),
) -> Result<Option<Finding>, NotEvaluated> {
    let (Ok(row), Ok(unprompted), Ok(served)) = (row, unprompted, served) else {
        return Ok(None);
    };
    let at = common_prefix(&row.text, &served.text);
    if at >= common_prefix(&unprompted.text, &served.text) {
        return Ok(None);
    }
    let place = match place_where_they_part(context, asks, at)? {
        Some(place) => place,
        None => message_loop(context)?,
    };
    let start = marker_start(&row.text, at);
    let message = format!(
        "before an assistant's turn a row of training shows {}, and a prompt {}",
        shown(&row.text[start..]),
        shown(&served.text[start..])
    );
    Ok(Some(Finding::new(rule, place, message).on_shape(shape.name)))
}

fn shown(text: &str) -> String {
    let start: String = text.chars().take(MAX_SHOWN).collect();
    format!("`{}`", start.replace('\n', "\\n"))
}
