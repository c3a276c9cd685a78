//! CT221: what a tool answered does not reach the model.

use chattpl_syntax::ast::{Expr, ExprKind, StmtKind};
use chattpl_syntax::Span;
use serde_json::Value;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::Edit;
use crate::probe::locate::message_loop;
use crate::probe::reader::reader_of;
use crate::probe::trial::tried;
use crate::probe::{shape, Ask, Printed, Shape};
use crate::reads::{field_of, lies_in, used_fields, used_places};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Answers that are no plain text, each with what it is.
const OTHERS: [(&str, &str); 3] =
    [("result-parts", "a list of parts"), ("result-mapping", "a mapping"), ("result-list", "a list of mappings")];

/// Reads tried one by one.
const MAX_TRIALS: usize = 60;

declare_rule! {
    /// ## What it does
    /// Reports a template that prints calls of tools and loses what the tools answered: any answer, or one that is a list of
    /// parts, a mapping or a list.
    ///
    /// ## Why
    /// The model sees an empty answer, calls the tool again, or makes the answer up.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.content is string -%}{{- message.content -}}{%- endif -%}
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
    /// {%- if message.content is string -%}{{- message.content -}}
    /// {%- elif message.content -%}{{- message.content | tojson -}}{%- endif -%}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT221",
    name: "tool-result-dropped",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let round = probes.natural(shape("tool-round"));
    let Ok(printed) = &*round else {
        return Ok(Vec::new());
    };
    if printed.text_of("/messages/1/tool_calls").is_empty() {
        return Ok(Vec::new());
    }
    let span = reader_of(context, "tool", "content")?;
    if printed.text_of("/messages/2").is_empty() {
        let message = "calls of tools are printed, and what a tool answers is lost";
        return Ok(vec![Finding::new(rule, span, message).on_shape("tool-round")]);
    }
    let mut lost: Vec<(&'static str, &str)> = Vec::new();
    for (name, what) in OTHERS {
        let outcome = probes.natural(shape(name));
        if matches!(&*outcome, Ok(printed) if loses(printed, shape(name))) {
            lost.push((name, what));
        }
    }
    let Some((name, _)) = lost.first() else {
        return Ok(Vec::new());
    };
    let span = match place_that_loses(context, shape(name), span)? {
        Some(place) => place,
        None => message_loop(context)?,
    };
    let what: Vec<&str> = lost.iter().map(|(_, what)| *what).collect();
    let message = format!("what a tool answers is lost where its content is {}", what.join(" or "));
    Ok(vec![Finding::new(rule, span, message).on_shape(name)])
}

/// The place after which the answer is lost: the read that prints it once it reads a text, or one part with a text, in place
/// of the answer; else the read whose kind is asked about, if another answer lets it through. The usual read is tried
/// first, then loops.
fn place_that_loses(context: &Context<'_>, shape: &'static Shape, usual: Span) -> Result<Option<Span>, NotEvaluated> {
    let nodes = context.nodes()?;
    let iterated = |place: Span| {
        nodes.stmts().any(|(_, stmt)| matches!(&stmt.kind, StmtKind::For(node) if looped_over(&node.iter) == place))
    };
    let as_text = |place: Span| {
        let read = context.slice(place);
        let text = format!("({read} if {read} is string else {read} | tojson)");
        let text = if iterated(place) { format!("[{{'type': 'text', 'text': {text}}}]") } else { text };
        Edit::replace(place, text)
    };
    let prints = |edits: &[Edit]| {
        let outcome = tried(context, edits, Ask::natural(shape));
        matches!(outcome.as_deref(), Some(Ok(printed)) if !loses(printed, shape))
    };
    let objects: Vec<Span> = nodes.exprs().filter_map(|(_, expr)| field_of(expr)).map(|(object, _)| object.span).collect();
    let places = used_places(nodes, "content").into_iter().filter(|place| may_hold_content(place, &objects));
    let places: Vec<Span> = places.map(|place| place.span).collect();
    let (loops, others): (Vec<Span>, Vec<Span>) = places.into_iter().partition(|place| iterated(*place));
    let mut reads = std::iter::once(usual).chain(loops).chain(others).take(MAX_TRIALS);
    if let Some(read) = reads.find(|place| prints(&[as_text(*place)])) {
        return Ok(Some(read));
    }
    let fields: Vec<Span> = used_fields(nodes, "content").into_iter().map(|read| read.span).collect();
    let is_inner = |read: &Span| fields.iter().any(|other| other != read && lies_in(*read, *other));
    let asked = nodes.exprs().filter_map(|(_, expr)| match &expr.kind {
        ExprKind::Test { input, .. } if is_content(input) => Some((expr.span, input.span)),
        _ => None,
    });
    let lets_through = |(test, _): &(Span, Span)| {
        let otherwise = Edit::replace(*test, format!("(not ({}))", context.slice(*test)));
        let texts = fields.iter().filter(|read| !is_inner(read) && !lies_in(**read, *test)).map(|read| as_text(*read));
        prints(&texts.chain([otherwise]).collect::<Vec<_>>())
    };
    let question = asked.take(MAX_TRIALS).find(lets_through);
    Ok(question.map(|(_, read)| read))
}

/// What a loop goes over, without what stands in for it where there is nothing.
fn looped_over(iter: &Expr) -> Span {
    match &iter.kind {
        ExprKind::Or(left, _) => looped_over(left),
        _ => iter.span,
    }
}

fn is_content(expr: &Expr) -> bool {
    field_of(expr).is_some_and(|(_, field)| field == "content")
}

/// Whether an expression reads a content, or a variable that may hold one: none of whose fields are read.
fn may_hold_content(expr: &Expr, objects: &[Span]) -> bool {
    is_content(expr) || matches!(expr.kind, ExprKind::Name(_)) && !objects.contains(&expr.span)
}

/// Whether a text of the answer is nowhere in the output.
fn loses(printed: &Printed, shape: &Shape) -> bool {
    let mut texts = Vec::new();
    leaves(&shape.messages()[2]["content"], &mut texts);
    !texts.iter().all(|text| printed.text.contains(text))
}

/// The texts in a value, but for the names of the kinds of parts.
fn leaves<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Object(items) => {
            items.iter().filter(|(name, _)| *name != "type").for_each(|(_, item)| leaves(item, texts));
        }
        _ => {}
    }
}
