//! CT215: characters of the caller are printed as escapes.

use std::collections::HashSet;

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::trial::tried;
use crate::probe::turn::shown;
use crate::probe::{shape, Ask, Printed, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};
use crate::rules::ascii_escaping;

/// Conversations with quotes, markup and letters that are not ASCII, in messages, calls, results and tools.
const SHAPES: [&str; 4] = ["quotes-and-unicode", "nested-unicode-arguments", "result-json", "unicode-tool"];

/// Escapes that stand in none of the conversations.
const ESCAPES: [&str; 7] = ["&lt;", "&gt;", "&#34;", "&#39;", "&quot;", "&amp;amp;", "\\/"];

declare_rule! {
    /// ## What it does
    /// Reports text of messages and tools that is printed with escapes of JSON or HTML that nobody needs: `\u00e9` for `é`,
    /// `&lt;` for `<`, `\/` for `/`. Those that a `tojson(ensure_ascii=true)` asks for are left to CT111.
    ///
    /// ## Why
    /// The model was trained on the characters. Escapes cost several tokens for each of them, and the model answers in kind.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') | escape | string + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT215",
    name: "escaped-text",
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
    let mut kinds = HashSet::new();
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let mut asked_for = None;
        for index in 0..printed.segments.len() {
            let Some(escape) = escape(context, printed, index) else {
                continue;
            };
            if escape.starts_with("\\u") {
                let asked_for = match asked_for {
                    Some(known) => known,
                    None => *asked_for.insert(is_asked_for(context, shape)?),
                };
                if asked_for {
                    continue;
                }
            }
            // A literal that is escaped prints many: the first of them stands for all.
            if !kinds.insert(escape[..2].to_owned()) {
                continue;
            }
            let place = match printer_of(context, printed, printed.range(index).start) {
                Some(span) => span,
                None => message_loop(context)?,
            };
            let text = shown(printed.text[printed.range(index)].trim());
            let message = format!("text is printed with escapes: {} in {text}", shown(escape));
            if !found.iter().any(|finding| finding.span == place) {
                found.push(Finding::new(rule, place, message).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// Whether the letters of a conversation are printed as they are, but for `ensure_ascii=true` in so many words.
fn is_asked_for(context: &Context<'_>, shape: &'static Shape) -> Result<bool, NotEvaluated> {
    let edits = ascii_escaping::without_spelled_out(context)?;
    let outcome = if edits.is_empty() { None } else { tried(context, &edits, Ask::natural(shape)) };
    Ok(outcome.is_some_and(|outcome| matches!(&*outcome, Ok(printed) if unicode_escape(&printed.text).is_none())))
}

/// The first escape in a segment; one that a literal of the template spells out is meant, unless it stands inside a value.
fn escape<'p>(context: &Context<'_>, printed: &'p Printed, index: usize) -> Option<&'p str> {
    let text = &printed.text[printed.range(index)];
    let written = match printed.segments.origin_at(index) {
        Origin::Template if is_inside_value(printed, index) => "",
        Origin::Template => {
            printed.segments.get(index).template_span.map_or("", |span| context.slice(context.normalized(span)))
        }
        Origin::Message | Origin::Tools => "",
        _ => return None,
    };
    let plain = ESCAPES.iter().filter_map(|escape| text.find(escape).map(|at| &text[at..at + escape.len()]));
    plain.chain(unicode_escape(text)).find(|escape| !written.contains(escape))
}

/// The first `\u` with four digits behind it.
fn unicode_escape(text: &str) -> Option<&str> {
    let is_escape = |at: &usize| text.get(at + 2..at + 6).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let at = text.match_indices("\\u").map(|(at, _)| at).find(is_escape)?;
    Some(&text[at..at + 6])
}

/// Whether the same value is printed on both sides of a segment.
fn is_inside_value(printed: &Printed, index: usize) -> bool {
    let last = printed.segments.len() - 1;
    let sides = (index > 0 && index < last).then(|| (printed.path(index - 1), printed.path(index + 1)));
    sides.is_some_and(|(before, after)| !before.is_empty() && before == after)
}
