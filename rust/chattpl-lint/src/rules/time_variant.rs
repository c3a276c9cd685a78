//! CT216: the same conversation is printed differently on another day.

use chattpl_syntax::ast::ExprKind;
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::{message_loop, printer_of};
use crate::probe::turn::shown;
use crate::probe::{common_prefix, shape, Ask};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations that are rendered at two moments.
const SHAPES: [&str; 3] = ["plain", "system", "tools-unused"];

declare_rule! {
    /// ## What it does
    /// Renders conversations at two moments and reports where the texts differ.
    ///
    /// ## Why
    /// Rows that are made today show another date than those of tomorrow, caches of prompts are lost at midnight, and
    /// recorded renders stop being equal. Pass a date as an argument, and keep it.
    ///
    /// ## Bad
    /// ```jinja
    /// {{- '<date>' + strftime_now('%d %B %Y') + '\n' -}}
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if date is defined -%}{{- '<date>' + date + '\n' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT216",
    name: "time-variant",
    family: Behaviour,
    kind: Probe,
    // Formats that name the day do so on purpose; it matters to those who keep renders, or compare them.
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    let clock = clock(context)?;
    if clock.is_none() {
        return Ok(Vec::new());
    }
    for shape in SHAPES.map(shape) {
        let (now, later) = (probes.get(Ask::whole(shape)), probes.get(Ask::whole(shape).later()));
        let (Ok(now), Ok(later)) = (&*now, &*later) else {
            continue;
        };
        if now.text == later.text {
            continue;
        }
        let at = common_prefix(&now.text, &later.text);
        let place = match clock.or_else(|| printer_of(context, now, at)) {
            Some(span) => span,
            None => message_loop(context)?,
        };
        let line = now.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let text = now.text[line..].lines().next().unwrap_or_default();
        let message = format!("another day prints another text: {} changes", shown(text));
        return Ok(vec![Finding::new(rule, place, message).on_shape(shape.name)]);
    }
    Ok(Vec::new())
}

/// Where the clock is called; there is one way to it, and it may be asked about before.
fn clock(context: &Context<'_>) -> Result<Option<Span>, NotEvaluated> {
    let called = context.nodes()?.exprs().find_map(|(_, expr)| match &expr.kind {
        ExprKind::Call(callee, _) if matches!(&callee.kind, ExprKind::Name(name) if &**name == "strftime_now") => {
            Some(callee.span)
        }
        _ => None,
    });
    let read = || context.scopes().map(|scopes| scopes.uses().iter().find(|read| read.name == "strftime_now").map(|read| read.span));
    called.map_or_else(read, |span| Ok(Some(span)))
}
