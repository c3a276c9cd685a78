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
const SHAPES: [&str; 16] = [
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
    "result-unnamed",
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
const ALWAYS_CLOSED: [&str; 7] = [
    REASONING,
    "<tool_call>",
    "<tool_response>",
    "<tools>",
    "[AVAILABLE_TOOLS]",
    "[SYSTEM_PROMPT]",
    "[TOOL_RESULTS]",
];

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
    let outcomes = SHAPES.map(shape).map(|shape| (shape, probes.get(Ask::whole(shape))));
    let mut renders = Vec::new();
    for (shape, outcome) in &outcomes {
        if let Ok(printed) = &**outcome {
            renders.push(Render::of(context, shape, printed));
        }
    }
    let enders: HashSet<(String, String)> = renders.iter().flat_map(Render::after_closers).collect();
    // What is balanced in no conversation is no pair in this template.
    let pairs: HashSet<&str> = renders.iter().flat_map(Render::balanced).chain(ALWAYS_CLOSED).collect();
    // What closes every answer closes the turns of others.
    let of_answers: HashSet<&str> = renders.iter().flat_map(Render::closed_answers).collect();
    let mut found: Vec<Finding> = Vec::new();
    for render in &renders {
        let faults = render.seen.iter().filter(|marker| render.is_fault(marker, &enders));
        let counts = |marker: &&Seen| {
            let opener = marker.opener.as_str();
            pairs.contains(opener) || of_answers.contains(opener) && render.is_others_turn(marker)
        };
        for marker in faults.filter(counts) {
            let span = printer_of(context, render.printed, marker.at).unwrap_or_else(|| first_line(context));
            let what = if marker.fate == Fate::Open { "opened and not closed" } else { "closed and not opened" };
            if !found.iter().any(|known| known.span == span) {
                found.push(Finding::new(rule, span, format!("`{}` is {what}", marker.text)).on_shape(render.shape.name));
            }
        }
    }
    Ok(found)
}

/// A conversation with its markers.
struct Render<'p> {
    shape: &'static Shape,
    printed: &'p Printed,
    /// The text with its data blanked, so that a marker in data counts as none.
    own: String,
    seen: Vec<Seen>,
}

impl<'p> Render<'p> {
    fn of(context: &Context<'_>, shape: &'static Shape, printed: &'p Printed) -> Self {
        let own = own_text(printed);
        let seen = paired(context, &own);
        Render { shape, printed, own, seen }
    }

    /// The openers of pairs all of which are closed.
    fn balanced(&self) -> impl Iterator<Item = &str> {
        let is_paired = |opener: &str| self.seen.iter().all(|other| other.opener != opener || other.fate == Fate::Paired);
        self.seen.iter().map(|marker| marker.opener.as_str()).filter(move |opener| is_paired(opener))
    }

    /// The openers of pairs that the turns of assistants are.
    fn closed_answers(&self) -> impl Iterator<Item = &str> {
        let is_answer = |marker: &&Seen| self.role_at(marker.at) == "assistant" && marker.fate == Fate::Paired;
        self.seen.iter().filter(is_answer).map(|marker| marker.opener.as_str())
    }

    /// Whether a marker is left open in a turn of a user or the system.
    fn is_others_turn(&self, marker: &Seen) -> bool {
        marker.fate == Fate::Open && matches!(self.role_at(marker.at), "user" | "system")
    }

    /// The role of the message that text is printed for; empty where there is none.
    fn role_at(&self, at: usize) -> &'static str {
        let message = self.printed.segments.message(self.printed.segments.index_at(at));
        message.map_or("", |message| self.shape.role(message as usize))
    }

    fn is_fault(&self, marker: &Seen, enders: &HashSet<(String, String)>) -> bool {
        match marker.fate {
            Fate::Paired => false,
            // Formats without reasoning in a turn may close what was never opened.
            Fate::Stray => marker.opener != REASONING && self.is_structure(marker.at),
            Fate::Open => self.is_structure(marker.at) && !self.ends_otherwise(marker, enders),
        }
    }

    /// Whether an open marker is closed by one that is no half of a pair, such as `<|call|>` or `<|return|>`, or is open
    /// because the assistant is to go on.
    fn ends_otherwise(&self, marker: &Seen, enders: &HashSet<(String, String)>) -> bool {
        let next = self.seen.iter().find(|other| other.at > marker.at && other.text == marker.text);
        if next.is_none() && self.shape.awaits_assistant() {
            return true;
        }
        if marker.text == REASONING {
            return false;
        }
        let end = self.own[..next.map_or(self.own.len(), |next| next.at)].trim_end_matches('\n');
        let last = markers(end).last().filter(|range| range.end == end.len() && range.start > marker.at);
        last.is_some_and(|range| {
            let is_half = self.seen.iter().any(|other| other.at == range.start);
            !is_half && !enders.contains(&(marker.opener.clone(), end[range].to_owned()))
        })
    }

    /// The markers that follow right after the closing one of a pair, each with what opens the pair: they don't close it.
    fn after_closers(&self) -> Vec<(String, String)> {
        let closed = self.seen.iter().filter(|marker| marker.text != marker.opener);
        let after = closed.filter_map(|marker| {
            let rest = &self.own[marker.at + marker.text.len()..];
            let next = markers(rest).next().filter(|range| rest[..range.start].trim_matches('\n').is_empty())?;
            Some((marker.opener.clone(), rest[next].to_owned()))
        });
        after.collect()
    }

    /// Whether a marker stands in a literal that is no prose: instructions mention markers.
    fn is_structure(&self, at: usize) -> bool {
        let literal = self.printed.range(self.printed.segments.index_at(at));
        self.printed.text[literal].split_whitespace().count() <= MAX_WORDS
    }
}

/// The template's markers in order, each closing one with the nearest that it may close.
fn paired(context: &Context<'_>, own: &str) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    for range in markers(own) {
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
