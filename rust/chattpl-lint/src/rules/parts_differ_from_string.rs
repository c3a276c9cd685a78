//! CT218: a content given as a list of text parts is printed otherwise than the text itself.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::Edit;
use crate::probe::printer::place_of;
use crate::probe::reader::reader_of;
use crate::probe::trial::tried;
use crate::probe::{shape, Ask, Form, Printed, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations of every role.
const SHAPES: [&str; 3] = ["multi-turn-system", "plain", "tool-round"];

declare_rule! {
    /// ## What it does
    /// Writes contents as text and as a list of one text part, and reports where the template takes both and prints them
    /// differently. Of several parts, each has to be printed.
    ///
    /// ## Why
    /// Clients send either form for the same message. Most templates for text alone print a list as Python writes it,
    /// `[{'type': 'text', ...`, or nothing at all, and no error says so.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' ~ (message.content or '') ~ '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' -}}
    /// {%- if message.content is string -%}{{- message.content -}}
    /// {%- else -%}
    /// {%- for part in message.content or [] -%}{{- part.text or '' -}}{%- endfor -%}
    /// {%- endif -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT218",
    name: "parts-differ-from-string",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        for finding in differing(rule, context, shape)? {
            if !found.iter().any(|known| known.span == finding.span) {
                found.push(finding);
            }
        }
    }
    if found.is_empty() {
        found.extend(lost_part(rule, context)?);
    }
    Ok(found)
}

/// The messages that are printed in another way as parts.
fn differing(rule: &Rule, context: &Context<'_>, shape: &'static Shape) -> Checked {
    let probes = context.probes()?;
    let written = |parts| {
        probes.get(Ask::natural(shape).written(Form { parts, ..probes.form() }))
    };
    let (text, parts) = (written(false), written(true));
    let (Ok(text), Ok(parts)) = (&*text, &*parts) else {
        return Ok(Vec::new());
    };
    if text.text == parts.text {
        return Ok(Vec::new());
    }
    let mut found: Vec<Finding> = Vec::new();
    for (message, value) in shape.messages().iter().enumerate() {
        let path = format!("/messages/{message}/content");
        let said = value["content"].as_str().unwrap_or_default();
        let (as_text, as_parts) = (text.text_of(&path), parts.text_of(&path));
        // Nothing of a text that is dropped either way: another rule's business.
        if as_text == as_parts || said.is_empty() {
            continue;
        }
        let role = shape.role(message);
        let reader = reader_of(context, role, "content")?;
        let asked = Ask::natural(shape).written(Form { parts: !as_parts.is_empty(), ..probes.form() });
        let span = run_read(context, reader, asked, &path)?;
        let what = manner(&as_text, stretch(parts, &path), said);
        let message = format!("the content of a message of role `{role}` is printed {what}");
        found.push(Finding::new(rule, span, message).on_shape(shape.name));
    }
    Ok(found)
}

/// A read of a content if the render depends on it, else where the content is printed: the read may stand in a branch that is
/// not run.
fn run_read(context: &Context<'_>, reader: Span, asked: Ask, path: &str) -> Result<Span, NotEvaluated> {
    let outcome = context.probes()?.get(asked);
    let Ok(printed) = &*outcome else {
        return Ok(reader);
    };
    let without = tried(context, &[Edit::replace(reader, "''")], asked);
    let is_idle = matches!(without.as_deref(), Some(Ok(other)) if other.text == printed.text);
    let start = printed.start_of(path).filter(|_| is_idle);
    let place = start.map(|start| place_of(context, asked, start)).transpose()?;
    Ok(place.flatten().unwrap_or(reader))
}

/// What was printed from the first to the last piece of the values at a path.
fn stretch<'p>(printed: &'p Printed, path: &str) -> &'p str {
    let mut pieces = printed.pieces_of(path);
    let Some(first) = pieces.next() else {
        return "";
    };
    let end = pieces.last().map_or(first.end, |last| last.end);
    &printed.text[first.start..end]
}

/// How the two forms differ, in words.
fn manner(as_text: &str, as_parts: &str, said: &str) -> String {
    if as_parts.contains("'text'") {
        "as Python writes lists where it is given as parts (`[{'type': 'text', ...`)".to_owned()
    } else if as_parts.contains("\"text\"") {
        "as JSON where it is given as parts (`[{\"type\": \"text\", ...`)".to_owned()
    } else if as_parts.is_empty() {
        "where it is a text, and lost where it is given as parts".to_owned()
    } else if as_text.is_empty() {
        "where it is given as parts, and lost where it is a text".to_owned()
    } else if as_parts.trim() == said.trim() && as_text.trim() == said.trim() {
        "with other white space where it is given as parts".to_owned()
    } else {
        "differently where it is given as parts".to_owned()
    }
}

/// A second part of which nothing is printed.
fn lost_part(rule: &Rule, context: &Context<'_>) -> Result<Option<Finding>, NotEvaluated> {
    let shape = shape("parts-everywhere");
    let outcome = context.probes()?.natural(shape);
    let Ok(printed) = &*outcome else {
        return Ok(None);
    };
    let says = |part: usize| says(printed, &format!("/messages/3/content/{part}"));
    if !says(0) || says(1) {
        return Ok(None);
    }
    let span = reader_of(context, "user", "content")?;
    let message = "of a content of several text parts the first is printed and the others are lost";
    Ok(Some(Finding::new(rule, span, message).on_shape(shape.name)))
}

fn says(printed: &Printed, path: &str) -> bool {
    !printed.text_of(path).is_empty()
}
