//! CT310: a declared token reaches no conversation.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::first_line;
use crate::probe::shapes;
use crate::rule::{Checked, NotEvaluated, Rule};

/// Tokens that conversations are expected to hold; the others serve other ends.
const EXPECTED: [&str; 2] = ["bos_token", "eos_token"];

declare_rule! {
    /// ## What it does
    /// Reports a declared `bos_token` or `eos_token` that no conversation holds and the tokenizer adds to none.
    ///
    /// ## Why
    /// The template may be of another model, or the declaration left over from the base model. Where the model is fine with
    /// it, nothing is lost.
    ///
    /// ## Bad
    /// ```jinja bos="<s>" eos="<|stop|>" tokens="<s> <|stop|>"
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja bos="<s>" eos="<|stop|>" tokens="<s> <|stop|>"
    /// {{- bos_token -}}
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT310",
    name: "declared-token-unused",
    family: Tokenizer,
    kind: Probe,
    profiles: [],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let subject = context.subject;
    if subject.supplied.tokens.is_empty() {
        return Err(NotEvaluated::because("no tokens are declared: name a model"));
    }
    let probes = context.probes()?;
    let outcomes: Vec<_> = shapes().iter().map(|shape| probes.natural(shape)).collect();
    if outcomes.iter().all(|outcome| outcome.is_err()) {
        return Ok(Vec::new());
    }
    let is_printed = |text: &str| outcomes.iter().any(|outcome| matches!(&**outcome, Ok(printed) if printed.text.contains(text)));
    let is_added = |text: &str| {
        let vocabulary = subject.supplied.encoder.as_ref().map(|encoder| encoder.vocabulary());
        vocabulary.is_some_and(|vocabulary| {
            let id = vocabulary.id_of(text);
            vocabulary.prefix.iter().chain(&vocabulary.suffix).any(|added| Some(*added) == id)
        })
    };
    let declared = EXPECTED.into_iter().filter_map(|name| Some((name, subject.declared(name)?)));
    let unused = declared.filter(|(_, text)| !text.is_empty() && !is_printed(text) && !is_added(text));
    let finding = |(name, text)| {
        let message = format!("`{name}` is declared as `{text}`, and no conversation holds it");
        Finding::new(rule, first_line(context), message)
    };
    Ok(unused.map(finding).collect())
}
