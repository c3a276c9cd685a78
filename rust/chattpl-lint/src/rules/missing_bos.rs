//! CT302: texts lack the token that the tokenizer puts before every other text.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::first_line;
use crate::probe::shape;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports templates that print no beginning-of-sequence token although the tokenizer puts one before every text.
    ///
    /// ## Why
    /// Rendered conversations are encoded without special tokens, because templates print their own. The model then meets
    /// conversations without the token that all of its training began with, and answers get worse.
    ///
    /// ## Bad
    /// ```jinja bos="<s>" tokens="<s>" adds="<s>"
    /// {%- for message in messages -%}{{- '[' + message.role + ']' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja bos="<s>" tokens="<s>" adds="<s>"
    /// {{- bos_token -}}
    /// {%- for message in messages -%}{{- '[' + message.role + ']' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    code: "CT302",
    name: "missing-bos",
    family: Tokenizer,
    kind: Token,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let vocabulary = context.encoder()?.vocabulary();
    let bos = vocabulary.prefix.first().map(|&id| String::from_utf8_lossy(vocabulary.tokens.get(id)));
    let Some(bos) = bos.filter(|bos| !bos.is_empty()) else {
        return Ok(Vec::new());
    };
    let probes = context.probes()?;
    let outcomes = ["plain", "system", "tools-unused"].map(|name| (name, probes.natural(shape(name))));
    let first = outcomes.iter().find_map(|(name, outcome)| Some((name, outcome.as_ref().as_ref().ok()?)));
    let Some((name, printed)) = first.filter(|(_, printed)| !printed.text.trim_start().starts_with(&*bos)) else {
        return Ok(Vec::new());
    };
    let starts: String = printed.text.chars().take(12).collect();
    let message = format!(
        "the tokenizer puts `{bos}` before every text and the template prints none: conversations begin with `{}`",
        starts.replace('\n', "\\n")
    );
    Ok(vec![Finding::new(rule, first_line(context), message).on_shape(name)])
}
