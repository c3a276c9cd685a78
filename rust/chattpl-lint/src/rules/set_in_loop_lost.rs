//! CT101: a value set in a loop that is gone when it is wanted.

use chattpl_syntax::ast::{ExprKind, StmtKind, Target};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::rule::{Checked, NotEvaluated, Rule};
use crate::scope::{Binding, BindingKind, ScopeId, ScopeKind, Scopes, Use};

declare_rule! {
    /// ## What it does
    /// Reports a `{% set %}` inside a `{% for %}` whose value is read nowhere in the rest of that turn of the loop, while the
    /// name is read after the loop, or in a later turn of it, where the value is gone.
    ///
    /// ## Why
    /// Each turn of a loop has a scope of its own. Only attributes of a `namespace(...)` outlive it; a system message or a
    /// counter kept in a plain name is silently lost.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- set system = '' -%}
    /// {%- for message in messages -%}
    /// {%- if message.role == 'system' -%}{%- set system = message.content -%}{%- endif -%}
    /// {%- endfor -%}
    /// {{- system -}}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- set found = namespace(system='') -%}
    /// {%- for message in messages -%}
    /// {%- if message.role == 'system' -%}{%- set found.system = message.content -%}{%- endif -%}
    /// {%- endfor -%}
    /// {{- found.system -}}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Fixed
    /// ```jinja
    /// {%- set system_kept = namespace(system='') -%}
    /// {%- for message in messages -%}
    /// {%- if message.role == 'system' -%}{%- set system_kept.system = message.content -%}{%- endif -%}
    /// {%- endfor -%}
    /// {{- system_kept.system -}}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT101",
    name: "set-in-loop-lost",
    family: Correctness,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl],
    fix: Sometimes,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let scopes = context.scopes()?;
    let mut found: Vec<Finding> = Vec::new();
    for binding in scopes.bindings() {
        let set = matches!(binding.kind, BindingKind::Set | BindingKind::SetBlock);
        let Some(around) = scopes.enclosing(binding.scope, ScopeKind::For).filter(|_| set) else {
            continue;
        };
        if is_read_after(scopes, binding) || found.iter().any(|finding| same_name(context, finding.span, binding)) {
            continue;
        }
        if let Some(read) = wanted_at(scopes, binding, around) {
            let message = format!("`{}` is set in a loop and lost at the end of each turn", binding.name);
            let finding = Finding::new(rule, binding.span, format!("{message}; keep it in a `namespace(...)`"));
            let finding = finding.related(read.span, "read here, where the value is gone");
            found.push(match namespaced(context, binding.name)? {
                Some(fix) => finding.with_fix(fix),
                None => finding,
            });
        }
    }
    Ok(found)
}

/// Keeps a name in a namespace: where the template sets it once before its loops, and never again under another kind.
fn namespaced(context: &Context<'_>, name: &str) -> Result<Option<Fix>, NotEvaluated> {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let kept = format!("{name}_kept");
    let bindings: Vec<&Binding<'_>> = scopes.bindings().iter().filter(|binding| binding.name == name).collect();
    let first = bindings.first().filter(|first| scopes.enclosing(first.scope, ScopeKind::For).is_none());
    let Some((first, value)) = first.and_then(|first| Some((first, first.value?))) else {
        return Ok(None);
    };
    // `set a, b = ...` has no attribute to take the place of one of its names.
    let alone = |span: Span| {
        nodes.stmts().any(|(_, stmt)| {
            matches!(&stmt.kind, StmtKind::Set { target: Target::Name(name), .. } if name.span == span)
        })
    };
    let plain = bindings.iter().all(|binding| binding.kind == BindingKind::Set && alone(binding.span));
    let reads = || scopes.uses().iter().filter(|read| read.name == name);
    let reached = |read: &Use<'_>| scopes.is_inside(read.scope, first.scope) && first.order < read.order;
    let reads_value = |read: &Use<'_>| value.span.start <= read.span.start && read.span.end <= value.span.end;
    let inside = bindings.iter().all(|binding| scopes.is_inside(binding.scope, first.scope));
    let taken = scopes.bindings().iter().any(|binding| binding.name == kept);
    // The first value may be in a branch, or the caller's; then what the others read is not sure.
    let sure = reads().all(|read| reads_value(read) || reached(read) && scopes.reaches(first, read));
    let always = scopes.is_unconditional(first);
    if !(plain && inside && sure && always) || taken {
        return Ok(None);
    }
    let first_value = match value.kind {
        // Its comma would begin another argument.
        ExprKind::Tuple(_) => format!("({})", context.slice(value.span)),
        _ => context.slice(value.span).to_owned(),
    };
    let wrapped = format!("namespace({name}={first_value})");
    let mut edits = vec![Edit::replace(first.span, kept.clone()), Edit::replace(value.span, wrapped)];
    let others = bindings[1..].iter().map(|binding| binding.span);
    let read = reads().filter(|read| !reads_value(read)).map(|read| read.span);
    edits.extend(others.chain(read).map(|span| Edit::replace(span, format!("{kept}.{name}"))));
    Ok(Some(Fix::changing(format!("keep `{name}` in a namespace"), edits)))
}

fn same_name(context: &Context<'_>, span: Span, binding: &Binding<'_>) -> bool {
    context.slice(span) == binding.name
}

/// Whether the value is read while it lives: then the name serves within one turn of the loop.
fn is_read_after(scopes: &Scopes<'_>, binding: &Binding<'_>) -> bool {
    scopes.uses().iter().any(|read| {
        read.name == binding.name && scopes.is_inside(read.scope, binding.scope) && scopes.reaches(binding, read)
    })
}

/// A read that was meant to see the value: behind the loop, or before the assignment in a later turn.
fn wanted_at<'a, 't>(scopes: &'a Scopes<'t>, binding: &Binding<'t>, around: ScopeId) -> Option<&'a Use<'t>> {
    let outside = scopes.scope(around).parent?;
    let mut reads = scopes.uses().iter().filter(|read| read.name == binding.name);
    reads.find(|read| {
        let seen = scopes.seen_by(read);
        let sees_outer = seen.iter().all(|seen| !scopes.is_inside(seen.scope, around) && seen.order < binding.order);
        let in_loop = scopes.is_inside(read.scope, around);
        let behind = !in_loop && read.order > binding.order && scopes.is_inside(read.scope, outside);
        // Names that nobody binds outside come from the caller, who means the caller's value.
        sees_outer && (behind || in_loop && !seen.is_empty())
    })
}
