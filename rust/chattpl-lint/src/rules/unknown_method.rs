//! CT005: a method that no value has.

use chattpl_render::names;
use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};
use crate::scope::{BindingKind, Scopes};

declare_rule! {
    /// ## What it does
    /// Reports calls of methods that no value has, such as those of JavaScript, and of methods that the value at hand does not
    /// have, such as `.strip()` of what `.split()` gave.
    ///
    /// ## Why
    /// Rendering fails where the call is reached.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content.toUpperCase() if shout else message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {{- message.role + ': ' + (message.content.upper() if shout else message.content or '') + ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT005",
    name: "unknown-method",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// What the methods of other languages are here.
const OTHERWISE: [(&str, &str); 14] = [
    ("toUpperCase", "`.upper()`"),
    ("toLowerCase", "`.lower()`"),
    ("startsWith", "`.startswith(...)`"),
    ("endsWith", "`.endswith(...)`"),
    ("trimStart", "`.lstrip()`"),
    ("trimEnd", "`.rstrip()`"),
    ("includes", "`x in y`"),
    ("contains", "`x in y`"),
    ("indexOf", "`.find(...)`"),
    ("replaceAll", "`.replace(...)`"),
    ("substring", "`x[a:b]`"),
    ("has_key", "`x in y`"),
    ("push", "`x + [y]`"),
    ("concat", "`x + y`"),
];

/// Methods of Python that the engine has no use for: they give bytes, take none, or belong to types.
const PYTHONS_OWN: [&str; 7] = ["encode", "maketrans", "to_bytes", "from_bytes", "hex", "fromhex", "isdisjoint"];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let mut found = Vec::new();
    for (_, call) in nodes.exprs() {
        let ExprKind::Call(callee, _) = &call.kind else {
            continue;
        };
        let Some((object, name)) = expr::field(callee) else {
            continue;
        };
        if PYTHONS_OWN.contains(&name) || may_hold_macros(scopes, object) {
            continue;
        }
        let span = Span::new(object.span.end, call.span.end);
        if !names::methods().contains(&name) {
            let message = format!("no value has a method `{name}`: rendering fails where it is called");
            found.push(Finding::new(rule, span, message + &hint(name)));
        } else if let Some(of) = expr::type_of(object).filter(|of| !of.has_method(name)) {
            let message = format!("a `{}` has no method `{name}`: rendering fails where it is called", of.name());
            found.push(Finding::new(rule, span, message));
        }
    }
    Ok(found)
}

/// Whether the object is made by the template of something other than data, so that its fields may be macros.
pub(super) fn may_hold_macros(scopes: &Scopes<'_>, object: &Expr) -> bool {
    let Some(name) = expr::name(object) else {
        return false;
    };
    let made = |value: &Expr| match &value.kind {
        ExprKind::Dict(_) => true,
        ExprKind::Call(callee, _) => matches!(expr::name(callee), Some("namespace" | "dict")),
        _ => false,
    };
    name == "self" || scopes.named(name).any(|binding| binding.kind == BindingKind::Import || binding.value.is_some_and(made))
}

/// How the method is written here, where that can be told.
fn hint(name: &str) -> String {
    if let Some((_, known)) = OTHERWISE.iter().find(|(other, _)| *other == name) {
        return format!("; write {known}");
    }
    if names::filters().contains(&name) {
        return format!("; write the filter `|{name}`");
    }
    let near = chattpl_syntax::nearest(name, names::methods().iter().copied());
    near.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}
