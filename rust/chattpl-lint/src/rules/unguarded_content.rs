//! CT102: a content is used as a text where it is null, missing or a list of parts.

use std::rc::Rc;

use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;
use serde_json::Value;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::index::Nodes;
use crate::probe::trial::{affordable, tried};
use crate::probe::{is_constraint, is_runaway, shape, Ask, Form, Outcome, Probes, Shape};
use crate::reads::{field_of, lies_in, used_fields};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Renders conversations in which an assistant's content is null or missing, and reports the reads of `content` that end
    /// in an error or print `None`. Where the template takes lists of parts in one place, it reports also those places that
    /// do not.
    ///
    /// ## Why
    /// An assistant's message that calls a tool has the content `null` in OpenAI's format, and many libraries leave the key
    /// out. `'text' + none` ends the request; `{{ none }}` prints a word that nobody said.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + message.content + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT102",
    name: "unguarded-content",
    family: Correctness,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: Sometimes,
    since: "0.1.0",
    check: check,
}

/// Conversations whose assistant has no content.
const WITHOUT_CONTENT: [&str; 3] = ["null-content", "missing-content", "tool-call-null-content"];

/// Conversations that end, behind so many messages, in one of a user, an assistant and a tool.
const PARTS: [(&str, usize); 3] = [("multi-turn", 1), ("multi-turn", 2), ("result-parts", 3)];

/// Reads tried one by one; templates have far fewer.
const MAX_TRIALS: usize = 40;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let mut found = Vec::new();
    for shape in WITHOUT_CONTENT.map(shape) {
        let places = unguarded(context, shape, &|_| Value::from(""), " or ''")?;
        add(rule, context, &mut found, shape, places);
    }
    if takes_parts(context.probes()?) {
        let places = unguarded(context, shape("parts"), &joined, " and ''")?;
        add(rule, context, &mut found, shape("parts"), places);
    }
    Ok(found)
}

/// The place that answers for a fault, the place where it shows, and what happens.
struct Unguarded {
    read: Option<Span>,
    shown: Option<Span>,
    fault: Fault,
}

/// What a content that is no text does.
#[derive(Clone)]
enum Fault {
    /// The render ends in an error.
    Fails(String, Option<Span>),
    /// It is printed as Python writes it.
    Printed,
}

fn add(rule: &Rule, context: &Context<'_>, found: &mut Vec<Finding>, shape: &'static Shape, places: Vec<Unguarded>) {
    let parts = shape.has_parts();
    let fails = matches!(context.probes().map(|probes| probes.natural(shape)).as_deref(), Ok(Err(_)));
    let what = if parts { "a list of parts, which the template takes elsewhere" } else { "null or missing" };
    for Unguarded { read, shown, fault } in places {
        let Some(span) = read.or(shown).filter(|span| !found.iter().any(|known| lies_in(*span, known.span))) else {
            continue;
        };
        let text = context.slice(span);
        let message = match &fault {
            Fault::Fails(error, _) => format!("`{text}` is used unguarded and may be {what}; the render fails: {error}"),
            Fault::Printed if fails => format!("`{text}` would be printed as Python writes it where it is {what}"),
            Fault::Printed => format!("`{text}` is printed as Python writes it where it is {what}"),
        };
        let mut finding = Finding::new(rule, span, message).on_shape(shape.name);
        if let Some(shown) = shown.filter(|shown| !lies_in(span, *shown)) {
            finding = finding.related(shown, "the render fails here");
        }
        if read.is_some() && !parts {
            let edit = Edit::replace(span, format!("({text} or '')"));
            finding = finding.with_fix(Fix::changing("take an empty text where there is none", vec![edit]));
        }
        found.push(finding);
    }
}

