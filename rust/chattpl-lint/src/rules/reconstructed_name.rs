//! CT603: the name of an internal is put together from pieces.

use chattpl_syntax::ast::{BinaryOp, Expr, ExprKind};

use super::dunder_access::internal_in;
use crate::constant::known_text;
use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports texts such as `'__' ~ 'class__'`, `'__CLASS__'|lower` and `'\x5f\x5fclass__'` that come out as the name of one
    /// of Python's internals, and keys that are joined to a `__`.
    ///
    /// ## Why
    /// The only reason not to write the name is that it would be found.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if debug -%}{{- messages['__cl' ~ 'ass__'] -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if debug -%}{{- messages|length -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT603",
    name: "reconstructed-name",
    family: Security,
    kind: Static,
    profiles: [Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let mut found: Vec<Finding> = Vec::new();
    let mut done_until = 0;
    for (id, inner) in nodes.exprs().filter(|(_, inner)| is_made(inner)) {
        // The largest expression says it for its parts.
        if inner.span.start < done_until {
            continue;
        }
        if let Some(message) = reconstructed(context, inner).or_else(|| joined_key(nodes, id, inner)) {
            done_until = inner.span.end;
            found.push(Finding::new(rule, inner.span, message));
        }
    }
    Ok(found)
}

/// Whether an expression may make a text that none of its literals is.
fn is_made(inner: &Expr) -> bool {
    match &inner.kind {
        ExprKind::Binary(operator, ..) => matches!(operator, BinaryOp::Add | BinaryOp::Mul | BinaryOp::Mod),
        ExprKind::Getitem(_, index) => matches!(index.kind, ExprKind::Slice { .. }),
        ExprKind::Concat(_) | ExprKind::Filter { .. } | ExprKind::Call(..) => true,
        // Escapes hide a name inside one literal.
        _ => expr::text(inner).is_some(),
    }
}

fn reconstructed(context: &Context<'_>, inner: &Expr) -> Option<String> {
    if let Some(text) = expr::text(inner) {
        let name = internal_in(text)?;
        let hidden = !context.slice(inner.span).contains(name);
        return hidden.then(|| format!("this literal spells `{name}` with escapes"));
    }
    let known = known_text(context, inner)?;
    let name = internal_in(&known.text)?;
    let written = known.literals.iter().any(|literal| internal_in(literal) == Some(name));
    (!written).then(|| format!("`{name}` is put together from pieces"))
}

/// A key, or an attribute's name, that is joined to a `__` at run time.
fn joined_key(nodes: &Nodes<'_>, id: NodeId, inner: &Expr) -> Option<String> {
    let is_key = match nodes.get(id).parent.map(|parent| nodes.get(parent).item) {
        Some(Item::Expr(Expr { kind: ExprKind::Getitem(_, index), .. })) => std::ptr::eq(&**index, inner),
        Some(Item::Expr(Expr { kind: ExprKind::Filter { name, .. }, .. })) => &*name.text == "attr",
        _ => false,
    };
    let underscores = |piece: &Expr| expr::text(piece).is_some_and(|text| text.starts_with("__") || text.ends_with("__"));
    let pieces = match &inner.kind {
        ExprKind::Concat(pieces) => pieces.iter().collect(),
        ExprKind::Binary(BinaryOp::Add, left, right) => vec![&**left, &**right],
        _ => Vec::new(),
    };
    let joined = is_key && pieces.into_iter().any(underscores);
    joined.then(|| "a key is joined to `__` at run time, as the names of Python's internals are".to_owned())
}
