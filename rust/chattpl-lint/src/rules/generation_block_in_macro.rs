//! CT110: a generation block where `transformers` computes wrong spans.

use chattpl_syntax::ast::StmtKind;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::index::{Item, NodeId, Nodes};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports `{% generation %}` inside a macro, a `set` block, a `call` block or a `filter` block.
    ///
    /// ## Why
    /// `transformers` counts where a block begins in the text written so far at the top of the template. Text that a macro or
    /// block collects is not written yet, so the mask covers other tokens than the block's. (Ours is exact there.)
    ///
    /// ## Bad
    /// ```jinja
    /// {%- macro answer(text) -%}{%- generation -%}{{- text -}}{%- endgeneration -%}{%- endmacro -%}
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- 'assistant: ' + answer(message.content or '') + ';' -}}
    /// {%- else -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}
    /// {%- if message.role == 'assistant' -%}{{- 'assistant: ' -}}
    /// {%- generation -%}{{- (message.content or '') + ';' -}}{%- endgeneration -%}
    /// {%- else -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endif -%}
    /// {%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT110",
    name: "generation-block-in-macro",
    family: Correctness,
    kind: Static,
    profiles: [Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let blocks = nodes.stmts().filter(|(_, stmt)| matches!(stmt.kind, StmtKind::Generation(_)));
    let found = blocks.filter_map(|(id, stmt)| {
        let around = collector(nodes, id)?;
        let tag = context.slice(stmt.span).find("%}").map_or(stmt.span.end, |at| stmt.span.start + at as u32 + 2);
        let span = chattpl_syntax::Span::new(stmt.span.start, tag);
        Some(Finding::new(rule, span, format!("`transformers` computes a wrong mask for a generation block inside a {around}")))
    });
    Ok(found.collect())
}

/// What collects the text of a statement before it is written, if anything does.
fn collector(nodes: &Nodes<'_>, id: NodeId) -> Option<&'static str> {
    nodes.around(id).find_map(|(_, node)| match node.item {
        Item::Stmt(stmt) => match stmt.kind {
            StmtKind::Macro(_) => Some("macro"),
            StmtKind::SetBlock(_) => Some("`set` block"),
            StmtKind::CallBlock(_) => Some("`call` block"),
            StmtKind::FilterBlock(_) => Some("`filter` block"),
            _ => None,
        },
        _ => None,
    })
}
