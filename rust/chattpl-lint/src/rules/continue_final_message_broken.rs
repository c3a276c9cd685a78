//! CT217: a message that the model is to go on with is cut, or closed, in the wrong place.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::printer_of;
use crate::probe::reader::{is_read, reader_of};
use crate::probe::{is_constraint, shape, Ask, Printed, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Each conversation with the field that the model goes on with.
const PREFILLS: [(&str, &str); 3] =
    [("prefill", "content"), ("prefill-reasoning", "content"), ("reasoning-only", "reasoning_content")];

declare_rule! {
    /// ## What it does
    /// Renders conversations whose last message is to be continued (`continue_final_message`) and reports a text that does
    /// not end with that message, that has it twice, or that closes an empty block of reasoning before it.
    ///
    /// ## Why
    /// Prefilled answers, and answers that were stopped for length, go on from a text that the model has never seen: part of
    /// the message is missing, or the reasoning it is in the middle of was declared over.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' and '</think>' not in (message.content or '') -%}
    /// {{- '<think></think>' -}}
    /// {%- endif -%}
    /// {{- (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.role == 'assistant' and '<think>' not in (message.content or '') -%}
    /// {{- '<think></think>' -}}
    /// {%- endif -%}
    /// {{- (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT217",
    name: "continue-final-message-broken",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let mut found: Vec<Finding> = Vec::new();
    for (name, field) in PREFILLS {
        if let Some(finding) = broken(rule, context, shape(name), field)? {
            if !found.iter().any(|known| known.span == finding.span) {
                found.push(finding);
            }
        }
    }
    Ok(found)
}

fn broken(
    rule: &Rule,
    context: &Context<'_>,
    shape: &'static Shape,
    field: &'static str,
) -> Result<Option<Finding>, NotEvaluated> {
    let probes = context.probes()?;
    let last = shape.messages().len() - 1;
    let path = format!("/messages/{last}/{field}");
    let said = shape.messages()[last][field].as_str().unwrap_or_default();
    let (whole, continued) = (probes.get(Ask::whole(shape)), probes.get(Ask::whole(shape).continuing(field)));
    let Ok(whole) = &*whole else {
        return Ok(None);
    };
    let printed = whole.text_of(&path);
    // What is never printed is reported as dropped.
    if printed.is_empty() || field == "reasoning_content" && !is_read(context, field)? {
        return Ok(None);
    }
    let problem = match &*continued {
        Err(error) if is_constraint(error) => return Ok(None),
        Err(_) => "the template changes it so that its end is not found".to_owned(),
        Ok(continued) => match problem(whole, continued, &path, said) {
            Some(problem) => problem,
            None => match closed_reasoning(continued, last) {
                Some(at) => {
                    let span = printer_of(context, continued, at);
                    let message = "a message that begins in the middle of its reasoning is continued after `</think>`";
                    return Ok(span.map(|span| Finding::new(rule, span, message).on_shape(shape.name)));
                }
                None => return Ok(None),
            },
        },
    };
    let span = reader_of(context, "assistant", field)?;
    let message = format!("the `{field}` of the last message can't be continued: {problem}");
    Ok(Some(Finding::new(rule, span, message).on_shape(shape.name)))
}

/// What is wrong with the continued text, in words.
fn problem(whole: &Printed, continued: &Printed, path: &str, said: &str) -> Option<String> {
    let copies = whole.text_of(path).matches(said).count();
    if copies > 1 {
        return Some(format!("it is printed {copies} times"));
    }
    let end = whole.pieces_of(path).last().map_or(0, |range| range.end);
    if continued.text.trim_end() == whole.text[..end].trim_end() && continued.text.ends_with(said.trim()) {
        return None;
    }
    if !continued.text.ends_with(said.trim()) {
        return Some("the text does not end with it".to_owned());
    }
    Some("what stands before it differs from what an ended message has".to_owned())
}

/// Where the template closes reasoning, in a message whose own text opens it.
fn closed_reasoning(continued: &Printed, last: usize) -> Option<usize> {
    let own = continued.pieces_of(&format!("/messages/{last}/content")).next()?;
    let opens = continued.text[own.clone()].starts_with("<think>");
    let header = continued.text[..own.start].rfind("</think>").filter(|_| opens)?;
    // Only what is printed with this message: earlier turns may have closed theirs.
    let index = continued.segments.index_at(header);
    (continued.segments.message(index) == Some(last as u32)).then_some(header)
}
