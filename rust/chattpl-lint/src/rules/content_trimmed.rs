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

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut places: Vec<(Span, &'static str, Vec<String>)> = Vec::new();
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for (index, message) in shape.messages().iter().enumerate() {
            for field in REASONING_FIELDS.into_iter().chain(["content"]) {
                let said = message[field].as_str().unwrap_or_default();
                if !is_trimmed(said, &printed.text_of(&format!("/messages/{index}/{field}"))) {
                    continue;
                }
                let span = place(context, shape, (index, field), said)?;
                let what = format!("the `{field}` of role `{}`", shape.role(index));
                match places.iter_mut().find(|(known, ..)| *known == span) {
                    Some((.., known)) if known.contains(&what) => {}
                    Some((.., known)) => known.push(what),
                    None => places.push((span, shape.name, vec![what])),
                }
            }
        }
    }
    let findings = places.into_iter().map(|(span, shape, what)| {
        let message = format!("white space around {} is removed", what.join(", "));
        Finding::new(rule, span, message).on_shape(shape)
    });
    Ok(findings.collect())
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
