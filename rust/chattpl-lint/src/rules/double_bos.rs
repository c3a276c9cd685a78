//! CT301: a text begins with two tokens of its beginning.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{first_line, printer_of};
use crate::probe::{shape, Printed};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports renders that begin with the beginning-of-sequence token twice, or once where the tokenizer puts another before
    /// every text.
    ///
    /// ## Why
    /// No model is trained on two of them; answers get worse and no error says why. Where the tokenizer adds one, encode
    /// rendered text with `add_special_tokens=False`.
    ///
    /// ## Bad
    /// ```jinja bos="<s>" tokens="<s>" adds="<s>"
    /// {{- bos_token -}}
    /// {%- for message in messages -%}{{- '[' + message.role + ']' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja bos="<s>" tokens="<s>" adds="<s>"
    /// {%- for message in messages -%}{{- '[' + message.role + ']' + (message.content or '') + '\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}
    /// ```
    code: "CT301",
    name: "double-bos",
    family: Tokenizer,
    kind: Token,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let bos = context.declared("bos_token")?;
    let outcome = context.probes()?.natural(shape("plain"));
    let Ok(printed) = &*outcome else {
        return Ok(Vec::new());
    };
    let Some(rest) = printed.text.strip_prefix(bos).filter(|_| !bos.is_empty()) else {
        return Ok(Vec::new());
    };
    if rest.starts_with(bos) {
        let message = format!("the text begins with `{bos}` twice");
        return Ok(vec![finding(rule, context, printed, bos.len(), message)]);
    }
    let vocabulary = context.encoder()?.vocabulary();
    let added = vocabulary.id_of(bos).is_some_and(|id| vocabulary.prefix.first() == Some(&id));
    let message = format!("the text begins with `{bos}`, and the tokenizer puts one before every text as well");
    Ok(added.then(|| finding(rule, context, printed, 0, message)).into_iter().collect())
}

fn finding(rule: &Rule, context: &Context<'_>, printed: &Printed, at: usize, message: String) -> Finding {
    let span = bos_print(context).or_else(|| printer_of(context, printed, at));
    Finding::new(rule, span.unwrap_or_else(|| first_line(context)), message).on_shape("plain")
}

/// The first place where the template reads `bos_token`.
fn bos_print(context: &Context<'_>) -> Option<chattpl_syntax::Span> {
    let scopes = context.scopes().ok()?;
    scopes.uses().iter().find(|read| read.name == "bos_token").map(|read| read.span)
}
