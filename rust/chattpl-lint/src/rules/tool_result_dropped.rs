//! CT221: what a tool answered does not reach the model.

use serde_json::Value;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::reader::reader_of;
use crate::probe::{shape, Printed, Shape};
use crate::rule::{Checked, Rule};

/// Answers that are no plain text, each with what it is.
const OTHERS: [(&str, &str); 3] =
    [("result-parts", "a list of parts"), ("result-mapping", "a mapping"), ("result-list", "a list of mappings")];

declare_rule! {
    /// ## What it does
    /// Reports a template that prints calls of tools and loses what the tools answered: any answer, or one that is a list of
    /// parts, a mapping or a list.
    ///
    /// ## Why
    /// The model sees an empty answer, calls the tool again, or makes the answer up.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.content is string -%}{{- message.content -}}{%- endif -%}
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
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.content is string -%}{{- message.content -}}
    /// {%- elif message.content -%}{{- message.content | tojson -}}{%- endif -%}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT221",
    name: "tool-result-dropped",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let round = probes.natural(shape("tool-round"));
    let Ok(printed) = &*round else {
        return Ok(Vec::new());
    };
    if printed.text_of("/messages/1/tool_calls").is_empty() {
        return Ok(Vec::new());
    }
    let span = reader_of(context, "tool", "content")?;
    if printed.text_of("/messages/2").is_empty() {
        let message = "calls of tools are printed, and what a tool answers is lost";
        return Ok(vec![Finding::new(rule, span, message).on_shape("tool-round")]);
    }
    let mut lost: Vec<(&'static str, &str)> = Vec::new();
    for (name, what) in OTHERS {
        let outcome = probes.natural(shape(name));
        if matches!(&*outcome, Ok(printed) if loses(printed, shape(name))) {
            lost.push((name, what));
        }
    }
    let Some((name, _)) = lost.first() else {
        return Ok(Vec::new());
    };
    let what: Vec<&str> = lost.iter().map(|(_, what)| *what).collect();
    let message = format!("what a tool answers is lost where its content is {}", what.join(" or "));
    Ok(vec![Finding::new(rule, span, message).on_shape(name)])
}

/// Whether a text of the answer is nowhere in the output.
fn loses(printed: &Printed, shape: &Shape) -> bool {
    let mut texts = Vec::new();
    leaves(&shape.messages()[2]["content"], &mut texts);
    !texts.iter().all(|text| printed.text.contains(text))
}

/// The texts in a value, but for the names of the kinds of parts.
fn leaves<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Object(items) => {
            items.iter().filter(|(name, _)| *name != "type").for_each(|(_, item)| leaves(item, texts));
        }
        _ => {}
    }
}
