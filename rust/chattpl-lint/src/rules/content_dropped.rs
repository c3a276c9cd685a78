//! CT208: what someone says does not reach the model.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::loser_of;
use crate::probe::{shapes, Printed, Shape, Text};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports content of user and assistant messages, in conversations that every model meets, of which nothing is printed;
    /// and what tools answer, where the template prints the calls.
    ///
    /// ## Why
    /// The template accepts the message and the model never sees it. Nothing in the output says so.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- '<assistant>\n' -}}
    /// {%- else -%}{{- '<' + message.role + '>' + message.content + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- '<assistant>' + (message.content or '') + '\n' -}}
    /// {%- else -%}{{- '<' + message.role + '>' + message.content + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT208",
    name: "content-dropped",
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
        let Ok(printed) = &*outcome else {
            continue;
        };
        for Text { path, message, text } in shape.contents() {
            let message = message.expect("contents lie in messages");
            let role = shape.role(message);
            let counts = match role {
                "user" | "assistant" => true,
                "tool" => prints_calls(printed, shape),
                _ => false,
            };
            let says = counts && !text.trim().is_empty();
            if !says || !printed.text_of(&path).trim().is_empty() {
                continue;
            }
            let span = loser_of(context, shape, message, "content")?;
            if !found.iter().any(|finding| finding.span == span) {
                let place = format!("messages[{message}].content");
                let message = format!("the content of a message of role `{role}` is not printed: `{place}` is lost");
                found.push(Finding::new(rule, span, message).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// Whether the calls of a conversation are printed: a template without a place for tools drops their answers as well.
fn prints_calls(printed: &Printed, shape: &Shape) -> bool {
    let calls = (0..shape.messages().len()).map(|message| format!("/messages/{message}/tool_calls"));
    calls.into_iter().any(|path| !printed.text_of(&path).is_empty())
}
