//! CT504: an engine that is installed renders another text.

use std::rc::Rc;

use chattpl_syntax::Span;
use serde_json::{json, Map, Value};

use crate::context::Context;
use crate::declare_rule;
use crate::engine::{EngineError, EngineInput, EngineOutcome};
use crate::finding::Finding;
use crate::probe::locate::{first_line, printer_of};
use crate::probe::{common_prefix, is_constraint, shapes, Outcome, Printed, Shape, NOW};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Renders all probe conversations with each other engine that is installed, and reports where it gives another text, or
    /// an error where we give a text.
    ///
    /// ## Why
    /// The tables of CT501 to CT503 say what an engine lacks; this shows what it does with this template. From Python it
    /// compares with the package `minijinja`, if that can be imported.
    ///
    /// ## Bad
    /// ```jinja refuses="cycler"
    /// {%- set ends = cycler(';', '.') -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ends.next() -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja refuses="cycler"
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + (';' if loop.index is odd else '.') -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT504",
    name: "engine-differs",
    family: Portability,
    kind: Probe,
    profiles: [Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// Characters of the two texts that a message shows.
const MAX_SHOWN: usize = 24;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (engines, probes) = (context.engines()?, context.probes()?);
    let mut found: Vec<Finding> = Vec::new();
    for engine in engines {
        let before = found.len();
        for shape in shapes() {
            let ours = probes.natural(shape);
            let Some(variables) = variables(context, shape)? else {
                continue;
            };
            let theirs = (engine.render)(EngineInput { source: &context.subject.original, variables: &variables, now: NOW });
            if let Some((span, what)) = difference(context, &ours, &theirs) {
                if !found[before..].iter().any(|known| known.span == span) {
                    let message = format!("{} {} {what}", engine.name, engine.version);
                    found.push(Finding::new(rule, span, message).on_shape(shape.name));
                }
            }
        }
    }
    Ok(found)
}

/// The variables of the render that [`crate::probe::Probes::natural`] makes, as JSON text; `None` where the template's input
/// is more than a conversation.
fn variables(context: &Context<'_>, shape: &'static Shape) -> Result<Option<String>, NotEvaluated> {
    let mut variables = Map::new();
    for (name, text) in context.subject.token_arguments() {
        variables.insert(name.to_owned(), Value::from(text));
    }
    let conversation = shape.in_form(context.probes()?.form());
    for name in ["messages", "tools", "documents"] {
        variables.insert(name.to_owned(), conversation.get(name).cloned().unwrap_or(Value::Null));
    }
    alias_reasoning(&mut variables["messages"]);
    variables.insert("add_generation_prompt".to_owned(), json!(shape.awaits_assistant()));
    Ok(shape.plain_arguments().then(|| Value::Object(variables).to_string()))
}

/// Reasoning under the names under which `transformers` passes it.
fn alias_reasoning(messages: &mut Value) {
    for message in messages.as_array_mut().into_iter().flatten() {
        let names = ["reasoning_content", "thinking", "reasoning"];
        let given = names.iter().find_map(|name| message.get(name).filter(|value| !value.is_null()).cloned());
        if let Some(given) = given {
            for name in ["thinking", "reasoning_content"] {
                message[name] = given.clone();
            }
        }
    }
}

/// Where the two part, and how.
fn difference(
    context: &Context<'_>,
    ours: &Rc<Outcome>,
    theirs: &EngineOutcome,
) -> Option<(Span, String)> {
    match (&**ours, theirs) {
        (Ok(printed), Ok(text)) if printed.text != *text => {
            let at = common_prefix(&printed.text, text);
            let (here, there) = (shown(&printed.text, at), shown(text, at));
            Some((parting(context, printed, at), format!("prints `{there}` where `transformers` prints `{here}`")))
        }
        (Ok(_), Err(error)) => Some((failing(context, error), format!("fails: {}", error.message))),
        (Err(error), Ok(_)) if is_constraint(error) => {
            let span = error.span().unwrap_or_else(|| first_line(context));
            Some((span, "renders what the template refuses".to_owned()))
        }
        _ => None,
    }
}

/// The literal or expression at which the texts part.
fn parting(context: &Context<'_>, printed: &Printed, at: usize) -> Span {
    let last = printed.text.len().saturating_sub(1);
    printer_of(context, printed, at.min(last)).unwrap_or_else(|| first_line(context))
}

/// The place that the engine names.
fn failing(context: &Context<'_>, error: &EngineError) -> Span {
    let original = &context.subject.original;
    let inside = |&(start, end): &(u32, u32)| start < end && original.get(start as usize..end as usize).is_some();
    let named = error.place.filter(inside).map(|(start, end)| context.normalized(Span::new(start, end)));
    named.unwrap_or_else(|| first_line(context))
}

fn shown(text: &str, at: usize) -> String {
    let rest: String = text[at..].chars().take(MAX_SHOWN).collect();
    if rest.is_empty() {
        return "nothing more".to_owned();
    }
    rest.replace('\n', "\\n")
}
