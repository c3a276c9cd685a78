//! CT010: a value that nobody reads.

use chattpl_syntax::ast::{Expr, ExprKind, StmtKind, Target};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::{Item, Nodes};
use crate::rule::{Checked, Rule};
use crate::scope::{Binding, BindingKind, ScopeKind, Scopes};

declare_rule! {
    /// ## What it does
    /// Reports names, macros and attributes of namespaces that are set and never read.
    ///
    /// ## Why
    /// Left over from an edit, or a misspelling on one side. Names that begin with `_` are left alone.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- set turns = messages|length -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT010",
    name: "unused-assignment",
    family: Dialect,
    kind: Static,
    profiles: [],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let mut found: Vec<Finding> = Vec::new();
    for binding in scopes.bindings().iter().filter(|binding| is_unused(scopes, binding)) {
        // Two values of one name, say of two branches, are one finding.
        let before = found.iter_mut().find(|finding| context.slice(finding.span) == binding.name);
        if let Some(finding) = before {
            finding.related.push((binding.span, "set here, too".to_owned()));
            continue;
        }
        let message = match binding.kind {
            BindingKind::Macro => format!("the macro `{}` is never called", binding.name),
            _ => format!("`{}` is set here and never read", binding.name),
        };
        found.push(Finding::new(rule, binding.span, message));
    }
    for (name, attribute, span) in unread_attributes(nodes, scopes) {
        let message = format!("`{name}.{attribute}` is set here and never read");
        found.push(Finding::new(rule, span, message));
    }
    Ok(found)
}

fn is_unused(scopes: &Scopes<'_>, binding: &Binding<'_>) -> bool {
    let set = matches!(binding.kind, BindingKind::Set | BindingKind::SetBlock | BindingKind::Macro);
    if !set || binding.name.starts_with('_') || binding.value.is_some_and(acts) {
        return false;
    }
    let mut reads = scopes.uses().iter().filter(|read| read.name == binding.name);
    // What a loop loses is the matter of another rule.
    if binding.kind != BindingKind::Macro && scopes.enclosing(binding.scope, ScopeKind::For).is_some() {
        return reads.next().is_none();
    }
    !reads.any(|read| scopes.seen_by(read).iter().any(|seen| std::ptr::eq(*seen, binding)))
}

/// Whether making the value does something besides: raising, or moving a cycler on.
fn acts(value: &Expr) -> bool {
    expr::any(value, &mut |inner| {
        let moves = expr::method_call(inner).is_some_and(|(_, name, _)| {
            name == "next" || name == "reset" || chattpl_render::names::is_mutation(name)
        });
        moves || expr::is_raise(inner)
    })
}

/// Attributes of namespaces that are set, by `set` or where the namespace is made, and read nowhere; each once.
fn unread_attributes<'t>(nodes: &Nodes<'t>, scopes: &Scopes<'t>) -> Vec<(&'t str, &'t str, Span)> {
    let mut found: Vec<(&str, &str, Span)> = Vec::new();
    for (name, attribute, span) in attributes_set(nodes) {
        let known = found.iter().any(|(other, seen, _)| (*other, *seen) == (name, attribute));
        let is_namespace = scopes.bindings().iter().any(|binding| binding.name == name);
        if !known && is_namespace && !is_read(nodes, name, attribute) {
            found.push((name, attribute, span));
        }
    }
    found
}

/// Every attribute that is given a value: the namespace's name, the attribute, the place.
fn attributes_set<'t>(nodes: &Nodes<'t>) -> Vec<(&'t str, &'t str, Span)> {
    let mut found = Vec::new();
    for (_, stmt) in nodes.stmts() {
        match &stmt.kind {
            StmtKind::Set { target: Target::Name(name), value } => {
                if let Some((_, args)) = expr::function_call(value).filter(|(callee, _)| *callee == "namespace") {
                    found.extend(args.keywords.iter().map(|(key, _)| (&*name.text, &*key.text, key.span)));
                }
            }
            StmtKind::Set { target: Target::Attribute { namespace, attribute }, .. } => {
                found.push((&*namespace.text, &*attribute.text, namespace.span.to(attribute.span)));
            }
            _ => {}
        }
    }
    found
}

/// Whether the attribute is read, or the namespace as a whole, from which anything may be read.
fn is_read(nodes: &Nodes<'_>, name: &str, attribute: &str) -> bool {
    nodes.exprs().filter(|(_, read)| expr::name(read) == Some(name)).any(|(id, _)| {
        let parent = nodes.get(id).parent.map(|parent| nodes.get(parent).item);
        match parent {
            Some(Item::Expr(parent @ Expr { kind: ExprKind::Getattr(..) | ExprKind::Getitem(..), .. })) => {
                expr::field(parent).is_none_or(|(object, read)| expr::name(object) != Some(name) || read == attribute)
            }
            _ => true,
        }
    })
}
