//! CT209: what messages say is printed in another order, or twice.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::loser_of;
use crate::probe::{shape, Printed, Shape, Text};
use crate::rule::{Checked, Rule};

/// Conversations in which order matters.
const SHAPES: [&str; 6] = ["multi-turn", "multi-turn-system", "tool-answer", "two-rounds", "parallel-calls", "user-after-tool"];

declare_rule! {
    /// ## What it does
    /// Reports where the contents of users, assistants and tools do not stand in the order of their messages, and where one of
    /// them is printed twice. A system message may stand anywhere.
    ///
    /// ## Why
    /// The model answers a conversation that nobody had.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages if message.role == 'system' -%}{{- '<system>' + message.content + '\n' -}}{%- endfor -%}
    /// {%- for message in messages if message.role in ['user', 'tool'] -%}
    /// {{- '<' + message.role + '>' + message.content + '\n' -}}
    /// {%- endfor -%}
    /// {%- for message in messages if message.role == 'assistant' -%}{{- '<assistant>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT209",
    name: "content-reordered",
    family: Behaviour,
    kind: Probe,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for (message, what) in [twice(shape, printed), out_of_order(shape, printed)].into_iter().flatten() {
            let span = loser_of(context, shape, printed, message, "content")?;
            if !found.iter().any(|finding| finding.span == span) {
                found.push(Finding::new(rule, span, what).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// The contents whose place counts.
fn placed(shape: &Shape) -> impl Iterator<Item = Text> + '_ {
    shape.contents().into_iter().filter(|content| content.message.is_some_and(|message| shape.role(message) != "system"))
}

/// The first content that is printed twice.
fn twice(shape: &Shape, printed: &Printed) -> Option<(usize, String)> {
    placed(shape).find_map(|content| {
        let (text, message) = (content.text.trim(), content.message?);
        let again = !text.is_empty() && printed.text_of(&content.path).matches(text).count() > 1;
        again.then(|| (message, format!("`messages[{message}].content` is printed twice")))
    })
}

/// The first content that stands before one of an earlier message.
fn out_of_order(shape: &Shape, printed: &Printed) -> Option<(usize, String)> {
    let mut latest: Option<(usize, usize)> = None;
    for content in placed(shape) {
        let message = content.message?;
        let Some(start) = printed.start_of(&content.path) else {
            continue;
        };
        if let Some((before, _)) = latest.filter(|(_, earlier)| start < *earlier) {
            let what = format!("`messages[{message}].content` is printed before `messages[{before}].content`");
            return Some((message, what));
        }
        latest = Some((message, start));
    }
    None
}
