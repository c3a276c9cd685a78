//! CT201: an ordinary conversation ends in an error that nobody meant.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use chattpl_render::{ErrorClass, RenderError};
use chattpl_syntax::Span;

use crate::expr;
use crate::probe::locate::first_line;
use crate::probe::{is_constraint, is_runaway, shapes, was_not_run, Probes, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};
use crate::rules::unknown_name::SUPPLIED;
use crate::scope::Scopes;

declare_rule! {
    /// ## What it does
    /// Renders conversations that every model meets and reports errors other than the author's own `raise_exception`.
    ///
    /// What a template cannot do without is a constraint of its format, too: an argument of a name of its own that only the
    /// caller can give, and tools, where every conversation without them fails on them (`transformers` picks such a template
    /// only for calls with tools).
    ///
    /// ## Why
    /// A request fails, or a row of training data is lost, with a message that says nothing about the conversation.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + message.content + message.name -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT201",
    name: "render-fails",
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
    let tools_needed = tools_needed(context, probes)?;
    for shape in shapes().iter().filter(|shape| shape.ordinary) {
        let outcome = probes.natural(shape);
        let Err(error) = &*outcome else {
            continue;
        };
        if is_constraint(error) || was_not_run(error) {
            continue;
        }
        let span = error.span().unwrap_or_else(|| first_line(context));
        if Some(span) == tools_needed || is_argument_needed(error, context.scopes()?) {
            continue;
        }
        let message = match is_runaway(error) {
            true => format!("the conversation `{}` runs past a limit: {}", shape.name, error.message()),
            false => format!("the conversation `{}` fails: {}", shape.name, error.message()),
        };
        // One fault may fail many conversations; the first of them stands for all.
        if !found.iter().any(|finding| finding.span == span) {
            found.push(Finding::new(rule, span, message).on_shape(shape.name));
        }
    }
    Ok(found)
}

/// Where every ordinary conversation without tools fails on their lack, and none that has tools.
fn tools_needed(context: &Context<'_>, probes: &Probes<'_>) -> Result<Option<Span>, NotEvaluated> {
    let has_tools = |shape: &&Shape| shape.conversation.get("tools").is_some();
    let (with, without): (Vec<_>, Vec<_>) = shapes().iter().filter(|shape| shape.ordinary).partition(has_tools);
    let mut place = None;
    for shape in without {
        match &*probes.natural(shape) {
            Err(error) if is_constraint(error) => {}
            Err(error) if error.span().is_some() && (place.is_none() || place == error.span()) => place = error.span(),
            _ => return Ok(None),
        }
    }
    let Some(place) = place.filter(|place| reads_tools(context, *place).unwrap_or(false)) else {
        return Ok(None);
    };
    let fails_there = |shape| matches!(&*probes.natural(shape), Err(error) if error.span() == Some(place));
    Ok((!with.into_iter().any(fails_there)).then_some(place))
}

/// Whether the expression at a place is made of `tools`, or of a name that is set from them.
fn reads_tools(context: &Context<'_>, place: Span) -> Result<bool, NotEvaluated> {
    let scopes = context.scopes()?;
    let is_tools = |name: &str, span: Span| {
        let values = || scopes.reaching_at(span).into_iter().filter_map(|binding| binding.value);
        name == "tools" || values().any(|value| expr::mentions(value, "tools"))
    };
    let inside = |span: Span| place.start <= span.start && span.end <= place.end;
    Ok(scopes.uses().iter().any(|read| inside(read.span) && is_tools(read.name, read.span)))
}

/// Whether an error is the lack of an argument that the template does not bind, and no runtime passes by itself.
fn is_argument_needed(error: &RenderError, scopes: &Scopes<'_>) -> bool {
    let name = error.message().strip_prefix('\'').and_then(|rest| rest.strip_suffix("' is undefined"));
    error.class() == ErrorClass::UndefinedError
        && name.is_some_and(|name| !SUPPLIED.contains(&name) && scopes.named(name).next().is_none())
}
