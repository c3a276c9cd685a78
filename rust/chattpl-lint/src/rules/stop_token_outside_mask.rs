//! CT404: the generation block ends before the token that ends the turn.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{generation_tag, printer_of};
use crate::probe::shapes;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports turns whose `{% generation %}` block leaves out the stop token that the template prints behind it.
    ///
    /// ## Why
    /// The model learns what to say and never that it has said it: it does not stop.
    ///
    /// ## Bad
    /// ```jinja eos="<|stop|>" tokens="<|stop|>"
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' -%}
    /// {%- generation -%}{{- message.content or '' -}}{%- endgeneration -%}
    /// {%- else -%}{{- message.content or '' -}}{%- endif -%}
    /// {{- '<|stop|>' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja eos="<|stop|>" tokens="<|stop|>"
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' -%}
    /// {%- generation -%}{{- (message.content or '') + '<|stop|>' -}}{%- endgeneration -%}
    /// {%- else -%}{{- (message.content or '') + '<|stop|>' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT404",
    name: "stop-token-outside-mask",
    family: Training,
    kind: Training,
    profiles: [Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let tag = generation_tag(context)?;
    let sampling = context.sampling()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in shapes().iter().filter(|shape| shape.has_role("assistant")) {
        let outcome = context.probes()?.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let sampled = sampling.sampled(shape, printed);
        let regions = sampled.tokens.regions();
        let marked = |from: usize, to: usize| {
            printed.generation.iter().any(|(start, end)| (*start as usize) < to && from < *end as usize)
        };
        for span in &sampled.spans {
            let stop = regions.iter().find(|region| region.is_added() && region.end_byte == span.end);
            let stop = stop.filter(|stop| sampling.stop_tokens.contains(&sampled.tokens.ids[stop.first_token]));
            let Some(stop) = stop.filter(|stop| marked(span.start, stop.start_byte)) else {
                continue;
            };
            if marked(stop.start_byte, stop.end_byte) {
                continue;
            }
            let place = printer_of(context, printed, stop.start_byte).unwrap_or(tag);
            let token = printed.text[stop.start_byte..stop.end_byte].trim();
            let message = format!("`{token}`, which ends the assistant's turn, stands outside of the generation block");
            if !found.iter().any(|finding| finding.span == place) {
                found.push(Finding::new(rule, place, message).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}
