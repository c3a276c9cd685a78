//! CT206: nothing says that an assistant's turn is over.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::ending::{ends_in_empty_lines, is_reopened, Ending, Endings};
use crate::probe::locate::{is_aside, message_loop, printer_of};
use crate::probe::reader::reader_of;
use crate::probe::switch::switch_for;
use crate::probe::turn::shown;
use crate::probe::{shape, Ask, Printed, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations that end with an assistant's turn.
const SHAPES: [&str; 5] = ["plain", "multi-turn", "tool-answer", "two-rounds", "tool-call"];

declare_rule! {
    /// ## What it does
    /// Reports assistant's turns behind whose content, or behind whose calls, no end token follows. Formats in which a turn
    /// ends with the marker of whoever speaks next (`<|user|>`) close their turns, and so do formats in which the result of a
    /// call is part of the assistant's turn. An empty line behind every turn is an end, too, and so is a token that a switch of
    /// the template's own prints, such as `training_prompt`.
    ///
    /// ## Why
    /// A model that is trained on such turns never learns to stop.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<|start|>' + message.role + '\n' + (message.content or '') -}}
    /// {%- if message.role != 'assistant' -%}{{- '<|end|>' -}}{%- endif -%}
    /// {{- '\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant\n' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<|start|>' + message.role + '\n' + (message.content or '') + '<|end|>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant\n' -}}{%- endif -%}
    /// ```
    code: "CT206",
    name: "turn-not-closed",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let Some(endings) = Endings::of(context)? else {
        return Ok(Vec::new());
    };
    if endings.answer == Ending::Open && ends_in_empty_lines(context)? {
        return Ok(Vec::new());
    }
    // By whether the turn is the last: what is true of answers need not be said of calls.
    let mut open_answers = [false; 2];
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let ask = Ask::whole(shape);
        let outcome = probes.get(ask);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for turn in turns_of(shape, printed) {
            if turn.calls && open_answers[usize::from(turn.is_last)] {
                continue;
            }
            let Some(what) = fault(context, &endings, printed, &turn) else {
                continue;
            };
            // What a switch of the template's own closes is open for the model to go on with.
            if switch_for(context, ask, |printed| is_closed(context, &endings, shape, printed, turn.message))?.is_some() {
                continue;
            }
            open_answers[usize::from(turn.is_last)] |= !turn.calls;
            let place = place_of(context, printed, &turn)?;
            if !found.iter().any(|finding| finding.span == place || finding.message == what) {
                found.push(Finding::new(rule, place, what).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// A turn of an assistant that is printed.
struct Turn {
    message: usize,
    calls: bool,
    is_last: bool,
}

fn turns_of<'a>(shape: &'a Shape, printed: &'a Printed) -> impl Iterator<Item = Turn> + 'a {
    let count = shape.messages().len();
    let is_turn = |message: &usize| shape.role(*message) == "assistant" && printed.body_of(*message).is_some();
    (0..count).filter(is_turn).map(move |message| Turn {
        message,
        calls: shape.messages()[message].get("tool_calls").is_some(),
        is_last: message + 1 == count,
    })
}

/// What is wrong with the end of a turn, in words.
fn fault(context: &Context<'_>, endings: &Endings, printed: &Printed, turn: &Turn) -> Option<String> {
    match &endings.answer {
        Ending::Own(usual) if turn.calls => {
            let is_open = endings.is_call_open(printed, turn.message, usual) && !results_are_inside(context);
            is_open.then(|| call_fault(turn.is_last, usual))
        }
        answer if !turn.calls => endings.is_open(printed, turn.message).then(|| answer_fault(answer, turn.is_last)),
        _ => None,
    }
}

/// Whether a result is part of the turn that calls, and the header behind it opens a turn inside that turn: then the header
/// is wrong, which is CT225's to say, and not the end of the call.
fn results_are_inside(context: &Context<'_>) -> bool {
    let outcome = context.probes().map(|probes| probes.get(Ask::whole(shape("tool-answer"))));
    outcome.is_ok_and(|outcome| matches!(&*outcome, Ok(printed) if is_reopened(context, printed, 3)))
}

fn is_closed(context: &Context<'_>, endings: &Endings, shape: &Shape, printed: &Printed, message: usize) -> bool {
    let turn = turns_of(shape, printed).find(|turn| turn.message == message);
    turn.is_some_and(|turn| fault(context, endings, printed, &turn).is_none())
}

fn which(is_last: bool) -> &'static str {
    if is_last {
        "the last turn of an assistant"
    } else {
        "an assistant's turn that is not the last"
    }
}

fn answer_fault(answer: &Ending, is_last: bool) -> String {
    let turn = if *answer == Ending::Open { "an assistant's turn" } else { which(is_last) };
    format!("{turn} is not closed: no end token follows its content")
}

fn call_fault(is_last: bool, usual: &str) -> String {
    format!("{} is not closed where it calls tools: {} ends other turns", which(is_last), shown(usual))
}

/// The literal that printed the last of the turn; where that is kept aside in a variable or a macro, the expression that
/// prints what the turn holds.
fn place_of(context: &Context<'_>, printed: &Printed, turn: &Turn) -> Result<chattpl_syntax::Span, NotEvaluated> {
    let end = printed.body_of(turn.message).map_or(0, |body| body.end);
    match printer_of(context, printed, end.saturating_sub(1)) {
        Some(span) if is_aside(context, span)? => reader_of(context, "assistant", if turn.calls { "tool_calls" } else { "content" }),
        Some(span) => Ok(span),
        None => message_loop(context),
    }
}
