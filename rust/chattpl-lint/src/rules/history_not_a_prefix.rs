//! CT205: a turn is printed in another way once the conversation goes on.

use std::rc::Rc;

use chattpl_tokens::{SpecialTokens, Tokens};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::ending::unasked_prompt;
use crate::probe::locate::message_loop;
use crate::probe::printer::place_where_they_part;
use crate::probe::turn::{marker_start, shown};
use crate::probe::{common_prefix, shape, Ask, Outcome, Printed, Probes, Shape};
use crate::rule::{Checked, Rule};

/// The conversations that are cut after each of their assistant's turns.
const SHAPES: [&str; 5] =
    ["multi-turn", "multi-turn-system", "user-after-tool", "reasoning-multi-turn", "reasoning-tool-loop"];

declare_rule! {
    /// ## What it does
    /// Cuts conversations after an assistant's turn and reports where the text up to there is not the beginning of the text
    /// of the whole.
    ///
    /// ## Why
    /// In training over several turns, what the model saw while it sampled is not what it is trained on; in serving, the
    /// cache of the prompt is lost at the first difference. Templates that drop old reasoning do so on purpose: then train
    /// each turn as a row of its own.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if loop.last and message.reasoning_content -%}{{- '<think>' + message.reasoning_content + '</think>' -}}{%- endif -%}
    /// {{- (message.content or '') + '<end>' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.reasoning_content -%}{{- '<think>' + message.reasoning_content + '</think>' -}}{%- endif -%}
    /// {{- (message.content or '') + '<end>' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT205",
    name: "history-not-a-prefix",
    family: Behaviour,
    kind: Probe,
    profiles: [Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let ends: Vec<usize> = (1..shape.messages().len()).filter(|&end| shape.role(end - 1) == "assistant").collect();
        let whole = probes.natural(shape);
        for end in ends {
            let cut = probes.get(Ask::whole(shape).upto(end));
            if let Some(finding) = difference(rule, context, (shape, end), (&cut, &whole))? {
                if !found.iter().any(|known| known.span == finding.span) {
                    found.push(finding);
                }
                break;
            }
        }
    }
    Ok(found)
}

/// Where the cut conversation is not the beginning of the whole.
fn difference(
    rule: &Rule,
    context: &Context<'_>,
    (shape, end): (&'static Shape, usize),
    (cut, whole): (&Rc<Outcome>, &Rc<Outcome>),
) -> Result<Option<Finding>, crate::rule::NotEvaluated> {
    let (Ok(cut), Ok(whole)) = (&**cut, &**whole) else {
        return Ok(None);
    };
    // A header that nobody asked for is another rule's finding, and no part of the turn.
    let unasked = unasked_header(context.probes()?);
    if whole.text.starts_with(cut.text.strip_suffix(unasked.as_str()).unwrap_or(&cut.text)) {
        return Ok(None);
    }
    let at = common_prefix(&cut.text, &whole.text);
    let asks = (Ask::whole(shape).upto(end), Ask::natural(shape));
    let place = match place_where_they_part(context, asks, at)? {
        Some(span) => span,
        None => message_loop(context)?,
    };
    let lost = lost_text(context, cut, whole, at);
    let message = format!("the text up to an assistant's turn changes when the conversation goes on: {lost}");
    Ok(Some(Finding::new(rule, place, message).on_shape(shape.name)))
}

/// The header that is printed behind an assistant's last turn though nobody asked for one; empty for none.
fn unasked_header(probes: &Probes<'_>) -> String {
    let ask = Ask::whole(shape("multi-turn"));
    let (cut, whole) = (probes.get(ask.upto(2)), probes.get(ask));
    let (Ok(cut), Ok(whole)) = (&*cut, &*whole) else {
        return String::new();
    };
    unasked_prompt(cut, whole, 1).map_or_else(String::new, |at| cut.text[at..].to_owned())
}

/// What stands in the cut text and no longer in the whole, in words; or what the whole puts in.
fn lost_text(context: &Context<'_>, cut: &Printed, whole: &Printed, at: usize) -> String {
    let changed = |at: usize| {
        let (before, after) = (&cut.text[at..], &whole.text[at..]);
        match up_to_rest(before, after) {
            "" => (up_to_rest(after, before), "is put in"),
            lost => (lost, "is lost"),
        }
    };
    let (what, verb) = match changed(marker_start(&cut.text, word_start(cut, whole, at))) {
        // Behind a start that both have, the texts part later.
        ("", _) => changed(at),
        found => found,
    };
    match tokens_of(context, what) {
        Some(1) => format!("{} {verb}, 1 token", shown(what)),
        Some(count) => format!("{} {verb}, {count} tokens", shown(what)),
        None => format!("{} {verb}", shown(what)),
    }
}

/// A text up to where another goes on in it; all of it where that is nowhere.
fn up_to_rest<'t>(text: &'t str, other: &str) -> &'t str {
    let anchor: String = other.chars().take(12).collect();
    text.find(&anchor).filter(|_| !anchor.is_empty()).map_or(text, |end| &text[..end])
}

/// Where the two part: one byte of a text may be that of another by chance, so that is where the texts begin.
fn word_start(cut: &Printed, whole: &Printed, at: usize) -> usize {
    let start = |printed: &Printed| {
        let index = printed.segments.index_at(at);
        (index < printed.segments.len()).then(|| (printed.range(index).start, printed.segments.get(index).template_span, printed.path(index)))
    };
    match (start(cut), start(whole)) {
        (Some((cut, cut_place, cut_path)), Some((whole, whole_place, whole_path))) => {
            let is_same = cut_place == whole_place && cut_path == whole_path;
            if is_same { at } else { cut.max(whole) }
        }
        _ => at,
    }
}

/// How many tokens a text is; `None` without a tokenizer.
fn tokens_of(context: &Context<'_>, text: &str) -> Option<usize> {
    let encoder = context.encoder().ok()?;
    let mut tokens = Tokens::default();
    encoder.encode(&mut encoder.scratch(), text, SpecialTokens::Parity, &mut tokens).ok()?;
    Some(tokens.ids.len())
}
