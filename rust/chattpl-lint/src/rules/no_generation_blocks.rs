//! CT401: the template does not say what the assistant generates.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::marks;
use crate::probe::locate::message_loop;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports templates without `{% generation %}` blocks.
    ///
    /// ## Why
    /// `transformers` and `trl` learn from `assistant_masks` that those blocks mark. Without them the mask is all zeros, and
    /// training on assistants only learns nothing. (`chattpl` derives masks from any template and needs no blocks.)
    ///
    /// The fix adds blocks around what the model samples: all of a turn but what the generation prompt supplies and what
    /// follows the stop token. It is offered where every probe conversation prints the same text with it, and its blocks are
    /// exactly what `chattpl` derives.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- '[' + message.role + ']' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '[' + message.role + ']' -}}
    /// {%- if message.role == 'assistant' -%}
    /// {%- generation -%}{{- (message.content or '') + '\n' -}}{%- endgeneration -%}
    /// {%- else -%}{{- (message.content or '') + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    ///
    /// ## Fixed
    /// ```jinja
    /// {%- for message in messages -%}{{- '[' + message.role + ']' }}{% if message.role == 'assistant' %}{% generation %}{{ (message.content or '') + '\n' }}{% endgeneration %}{% else %}{{ (message.content or '') + '\n' }}{% endif -%}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    code: "CT401",
    name: "no-generation-blocks",
    family: Training,
    kind: Training,
    profiles: [Sft],
    fix: Sometimes,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    if context.probes()?.program().marks_generation() {
        return Ok(Vec::new());
    }
    let message = "no `{% generation %}` block marks what the assistant generates";
    let finding = Finding::new(rule, message_loop(context)?, message);
    Ok(vec![match marks::fix(context)? {
        Some(fix) => finding.with_fix(fix),
        None => finding,
    }])
}
