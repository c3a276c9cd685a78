//! CT403: what others say is marked as generated.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::generation_tag;
use crate::probe::{shapes, Printed, Shape};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `{% generation %}` blocks that print what a user, a system message or a tool says, or the declared tools.
    ///
    /// ## Why
    /// The model learns to write what it is meant to read: users' questions and results of tools.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- generation -%}{{- (message.content or '') + '\n' -}}{%- endgeneration -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' -%}
    /// {%- generation -%}{{- (message.content or '') + '\n' -}}{%- endgeneration -%}
    /// {%- else -%}{{- (message.content or '') + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT403",
    name: "mask-leaks",
    family: Training,
    kind: Training,
    profiles: [Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let place = generation_tag(context)?;
    for shape in shapes() {
        let outcome = context.probes()?.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        if let Some(leak) = leak(shape, printed) {
            let message = format!("`{leak}` is printed inside of a generation block: the model learns to write it");
            return Ok(vec![Finding::new(rule, place, message).on_shape(shape.name)]);
        }
    }
    Ok(Vec::new())
}

/// The path of data in a generation block that no assistant says.
fn leak(shape: &Shape, printed: &Printed) -> Option<String> {
    (0..printed.segments.len()).find_map(|index| {
        let range = printed.range(index);
        let inside = |(start, end): &(u32, u32)| (*start as usize) < range.end && range.start < *end as usize;
        let path = || printed.path(index);
        let is_others = match printed.segments.origin_at(index) {
            Origin::Tools | Origin::Documents => true,
            Origin::Message => is_said_by_others(shape, &path()),
            _ => false,
        };
        let blank = printed.text[range.clone()].trim().is_empty();
        (is_others && !blank && printed.generation.iter().any(inside)).then(path)
    })
}

/// Whether a path leads to the content of a message that is not an assistant's.
fn is_said_by_others(shape: &Shape, path: &str) -> bool {
    let mut steps = path.split('/').skip(2);
    let (message, field) = (steps.next().and_then(|step| step.parse().ok()), steps.next());
    message.is_some_and(|message| shape.role(message) != "assistant") && field == Some("content")
}
