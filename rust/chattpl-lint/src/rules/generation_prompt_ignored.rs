//! CT202: `add_generation_prompt` changes nothing, though an assistant's turn has a header.

use std::ops::Range;

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::ending::is_reopened;
use crate::probe::locate::{literals_of, message_loop, printer_of};
use crate::probe::turn::{shown, Opening, Prompted};
use crate::probe::{common_prefix, shape, Ask, Printed};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a template that prints a header before an assistant's words and leaves it out, or a part of it, when the
    /// generation prompt is asked for, or prints another header then.
    ///
    /// ## Why
    /// The model has to write the header itself, which costs tokens and often goes wrong: it goes on as the user instead.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT202",
    name: "generation-prompt-ignored",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    // Some templates render only where tools are declared.
    let taken = ["plain", "tools-unused"].map(shape).into_iter().find(|shape| probes.get(Ask::whole(shape)).is_ok());
    let Some(shape) = taken else {
        return Ok(Vec::new());
    };
    let renders = Prompted::of(probes, shape, 1);
    let Some((asked, unasked, whole)) = renders.texts() else {
        return Ok(Vec::new());
    };
    if let Some(opening) = renders.opening() {
        let found = match other_header(rule, context, (asked, whole), &opening)? {
            Some(finding) => Some(finding.on_shape(shape.name)),
            None => ignored_behind_results(rule, context, (asked, unasked))?,
        };
        return Ok(found.into_iter().collect());
    }
    if asked.text != unasked.text || ends_in_header(context, asked, whole)? {
        return Ok(Vec::new());
    }
    // What a conversation prints at its end only, such as an end token, is no part of what the two share.
    let start = common_prefix(&asked.text, &whole.text);
    let (Some(question), Some(answer)) = (whole.body_of(0), whole.body_of(1)) else {
        return Ok(Vec::new());
    };
    let header = start..answer.start;
    if start < question.end || whole.text.get(header.clone()).is_none_or(|header| header.trim().is_empty()) {
        return Ok(Vec::new());
    }
    let place = match header_literal(context, whole, header.clone()) {
        Some(span) => span,
        None => message_loop(context)?,
    };
    let shown = whole.text[header].trim();
    let message =
        format!("`{shown}` stands before what the assistant says, and `add_generation_prompt` does not print it");
    Ok(vec![Finding::new(rule, place, message).on_shape(shape.name)])
}

/// The finding about a prompt that is printed behind a user's message and not behind a tool's result, where the answer has a
/// header, too.
fn ignored_behind_results(
    rule: &Rule,
    context: &Context<'_>,
    (asked, unasked): (&Printed, &Printed),
) -> Result<Option<Finding>, NotEvaluated> {
    let shape = shape("tool-answer");
    let renders = Prompted::of(context.probes()?, shape, 3);
    let Some((behind, alike, whole)) = renders.texts() else {
        return Ok(None);
    };
    let prompt = asked.text[common_prefix(&asked.text, &unasked.text)..].trim().lines().next().unwrap_or_default();
    let (Some(result), Some(header)) = (behind.body_of(2), whole.between(2, 3)) else {
        return Ok(None);
    };
    let is_missing = behind.text == alike.text && header.contains(prompt) && !behind.text[result.end..].contains(prompt);
    // Where that header opens a turn inside another, the prompt is right to leave it out: the history is at fault.
    if prompt.is_empty() || !is_missing || is_reopened(context, whole, 3) {
        return Ok(None);
    }
    let start = whole.body_of(3).map_or(0, |body| body.start.saturating_sub(1));
    let place = printer_of(context, whole, start).map_or_else(|| message_loop(context), Ok)?;
    let message = format!("{} is not printed behind a tool's result, though `add_generation_prompt` asks for it", shown(prompt));
    Ok(Some(Finding::new(rule, place, message).on_shape(shape.name)))
}

/// The finding about a prompt that is a part of the header, or another one.
fn other_header(
    rule: &Rule,
    context: &Context<'_>,
    (asked, whole): (&Printed, &Printed),
    opening: &Opening<'_>,
) -> Result<Option<Finding>, NotEvaluated> {
    let fault = if opening.prompt.is_empty() {
        let user_header = &whole.text[..whole.body_of(0).map_or(0, |body| body.start)];
        let left_out = opening.left_out(user_header);
        let is_fault = !left_out.is_empty() && is_in_all_turns(context, left_out)?;
        is_fault.then(|| format!("the prompt leaves out {}, a part of the header", shown(left_out)))
    } else {
        let Opening { prompt, turn, .. } = *opening;
        let is_other = opening.is_other_header();
        is_other.then(|| format!("the prompt prints {}, where an assistant's turn has {}", shown(prompt), shown(turn)))
    };
    let Some(fault) = fault else {
        return Ok(None);
    };
    let prompt = opening.at..asked.text.len();
    // A prompt that ends too soon is answered for by its last literal.
    let place = match literals_of(context, asked, prompt).first().copied() {
        Some(span) => Some(span),
        None => printer_of(context, asked, opening.at),
    };
    Ok(Some(Finding::new(rule, place.map_or_else(|| message_loop(context), Ok)?, fault)))
}

/// Whether turns that reason, and turns that call, have this text behind the prompt as well: else it is the model's choice,
/// as a channel or a recipient is.
fn is_in_all_turns(context: &Context<'_>, text: &str) -> Result<bool, NotEvaluated> {
    let probes = context.probes()?;
    let mut others = ["tool-call", "tool-call-null-content", "reasoning"].map(shape).into_iter();
    Ok(others.all(|shape| {
        let renders = Prompted::of(probes, shape, 1);
        let has_it = renders.opening().map(|other| other.turn.starts_with(text));
        has_it.unwrap_or(true)
    }))
}

/// Whether the text behind a user's last words goes on towards the answer's header, and not as where another user speaks:
/// then a prompt is printed, asked for or not.
fn ends_in_header(context: &Context<'_>, asked: &Printed, whole: &Printed) -> Result<bool, NotEvaluated> {
    let outcome = context.probes()?.get(Ask::whole(shape("consecutive-users")));
    let Ok(two) = &*outcome else {
        return Ok(false);
    };
    let (Some(first), Some(second), Some(only)) = (two.body_of(0), two.body_of(1), asked.body_of(0)) else {
        return Ok(false);
    };
    let between = two.text.get(first.end..second.start).unwrap_or_default();
    let tail = &asked.text[only.end..];
    let header = match (whole.body_of(0), whole.body_of(1)) {
        (Some(question), Some(answer)) => whole.text.get(question.end..answer.start).unwrap_or_default(),
        _ => "",
    };
    Ok(common_prefix(tail, header) > common_prefix(tail, between))
}

/// The first literal of the header that is more than white space.
fn header_literal(context: &Context<'_>, printed: &Printed, header: Range<usize>) -> Option<chattpl_syntax::Span> {
    let first = printed.segments.index_at(header.start);
    let words = (first..printed.segments.len()).take_while(|index| printed.range(*index).start < header.end).find(|index| {
        printed.segments.origin_at(*index) == Origin::Template && !printed.text[printed.range(*index)].trim().is_empty()
    })?;
    literals_of(context, printed, printed.range(words)).first().copied()
}
