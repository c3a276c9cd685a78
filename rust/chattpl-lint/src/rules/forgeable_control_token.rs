//! CT308: whoever writes a conversation chooses the control tokens.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::literals_of;
use crate::probe::{shapes, Printed, Shape};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports control tokens that the template puts together from its own text and from data, such as
    /// `'<|' + message.name + '|>'`.
    ///
    /// The whole role of a message is no such data: in `'<|' + message.role + '|>'` it makes a control token where the
    /// format knows the role, and any other role stays text.
    ///
    /// ## Why
    /// The value decides which control token the model meets, so `chattpl` encodes it as plain text, where `transformers`
    /// lets it count: the model meets other tokens than in training, or those that a caller chose. Compare the value with
    /// those that are allowed, and print a literal for each.
    ///
    /// Control tokens that stand in a message as a whole are no fault of a template: encode with
    /// `special_tokens="template"`, which takes them for plain text. `"parity"`, as `transformers` encodes, lets them count.
    ///
    /// ## Bad
    /// ```jinja tokens="<|user|> <|assi|> <|syst|> <|tool|> <|stop|>"
    /// {%- for message in messages -%}{{- '<|' + message.role[:4] + '|>' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|assi|>' -}}{%- endif -%}
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
            let Some(path) = data_in(shape, printed, &range).filter(|_| sampling.vocabulary().is_special(id)) else {
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
fn data_in(shape: &Shape, printed: &Printed, range: &std::ops::Range<usize>) -> Option<String> {
    let inside = || (printed.segments.index_at(range.start)..).take_while(|index| {
        *index < printed.segments.len() && printed.range(*index).start < range.end
    });
    // A whole role may spell a token.
    let is_role = |index: usize| {
        let part = printed.range(index);
        let role = printed.segments.index_in_root(index).and_then(|message| shape.roles().nth(message as usize));
        let is_whole = role.is_some_and(|role| printed.text[part.clone()].trim().eq_ignore_ascii_case(role));
        is_whole && printed.segments.name_at(index, 1) == Some("role") && range.start <= part.start && part.end <= range.end
    };
    let is_data = |index: &usize| match printed.segments.origin_at(*index) {
        Origin::Message => !is_role(*index),
        Origin::Tools | Origin::Documents => true,
        Origin::Template | Origin::Argument | Origin::Clock => false,
    };
    let written = inside().any(|index| printed.segments.origin_at(index) == Origin::Template);
    inside().find(is_data).filter(|_| written).map(|index| printed.path(index))
}
