//! CT311: flags of a token change the tokens of what stands beside it.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::printer_of;
use crate::probe::{shapes, Printed};
use crate::rule::{Checked, Rule};
use crate::sampling::Sampling;

declare_rule! {
    /// ## What it does
    /// Reports control tokens that the template prints and that take the white space beside them (`lstrip`, `rstrip`), or
    /// that do not count where they stand (`single_word`, `normalized`).
    ///
    /// ## Why
    /// White space that the template prints reaches no model, and a reader of the template cannot see that. A token that does
    /// not count becomes its letters.
    ///
    /// ## Bad
    /// ```jinja eos="<|stop|>" tokens="<|start|> <|stop|>" rstrip="<|stop|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja eos="<|stop|>" tokens="<|start|> <|stop|>" rstrip="<|stop|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    code: "CT311",
    name: "token-flag-surprise",
    family: Tokenizer,
    kind: Token,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    context.encoder()?;
    let sampling = context.sampling()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in shapes().iter().filter(|shape| shape.ordinary) {
        let outcome = context.probes()?.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for (at, message) in surprises(sampling, printed) {
            let Some(place) = printer_of(context, printed, at) else {
                continue;
            };
            if !found.iter().any(|finding| finding.message == message) {
                found.push(Finding::new(rule, place, message).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// The tokens of the template's own text that are not what they look like, each with its offset.
fn surprises(sampling: &Sampling, printed: &Printed) -> Vec<(usize, String)> {
    let tokens = sampling.tokens(&printed.text);
    let regions: Vec<_> = tokens.regions().iter().filter(|region| region.is_added()).collect();
    let is_own = |at: usize| printed.segments.origin_at(printed.segments.index_at(at)) == Origin::Template;
    let mut found = Vec::new();
    for token in &sampling.vocabulary().added {
        for (at, text) in printed.text.match_indices(&token.content).filter(|(at, _)| is_own(*at)) {
            let end = at + text.len();
            let region = regions.iter().find(|region| region.start_byte <= at && end <= region.end_byte);
            let flags = [(token.single_word, "single_word"), (token.normalized, "normalized")];
            match region {
                Some(region) => {
                    let taken = [(region.start_byte, at, "lstrip", "before"), (end, region.end_byte, "rstrip", "after")];
                    for (from, to, flag, side) in taken.into_iter().filter(|(from, to, ..)| from < to) {
                        // Blanks that somebody says are lost where a person can see why.
                        if tokens.ids[region.first_token] == token.id && is_own(from) {
                            let blank = printed.text[from..to].replace('\n', "\\n");
                            found.push((from, format!("`{text}` is flagged `{flag}`: the `{blank}` {side} it becomes no token")));
                        }
                    }
                }
                None => {
                    let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag);
                    found.extend(flags.take(1).map(|flag| {
                        (at, format!("`{text}` is flagged `{flag}` and does not count as a token where it stands"))
                    }));
                }
            }
        }
    }
    found
}
