//! CT222: a model that is in the middle of its work does not see what it thought.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::reader::{is_read, reader_of};
use crate::probe::switch::switch_for;
use crate::probe::{shape, Ask, Printed, Shape, Thinking, REASONING_FIELDS};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a template that knows a field for reasoning and leaves out the reasoning of calls whose answers the model is
    /// about to read, with `enable_thinking=true`. Where a switch of the template's own keeps it, such as `keep_past_thinking`, the
    /// caller chooses, and nothing is reported.
    ///
    /// ## Why
    /// Old reasoning is dropped once a user speaks again, and models are trained so. Between calls it is the plan: without it
    /// the model starts over at every answer, and in reinforcement learning sees another prompt than it sampled from.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.reasoning_content and loop.last -%}
    /// {{- '<think>' + message.reasoning_content + '</think>' -}}
    /// {%- endif -%}
    /// {{- message.content or '' -}}
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
    /// {%- if message.reasoning_content -%}
    /// {{- '<think>' + message.reasoning_content + '</think>' -}}
    /// {%- endif -%}
    /// {{- message.content or '' -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT222",
    name: "reasoning-dropped-in-tool-loop",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let mut field = None;
    for name in ["reasoning_content", "thinking", "reasoning"] {
        field = field.or(is_read(context, name)?.then_some(name));
    }
    let Some(field) = field else {
        return Ok(Vec::new());
    };
    let probes = context.probes()?;
    let survey = shape("reasoning-tool-loop");
    let loops = [(shape("reasoning-tool"), 3), (survey, survey.messages().len() - 1), (shape("tool-loop-after-turns"), 7)];
    for (shape, upto) in loops {
        let ask = Ask::whole(shape).upto(upto).thinking(Thinking::On).prompted();
        let ask = if field == "reasoning" { ask.under_reasoning() } else { ask };
        let outcome = probes.get(ask);
        let Ok(printed) = &*outcome else {
            continue;
        };
        if let Some(lost) = lost_reasoning(shape, upto, printed) {
            // What a switch of the template's own brings back is left out by the caller.
            if switch_for(context, ask, |printed| lost_reasoning(shape, upto, printed).is_none())?.is_some() {
                continue;
            }
            let span = reader_of(context, "assistant", field)?;
            let message = format!("the reasoning of a tool call (`messages[{lost}].{field}`) is left out while the model goes on with the answer");
            return Ok(vec![Finding::new(rule, span, message).on_shape(shape.name)]);
        }
    }
    Ok(Vec::new())
}

/// The first message that reasons and calls tools, of which the call is printed and no reasoning is.
fn lost_reasoning(shape: &Shape, upto: usize, printed: &Printed) -> Option<usize> {
    thinking_calls(shape, upto).find(|message| {
        let said = |name| printed.text_of(&format!("/messages/{message}/{name}"));
        !said("tool_calls").is_empty() && REASONING_FIELDS.iter().all(|name| said(name).is_empty())
    })
}

/// The messages that reason and call tools.
fn thinking_calls(shape: &Shape, upto: usize) -> impl Iterator<Item = usize> + '_ {
    (0..upto).filter(|&message| {
        let message = &shape.messages()[message];
        message.get("tool_calls").is_some() && REASONING_FIELDS.iter().any(|field| message.get(field).is_some())
    })
}
