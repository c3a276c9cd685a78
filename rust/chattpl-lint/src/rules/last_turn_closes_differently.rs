//! CT207: an assistant's turn ends in another way where it is the last.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::ending::{unasked_prompt, Ending, Endings};
use crate::probe::locate::message_loop;
use crate::probe::markers::last_marker;
use crate::probe::printer::{condition_between, place_of, print_of};
use crate::probe::turn::shown;
use crate::probe::{common_prefix, shape, Ask, Printed, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations that are cut behind an assistant's message, with its index.
const CUTS: [(&str, usize); 2] = [("multi-turn", 1), ("tool-answer", 1)];

declare_rule! {
    /// ## What it does
    /// Ends a conversation with an assistant's turn, lets it go on, and reports where the turn ends with another text then.
    ///
    /// ## Why
    /// Of a row with several turns only the last one teaches the token at which serving stops; the others teach a different
    /// end, or none. Train each turn as a row of its own, or learn the end of the last turn only.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + ('<stop>' if loop.last else '<end>') -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT207",
    name: "last-turn-closes-differently",
    family: Behaviour,
    kind: Probe,
    // Some vendors do so on purpose (gpt-oss, GLM): it matters to those who train.
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let Some(endings) = Endings::of(context)? else {
        return Ok(Vec::new());
    };
    for (shape, message) in CUTS.map(|(name, message)| (shape(name), message)) {
        let (cut, whole) = (probes.get(Ask::whole(shape).upto(message + 1)), probes.get(Ask::whole(shape)));
        let (Ok(cut), Ok(whole)) = (&*cut, &*whole) else {
            continue;
        };
        let Some((last, other)) = ends_of(cut, whole, message) else {
            continue;
        };
        let Some(what) = difference(&endings, last, other) else {
            continue;
        };
        let place = match place(context, shape, (cut, whole), message)? {
            Some(span) => span,
            None => message_loop(context)?,
        };
        // What is true of answers need not be said of calls.
        return Ok(vec![Finding::new(rule, place, what).on_shape(shape.name)]);
    }
    Ok(Vec::new())
}

/// What prints the end of the last turn; where nothing does, the condition for which other turns have one.
fn place(
    context: &Context<'_>,
    shape: &'static Shape,
    (cut, whole): (&Printed, &Printed),
    message: usize,
) -> Result<Option<Span>, NotEvaluated> {
    let Some((last, other)) = ends_of(cut, whole, message) else {
        return Ok(None);
    };
    let end = |printed: &Printed| printed.body_of(message).map_or(0, |body| body.end) + common_prefix(last, other);
    let (here, there) = (Ask::whole(shape).upto(message + 1), Ask::whole(shape));
    let at = end(cut);
    let place = place_of(context, here, at.min(cut.text.len() - 1))?;
    if at < cut.text.len() {
        return Ok(place);
    }
    Ok(match (place, print_of(context, there, end(whole))?) {
        (Some(place), Some(closer)) => condition_between(context, closer, place)?.or(Some(place)),
        (place, _) => place,
    })
}

/// What follows the body of a message: to the end of the cut conversation, and to the next message's body.
fn ends_of<'p>(cut: &'p Printed, whole: &'p Printed, message: usize) -> Option<(&'p str, &'p str)> {
    let (body, same) = (cut.body_of(message)?, whole.body_of(message)?);
    if cut.text[body.clone()] != whole.text[same] {
        return None;
    }
    let end = unasked_prompt(cut, whole, message).unwrap_or(cut.text.len());
    Some((&cut.text[body.end..end], whole.between(message, message + 1)?))
}

/// In which way the two ends differ, in words.
fn difference(endings: &Endings, last: &str, other: &str) -> Option<String> {
    let usual = match &endings.answer {
        Ending::Own(text) | Ending::HandOver(text) => text,
        Ending::Open => return None,
    };
    if other.starts_with(last.trim_end()) && !last.trim().is_empty() {
        return None;
    }
    // Up to the end token, where the other end has it: what follows is the next turn.
    let token = last_marker(usual).unwrap_or(usual);
    let other = other.find(token).map_or(usual.as_str(), |at| other[..at + token.len()].trim());
    Some(match last.trim() {
        "" => format!("the last turn of an assistant is left open, where others end with {}", shown(other)),
        last => format!("the last turn of an assistant ends with {}, where others end with {}", shown(last), shown(other)),
    })
}
