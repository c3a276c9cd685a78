//! CT219: a call's message without content is printed in another way when that is said in another way.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::reader::reader_of;
use crate::probe::{is_constraint, shape, Outcome, Printed};
use crate::rule::{Checked, Rule};

const CALLS: &str = "/messages/1/tool_calls";

/// A call whose message has no content, said in three ways, the most common first.
const WAYS: [(&str, &str); 3] = [
    ("tool-call-empty-content", "an empty text"),
    ("tool-call-no-content", "`null`"),
    ("tool-call-missing-content", "missing"),
];

declare_rule! {
    /// ## What it does
    /// Renders a tool call whose content is an empty text, `null`, or missing, and reports where one of them fails, or is
    /// printed otherwise than the others.
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
    let outcomes = WAYS.map(|(name, said)| (name, said, probes.natural(shape(name))));
    // A template that prints no calls has nothing to print such a message for.
    let prints = |outcome: &Outcome| matches!(outcome, Ok(printed) if !printed.text_of(CALLS).is_empty());
    let Some((plain, meant, usual)) = outcomes.iter().find(|(.., outcome)| prints(outcome)) else {
        return Ok(Vec::new());
    };
    let Ok(usual) = &**usual else {
        return Ok(Vec::new());
    };
    let mut found: Vec<Finding> = Vec::new();
    for (name, said, outcome) in outcomes.iter().filter(|(name, ..)| name != plain) {
        let reader = || reader_of(context, "assistant", "content");
        let (span, what): (Span, String) = match &**outcome {
            Ok(printed) if printed.text == usual.text => continue,
            Ok(printed) => (reader()?, difference(usual, printed).to_owned()),
            Err(error) if is_constraint(error) => (reader()?, format!("is refused: {}", error.message())),
            Err(error) => (error.span().map_or_else(reader, Ok)?, format!("fails: {}", error.message())),
        };
        if !found.iter().any(|known| known.span == span) {
            let message = format!("a tool call whose content is {said} instead of {meant} {what}");
            found.push(Finding::new(rule, span, message).on_shape(name));
        }
    }
    Ok(found)
}

/// What became of the text, in words.
fn difference(usual: &Printed, other: &Printed) -> &'static str {
    if other.text_of(CALLS).is_empty() {
        "is lost"
    } else if other.text.matches("None").count() > usual.text.matches("None").count() {
        "is printed as `None`"
    } else {
        "is printed differently"
    }
}
