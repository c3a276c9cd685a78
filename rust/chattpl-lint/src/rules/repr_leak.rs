//! CT214: a value is printed as Python writes it.

use std::collections::HashSet;

use chattpl_render::Origin;
use serde_json::Value;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::probe::printer::place_of;
use crate::probe::turn::{is_inside, shown};
use crate::probe::{shape, Ask, Form, Printed};
use crate::rule::{Checked, Rule};

/// Conversations that hold other values than texts.
const SHAPES: [&str; 7] = [
    "typed-arguments",
    "null-content",
    "tool-call-null-content",
    "parts",
    "result-mapping",
    "result-parts",
    "deep-schema",
];

declare_rule! {
    /// ## What it does
    /// Reports `null`, `true` and `false` of messages and tools that are printed as `None`, `True` and `False`, and lists and
    /// mappings that are printed as `[{'...`. Calls that are written as Python (`get_tide(exact=True)`) are as they should be.
    ///
    /// ## Why
    /// What the model learns to write is no JSON, and whoever reads its calls fails on them; parts of a content become
    /// `[{'type': 'text', ...`, quotes and all.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}
    /// {{- '<call>' + call.function.name -}}
    /// {%- for name, value in call.function.arguments | items -%}{{- '<' + name + '>' + value | string -}}{%- endfor -%}
    /// {%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}
    /// {{- '<call>' + call.function.name -}}
    /// {%- for name, value in call.function.arguments | items -%}
    /// {{- '<' + name + '>' + (value if value is string else value | tojson) -}}
    /// {%- endfor -%}
    /// {%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT214",
    name: "repr-leak",
    family: Behaviour,
    kind: Probe,
    // Whether such a value is ever passed is up to the caller: many good templates print `None` for a null content.
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let (mut found, mut places) = (Vec::new(), HashSet::new());
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        if writes_python(printed) {
            continue;
        }
        let mut index = 0;
        while index < printed.segments.len() {
            let Some(path) = leak(&shape.conversation, probes.form(), printed, index) else {
                index += 1;
                continue;
            };
            let start = printed.range(index).start;
            // What is inside the value is part of the same leak.
            index = (index..printed.segments.len())
                .find(|index| !is_inside(&printed.path(*index), &path))
                .unwrap_or(printed.segments.len());
            let value = shown(printed.text[start..printed.range(index - 1).end].trim());
            let place = match place_of(context, Ask::natural(shape), start)? {
                Some(span) => span,
                None => message_loop(context)?,
            };
            if places.insert(place) {
                let what = format!("`{}` is printed as Python writes it: {value}", spelled(&path));
                found.push(Finding::new(rule, place, what).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// The path of a segment's value, where a value as Python writes it begins with the segment.
fn leak(conversation: &Value, form: Form, printed: &Printed, index: usize) -> Option<String> {
    if !matches!(printed.segments.origin_at(index), Origin::Message | Origin::Tools) {
        return None;
    }
    let text = &printed.text[printed.range(index)];
    // The brackets of `tojson` are the template's, those of `str` are the value's.
    let opens = text.starts_with(['[', '{']);
    let is_word = matches!(text.trim(), "None" | "True" | "False");
    if !opens && !is_word {
        return None;
    }
    let path = printed.path(index);
    if form.string_arguments && path.ends_with("/arguments") {
        return None;
    }
    let is_repr = match conversation.pointer(&path)? {
        Value::Null | Value::Bool(_) => is_word,
        Value::Array(_) | Value::Object(_) => opens,
        _ => false,
    };
    is_repr.then_some(path)
}

/// Whether calls are written as Python: the name of a function and its arguments in parentheses.
fn writes_python(printed: &Printed) -> bool {
    let mut names = (0..printed.segments.len()).filter(|index| printed.path(*index).ends_with("/function/name"));
    names.any(|index| printed.text[printed.range(index).end..].starts_with('('))
}

/// A path as code reads it: `messages[1].content`.
fn spelled(path: &str) -> String {
    let mut spelled = String::new();
    for step in path.split('/').skip(1) {
        match step.parse::<usize>() {
            Ok(index) => spelled += &format!("[{index}]"),
            Err(_) if spelled.is_empty() => spelled += step,
            Err(_) => spelled += &format!(".{step}"),
        }
    }
    spelled
}
