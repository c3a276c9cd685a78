//! CT103: the arguments of a call are taken for a mapping, or for a text, without a test which they are.

use std::rc::Rc;

use chattpl_render::{ErrorClass, RenderError};
use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::probe::trial::{affordable, tried};
use crate::probe::{shape, Ask, Form, Outcome};
use crate::reads::{field_of, lies_in, used_places};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Renders one call twice, its arguments once as a mapping and once as JSON text, and reports the expression that fails
    /// on one of them, prints the mapping as Python writes it, or makes a quoted text of the JSON text.
    ///
    /// ## Why
    /// Clients of OpenAI's kind send arguments as JSON text; `transformers` and most data sets hold mappings. A template that
    /// takes one of them fails on the other, or shows the model `"{\"town\": ...}"`, which it then learns to write.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}
    /// {{- ' ' + call.function.name + '(' + call.function.arguments | tojson + ')' -}}
    /// {%- endfor -%}
    /// {{- ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}
    /// {{- ' ' + call.function.name + '(' + (call.function.arguments if call.function.arguments is string else call.function.arguments | tojson) + ')' -}}
    /// {%- endfor -%}
    /// {{- ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT103",
    name: "unguarded-arguments",
    family: Correctness,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: Sometimes,
    since: "0.1.0",
    check: check,
}

/// Where both conversations have their arguments.
const PATH: &str = "/messages/1/tool_calls/0/function/arguments";

/// Places at most tried one by one.
const MAX_TRIALS: usize = 60;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let form = Form { string_arguments: false, ..probes.form() };
    let ask = |name| Ask::natural(shape(name)).written(form);
    let (text, mapping) = (ask("arguments-string"), ask("arguments-mapping"));
    let (on_text, on_mapping) = (probes.get(text), probes.get(mapping));
    let finding = match (&*on_text, &*on_mapping) {
        (Err(error), Ok(_)) if is_of_kind(error) => {
            let span = blamed(context, error.span())?;
            let what = format!("fails where the arguments are JSON text: {}", error.message());
            span.map(|span| finding(rule, context, span, &what).on_shape("arguments-string"))
        }
        (Ok(_), Err(error)) if is_of_kind(error) => {
            let what = format!("fails where the arguments are a mapping: {}", error.message());
            let sound = |outcome: &Outcome| says_arguments(outcome);
            let culprit = culprit(context, mapping, &sound)?;
            let span = culprit.as_ref().map(|edit| edit.span).or(blamed(context, error.span())?);
            span.map(|span| guarded(finding(rule, context, span, &what), culprit).on_shape("arguments-mapping"))
        }
        (Ok(_), Ok(_)) if is_python(&on_mapping) => {
            let sound = |outcome: &Outcome| says_arguments(outcome) && !is_python(outcome);
            culprit(context, mapping, &sound)?.map(|edit| {
                let found = finding(rule, context, edit.span, "is printed as Python writes it where it is a mapping");
                guarded(found, Some(edit)).on_shape("arguments-mapping")
            })
        }
        (Ok(_), Ok(_)) if is_quoted(&on_text) => {
            let sound = |outcome: &Outcome| says_arguments(outcome) && !is_quoted(outcome);
            culprit(context, text, &sound)?.map(|edit| {
                let found = finding(rule, context, edit.span, "makes a quoted text of arguments that are JSON text");
                guarded(found, Some(edit)).on_shape("arguments-string")
            })
        }
        _ => None,
    };
    Ok(finding.into_iter().collect())
}

fn finding(rule: &Rule, context: &Context<'_>, span: Span, what: &str) -> Finding {
    Finding::new(rule, span, format!("`{}` {what}", context.slice(span)))
}

fn guarded(finding: Finding, edit: Option<Edit>) -> Finding {
    match edit {
        Some(edit) => finding.with_fix(Fix::changing("tell JSON text from a mapping", vec![edit])),
        None => finding,
    }
}

/// Whether an error is about what kind of value something is.
fn is_of_kind(error: &RenderError) -> bool {
    use ErrorClass::{AttributeError, TypeError, UndefinedError, ValueError};
    matches!(error.class(), AttributeError | TypeError | UndefinedError | ValueError)
        // Jinja2's `items` filter says so in a class that it uses for much else.
        || error.message().starts_with("Can only get item pairs")
}

fn says_arguments(outcome: &Outcome) -> bool {
    outcome.as_ref().is_ok_and(|printed| !printed.text_of(PATH).is_empty())
}

/// Whether a mapping's own braces were printed without `tojson`: those are data, and JSON's are the template's.
fn is_python(outcome: &Outcome) -> bool {
    let Ok(printed) = outcome else {
        return false;
    };
    (0..printed.segments.len())
        .any(|index| printed.text[printed.range(index)].starts_with('{') && printed.path(index) == PATH)
        && printed.text_of(PATH).contains('\'')
}

/// Whether JSON text was escaped once more.
fn is_quoted(outcome: &Outcome) -> bool {
    outcome.as_ref().is_ok_and(|printed| printed.text_of(PATH).contains("\\\""))
}

/// The guard of one expression after which a conversation is printed as it should be.
fn culprit(
    context: &Context<'_>,
    ask: Ask,
    sound: &dyn Fn(&Outcome) -> bool,
) -> Result<Option<Edit>, NotEvaluated> {
    let nodes = context.nodes()?;
    let places = used_places(nodes, "arguments");
    let edits = places.into_iter().take(affordable(context, ask, MAX_TRIALS)).map(|place| {
        let read = context.slice(place.span);
        let whole = nodes.exprs().find(|(_, expr)| is_json_of(expr, place)).map_or(place, |(_, expr)| expr);
        let json = if whole.span == place.span { format!("{read} | tojson") } else { context.slice(whole.span).to_owned() };
        Edit::replace(whole.span, format!("({read} if {read} is string else {json})"))
    });
    let mut fitting = edits.filter(|edit| {
        tried(context, std::slice::from_ref(edit), ask).is_some_and(|outcome: Rc<Outcome>| sound(&outcome))
    });
    Ok(fitting.next())
}

/// Whether an expression is `place | tojson`.
fn is_json_of(expr: &Expr, place: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Filter { input: Some(input), name, .. } => &*name.text == "tojson" && input.span == place.span,
        _ => false,
    }
}

/// The read of arguments inside a failing expression, else a variable, else all of it.
fn blamed(context: &Context<'_>, failing: Option<Span>) -> Result<Option<Span>, NotEvaluated> {
    let Some(failing) = failing else {
        return Ok(None);
    };
    let inside = || context.nodes().map(|nodes| nodes.exprs().filter(|(_, expr)| lies_in(expr.span, failing)));
    let read = inside()?.find(|(_, expr)| field_of(expr).is_some_and(|(_, field)| field == "arguments"));
    let place = match read {
        Some(read) => Some(read),
        None => inside()?.find(|(_, expr)| matches!(expr.kind, ExprKind::Name(_))),
    };
    Ok(Some(place.map_or(failing, |(_, expr)| expr.span)))
}
