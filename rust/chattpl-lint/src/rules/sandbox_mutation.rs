//! CT006: a list or mapping is changed in place.

use chattpl_render::names;
use chattpl_syntax::ast::Expr;
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};
use crate::scope::Scopes;

declare_rule! {
    /// ## What it does
    /// Reports calls of `append`, `pop`, `update` and the other methods that change a list or mapping.
    ///
    /// ## Why
    /// `transformers`, and servers that build on it, run templates in a sandbox that refuses them: rendering fails with
    /// a `SecurityError` where the call is reached. Some other engines allow it, so the template seems to work there.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- set found = namespace(names=[]) -%}
    /// {%- for document in documents or [] if list_titles -%}{%- set _ = found.names.append(document.title) -%}{%- endfor -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {{- found.names|join(', ') -}}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- set found = namespace(names=[]) -%}
    /// {%- for document in documents or [] if list_titles -%}{%- set found.names = found.names + [document.title] -%}{%- endfor -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {{- found.names|join(', ') -}}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT006",
    name: "sandbox-mutation",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let mut found = Vec::new();
    for (_, call) in nodes.exprs() {
        let Some((object, name, _)) = expr::method_call(call) else {
            continue;
        };
        let lacks = expr::type_of(object).is_some_and(|of| !of.has_method(name));
        if !names::is_mutation(name) || is_namespace(scopes, object) || lacks {
            continue;
        }
        let message = format!("`{name}` changes its object, which the sandbox refuses: rendering fails here");
        found.push(Finding::new(rule, Span::new(object.span.end, call.span.end), message + instead(name)));
    }
    Ok(found)
}

/// Whether the object is a namespace, which has no methods but may hold macros under any name.
fn is_namespace(scopes: &Scopes<'_>, object: &Expr) -> bool {
    let made = |value: &Expr| expr::function_call(value).is_some_and(|(name, _)| name == "namespace");
    expr::name(object).is_some_and(|name| scopes.named(name).any(|binding| binding.value.is_some_and(made)))
}

/// How to do without.
fn instead(name: &str) -> &'static str {
    match name {
        "append" | "extend" | "insert" => "; build a new list with `x + [y]`",
        "update" | "setdefault" => "; build a new mapping with `dict(x, key=value)`",
        "pop" | "remove" | "clear" | "popitem" => "; read with `x[0]` or `x[-1]`, and go on with a slice such as `x[1:]`",
        "reverse" => "; read backwards with `x[::-1]`",
        "sort" => "; use the filter `|sort`",
        _ => "",
    }
}
