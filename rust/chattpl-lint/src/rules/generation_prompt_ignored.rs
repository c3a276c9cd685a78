//! CT202: `add_generation_prompt` changes nothing, though an assistant's turn has a header.

use std::ops::Range;

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{literals_of, message_loop, printer_of};
use crate::probe::turn::{leading_marker, shown, Opening, Prompted};
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
        return other_header(rule, context, (asked, whole), &opening).map(|found| {
            found.into_iter().map(|finding| finding.on_shape(shape.name)).collect()
        });
    }
    if asked.text != unasked.text || ends_in_header(context, asked, whole)? {
        return Ok(Vec::new());
    }
    // What a conversation prints at its end only, such as an end token, is no part of what the two share.
    let start = common_prefix(&asked.text, &whole.text);
    let (Some(question), Some(answer)) = (content_of(whole, 0), content_of(whole, 1)) else {
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

/// The finding about a prompt that is a part of the header, or another one.
fn other_header(
    rule: &Rule,
    context: &Context<'_>,
    (asked, whole): (&Printed, &Printed),
    opening: &Opening<'_>,
) -> Result<Option<Finding>, NotEvaluated> {
    let user_header = &whole.text[..whole.body_of(0).map_or(0, |body| body.start)];
    let Some(fault) = header_fault(opening, user_header) else {
        return Ok(None);
    };
    if !is_in_all_turns(context, opening)? {
        return Ok(None);
    }
    let prompt = opening.at..asked.text.len();
    // A prompt that ends too soon is answered for by its last literal.
    let place = match literals_of(context, asked, prompt).first().copied().or_else(|| printer_of(context, asked, opening.at)) {
        Some(span) => span,
        None => message_loop(context)?,
    };
    Ok(Some(Finding::new(rule, place, fault)))
}

/// Whether turns that reason, and turns that call, go on behind the prompt as the plain answer does: else that is for the
/// model to choose, as a channel or a recipient is.
fn is_in_all_turns(context: &Context<'_>, opening: &Opening<'_>) -> Result<bool, NotEvaluated> {
    let probes = context.probes()?;
    let begins = ["tool-call", "tool-call-null-content", "reasoning"].map(shape).into_iter().all(|shape| {
        let renders = Prompted::of(probes, shape, 1);
        let other = renders.opening().map(|other| other.turn.starts_with(opening.turn));
        other.unwrap_or(true)
    });
    Ok(begins)
}

/// In which way the prompt is not the header of an assistant's turn, in words.
///
/// A turn may go on with what the model is to write itself, such as a channel or a thought; what stands at the end of a
/// user's header as well belongs to the header.
fn header_fault(opening: &Opening<'_>, user_header: &str) -> Option<String> {
    let Opening { prompt, turn, .. } = *opening;
    let in_word = |text: &str| text.starts_with(char::is_alphanumeric);
    if prompt.is_empty() {
        // Spaces before a text merge with it into one token, so prompts leave them out.
        let is_part = in_word(turn) || user_header.ends_with(turn) && !turn.trim_matches(' ').is_empty();
        return is_part.then(|| format!("the prompt leaves out {}, a part of the header", shown(turn)));
    }
    let (said, wanted) = (leading_marker(prompt.trim_start()), leading_marker(turn.trim_start()));
    let is_thought = |marker: &&str| {
        let marker = marker.to_lowercase();
        ["think", "thought", "reason"].iter().any(|word| marker.contains(word))
    };
    let other_marker = said.is_some() && wanted.is_some() && !said.iter().chain(&wanted).any(is_thought);
    let is_other = in_word(turn) || other_marker;
    is_other.then(|| format!("the prompt prints {}, where an assistant's turn has {}", shown(prompt), shown(turn)))
}

/// Where the content of a message is printed.
fn content_of(printed: &Printed, message: usize) -> Option<Range<usize>> {
    let path = format!("/messages/{message}/content");
    let mut inside = (0..printed.segments.len()).filter(|index| printed.path(*index).starts_with(&path));
    let first = inside.next()?;
    let last = inside.next_back().unwrap_or(first);
    Some(printed.range(first).start..printed.range(last).end)
}

/// Whether the text behind a user's last words goes on towards the answer's header, and not as where another user speaks:
/// then a prompt is printed, asked for or not.
fn ends_in_header(context: &Context<'_>, asked: &Printed, whole: &Printed) -> Result<bool, NotEvaluated> {
    let outcome = context.probes()?.get(Ask::whole(shape("consecutive-users")));
    let Ok(two) = &*outcome else {
        return Ok(false);
    };
    let (Some(first), Some(second), Some(only)) = (content_of(two, 0), content_of(two, 1), content_of(asked, 0)) else {
        return Ok(false);
    };
    let between = two.text.get(first.end..second.start).unwrap_or_default();
    let tail = &asked.text[only.end..];
    let header = match (content_of(whole, 0), content_of(whole, 1)) {
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
