//! CT303: what looks like a control token is many tokens.

use std::collections::HashSet;

use chattpl_render::Origin;
use chattpl_syntax::Span;
use chattpl_tokens::{SpecialTokens, Tokens};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::shapes;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports markers such as `<|im_end|>` that the template prints and the tokenizer splits.
    ///
    /// ## Why
    /// The model has never seen the pieces as a marker: turns run into each other and generation does not stop. The template
    /// is of another model, or the token was never added.
    ///
    /// ## Bad
    /// ```jinja tokens="<|start|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja tokens="<|start|> <|stop|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    code: "CT303",
    name: "marker-not-one-token",
    family: Tokenizer,
    kind: Token,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let encoder = context.encoder()?;
    let (mut scratch, mut tokens) = (encoder.scratch(), Tokens::default());
    let mut found = Vec::new();
    for (marker, span) in printed_markers(context)? {
        tokens.clear();
        let encoded = encoder.encode(&mut scratch, &marker, SpecialTokens::Parity, &mut tokens);
        if encoded.is_ok() && tokens.ids.len() > 1 {
            let message = format!("`{marker}` is {} tokens of this tokenizer", tokens.ids.len());
            found.push(Finding::new(rule, span, message));
        }
    }
    Ok(found)
}

/// The markers that literals of the template print, each with its first literal.
fn printed_markers(context: &Context<'_>) -> Result<Vec<(String, Span)>, crate::rule::NotEvaluated> {
    let probes = context.probes()?;
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    for shape in shapes() {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for index in 0..printed.segments.len() {
            if printed.segments.origin_at(index) != Origin::Template {
                continue;
            }
            let Some(span) = printed.segments.get(index).template_span else {
                continue;
            };
            for marker in markers(&printed.text[printed.range(index)]) {
                if seen.insert(marker.to_owned()) {
                    found.push((marker.to_owned(), context.normalized(span)));
                }
            }
        }
    }
    Ok(found)
}

/// The stretches `<|...|>` of a text, also with the full-width bars that DeepSeek writes.
fn markers(text: &str) -> impl Iterator<Item = &str> {
    let openings = text.match_indices('<').filter_map(|(start, _)| {
        let rest = &text[start..];
        let bar = rest[1..].chars().next().filter(|c| matches!(c, '|' | '\u{ff5c}'))?;
        let end = rest.find('>')?;
        let inner = rest[1..end].strip_prefix(bar)?.strip_suffix(bar)?;
        let is_name = !inner.is_empty() && !inner.contains(['<', '\n', '{', '"']);
        is_name.then(|| &rest[..=end])
    });
    openings
}
