//! CT211: declared tools do not reach the model.

use chattpl_render::Origin;
use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::probe::locate::message_loop;
use crate::probe::{shape, Printed, Shape};
use crate::rule::{Checked, NotEvaluated, Rule};

/// Conversations with tools that end before an assistant's turn: some formats print tools with the last user's.
const SHAPES: [&str; 4] = ["many-tools", "tools-system", "deep-schema", "tool-round"];

declare_rule! {
    /// ## What it does
    /// Reports a template that renders a conversation with `tools` and prints nothing of them, or leaves some of them out.
    ///
    /// ## Why
    /// The model never hears of the tools, and no error says so. A template for a model without tools can refuse them:
    /// `{%- if tools -%}{{- raise_exception('no tools') -}}{%- endif -%}`.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + call.function | tojson -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if tools -%}{{- '<tools>' + (tools | tojson) + '<end>\n' -}}{%- endif -%}
    /// {%- for message in messages -%}
    /// {{- '<' + message.role + '>' + (message.content or '') -}}
    /// {%- for call in message.tool_calls or [] -%}{{- '<call>' + call.function | tojson -}}{%- endfor -%}
    /// {{- '<end>\n' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}
    /// ```
    code: "CT211",
    name: "tools-ignored",
    family: Behaviour,
    kind: Probe,
    // Half of all public templates do so, and one for a model that knows no tools is not wrong for that: it matters to
    // those who pass tools.
    profiles: [Serve, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let probes = context.probes()?;
    for shape in SHAPES.map(shape) {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        if let Some(what) = missing(shape, printed) {
            return Ok(vec![Finding::new(rule, place(context)?, what).on_shape(shape.name)]);
        }
    }
    Ok(Vec::new())
}

/// What is missing of the declared tools, in words.
fn missing(shape: &Shape, printed: &Printed) -> Option<String> {
    if !(0..printed.segments.len()).any(|index| printed.segments.origin_at(index) == Origin::Tools) {
        return Some("nothing of the declared tools is printed".to_owned());
    }
    let lacks = |index: &usize| printed.text_of(&format!("/tools/{index}/function/name")).is_empty();
    let count = shape.tools().len();
    let lost: Vec<usize> = (0..count).filter(lacks).collect();
    let first = lost.first()?;
    Some(format!("of {count} declared tools {} are not printed, the first of them `tools[{first}]`", lost.len()))
}

/// Where the template sets `tools` to a list without any, else where it reads them first, else the loop over messages.
fn place(context: &Context<'_>) -> Result<Span, NotEvaluated> {
    let scopes = context.scopes()?;
    let is_empty = |value: &Expr| matches!(&value.kind, ExprKind::List(items) if items.is_empty());
    let emptied = scopes.named("tools").find(|set| set.value.is_some_and(is_empty) && scopes.is_unconditional(set));
    let read = || scopes.uses().iter().find(|read| read.name == "tools").map(|read| read.span);
    emptied.map(|set| set.span).or_else(read).map_or_else(|| message_loop(context), Ok)
}
