//! CT502: llama.cpp's engine has no such thing.

use crate::context::Context;
use crate::declare_rule;
use crate::portability;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports constructs that llama.cpp's engine refuses, or renders as another text. One finding stands for all places of a construct.
    ///
    /// ## Why
    /// llama.cpp and the programs built on it have an engine of their own. The table in `src/portability` was read from its source.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + '\x3b' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT502",
    name: "not-in-llama.cpp",
    family: Portability,
    kind: Static,
    profiles: [Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    portability::findings(rule, context, "llama.cpp")
}
