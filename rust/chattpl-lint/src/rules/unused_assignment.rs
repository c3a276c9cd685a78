//! CT010: a value that nobody reads.

use std::collections::{HashMap, HashSet};

use chattpl_syntax::ast::{Expr, StmtKind, Target};
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
    let mut reported: HashMap<&str, usize> = HashMap::new();
    for binding in unused(scopes) {
        // Two values of one name, say of two branches, are one finding.
        if let Some(first) = reported.get(binding.name) {
            found[*first].related.push((binding.span, "set here, too".to_owned()));
            continue;
        }
        reported.insert(binding.name, found.len());
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

/// The bindings that no read sees.
fn unused<'a, 't>(scopes: &'a Scopes<'t>) -> impl Iterator<Item = &'a Binding<'t>> {
    let read: HashSet<&str> = scopes.uses().iter().map(|read| read.name).collect();
    let seen: HashSet<u32> = scopes.uses().iter().flat_map(|read| scopes.reaching(read)).map(|seen| seen.order).collect();
    scopes.bindings().iter().filter(move |binding| {
        let set = matches!(binding.kind, BindingKind::Set | BindingKind::SetBlock | BindingKind::Macro);
        let meant = set && !binding.name.starts_with('_') && !binding.value.is_some_and(acts);
        // What a loop loses is the matter of another rule.
        let lost = binding.kind != BindingKind::Macro
            && scopes.enclosing(binding.scope, ScopeKind::For).is_some()
            && read.contains(binding.name);
        meant && !lost && !seen.contains(&binding.order)
    })
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
    let reads = attributes_read(nodes);
    let mut known = HashSet::new();
    let mut set = attributes_set(nodes);
    set.retain(|(name, attribute, _)| {
        let unread = !reads.contains(&(*name, None)) && !reads.contains(&(*name, Some(*attribute)));
        unread && scopes.named(name).next().is_some() && known.insert((*name, *attribute))
    });
    set
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

/// The attributes that are read of names; without an attribute where the name is read as a whole, so that any may be.
fn attributes_read<'t>(nodes: &Nodes<'t>) -> HashSet<(&'t str, Option<&'t str>)> {
    let mut found = HashSet::new();
    for (id, read) in nodes.exprs() {
        let Some(name) = expr::name(read) else {
            continue;
        };
        let parent = nodes.get(id).parent.map(|parent| nodes.get(parent).item);
        let attribute = match parent {
            Some(Item::Expr(parent)) => expr::field(parent).filter(|(object, _)| std::ptr::eq(*object, read)),
            _ => None,
        };
        found.insert((name, attribute.map(|(_, attribute)| attribute)));
    }
    found
}
