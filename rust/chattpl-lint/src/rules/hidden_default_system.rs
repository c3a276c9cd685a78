//! CT109: the model is told something that the caller never wrote.

use chattpl_render::Origin;
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::{shape, Ask, Printed};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports sentences of the template's own that are printed for a conversation of one user's message, before its content.
    ///
    /// ## Why
    /// A default system prompt costs tokens in every request and makes training and serving differ as soon as one of them
    /// passes a system message and the other does not. Where the vendor trained with it, it belongs there: then say so.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if not messages or messages[0].role != 'system' -%}{{- 'system: You are a helpful assistant of ours;' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT109",
    name: "hidden-default-system",
    family: Correctness,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// Words that make a sentence; headers and markers have fewer.
const MIN_WORDS: usize = 4;

/// Characters of the text that a message shows.
const MAX_SHOWN: usize = 60;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let outcome = probes.get(Ask::whole(shape("single-user")));
    let Ok(printed) = &*outcome else {
        return Ok(Vec::new());
    };
    let Some((span, text)) = sentence(context, printed) else {
        return Ok(Vec::new());
    };
    let with_system = probes.get(Ask::whole(shape("system-user")));
    let replaced = match &*with_system {
        Ok(printed) => !printed.segments.iter().any(|segment| segment.template_span.map(|span| context.normalized(span)) == Some(span)),
        Err(_) => false,
    };
    let when = if replaced { "where the caller writes no system message" } else { "whatever the caller writes" };
    let message = format!("`{}` is printed {when}", shown(&text));
    Ok(vec![Finding::new(rule, span, message).on_shape("single-user")])
}

/// The first literal before the user's words whose text is a sentence, and that text.
fn sentence(context: &Context<'_>, printed: &Printed) -> Option<(Span, String)> {
    let is_content = |index: &usize| printed.path(*index).starts_with("/messages/0/content");
    let end = (0..printed.segments.len()).find(is_content)?;
    let mut literals: Vec<(Span, String)> = Vec::new();
    for index in (0..end).filter(|index| printed.segments.origin_at(*index) == Origin::Template) {
        let Some(span) = printed.segments.get(index).template_span else {
            continue;
        };
        let (span, text) = (context.normalized(span), &printed.text[printed.range(index)]);
        match literals.last_mut().filter(|(last, _)| *last == span) {
            Some((_, known)) => known.push_str(text),
            None => literals.push((span, text.to_owned())),
        }
    }
    literals.into_iter().find(|(_, text)| text.split(['\n', '.']).any(|line| words(line) >= MIN_WORDS))
}

/// The words of a text: letters, with their punctuation; markers and tags are none.
fn words(text: &str) -> usize {
    let is_word = |word: &&str| {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation() && !"<>|[]{}".contains(c));
        !bare.is_empty() && bare.chars().all(|c| c.is_alphabetic() || "'’-".contains(c))
    };
    text.split_whitespace().filter(is_word).count()
}

fn shown(text: &str) -> String {
    let text = text.trim().replace('\n', "\\n");
    let shown: String = text.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        return shown + "...";
    }
    shown
}
