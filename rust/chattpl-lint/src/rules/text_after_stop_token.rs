//! CT306: a turn goes on behind the token at which sampling ends.

use chattpl_render::Origin;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::shape;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports what the template prints in an assistant's turn behind the stop token.
    ///
    /// ## Why
    /// The model samples up to the stop token. Rollouts that are put together from samples lack what follows, so that the
    /// model is trained on other tokens than the template makes. Render the next prompt and take what it adds.
    ///
    /// ## Bad
    /// ```jinja eos="<|stop|>" tokens="<|stop|> <|start|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja eos="<|stop|>" tokens="<|stop|> <|start|>"
    /// {%- for message in messages -%}{{- '<|start|>' + message.role + ' ' + (message.content or '') + '<|stop|>' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<|start|>assistant ' -}}{%- endif -%}
    /// ```
    code: "CT306",
    name: "text-after-stop-token",
    family: Tokenizer,
    kind: Token,
    profiles: [Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let sampling = context.sampling()?;
    let Some(ending) = &sampling.history else {
        return Ok(Vec::new());
    };
    let stop = ending.controls.iter().rfind(|control| control.owned && sampling.stop_tokens.contains(&control.id));
    let outcome = context.probes()?.natural(shape(ending.shape));
    let (Some(stop), Ok(printed)) = (stop, &*outcome) else {
        return Ok(Vec::new());
    };
    let owner = printed.segments.message(printed.segments.index_at(stop.range.start));
    let mut end = stop.range.end;
    for index in printed.segments.index_at(stop.range.end)..printed.segments.len() {
        let is_own = printed.segments.message(index) == owner && printed.segments.origin_at(index) != Origin::Message;
        if !is_own {
            break;
        }
        end = printed.segments.end(index);
    }
    let rest = &printed.text[stop.range.end.min(end)..end];
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let message = format!(
        "`{}` follows the stop token `{}` in an assistant's turn: what is sampled ends before it",
        rest.replace('\n', "\\n"),
        stop.text
    );
    let place = match printer_of(context, printed, stop.range.end) {
        Some(place) => place,
        None => message_loop(context)?,
    };
    Ok(vec![Finding::new(rule, place, message).on_shape(ending.shape)])
}
