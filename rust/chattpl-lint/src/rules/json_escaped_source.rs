//! CT009: the text of a JSON string where a template should be.

use chattpl_syntax::{Span, TokenKind};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `\n`, `\"` and the like outside the strings of a template: it was cut out of `tokenizer_config.json` or a model
    /// file with its JSON escapes.
    ///
    /// ## Why
    /// Outside a string a backslash is text: the model reads `\n` as two characters in place of a newline. Between `{{` and
    /// `}}` it is a syntax error, which some servers answer by taking another template.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}\n{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}\n{%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT009",
    name: "json-escaped-source",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability],
    fix: Always,
    since: "0.1.0",
    check: check,
}

/// The escapes of JSON that hardly anybody writes in a prompt.
const ESCAPES: [&str; 4] = ["\\n", "\\\"", "\\t", "\\r"];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let unescaped = unescaped(context.text());
    let place = match &context.subject.parsed {
        Ok(_) => escapes_in_text(context)?.first().copied(),
        // An escape is one of many causes of a syntax error; that the text parses without its escapes tells it.
        Err(fault) => unescaped.as_ref().and_then(|text| {
            let parses = context.text().contains('\\') && chattpl_syntax::parse(text, None).is_ok();
            parses.then_some(fault.span)
        }),
    };
    let Some(place) = place else {
        return Ok(Vec::new());
    };
    let whole = Span::new(0, context.text().len() as u32);
    let (what, edits) = match unescaped {
        Some(text) => ("the template is written as a JSON string, with `\\n` for newlines", vec![Edit::replace(whole, text)]),
        None => ("outside a string, this escape is printed as it stands", newlines(context)?),
    };
    Ok(vec![Finding::new(rule, place, what).with_fix(Fix::changing("resolve the escapes", edits))])
}

/// The template that a JSON string holds; `None` where the text cannot stand in a JSON string.
fn unescaped(text: &str) -> Option<String> {
    let quoted = text.trim();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    serde_json::from_str(&format!("\"{}\"", inside.unwrap_or(text.trim_end()))).ok()
}

/// The escapes outside tags, in source order; runs of them are one.
fn escapes_in_text(context: &Context<'_>) -> Result<Vec<Span>, crate::rule::NotEvaluated> {
    let mut found: Vec<Span> = Vec::new();
    for token in context.parsed()?.tokens.iter().filter(|token| token.kind == TokenKind::Text) {
        let text = context.slice(token.span);
        for (at, _) in text.match_indices('\\') {
            let Some(escape) = ESCAPES.iter().find(|escape| text[at..].starts_with(**escape)) else {
                continue;
            };
            let start = token.span.start + at as u32;
            match found.last_mut().filter(|last| last.end == start) {
                Some(last) => last.end += escape.len() as u32,
                None => found.push(Span::new(start, start + escape.len() as u32)),
            }
        }
    }
    Ok(found)
}

/// Edits that print what the escapes mean, whatever white-space control stands beside them.
fn newlines(context: &Context<'_>) -> Result<Vec<Edit>, crate::rule::NotEvaluated> {
    let escapes = escapes_in_text(context)?;
    Ok(escapes.into_iter().map(|span| Edit::replace(span, format!("{{{{ '{}' }}}}", context.slice(span)))).collect())
}