/// The unguarded reads that a conversation meets, if a text in place of each content without one mends it.
///
/// `guard` is written behind a read to make a text of it.
fn unguarded(
    context: &Context<'_>,
    shape: &'static Shape,
    text_for: &dyn Fn(&Value) -> Value,
    guard: &str,
) -> Result<Vec<Unguarded>, NotEvaluated> {
    let (probes, nodes) = (context.probes()?, context.nodes()?);
    let Some(fault) = fault_of(&probes.natural(shape), shape) else {
        return Ok(Vec::new());
    };
    // Another fault of the same conversation is not the content's.
    let with_texts = probes.render_value(&with_texts(shape, text_for), shape.awaits_assistant());
    if with_texts.is_err() {
        return Ok(Vec::new());
    }
    let mut reads = used_fields(nodes, "content");
    let all: Vec<Span> = reads.iter().map(|read| read.span).collect();
    reads.retain(|read| !all.iter().any(|other| *other != read.span && lies_in(read.span, *other)));
    let guarded = |skipped: Option<Span>| -> Option<Rc<Outcome>> {
        let others = reads.iter().filter(|read| Some(read.span) != skipped);
        let edits: Vec<Edit> =
            others.map(|read| Edit::replace(read.span, format!("({}{guard})", context.slice(read.span)))).collect();
        tried(context, &edits, Ask::natural(shape))
    };
    let shown = match &fault {
        Fault::Fails(_, span) => *span,
        Fault::Printed => None,
    };
    let mends = reads.len() <= affordable(context, Ask::natural(shape), MAX_TRIALS) && guarded(None).is_some_and(|outcome| fault_of(&outcome, shape).is_none());
    let mut found = Vec::new();
    for read in reads.iter().filter(|_| mends) {
        let left = guarded(Some(read.span)).and_then(|outcome| fault_of(&outcome, shape));
        if let Some(fault) = left {
            found.push(Unguarded { read: Some(read.span), shown: shown.filter(|_| fails_like(&fault)), fault });
        }
    }
    // What the guards do not mend is the content's only where a content is read.
    if let Some(shown) = shown.filter(|shown| found.is_empty() && reads_content(nodes, *shown)) {
        found.push(Unguarded { read: None, shown: Some(shown), fault });
    }
    // One fault is shown by one place; the others are shown by themselves.
    if found.len() > 1 {
        found.iter_mut().for_each(|place| place.shown = None);
    }
    Ok(found)
}

fn fails_like(fault: &Fault) -> bool {
    matches!(fault, Fault::Fails(..))
}

/// Whether a place reads a content, or a variable that by its name holds one.
fn reads_content(nodes: &Nodes<'_>, place: Span) -> bool {
    nodes.exprs().any(|(_, expr)| lies_in(expr.span, place) && is_content(expr))
}

fn is_content(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => name.contains("content"),
        _ => field_of(expr).is_some_and(|(_, field)| field == "content"),
    }
}

/// The conversation with a text for each content that is none.
fn with_texts(shape: &Shape, text_for: &dyn Fn(&Value) -> Value) -> Value {
    let mut conversation = shape.conversation.clone();
    for message in conversation["messages"].as_array_mut().into_iter().flatten() {
        if !message["content"].is_string() {
            message["content"] = text_for(&message["content"]);
        }
    }
    conversation
}

/// The texts of parts as one.
fn joined(parts: &Value) -> Value {
    let texts = parts.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    Value::from(texts.collect::<String>())
}

/// What goes wrong with a content that is no text.
fn fault_of(outcome: &Outcome, shape: &Shape) -> Option<Fault> {
    match outcome {
        Err(error) if is_constraint(error) || is_runaway(error) => None,
        Err(error) => Some(Fault::Fails(error.message().to_owned(), error.span())),
        Ok(printed) => {
            let leaks = |index: usize| {
                let text = &printed.text[printed.range(index)];
                (text == "None" || text.starts_with('[')) && is_content_without_text(&printed.path(index), shape)
            };
            (0..printed.segments.len()).any(leaks).then_some(Fault::Printed)
        }
    }
}

fn is_content_without_text(path: &str, shape: &Shape) -> bool {
    path.ends_with("/content") && shape.conversation.pointer(path).is_some_and(|value| value.is_null() || value.is_array())
}

/// Whether the template prints the texts of a list of parts for some role.
fn takes_parts(probes: &Probes<'_>) -> bool {
    let form = Form { parts: true, ..probes.form() };
    PARTS.map(|(name, upto)| (shape(name), upto)).into_iter().any(|(shape, upto)| {
        let outcome = probes.get(Ask::whole(shape).upto(upto).written(form));
        let content = format!("/messages/{}/content", upto - 1);
        let said = joined(&shape.written(Some(upto), form, false)["messages"][upto - 1]["content"]);
        matches!(&*outcome, Ok(printed) if Some(printed.text_of(&content).trim()) == said.as_str().map(str::trim))
    })
}
