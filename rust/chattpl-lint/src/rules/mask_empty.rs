//! CT402: the template marks what is generated, and marks nothing of some conversation.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::generation_tag;
use crate::probe::shapes;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports conversations in which an assistant speaks or calls a tool and no `{% generation %}` block prints anything.
    ///
    /// ## Why
    /// The mask of such a row is all zeros: the row costs time and teaches nothing.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' and not message.tool_calls -%}
    /// {%- generation -%}{{- (message.content or '') + '\n' -}}{%- endgeneration -%}
    /// {%- else -%}{{- (message.content or '') + (message.tool_calls | tojson if message.tool_calls else '') + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' -%}
    /// {%- generation -%}{{- (message.content or '') + (message.tool_calls | tojson if message.tool_calls else '') + '\n' -}}{%- endgeneration -%}
    /// {%- else -%}{{- (message.content or '') + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT402",
    name: "mask-empty",
    family: Training,
    kind: Training,
    profiles: [Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let place = generation_tag(context)?;
    let sampling = context.sampling()?;
    for shape in shapes().iter().filter(|shape| shape.has_role("assistant")) {
        let outcome = context.probes()?.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let is_marked = printed.generation.iter().any(|(start, end)| start < end);
        let says = |index: usize| shape.role(index) == "assistant" && printed.says(index);
        let speaks = (0..shape.messages().len()).any(says);
        if speaks && !is_marked && !sampling.sampled(shape, printed).spans.is_empty() {
            let message = format!("nothing of the conversation `{}` is marked, though an assistant speaks in it", shape.name);
            return Ok(vec![Finding::new(rule, place, message).on_shape(shape.name)]);
        }
    }
    Ok(Vec::new())
}
