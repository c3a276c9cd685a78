//! CT226: calls are refused for the form of their ids.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::reader::reader_of;
use crate::probe::{is_constraint, shape, Shape};
use crate::rule::{Checked, Rule};

/// Ids that conversations have, each with what they are; the first failing one counts.
const OTHERS: [(&str, &str); 2] = [("openai-ids", "an id such as `call_9fQ2xLwTz7bKdVmA1sEo3uYc`"), ("call-without-id", "no id")];

declare_rule! {
    /// ## What it does
    /// Reports a template that takes calls with ids of nine letters and digits, and refuses OpenAI's longer ids, or calls
    /// without ids.
    ///
    /// ## Why
    /// Servers make ids as OpenAI does, and `transformers` documents calls without any. The request fails one turn later, when
    /// the call comes back as history: shorten the ids before the template sees them.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}
    /// {%- if call.id | length != 9 -%}{{- raise_exception('ids of calls have nine characters') -}}{%- endif -%}
    /// {{- '<call>' + (call.function | tojson) -}}
    /// {%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT226",
    name: "tool-id-constraint",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let taken = |shape: &'static Shape| probes.natural(shape).is_ok();
    if !taken(shape("call-with-nine-characters")) {
        return Ok(Vec::new());
    }
    let mut found: Vec<Finding> = Vec::new();
    for (name, what) in OTHERS {
        let outcome = probes.natural(shape(name));
        let Err(error) = &*outcome else {
            continue;
        };
        let span = error.span().map_or_else(|| reader_of(context, "assistant", "id"), Ok)?;
        let how = if is_constraint(error) { "is refused" } else { "fails" };
        if !found.iter().any(|known| known.span == span) {
            let message = format!("a call with {what} {how}: {}", error.message());
            found.push(Finding::new(rule, span, message).on_shape(name));
        }
    }
    Ok(found)
}
