//! CT503: `@huggingface/jinja` has no such thing.

use crate::context::Context;
use crate::declare_rule;
use crate::portability;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports constructs that `@huggingface/jinja` refuses, or renders as another text. One finding stands for all places of a construct.
    ///
    /// ## Why
    /// Transformers.js renders chat templates in browsers with it. The table in `src/portability` was made by running it.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- set text = message.content or '' -%}
    /// {{- message.role + ': ' + (text if 'x' is in(['x', text]) else '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- set text = message.content or '' -%}
    /// {{- message.role + ': ' + (text if 'x' in ['x', text] else '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT503",
    name: "not-in-hf-jinja-js",
    family: Portability,
    kind: Static,
    profiles: [Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    portability::findings(rule, context, "@huggingface/jinja")
}
