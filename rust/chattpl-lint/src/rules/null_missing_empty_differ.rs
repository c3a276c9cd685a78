//! CT219: a call's message without content is printed in another way when that is said in another way.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::reader::reader_of;
use crate::probe::{is_constraint, shape};
use crate::rule::{Checked, Rule};

/// A call whose message has no content, said in three ways; the first is the one that every template takes.
const EMPTY: &str = "tool-call-empty-content";
const OTHERS: [(&str, &str); 2] =
    [("tool-call-no-content", "`null`"), ("tool-call-missing-content", "missing")];

declare_rule! {
    /// ## What it does
    /// Renders a tool call whose content is an empty text, `null`, or missing, and reports where the second or third fails or
    /// is printed otherwise than the first.
    ///
    /// ## Why
    /// All three say the same, and OpenAI's API sends `null`. A template that adds the content to a text fails there, or tells
    /// the model `None`.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.content != '' -%}{{- message.content or 'nothing' -}}{%- endif -%}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT219",
    name: "null-missing-empty-differ",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let empty = probes.natural(shape(EMPTY));
    let Ok(empty) = &*empty else {
        return Ok(Vec::new());
    };
    // A template that prints no calls has nothing to print such a message for.
    if empty.text_of("/messages/1/tool_calls").is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Finding> = Vec::new();
    for (name, said) in OTHERS {
        let outcome = probes.natural(shape(name));
        let reader = || reader_of(context, "assistant", "content");
        let (span, what): (Span, String) = match &*outcome {
            Ok(printed) if printed.text == empty.text => continue,
            Ok(printed) => (reader()?, difference(&empty.text, &printed.text)),
            Err(error) if is_constraint(error) => (reader()?, format!("is refused: {}", error.message())),
            Err(error) => (error.span().map_or_else(reader, Ok)?, format!("fails: {}", error.message())),
        };
        if !found.iter().any(|known| known.span == span) {
            let message = format!("a tool call whose content is {said} instead of an empty text {what}");
            found.push(Finding::new(rule, span, message).on_shape(name));
        }
    }
    Ok(found)
}

/// What became of the text, in words.
fn difference(empty: &str, other: &str) -> String {
    if other.matches("None").count() > empty.matches("None").count() {
        "is printed as `None`".to_owned()
    } else {
        "is printed differently".to_owned()
    }
}
