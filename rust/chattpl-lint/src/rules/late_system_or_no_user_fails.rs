//! CT227: long conversations, whose beginning was cut or that get new instructions, are refused.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::first_line;
use crate::probe::{is_constraint, is_runaway, shape};
use crate::rule::{Checked, Rule};

/// A conversation, what it has, and the plainer ones that a template has to take for the finding to be news.
const CASES: [(&str, &str, &[&str]); 4] = [
    ("system-midway", "a system message after the first message", &["system"]),
    ("two-systems", "a second system message", &["system"]),
    ("system-only", "a conversation without a user's message", &["system"]),
    ("loop-without-user", "a tool's answer in a conversation without a user's message", &["tool-round", "tools-system"]),
];

declare_rule! {
    /// ## What it does
    /// Reports a template that takes system messages and refuses a second one, or one after the first message; or that
    /// refuses a conversation in which no user speaks.
    ///
    /// ## Why
    /// Agents add instructions on the way, and cut the beginning of a long conversation, the user's question with it. The
    /// request then fails in the middle of the work.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'system' and not loop.first -%}
    /// {{- raise_exception('the system message has to come first') -}}
    /// {%- endif -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT227",
    name: "late-system-or-no-user-fails",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for (name, what, plainer) in CASES {
        let outcome = probes.natural(shape(name));
        let Err(error) = &*outcome else {
            continue;
        };
        if is_runaway(error) || plainer.iter().any(|plainer| probes.natural(shape(plainer)).is_err()) {
            continue;
        }
        let span = error.span().unwrap_or_else(|| first_line(context));
        let how = if is_constraint(error) { "is refused" } else { "fails" };
        if !found.iter().any(|known| known.span == span) {
            found.push(Finding::new(rule, span, format!("{what} {how}: {}", error.message())).on_shape(name));
        }
    }
    Ok(found)
}
