//! CT210: the instructions of a system message do not reach the model.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::loser_of;
use crate::probe::shape;
use crate::rule::{Checked, Rule};

/// Conversations with a system message that end before an assistant's turn: some formats print it with the last user's.
const SHAPES: [&str; 3] = ["system-user", "multi-turn-system", "tools-system"];

declare_rule! {
    /// ## What it does
    /// Reports a template that accepts a system message at the beginning of a conversation and prints it nowhere in the prompt.
    ///
    /// ## Why
    /// The instructions are lost and nothing says so. Where a format has no place for them, raise an exception or put
    /// them in front of a user's content.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages if message.role != 'system' -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT210",
    name: "system-dropped",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for content in shape.contents() {
            let Some(message) = content.message.filter(|message| shape.role(*message) == "system") else {
                continue;
            };
            if !printed.text_of(&content.path).trim().is_empty() {
                continue;
            }
            let span = loser_of(context, shape, printed, message, "content")?;
            if !found.iter().any(|finding| finding.span == span) {
                let which = if shape.has_tools() { "the system message beside tools" } else { "the system message" };
                let what = format!("{which} is not printed: `messages[{message}].content` is lost");
                found.push(Finding::new(rule, span, what).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}
