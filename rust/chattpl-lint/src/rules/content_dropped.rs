//! CT208: what someone says does not reach the model.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{is_aside, loser_of, printer_of};
use crate::probe::reader::reader_of;
use crate::probe::{shape, shapes, Printed, Probes, Shape, Text};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports content of user and assistant messages, in conversations that every model meets, of which nothing is printed;
    /// calls of tools of which nothing is printed, or their names alone, by a template that prints the tools or other calls; and
    /// what tools answer, where the template prints the calls. Calls that are left out once a user speaks again are CT205's.
    ///
    /// ## Why
    /// The template accepts the message and the model never sees it. Nothing in the output says so.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- '<assistant>\n' -}}
    /// {%- else -%}{{- '<' + message.role + '>' + message.content + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- '<assistant>' + (message.content or '') + '\n' -}}
    /// {%- else -%}{{- '<' + message.role + '>' + message.content + '\n' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT208",
    name: "content-dropped",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    // Words beside a call are for special conversations, but no format may lose them silently.
    for shape in shapes().iter().filter(|shape| shape.ordinary || shape.name == "tool-call-preamble") {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let contents = shape.contents().into_iter().filter(|content| is_lost(shape, printed, content)).map(|content| {
            let message = content.message.expect("contents lie in messages");
            let role = shape.role(message);
            let what = format!("the content of a message of role `{role}` is not printed: `messages[{message}].content` is lost");
            (message, "content", what)
        });
        for (message, field, what) in contents.chain(lost_calls(probes, shape, printed)) {
            let span = loser_of(context, shape, printed, message, field)?;
            if !found.iter().any(|finding| finding.span == span) {
                found.push(Finding::new(rule, span, what).on_shape(shape.name));
            }
        }
    }
    found.extend(lost_arguments(rule, context)?);
    Ok(found)
}

/// Whether what a user or an assistant says is not printed, or what a tool answers to calls that are printed.
fn is_lost(shape: &Shape, printed: &Printed, content: &Text) -> bool {
    let counts = |message| match shape.role(message) {
        "user" | "assistant" => true,
        "tool" => prints_calls(shape, printed),
        _ => false,
    };
    let says = !content.text.trim().is_empty() && content.message.is_some_and(counts);
    says && printed.text_of(&content.path).trim().is_empty()
}

/// Whether the calls of a conversation are printed: a template without a place for tools drops their answers as well.
fn prints_calls(shape: &Shape, printed: &Printed) -> bool {
    let mut calls = (0..shape.messages().len()).map(|message| format!("/messages/{message}/tool_calls"));
    calls.any(|path| !printed.text_of(&path).is_empty())
}

/// Conversations whose calls a template prints that prints any.
const CALLING: [&str; 3] = ["tool-call", "tool-answer", "tool-call-null-content"];

/// The calls of which nothing is printed, by a template that prints other calls, or the tools that they are of.
fn lost_calls(probes: &Probes<'_>, shape: &'static Shape, printed: &Printed) -> Option<(usize, &'static str, String)> {
    let is_lost = |message: &usize| {
        shape.messages()[*message].get("tool_calls").is_some()
            && printed.text_of(&format!("/messages/{message}/tool_calls")).is_empty()
    };
    let message = (0..shape.messages().len()).find(is_lost)?;
    // Calls that are over once a user speaks again are left out on purpose.
    if (message..shape.messages().len()).any(|later| shape.role(later) == "user") && prints_first_calls(probes, "tool-answer") {
        return None;
    }
    let knows_tools = (0..printed.segments.len()).any(|index| printed.segments.origin_at(index) == Origin::Tools);
    let what = match (knows_tools, CALLING.into_iter().any(|name| prints_first_calls(probes, name))) {
        (_, true) => "the calls of other messages are printed and these are not",
        (true, false) => "tools are printed and their calls are not",
        (false, false) => return None,
    };
    Some((message, "tool_calls", format!("{what}: `messages[{message}].tool_calls` is lost")))
}

/// Whether the calls of the second message of a shape are printed.
fn prints_first_calls(probes: &Probes<'_>, name: &str) -> bool {
    let outcome = probes.natural(shape(name));
    matches!(&*outcome, Ok(printed) if !printed.text_of("/messages/1/tool_calls").is_empty())
}

/// The finding about calls that are printed by their names alone.
fn lost_arguments(rule: &Rule, context: &Context<'_>) -> Result<Option<Finding>, NotEvaluated> {
    let probes = context.probes()?;
    for shape in CALLING.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let Some(start) = printed.start_of("/messages/1/tool_calls/0/function/name") else {
            continue;
        };
        let arguments = &shape.messages()[1]["tool_calls"][0]["function"]["arguments"];
        let values: Vec<&str> = arguments.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str()).collect();
        // The user's words have the values, too.
        let of_others = |index: usize| printed.segments.message(index).is_some_and(|message| message != 1);
        let own = (0..printed.segments.len()).filter(|index| !of_others(*index));
        let text: String = own.map(|index| &printed.text[printed.range(index)]).collect();
        if values.iter().any(|value| text.contains(value)) {
            return Ok(None);
        }
        let place = match printer_of(context, printed, start) {
            Some(span) if !is_aside(context, span)? => span,
            _ => reader_of(context, "assistant", "tool_calls")?,
        };
        let what = "the arguments of calls are not printed: `messages[1].tool_calls[0].function.arguments` is lost";
        return Ok(Some(Finding::new(rule, place, what).on_shape(shape.name)));
    }
    Ok(None)
}
