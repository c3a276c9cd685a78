//! CT220: arguments given as JSON text are printed otherwise than the mapping they stand for.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::reader::reader_of_any;
use crate::probe::{shape, Ask, Form};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Writes a call's arguments as a mapping and as JSON text, and reports where the template takes both and the two do not
    /// read as the same arguments. Escapes of HTML are left to CT114.
    ///
    /// ## Why
    /// OpenAI's API passes JSON text, `transformers` documents mappings, and data sets have either. A template that encodes a
    /// text again shows the model `"{\"town\": ...}"`, which it then learns to write; nothing fails.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}
    /// {{- '<call>' + call.function.name + ' ' + (call.function.arguments | tojson) -}}
    /// {%- endfor -%}
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
    /// {%- for call in message.tool_calls or [] -%}
    /// {%- set arguments = call.function.arguments -%}
    /// {{- '<call>' + call.function.name + ' ' + (arguments if arguments is string else arguments | tojson) -}}
    /// {%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT220",
    name: "arguments-string-differ-from-mapping",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let shape = shape("arguments-mapping");
    let written = |string_arguments| {
        probes.get(Ask::whole(shape).written(Form { string_arguments, ..probes.form() }))
    };
    let (mapping, string) = (written(false), written(true));
    // What fails is no silent difference: the error says so.
    let (Ok(mapping), Ok(string)) = (&*mapping, &*string) else {
        return Ok(Vec::new());
    };
    let calls = "/messages/1/tool_calls";
    let is_printed = [mapping, string].iter().any(|printed| printed.text_of(calls).contains("Portree"));
    if !is_printed || squeezed(&mapping.text) == squeezed(&string.text) {
        return Ok(Vec::new());
    }
    let what = if string.text.contains("\\\"harbour\\\"") {
        "arguments given as JSON text are encoded a second time (`\"{\\\"harbour\\\": ...`)"
    } else if !string.text_of(calls).contains("Portree") {
        "arguments given as JSON text are lost"
    } else if mapping.text.contains("'harbour'") {
        "arguments given as a mapping are printed as Python writes it (`{'harbour': ...`)"
    } else {
        "arguments given as JSON text are printed differently from the mapping they stand for"
    };
    let span = reader_of_any(context, "assistant", &["arguments", "function", "tool_calls"])?;
    Ok(vec![Finding::new(rule, span, what).on_shape(shape.name)])
}

/// A text without its white space, since JSON may be written with or without, and without escapes of HTML, which are CT114's.
fn squeezed(text: &str) -> String {
    const ESCAPES: [(&str, &str); 5] = [("&#34;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    let text: String = text.split_whitespace().collect();
    ESCAPES.into_iter().fold(text, |text, (escape, plain)| text.replace(escape, plain))
}
