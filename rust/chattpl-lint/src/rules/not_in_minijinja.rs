//! CT501: minijinja has no such thing.

use crate::context::Context;
use crate::declare_rule;
use crate::portability;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports constructs that minijinja refuses, or renders as another text. One finding stands for all places of a construct.
    ///
    /// ## Why
    /// Servers written in Rust render chat templates with minijinja. The table in `src/portability` was made by running it.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- '%s: %s;' % (message.role, message.content or '') -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT501",
    name: "not-in-minijinja",
    family: Portability,
    kind: Static,
    profiles: [Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    portability::findings(rule, context, "minijinja")
}
