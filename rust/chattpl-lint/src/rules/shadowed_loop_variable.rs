//! CT013: an inner loop takes the name of an outer one.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};
use crate::scope::{Binding, BindingKind, ScopeKind, Scopes};

declare_rule! {
    /// ## What it does
    /// Reports a loop whose variable has the name of the variable of a loop around it.
    ///
    /// ## Why
    /// Inside the inner loop the outer value is out of reach, and a line moved in or out of it means another value.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for item in messages -%}
    /// {{- item.role + ': ' -}}
    /// {%- if item.content is string -%}
    /// {{- item.content -}}
    /// {%- else -%}
    /// {%- for item in item.content or [] -%}{{- item.text -}}{%- endfor -%}
    /// {%- endif -%}
    /// {{- ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for item in messages -%}
    /// {{- item.role + ': ' -}}
    /// {%- if item.content is string -%}
    /// {{- item.content -}}
    /// {%- else -%}
    /// {%- for part in item.content or [] -%}{{- part.text -}}{%- endfor -%}
    /// {%- endif -%}
    /// {{- ';' -}}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT013",
    name: "shadowed-loop-variable",
    family: Dialect,
    kind: Static,
    profiles: [],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let scopes = context.scopes()?;
    let mut found = Vec::new();
    for binding in scopes.bindings().iter().filter(|binding| is_loop_variable(binding)) {
        if let Some(outer) = shadowed(scopes, binding) {
            let message = format!("`{}` hides the variable of the same name of the loop around", binding.name);
            found.push(Finding::new(rule, binding.span, message).related(outer.span, "the outer variable"));
        }
    }
    Ok(found)
}

fn is_loop_variable(binding: &Binding<'_>) -> bool {
    binding.kind == BindingKind::LoopVariable && !binding.name.starts_with('_')
}

/// The variable of the nearest loop around that has the same name; a macro sees none of the loops around it.
fn shadowed<'a, 't>(scopes: &'a Scopes<'t>, binding: &Binding<'t>) -> Option<&'a Binding<'t>> {
    let around = scopes.scope(binding.scope).parent?;
    let within = scopes.chain(around).take_while(|scope| scopes.scope(*scope).kind != ScopeKind::Macro);
    let mut loops = within.filter(|scope| scopes.scope(*scope).kind == ScopeKind::For);
    loops.find_map(|scope| {
        let mut bindings = scopes.bindings().iter();
        bindings.find(|outer| is_loop_variable(outer) && outer.scope == scope && outer.name == binding.name)
    })
}
