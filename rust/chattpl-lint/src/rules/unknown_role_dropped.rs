//! CT228: a message of a role that the template does not know is left out without a word.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::probe::shape;
use crate::rule::{Checked, Rule};

/// Conversations with a role that few templates know, and the message that has it.
const SHAPES: [(&str, usize); 3] = [("developer", 0), ("unknown-role", 1), ("function-role", 1)];

declare_rule! {
    /// ## What it does
    /// Reports messages of roles such as `developer` of which nothing is printed, though the template renders.
    ///
    /// ## Why
    /// Clients of OpenAI's newer models put their instructions under `developer`; a typing error in a role looks the same. The
    /// model never sees the message. Raise an exception for roles that the format has no place for.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role in ['system', 'user', 'assistant', 'tool'] -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role in ['system', 'user', 'assistant', 'tool'] -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- else -%}{{- raise_exception('no such role: ' + message.role) -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT228",
    name: "unknown-role-dropped",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    // A template that prints nobody's words has other faults.
    let asked = probes.natural(shape("single-user"));
    if !matches!(&*asked, Ok(printed) if !printed.text_of("/messages/0/content").is_empty()) {
        return Ok(Vec::new());
    }
    let mut dropped: Vec<(&'static str, String)> = Vec::new();
    for (shape, message) in SHAPES.map(|(name, message)| (shape(name), message)) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let content = shape.messages()[message]["content"].as_str().unwrap_or_default();
        if !printed.text.contains(content) && printed.text_of(&format!("/messages/{message}/content")).is_empty() {
            dropped.push((shape.name, format!("`{}`", shape.role(message))));
        }
    }
    let Some((first, _)) = dropped.first() else {
        return Ok(Vec::new());
    };
    let roles: Vec<&str> = dropped.iter().map(|(_, role)| role.as_str()).collect();
    let message = format!("messages of role {} are left out without a word", roles.join(", "));
    Ok(vec![Finding::new(rule, message_loop(context)?, message).on_shape(first)])
}
