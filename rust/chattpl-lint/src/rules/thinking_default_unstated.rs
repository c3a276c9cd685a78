//! CT223: nobody says what happens where `enable_thinking` is not passed.

use chattpl_syntax::ast::{Expr, ExprKind};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::probe::reader::first_read;
use crate::probe::{shape, Ask, Thinking, THINKING_FLAGS};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Where the flag may show: in a prompt, in history, beside tools.
const SHAPES: [&str; 3] = ["single-user", "reasoning-multi-turn", "tools-system"];

declare_rule! {
    /// ## What it does
    /// Reports a template that prints other texts for `enable_thinking=true` and `=false`, and that either prints a third one
    /// where the flag is not passed, or reads the flag without a word on what its absence means.
    ///
    /// ## Why
    /// Sizes of one model family differ in what they do then. An evaluation that leaves the flag out measures a model with its
    /// reasoning closed, or one in neither mode, and its numbers look like any others.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}
    /// {{- '<assistant>' -}}
    /// {%- if not enable_thinking -%}{{- '<think></think>' -}}{%- endif -%}
    /// {%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- set enable_thinking = enable_thinking | default(false) -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') + '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}
    /// {{- '<assistant>' -}}
    /// {%- if not enable_thinking -%}{{- '<think></think>' -}}{%- endif -%}
    /// {%- endif -%}
    /// ```
    code: "CT223",
    name: "thinking-default-unstated",
    family: Behaviour,
    kind: Probe,
    profiles: [Serve, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// Whether a template does the same where the flag is unset as where it is set.
struct Unset {
    as_on: bool,
    as_off: bool,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let Some(unset) = unset(context)? else {
        return Ok(Vec::new());
    };
    let span = first_read(context, &THINKING_FLAGS)?;
    let flag = context.slice(span);
    let message = if !unset.as_on && !unset.as_off {
        format!("where `{flag}` is not passed the text is neither that of `true` nor that of `false`")
    } else if unset.as_off && !states_default(context)? {
        format!("`{flag}` has no default: where it is not passed, reasoning is off")
    } else {
        return Ok(Vec::new());
    };
    Ok(vec![Finding::new(rule, span, message).on_shape(SHAPES[0])])
}

/// `None` where the flag changes nothing.
fn unset(context: &Context<'_>) -> Result<Option<Unset>, NotEvaluated> {
    let probes = context.probes()?;
    let (mut differs, mut unset) = (false, Unset { as_on: true, as_off: true });
    for shape in SHAPES.map(shape) {
        let asked = |thinking| {
            probes.get(Ask::natural(shape).thinking(thinking))
        };
        let renders = [Thinking::Unset, Thinking::On, Thinking::Off].map(asked);
        if let [Ok(none), Ok(on), Ok(off)] = [&*renders[0], &*renders[1], &*renders[2]] {
            differs |= on.text != off.text;
            unset.as_on &= none.text == on.text;
            unset.as_off &= none.text == off.text;
        }
    }
    Ok(differs.then_some(unset))
}

/// Whether the template asks if the flag is there, gives it a default, or compares it with a value.
fn states_default(context: &Context<'_>) -> Result<bool, NotEvaluated> {
    let nodes = context.nodes()?;
    let mut flags = nodes.exprs().filter(|(_, expr)| is_flag(expr));
    let bound = context.scopes()?.bindings().iter().any(|binding| THINKING_FLAGS.contains(&binding.name));
    Ok(bound || flags.any(|(id, _)| is_weighed(nodes, id)))
}

fn is_flag(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) if THINKING_FLAGS.contains(&&**name))
}

fn is_weighed(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let parent = nodes.get(id).parent.map(|parent| nodes.get(parent).item);
    match parent {
        Some(Item::Expr(Expr { kind: ExprKind::Test { .. } | ExprKind::Compare(..), .. })) => true,
        Some(Item::Expr(Expr { kind: ExprKind::Filter { name, .. }, .. })) => matches!(&*name.text, "default" | "d"),
        _ => false,
    }
}
