//! CT203: a conversation that ends with an assistant's turn ends in the header of another.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::ending::unasked_prompt;
use crate::probe::locate::{literals_of, message_loop};
use crate::probe::turn::shown;
use crate::probe::{shape, Ask};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a template that prints the generation prompt behind an assistant's last turn, though nobody asked for one.
    ///
    /// ## Why
    /// Every training row ends in the header of a turn that never comes, and the model learns to answer itself.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {{- '<assistant>' -}}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT203",
    name: "generation-prompt-unconditional",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let shape = shape("multi-turn");
    let (ended, whole) = (probes.get(Ask::whole(shape).upto(2)), probes.get(Ask::whole(shape)));
    let (Ok(ended), Ok(whole)) = (&*ended, &*whole) else {
        return Ok(Vec::new());
    };
    let Some(start) = unasked_prompt(ended, whole, 1) else {
        return Ok(Vec::new());
    };
    let place = match literals_of(context, ended, start..ended.text.len()).first() {
        Some(span) => *span,
        None => message_loop(context)?,
    };
    let prompt = shown(ended.text[start..].trim());
    let message = format!("{prompt} is printed behind an assistant's last turn without `add_generation_prompt`");
    Ok(vec![Finding::new(rule, place, message).on_shape(shape.name)])
}
