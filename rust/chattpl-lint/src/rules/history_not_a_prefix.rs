//! CT205: a turn is printed in another way once the conversation goes on.

use std::rc::Rc;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::{common_prefix, marker_start, shape, Ask, Outcome, Printed, Shape};
use crate::rule::{Checked, Rule};

/// The conversations that are cut after each of their assistant's turns.
const SHAPES: [&str; 5] =
    ["multi-turn", "multi-turn-system", "user-after-tool", "reasoning-multi-turn", "reasoning-tool-loop"];

/// Characters of the lost text that a message shows.
const MAX_SHOWN: usize = 40;

declare_rule! {
    /// ## What it does
    /// Cuts conversations after an assistant's turn and reports where the text up to there is not the beginning of the text
    /// of the whole.
    ///
    /// ## Why
    /// In training over several turns, what the model saw while it sampled is not what it is trained on; in serving, the
    /// cache of the prompt is lost at the first difference. Templates that drop old reasoning do so on purpose: then train
    /// each turn as a row of its own.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- if loop.last -%}{{- '<end>' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT205",
    name: "history-not-a-prefix",
    family: Behaviour,
    kind: Probe,
    profiles: [Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let ends: Vec<usize> = (1..shape.messages().len()).filter(|&end| shape.role(end - 1) == "assistant").collect();
        let whole = probes.natural(shape);
        for end in ends {
            let cut = probes.get(Ask::whole(shape).upto(end));
            if let Some(finding) = difference(rule, context, shape, (&cut, &whole))? {
                if !found.iter().any(|known| known.span == finding.span) {
                    found.push(finding);
                }
                break;
            }
        }
    }
    Ok(found)
}

/// Where the cut conversation is not the beginning of the whole.
fn difference(
    rule: &Rule,
    context: &Context<'_>,
    shape: &Shape,
    (cut, whole): (&Rc<Outcome>, &Rc<Outcome>),
) -> Result<Option<Finding>, crate::rule::NotEvaluated> {
    let (Ok(cut), Ok(whole)) = (&**cut, &**whole) else {
        return Ok(None);
    };
    if whole.text.starts_with(&cut.text) {
        return Ok(None);
    }
    let at = common_prefix(&cut.text, &whole.text);
    let place = match printer_of(context, cut, at) {
        Some(span) => span,
        None => message_loop(context)?,
    };
    let lost = lost_text(cut, whole, at);
    let message = format!("the text up to an assistant's turn changes when the conversation goes on: {lost}");
    Ok(Some(Finding::new(rule, place, message).on_shape(shape.name)))
}

/// What stands in the cut text and no longer in the whole, in words.
fn lost_text(cut: &Printed, whole: &Printed, at: usize) -> String {
    let at = marker_start(&cut.text, at);
    let rest = &cut.text[at..];
    // The lost text ends where the whole goes on with what follows it.
    let anchor: String = whole.text[at..].chars().take(12).collect();
    let lost = rest.find(&anchor).filter(|_| !anchor.is_empty()).map_or(rest, |end| &rest[..end]);
    let shown: String = lost.chars().take(MAX_SHOWN).collect();
    let dots = if shown.len() < lost.len() { "..." } else { "" };
    format!("`{}{dots}` is lost", shown.replace('\n', "\\n"))
}
