//! CT007: a statement that asks for another template.

use chattpl_syntax::ast::{LoadKind, StmtKind};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `include`, `import`, `from ... import` and `extends`.
    ///
    /// ## Why
    /// A chat template travels alone: no runtime has other templates to load, so rendering fails where the statement is
    /// reached.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if house_rules -%}{%- include 'rules.jinja' -%}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if house_rules -%}{{- house_rules -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT007",
    name: "unsupported-statement",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let loads = context.nodes()?.stmts().filter_map(|(_, stmt)| match &stmt.kind {
        StmtKind::Load(load) => Some((stmt.span, load.kind)),
        _ => None,
    });
    let found = loads.map(|(span, kind)| {
        let word = match kind {
            LoadKind::Include => "include",
            LoadKind::Import | LoadKind::FromImport => "import",
            LoadKind::Extends => "extends",
        };
        let message = format!("`{word}` asks for another template, which no runtime has: rendering fails here");
        Finding::new(rule, span, message)
    });
    Ok(found.collect())
}
