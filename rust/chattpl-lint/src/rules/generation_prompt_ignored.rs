//! CT202: `add_generation_prompt` changes nothing, though an assistant's turn has a header.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{literals_of, message_loop};
use crate::probe::{shape, Ask, Printed};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a template that prints a header before an assistant's words and leaves it out when the generation prompt is
    /// asked for.
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
    let plain = shape("plain");
    let (asked, unasked) = (probes.get(Ask::whole(plain).upto(1).prompted()), probes.get(Ask::whole(plain).upto(1)));
    let whole = probes.get(Ask::whole(plain));
    let (Ok(asked), Ok(unasked), Ok(whole)) = (&*asked, &*unasked, &*whole) else {
        return Ok(Vec::new());
    };
    if asked.text != unasked.text || !whole.text.starts_with(&asked.text) {
        return Ok(Vec::new());
    }
    if ends_in_header(context, &asked.text)? {
        return Ok(Vec::new());
    }
    let Some(said) = (0..whole.segments.len()).find(|index| whole.path(*index).starts_with("/messages/1/content")) else {
        return Ok(Vec::new());
    };
    let header = asked.text.len()..whole.range(said).start;
    if whole.text.get(header.clone()).is_none_or(|header| header.trim().is_empty()) {
        return Ok(Vec::new());
    }
    let place = match header_literal(context, whole, header.clone()) {
        Some(span) => span,
        None => message_loop(context)?,
    };
    let shown = whole.text[header].trim();
    let message = format!("`{shown}` stands before what the assistant says, and `add_generation_prompt` does not print it");
    Ok(vec![Finding::new(rule, place, message).on_shape(plain.name)])
}

/// Whether the text behind a user's last words is more than what stands there when another user goes on: then the prompt
/// is printed, asked for or not.
fn ends_in_header(context: &Context<'_>, asked: &str) -> Result<bool, crate::rule::NotEvaluated> {
    let outcome = context.probes()?.get(Ask::whole(shape("consecutive-users")));
    let Ok(two) = &*outcome else {
        return Ok(false);
    };
    let said = |message: usize| {
        let path = format!("/messages/{message}/content");
        (0..two.segments.len()).find(|index| two.path(*index).starts_with(&path)).map(|index| two.range(index))
    };
    let (Some(first), Some(second)) = (said(0), said(1)) else {
        return Ok(false);
    };
    let between = two.text.get(first.end..second.start).unwrap_or_default();
    let last_words = shape("plain").contents().swap_remove(0).text;
    let tail = asked.rsplit_once(&last_words).map_or("", |(_, tail)| tail);
    Ok(!between.starts_with(tail))
}

/// The first literal of the header that is more than white space.
fn header_literal(context: &Context<'_>, printed: &Printed, header: std::ops::Range<usize>) -> Option<chattpl_syntax::Span> {
    let first = printed.segments.index_at(header.start);
    let words = (first..printed.segments.len()).take_while(|index| printed.range(*index).start < header.end).find(|index| {
        printed.segments.origin_at(*index) == Origin::Template && !printed.text[printed.range(*index)].trim().is_empty()
    })?;
    literals_of(context, printed, printed.range(words)).first().copied()
}
