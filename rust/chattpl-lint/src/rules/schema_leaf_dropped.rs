//! CT212: a part of a tool's schema does not reach the model.

use serde_json::Value;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::{shape, Printed};
use crate::rule::{Checked, Rule};

/// Keywords whose values are told in other words: `string` for a type, a mark for what is required.
const TOLD_OTHERWISE: [&str; 2] = ["type", "required"];

/// The default of a parameter that is not required.
const OPTIONAL_DEFAULT: &str = "/tools/0/function/parameters/properties/meal/default";

declare_rule! {
    /// ## What it does
    /// Declares a tool with `enum`, `default`, `anyOf`, `$ref`, limits and descriptions at several depths, and reports what is
    /// not printed where the tool itself is.
    ///
    /// ## Why
    /// The model does not know which values a parameter takes, or that it exists. Print the schema with `tojson`, or know
    /// what is left out.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for tool in tools or [] -%}
    /// {{- '<tool>' + tool.function.name + ': ' + tool.function.description -}}
    /// {%- for name, schema in tool.function.parameters.properties | items -%}
    /// {{- '\n' + name + ' ' + (schema.type or 'any') | string -}}
    /// {%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + call.function | tojson -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for tool in tools or [] -%}{{- '<tool>' + (tool.function | tojson) + '<end>\n' -}}{%- endfor -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + call.function | tojson -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT212",
    name: "schema-leaf-dropped",
    family: Behaviour,
    kind: Probe,
    // Formats that write schemas as types (gpt-oss) have no words for some keywords: it matters to those who pass tools.
    profiles: [Serve, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let shape = shape("deep-schema");
    let outcome = context.probes()?.natural(shape);
    let Ok(printed) = &*outcome else {
        return Ok(Vec::new());
    };
    let name = "/tools/0/function/name";
    let Some(start) = printed.start_of(name) else {
        return Ok(Vec::new());
    };
    let mut lost: Vec<String> = Vec::new();
    dropped(printed, &shape.conversation["tools"][0]["function"], "/tools/0/function", &mut lost);
    // What a required parameter has no need of is told of an optional one.
    if !printed.text_of(OPTIONAL_DEFAULT).is_empty() {
        lost.retain(|keyword| keyword != "`default`");
    }
    if lost.is_empty() {
        return Ok(Vec::new());
    }
    let place = match printer_of(context, printed, start) {
        Some(span) => span,
        None => message_loop(context)?,
    };
    let message = format!("of a tool's schema is not printed: {}", lost.join(", "));
    Ok(vec![Finding::new(rule, place, message).on_shape(shape.name)])
}

/// Adds the keywords and parameters below a value that are not printed, each once.
fn dropped(printed: &Printed, value: &Value, path: &str, lost: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            let is_properties = path.ends_with("/properties");
            for (key, value) in entries {
                if is_properties && !printed.text.contains(key.as_str()) {
                    add(lost, key);
                } else if is_properties || !TOLD_OTHERWISE.contains(&key.as_str()) {
                    dropped(printed, value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), lost);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                dropped(printed, item, &format!("{path}/{index}"), lost);
            }
        }
        _ if printed.text_of(path).is_empty() => {
            add(lost, &keyword_of(path));
        }
        _ => {}
    }
}

/// The keyword that a leaf belongs to: `default`, `anyOf.description`.
fn keyword_of(path: &str) -> String {
    let mut steps = path.rsplit('/').filter(|step| step.parse::<usize>().is_err());
    let keyword = steps.next().unwrap_or_default();
    match steps.next() {
        Some(around @ ("anyOf" | "items")) => format!("{around}.{keyword}"),
        _ => keyword.to_owned(),
    }
}

fn add(lost: &mut Vec<String>, what: &str) {
    let what = format!("`{what}`");
    if !lost.contains(&what) {
        lost.push(what);
    }
}
