//! CT308: whoever writes a conversation chooses the control tokens.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::literals_of;
use crate::probe::{shapes, Printed};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports control tokens that the template puts together from its own text and from data, such as
    /// `'<|' + message.role + '|>'`.
    ///
    /// ## Why
    /// The value decides which control token the model meets, and nothing tells it from one that the template wrote. Compare
    /// the value with those that are allowed, and print a literal for each.
    ///
    /// Control tokens that stand in a message as a whole are no fault of a template: encode with
    /// `special_tokens="template"`, which takes them for plain text. `"parity"`, as `transformers` encodes, lets them count.
    ///
    /// ## Bad
    /// ```jinja tokens="<|user|> <|assistant|> <|system|> <|tool|> <|stop|>"
    /// {%- for message in messages -%}{{- '<|' + message.role + '|>' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja tokens="<|user|> <|assistant|> <|system|> <|tool|> <|stop|>"
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- '<|assistant|>' -}}
    /// {%- elif message.role == 'system' -%}{{- '<|system|>' -}}
    /// {%- elif message.role == 'tool' -%}{{- '<|tool|>' -}}
    /// {%- else -%}{{- '<|user|>' -}}{%- endif -%}
    /// {{- (message.content or '') + '<|stop|>' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
    /// ```
    code: "CT308",
    name: "forgeable-control-token",
    family: Tokenizer,
    kind: Token,
    profiles: [Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    context.encoder()?;
    let sampling = context.sampling()?;
    let mut found: Vec<Finding> = Vec::new();
    for shape in shapes() {
        let outcome = context.probes()?.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        let tokens = sampling.tokens(&printed.text);
        for region in tokens.regions().iter().filter(|region| region.is_added()) {
            let (id, range) = (tokens.ids[region.first_token], region.start_byte..region.end_byte);
            let Some(path) = data_in(printed, &range).filter(|_| sampling.vocabulary().is_special(id)) else {
                continue;
            };
            let Some(place) = literals_of(context, printed, range.clone()).first().copied() else {
                continue;
            };
            if !found.iter().any(|finding| finding.span == place) {
                let token = printed.text[range].trim();
                let message = format!("the control token `{token}` is put together with data: `{path}` decides which it is");
                found.push(Finding::new(rule, place, message).on_shape(shape.name));
            }
        }
    }
    Ok(found)
}

/// The path of data that is part of a range, where the template wrote the rest.
fn data_in(printed: &Printed, range: &std::ops::Range<usize>) -> Option<String> {
    let inside = || (printed.segments.index_at(range.start)..).take_while(|index| {
        *index < printed.segments.len() && printed.range(*index).start < range.end
    });
    let is_data = |index: &usize| {
        matches!(printed.segments.origin_at(*index), Origin::Message | Origin::Tools | Origin::Documents)
    };
    let written = inside().any(|index| printed.segments.origin_at(index) == Origin::Template);
    inside().find(is_data).filter(|_| written).map(|index| printed.path(index))
}
