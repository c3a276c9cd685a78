//! CT213: of several calls in one message only the first reaches the model.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{loser_of, printer_of};
use crate::probe::{shape, Printed};
use crate::rule::{Checked, Rule};

/// The calls of the probed conversation.
const CALLS: &str = "/messages/1/tool_calls";

declare_rule! {
    /// ## What it does
    /// Renders a message with two calls, and the result of each, and reports where the first is printed and the second is not.
    ///
    /// ## Why
    /// The model sees an answer to a question that it never asked, or calls the second tool once more. A format that knows
    /// one call a message only should raise an exception.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- if message.tool_calls -%}{{- '<call>' + message.tool_calls[0].function | tojson -}}{%- endif -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + call.function | tojson -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT213",
    name: "parallel-calls-dropped",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let shape = shape("parallel-calls");
    let outcome = context.probes()?.natural(shape);
    let Ok(printed) = &*outcome else {
        return Ok(Vec::new());
    };
    let is_lost = |first: &str, second: &str| !printed.text_of(first).is_empty() && printed.text_of(second).is_empty();
    let call = |index: usize, field: &str| format!("{CALLS}/{index}/function/{field}");
    let mut found = Vec::new();
    if ["name", "arguments"].iter().any(|field| is_lost(&call(0, field), &call(1, field))) {
        let span = first_call(context, printed).map_or_else(|| loser_of(context, shape, printed, 1, "tool_calls"), Ok)?;
        let message = "of two calls in a message the second is not printed: `messages[1].tool_calls[1]` is lost";
        found.push(Finding::new(rule, span, message).on_shape(shape.name));
    }
    if is_lost("/messages/2/content", "/messages/3/content") {
        let message = "of two results in a row the second is not printed: `messages[3].content` is lost";
        found.push(Finding::new(rule, loser_of(context, shape, printed, 3, "content")?, message).on_shape(shape.name));
    }
    Ok(found)
}

/// The literal before the first call.
fn first_call(context: &Context<'_>, printed: &Printed) -> Option<chattpl_syntax::Span> {
    printer_of(context, printed, printed.start_of(&format!("{CALLS}/0"))?)
}
