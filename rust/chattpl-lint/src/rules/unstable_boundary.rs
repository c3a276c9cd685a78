//! CT307: a token begins in the prompt and ends in what is sampled.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::{shape, Printed};
use crate::rule::{Checked, NotEvaluated, Rule};
use crate::sampling::Sampling;

/// Conversations whose assistant's turns are looked at.
const SHAPES: [&str; 5] = ["plain", "multi-turn", "system", "tool-answer", "reasoning"];

declare_rule! {
    /// ## What it does
    /// Encodes conversations whole, and up to where the assistant's turn begins and ends, and reports where the tokens
    /// differ: a literal of the template and what is said beside it become one token.
    ///
    /// ## Why
    /// A prompt ends in other tokens than the same text has in a row of training: the model learns a continuation that it is
    /// never asked for. Blanks before what is said do this most: let a header end with a control token or a newline.
    ///
    /// ## Bad
    /// ```jinja eos="<|stop|>" tokens="<|stop|>" merges="Ġ+T"
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja eos="<|stop|>" tokens="<|stop|>" merges="Ġ+T"
    /// {%- for message in messages -%}{{- message.role + ':\n' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant:\n' -}}{%- endif -%}
    /// ```
    code: "CT307",
    name: "unstable-boundary",
    family: Tokenizer,
    kind: Token,
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    context.encoder()?;
    let sampling = context.sampling()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in SHAPES.map(shape) {
        let outcome = context.probes()?.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let sampled = sampling.sampled(shape, printed);
        for span in &sampled.spans {
            for (at, side) in [(span.start, "begins"), (span.end, "ends")] {
                let Some(joined) = joined_at(sampling, printed, &sampled.tokens.ids, at) else {
                    continue;
                };
                let place = literal_at(context, printed, at)?;
                let message = format!(
                    "what the assistant says {side} inside the token `{joined}`: a prompt that stops there has other tokens"
                );
                if !found.iter().any(|finding| finding.span == place) {
                    found.push(Finding::new(rule, place, message).on_shape(shape.name));
                }
            }
        }
    }
    Ok(found)
}

/// The text around `at` that becomes one token, if the text up to there is encoded otherwise by itself.
fn joined_at(sampling: &Sampling, printed: &Printed, whole: &[u32], at: usize) -> Option<String> {
    if at == 0 || at == printed.text.len() {
        return None;
    }
    let before = sampling.tokens(&printed.text[..at]);
    if whole.starts_with(&before.ids) {
        return None;
    }
    let same = before.ids.iter().zip(whole).take_while(|(left, right)| left == right).count();
    let bytes = sampling.vocabulary().tokens.get(*whole.get(same)?);
    Some(String::from_utf8_lossy(bytes).replace('\n', "\\n"))
}

/// The literal on one side of an offset, that before it first.
fn literal_at(context: &Context<'_>, printed: &Printed, at: usize) -> Result<chattpl_syntax::Span, NotEvaluated> {
    let segment = |offset: usize| printed.segments.get(printed.segments.index_at(offset)).template_span;
    let beside = segment(at - 1).or_else(|| segment(at)).map(|span| context.normalized(span));
    match beside.or_else(|| printer_of(context, printed, at)) {
        Some(place) => Ok(place),
        None => message_loop(context),
    }
}
