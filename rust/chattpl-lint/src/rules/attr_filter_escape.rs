//! CT602: an attribute is read by a name that is made up at run time.

use chattpl_render::names::Type;
use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;

use crate::constant::known_text;
use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports the filter `attr`, and `map('attr', ...)`, with a name that is not written out, and `str.format` taken without
    /// calling it.
    ///
    /// ## Why
    /// Both have led out of Jinja2's sandbox (CVE-2025-27516, CVE-2024-56326), and nobody who reads the template can
    /// tell which attribute is read.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message|attr(field) if field else message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message[field] if field else message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT602",
    name: "attr-filter-escape",
    family: Security,
    kind: Static,
    profiles: [Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let mut found = Vec::new();
    for (id, inner) in nodes.exprs() {
        if let Some((span, name)) = attr_argument(inner) {
            let known = known_text(context, name).map(|known| known.text);
            let reason = match known.as_deref() {
                Some("format" | "format_map") => "takes `str.format`, which reads any attribute",
                Some(_) => continue,
                None => "reads an attribute whose name is made up at run time",
            };
            found.push(Finding::new(rule, span, format!("this `attr` {reason}")));
        } else if takes_format(nodes, id, inner) {
            let message = "`str.format` is taken without calling it, which gets past the sandbox's check";
            found.push(Finding::new(rule, inner.span, message));
        }
    }
    Ok(found)
}

/// The place of an `attr` filter and the name that it is given.
fn attr_argument(inner: &Expr) -> Option<(Span, &Expr)> {
    let ExprKind::Filter { name, args, .. } = &inner.kind else {
        return None;
    };
    let argument = match &*name.text {
        "attr" => args.positional.first().or_else(|| args.keywords.first().map(|(_, value)| value))?,
        "map" if args.positional.first().and_then(expr::text) == Some("attr") => args.positional.get(1)?,
        _ => return None,
    };
    Some((name.span, argument))
}

/// Whether an expression is `'...'.format` and no call of it.
fn takes_format(nodes: &Nodes<'_>, id: NodeId, inner: &Expr) -> bool {
    let of_text = expr::field(inner).is_some_and(|(object, name)| {
        matches!(name, "format" | "format_map") && expr::type_of(object) == Some(Type::Text)
    });
    let called = || match nodes.get(id).parent.map(|parent| nodes.get(parent).item) {
        Some(Item::Expr(Expr { kind: ExprKind::Call(callee, _), .. })) => std::ptr::eq(&**callee, inner),
        _ => false,
    };
    of_text && !called()
}
