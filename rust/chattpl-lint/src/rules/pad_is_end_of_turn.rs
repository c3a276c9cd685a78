//! CT305: the token that ends turns is also the one that fills batches.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a `pad_token` that also ends the assistant's turns.
    ///
    /// ## Why
    /// Many collators set every label that equals the padding to -100. The end of each turn goes with it: the model never
    /// learns to stop. Choose a padding token that no conversation holds.
    ///
    /// ## Bad
    /// ```jinja pad="<|stop|>" eos="<|stop|>" tokens="<|stop|> <|start|> <|pad|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja pad="<|pad|>" eos="<|stop|>" tokens="<|stop|> <|start|> <|pad|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    code: "CT305",
    name: "pad-is-end-of-turn",
    family: Tokenizer,
    kind: Token,
    profiles: [Sft],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let pad = context.declared("pad_token")?;
    let sampling = context.sampling()?;
    let endings = [&sampling.last, &sampling.history].into_iter().flatten();
    let Some(ending) = endings.into_iter().find(|ending| ending.token().text == pad) else {
        return Ok(Vec::new());
    };
    let place = match ending.place {
        Some(place) => place,
        None => message_loop(context)?,
    };
    let message = format!("`{pad}` ends the assistant's turns and is the `pad_token`: labels of padding are not learnt");
    Ok(vec![Finding::new(rule, place, message).on_shape(ending.shape)])
}
