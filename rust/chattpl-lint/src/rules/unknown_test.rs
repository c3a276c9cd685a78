//! CT003: a test that nobody knows.

use chattpl_render::names;

use super::unknown_filter::{asks_whether_known, message};
use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `is` tests that Jinja2 does not have, also those named in `select('...')`, `rejectattr('x', '...')` and the
    /// like.
    ///
    /// ## Why
    /// Outside an `if` the template does not compile; inside one, rendering fails where the test is reached.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content if message.content is str else '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content if message.content is string else '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT003",
    name: "unknown-test",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// What other languages call the tests of the dialect.
const OTHERWISE: [(&str, &str); 11] = [
    ("str", "string"),
    ("dict", "mapping"),
    ("object", "mapping"),
    ("list", "sequence"),
    ("array", "sequence"),
    ("int", "integer"),
    ("bool", "boolean"),
    ("null", "none"),
    ("nil", "none"),
    ("equal", "eq"),
    ("contains", "in"),
];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let mut found = Vec::new();
    for (id, applied) in nodes.exprs() {
        for (name, span) in expr::tests_applied(applied) {
            if names::tests().contains(&name) || asks_whether_known(nodes, id, "test", name) {
                continue;
            }
            let hint = OTHERWISE.iter().find(|(other, _)| *other == name).map(|(_, known)| *known);
            let hint = hint.or_else(|| chattpl_syntax::nearest(name, names::tests().iter().copied()));
            found.push(Finding::new(rule, span, message(context, "test", (name, span), hint)));
        }
    }
    Ok(found)
}
