//! CT304: generation does not stop where the template ends a turn.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a template that ends the assistant's turns with a token at which generation does not stop: neither
    /// `eos_token` nor `eos_token_id` of `generation_config.json` is that token.
    ///
    /// ## Why
    /// The model ends its turn, and the server goes on sampling: the answer is followed by a made-up user's turn, or runs to
    /// the limit. It happens when a base model's configuration is used with a chat template.
    ///
    /// ## Bad
    /// ```jinja eos="<|end|>" tokens="<|end|> <|stop|> <|start|>" stop="<|end|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja eos="<|end|>" tokens="<|end|> <|stop|> <|start|>" stop="<|end|> <|stop|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    code: "CT304",
    name: "stop-token-mismatch",
    family: Tokenizer,
    kind: Token,
    profiles: [Default, Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let supplied = &context.subject.supplied;
    let named = supplied.stop_tokens.iter().flatten().map(String::as_str);
    let stops: Vec<&str> = named.chain(context.subject.declared("eos_token")).collect();
    if stops.is_empty() {
        return Err(NotEvaluated::because("no stop token is known: name a model, or declare `eos_token`"));
    }
    let sampling = context.sampling()?;
    let Some(ending) = sampling.last.as_ref().or(sampling.history.as_ref()) else {
        return Ok(Vec::new());
    };
    if ending.controls.iter().any(|control| stops.contains(&control.text.as_str())) {
        return Ok(Vec::new());
    }
    let mut listed: Vec<String> = stops.iter().map(|stop| format!("`{stop}`")).collect();
    listed.dedup();
    let message = format!(
        "a turn of the assistant ends with `{}`, and generation stops at {} only",
        ending.token().text,
        listed.join(", ")
    );
    let place = match ending.place {
        Some(place) => place,
        None => message_loop(context)?,
    };
    Ok(vec![Finding::new(rule, place, message).on_shape(ending.shape)])
}
