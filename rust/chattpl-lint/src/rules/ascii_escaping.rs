//! CT111: JSON is written with escapes in place of letters.

use chattpl_syntax::ast::{Args, Const, Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `tojson(ensure_ascii=true)`, and `tojson(4)`: the first argument of `transformers`' filter is `ensure_ascii`,
    /// not `indent` as in Jinja2.
    ///
    /// ## Why
    /// `é` becomes `\u00e9`, and a text in Chinese or Russian two or three times as many tokens, which the model has seen
    /// far less often than the letters.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if reasoning_effort is defined -%}{{- 'effort: ' + reasoning_effort | tojson(ensure_ascii=true) + ';' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if reasoning_effort is defined -%}{{- 'effort: ' + reasoning_effort | tojson + ';' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT111",
    name: "ascii-escaping",
    family: Correctness,
    kind: Static,
    profiles: [Serve, Sft, Rl],
    fix: Sometimes,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let found = context.nodes()?.exprs().filter_map(|(_, expr)| match &expr.kind {
        ExprKind::Filter { name, args, .. } if &*name.text == "tojson" => {
            finding(rule, context, args, name.span.start)
        }
        _ => None,
    });
    Ok(found.collect())
}

/// The edits that take away every `ensure_ascii=true` that is spelled out.
///
/// # Errors
/// The template does not parse.
pub(crate) fn without_spelled_out(context: &Context<'_>) -> Result<Vec<Edit>, NotEvaluated> {
    let values = context.nodes()?.exprs().filter_map(|(_, expr)| match &expr.kind {
        ExprKind::Filter { name, args, .. } if &*name.text == "tojson" => ensure_ascii(args),
        _ => None,
    });
    Ok(values.filter(|value| is_truthy(value)).map(|value| Edit::replace(value.span, "false")).collect())
}

fn ensure_ascii(args: &Args) -> Option<&Expr> {
    args.keywords.iter().find(|(name, _)| &*name.text == "ensure_ascii").map(|(_, value)| value)
}

fn finding(rule: &Rule, context: &Context<'_>, args: &Args, start: u32) -> Option<Finding> {
    let named = ensure_ascii(args);
    let value = named.or(args.positional.first()).filter(|value| is_truthy(value))?;
    // The span of an expression takes in parentheses around it; the call ends behind its last argument.
    let values = args.positional.iter().chain(args.keywords.iter().map(|(_, value)| value));
    let last = values.map(|value| value.span.end).max()?;
    let closing = context.text()[last as usize..].find(')')?;
    let span = Span::new(start, last + closing as u32 + 1);
    let text = context.slice(span);
    let indent = named.is_none() && matches!(value.kind, ExprKind::Const(Const::Int(_)));
    let message = match indent {
        true => format!("`{text}` does not indent: the first argument of `tojson` is `ensure_ascii`, so `é` is written `\\u00e9`"),
        false => format!("`{text}` writes `\\u00e9` for `é`"),
    };
    let mut kept = Vec::new();
    if indent {
        kept.push(format!("indent={}", context.slice(value.span)));
    }
    let others = args.keywords.iter().filter(|(name, _)| &*name.text != "ensure_ascii");
    kept.extend(others.map(|(name, value)| format!("{}={}", name.text, context.slice(value.span))));
    let call = if kept.is_empty() { "tojson".to_owned() } else { format!("tojson({})", kept.join(", ")) };
    let title = if indent { "name the argument" } else { "write letters as they are" };
    let fix = Fix::changing(title, vec![Edit::replace(span, call)]);
    // Further positional arguments would move into its place.
    let plain = args.positional.len() <= usize::from(named.is_none()) && args.star.is_none() && args.double_star.is_none();
    let found = Finding::new(rule, span, message);
    Some(if plain { found.with_fix(fix) } else { found })
}

fn is_truthy(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Const(Const::Bool(flag)) => *flag,
        ExprKind::Const(Const::Int(number)) => *number != 0,
        ExprKind::Const(Const::Str(text)) => !text.is_empty(),
        _ => false,
    }
}
