//! CT201: an ordinary conversation ends in an error that nobody meant.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::first_line;
use crate::probe::{is_constraint, is_runaway, shapes, was_not_run};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Renders conversations that every model meets and reports errors other than the author's own `raise_exception`.
    ///
    /// ## Why
    /// A request fails, or a row of training data is lost, with a message that says nothing about the conversation.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + message.content + message.name -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT201",
    name: "render-fails",
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
    for shape in shapes().iter().filter(|shape| shape.ordinary) {
        let outcome = probes.natural(shape);
        let Err(error) = &*outcome else {
            continue;
        };
        if is_constraint(error) || was_not_run(error) {
            continue;
        }
        let span = error.span().unwrap_or_else(|| first_line(context));
        let message = match is_runaway(error) {
            true => format!("the conversation `{}` runs past a limit: {}", shape.name, error.message()),
            false => format!("the conversation `{}` fails: {}", shape.name, error.message()),
        };
        // One fault may fail many conversations; the first of them stands for all.
        if !found.iter().any(|finding| finding.span == span) {
            found.push(Finding::new(rule, span, message).on_shape(shape.name));
        }
    }
    Ok(found)
}
