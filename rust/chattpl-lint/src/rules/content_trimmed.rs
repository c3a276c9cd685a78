//! CT224: white space around a text is removed.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::Edit;
use crate::probe::reader::{reader_of, trims};
use crate::probe::trial::{affordable, tried};
use crate::probe::{shape, Ask, Shape, REASONING_FIELDS};
use crate::rule::{Checked, NotEvaluated, Rule};

const SHAPES: [&str; 2] = ["outer-whitespace", "outer-whitespace-tool"];

/// Places at most tried one by one for one text.
const MAX_TRIALS: usize = 60;

declare_rule! {
    /// ## What it does
    /// Reports contents and reasoning whose white space at the beginning or end is not printed.
    ///
    /// ## Why
    /// What the model sampled, its newline at the end included, is not what the next turn shows and what is trained on: the
    /// tokens differ. Many vendors trim on purpose; then give the trainer the sampled tokens, and not the text.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') | trim + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT224",
    name: "content-trimmed",
    family: Behaviour,
    kind: Probe,
    profiles: [Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// What is removed, such as white space at the end, each with the fields that it is removed from.
type Removed = Vec<(String, Vec<String>)>;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut places: Vec<(Span, &'static str, Removed)> = Vec::new();
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for (index, message) in shape.messages().iter().enumerate() {
            for field in REASONING_FIELDS.into_iter().chain(["content"]) {
                let said = message[field].as_str().unwrap_or_default();
                let kept = printed.text_of(&format!("/messages/{index}/{field}"));
                if !is_trimmed(said, &kept) || is_put_back(said, &kept, &printed.text) {
                    continue;
                }
                let span = place(context, shape, (index, field), said)?;
                let what = format!("the `{field}` of role `{}`", shape.role(index));
                let (_, _, known) = match places.iter().position(|(known, ..)| *known == span) {
                    Some(at) => &mut places[at],
                    None => {
                        places.push((span, shape.name, Vec::new()));
                        places.last_mut().expect("one was added")
                    }
                };
                add(known, removed(said, &kept), what);
            }
        }
    }
    let findings = places.into_iter().map(|(span, shape, removed)| {
        let removed: Vec<String> =
            removed.into_iter().map(|(what, whose)| format!("{what} {}", whose.join(", "))).collect();
        let is_one = removed.len() == 1 && !removed[0].starts_with("line breaks");
        let message = format!("{} {} removed", removed.join(" and "), if is_one { "is" } else { "are" });
        Finding::new(rule, span, message).on_shape(shape)
    });
    Ok(findings.collect())
}

/// Adds whose white space is removed, under what is removed of it.
fn add(known: &mut Removed, removed: String, whose: String) {
    match known.iter_mut().find(|(what, _)| *what == removed) {
        Some((_, all)) if all.contains(&whose) => {}
        Some((_, all)) => all.push(whose),
        None => known.push((removed, vec![whose])),
    }
}

/// What is removed of a text, in words: of its beginning, of its end, or of both.
fn removed(said: &str, kept: &str) -> String {
    let Some(at) = said.find(kept) else {
        return "white space around".to_owned();
    };
    let (before, after) = (&said[..at], &said[at + kept.len()..]);
    // Other white space that is left shows that line breaks alone are removed.
    let is_break = |removed: &str, next: Option<char>| {
        removed.chars().all(|c| c == '\n') && (removed.is_empty() || next.is_some_and(char::is_whitespace))
    };
    let breaks = is_break(before, kept.chars().next()) && is_break(after, kept.chars().next_back());
    let what = if breaks { "line breaks" } else { "white space" };
    let side = match (before.is_empty(), after.is_empty()) {
        (false, true) => "at the beginning of",
        (true, false) => "at the end of",
        _ => "around",
    };
    format!("{what} {side}")
}

/// Whether white space that was removed on either side of a text is printed there again.
fn is_put_back(said: &str, kept: &str, printed: &str) -> bool {
    let is_inside = said.find(kept).is_some_and(|at| at > 0 && at + kept.len() < said.len());
    is_inside && printed.contains(said)
}

/// Whether a text was printed without white space that it begins or ends with.
fn is_trimmed(said: &str, printed: &str) -> bool {
    !printed.trim().is_empty() && !printed.contains(said) && said.contains(printed.trim())
}

/// The expression without which the text is printed whole, else where the field is read.
fn place(
    context: &Context<'_>,
    shape: &'static Shape,
    (message, field): (usize, &str),
    said: &str,
) -> Result<Span, NotEvaluated> {
    let path = format!("/messages/{message}/{field}");
    let ask = Ask::natural(shape);
    for (span, input) in trims(context)?.into_iter().take(affordable(context, ask, MAX_TRIALS)) {
        let without = Edit::replace(span, format!("({})", context.slice(input)));
        let outcome = tried(context, &[without], ask);
        if matches!(outcome.as_deref(), Some(Ok(printed)) if printed.text_of(&path).contains(said)) {
            return Ok(span);
        }
    }
    reader_of(context, shape.role(message), field)
}
