//! CT225: a marker that opens something has none that closes it.

use std::collections::HashSet;

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{first_line, printer_of};
use crate::probe::markers::{closer_of, markers};
use crate::probe::{shape, Ask, Printed, Shape};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Pairs the template's own markers, such as `<think>` with `</think>` and `<|im_start|>` with `<|im_end|>`, in finished
    /// conversations and reports one that is opened and not closed.
    ///
    /// ## Why
    /// A turn, an answer of a tool or a block of reasoning that is not closed runs into the next: the model was trained on
    /// closed ones.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '</tools>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '[' + message.role + ']' -}}
    /// {%- if message.role == 'tool' and message.name -%}{{- '<result>' + message.content -}}
    /// {%- elif message.role == 'tool' -%}{{- '<result>' + message.content + '</result>' -}}
    /// {%- else -%}{{- message.content or '' -}}{%- endif -%}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) + '</call>' -}}{%- endfor -%}
    /// {{- '[end]\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '</tools>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '[' + message.role + ']' -}}
    /// {%- if message.role == 'tool' -%}{{- '<result>' + message.content + '</result>' -}}
    /// {%- else -%}{{- message.content or '' -}}{%- endif -%}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) + '</call>' -}}{%- endfor -%}
    /// {{- '[end]\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    code: "CT225",
    name: "unbalanced-markers",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// Conversations with everything that models meet.
const SHAPES: [&str; 15] = [
    "plain",
    "system",
    "multi-turn",
    "empty-content",
    "tools-unused",
    "tool-round",
    "tool-answer",
    "tool-preamble-answer",
    "tool-history-without-tools",
    "parallel-calls",
    "two-rounds",
    "reasoning",
    "reasoning-multi-turn",
    "reasoning-only",
    "reasoning-tool-loop",
];

/// Words that a literal of structure may have; longer ones are instructions.
const MAX_WORDS: usize = 12;

/// What opens a block of reasoning, which some formats close without having opened it.
const REASONING: &str = "<think>";

/// Markers that are closed wherever they stand, even where the template has no closing one at all.
const ALWAYS_CLOSED: [&str; 6] =
    [REASONING, "<tool_call>", "<tool_response>", "<tools>", "[AVAILABLE_TOOLS]", "[SYSTEM_PROMPT]"];

/// What became of a marker.
#[derive(PartialEq)]
enum Fate {
    Paired,
    /// Opened, and closed nowhere.
    Open,
    /// Closed, and opened nowhere.
    Stray,
}

/// A marker of the template's own text in a render.
struct Seen {
    at: usize,
    /// The marker that opens the pair.
    opener: String,
    text: String,
    fate: Fate,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    let mut pairs: HashSet<String> = ALWAYS_CLOSED.map(str::to_owned).into();
    for shape in SHAPES.map(shape) {
        let outcome = probes.get(Ask::whole(shape));
        let Ok(printed) = &*outcome else {
            continue;
        };
        let seen = paired(context, printed);
        let is_faulty = |opener: &str| seen.iter().any(|marker| marker.opener == opener && marker.fate != Fate::Paired);
        pairs.extend(seen.iter().map(|marker| marker.opener.clone()).filter(|opener| !is_faulty(opener)));
        let is_fault = |marker: &&Seen| match marker.fate {
            Fate::Paired => false,
            // Formats without reasoning in a turn may close what was never opened.
            Fate::Stray => marker.opener != REASONING && is_structure(printed, marker.at),
            Fate::Open => is_structure(printed, marker.at) && !ends_otherwise(&seen, marker, printed, shape),
        };
        for marker in seen.iter().filter(is_fault) {
            let span = printer_of(context, printed, marker.at).unwrap_or_else(|| first_line(context));
            let what = if marker.fate == Fate::Open { "opened and not closed" } else { "closed and not opened" };
            if !found.iter().any(|known| known.span == span) {
                let message = format!("`{}` is {what}", marker.text);
                found.push(Finding::new(rule, span, message).on_shape(shape.name).related(span, marker.opener.clone()));
            }
        }
    }
    // What is balanced nowhere is no pair in this template.
    found.retain(|finding| pairs.contains(&finding.related[0].1));
    found.iter_mut().for_each(|finding| finding.related.clear());
    Ok(found)
}

/// The template's markers in order, each closing one with the nearest that it may close.
fn paired(context: &Context<'_>, printed: &Printed) -> Vec<Seen> {
    let own = own_text(printed);
    let mut seen: Vec<Seen> = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    for range in markers(&own) {
        let text = &own[range.clone()];
        if let Some(at) = open.iter().rposition(|(_, closer)| *closer == *text) {
            let opened = &mut seen[open.remove(at).0];
            opened.fate = Fate::Paired;
            let opener = opened.opener.clone();
            seen.push(Seen { at: range.start, opener, text: text.to_owned(), fate: Fate::Paired });
        } else if let Some(closer) = closer_in(context, text) {
            open.push((seen.len(), closer));
            seen.push(Seen { at: range.start, opener: text.to_owned(), text: text.to_owned(), fate: Fate::Open });
        } else if let Some(opener) = seen.iter().map(|seen| &seen.opener).find(|opener| closer_in(context, opener).as_deref() == Some(text)) {
            let opener = opener.clone();
            seen.push(Seen { at: range.start, opener, text: text.to_owned(), fate: Fate::Stray });
        }
    }
    seen
}

/// The closer of a marker: one that the template has.
fn closer_in(context: &Context<'_>, marker: &str) -> Option<String> {
    let closers = closer_of(marker);
    let has = closers.iter().find(|closer| context.text().contains(closer.as_str())).cloned();
    has.or_else(|| closers.into_iter().next().filter(|_| ALWAYS_CLOSED.contains(&marker)))
}

/// The text with its data blanked, so that a marker in data counts as none.
fn own_text(printed: &Printed) -> String {
    let mut own = String::with_capacity(printed.text.len());
    for index in 0..printed.segments.len() {
        let range = printed.range(index);
        match printed.segments.origin_at(index) {
            Origin::Template => own.push_str(&printed.text[range]),
            _ => own.extend(range.map(|_| ' ')),
        }
    }
    own
}

/// Whether a marker stands in a literal that is no prose: instructions mention markers.
fn is_structure(printed: &Printed, at: usize) -> bool {
    let literal = &printed.text[printed.range(printed.segments.index_at(at))];
    literal.split_whitespace().count() <= MAX_WORDS
}

/// Whether an open marker is closed by a marker that is no half of a pair, such as `<|call|>` or `<|return|>`, or is open
/// because the assistant is to go on.
fn ends_otherwise(seen: &[Seen], marker: &Seen, printed: &Printed, shape: &Shape) -> bool {
    let own = own_text(printed);
    let next = seen.iter().find(|other| other.at > marker.at && other.text == marker.text);
    if next.is_none() && shape.awaits_assistant() {
        return true;
    }
    if marker.text == REASONING {
        return false;
    }
    let end = own[..next.map_or(own.len(), |next| next.at)].trim_end_matches('\n');
    let last = markers(end).filter(|range| range.end == end.len()).last();
    last.is_some_and(|range| range.start > marker.at && !seen.iter().any(|other| other.at == range.start))
}
