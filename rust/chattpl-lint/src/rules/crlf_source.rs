//! CT008: line ends of Windows.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports templates whose lines end in `\r\n` or `\r`.
    ///
    /// ## Why
    /// Jinja2 reads them as `\n`. Engines that do not, such as minijinja, print the `\r`, or do not trim the newline after a
    /// tag, so that another prompt reaches the model.
    ///
    /// ## Bad
    /// ```jinja lines="crlf"
    /// {%- for message in messages %}
    ///     {{- message.role + ': ' + (message.content or '') + ';' }}
    /// {%- endfor %}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages %}
    ///     {{- message.role + ': ' + (message.content or '') + ';' }}
    /// {%- endfor %}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT008",
    name: "crlf-source",
    family: Dialect,
    kind: Static,
    profiles: [Portability],
    fix: Always,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (original, source) = (&context.subject.original, &context.subject.source);
    if !original.contains('\r') {
        return Ok(Vec::new());
    }
    // The newline that is cut off the end of the text stands past it.
    let newlines = context.text().match_indices('\n').map(|(at, _)| at as u32).chain([context.text().len() as u32]);
    let written = |span: Span| original.get(source.original_span(span).range()).unwrap_or_default();
    let ends: Vec<Span> =
        newlines.map(|at| Span::new(at, at + 1)).filter(|span| written(*span).starts_with('\r')).collect();
    let Some(first) = ends.first() else {
        return Ok(Vec::new());
    };
    let message = format!("{} lines end in {:?}, which not every engine reads as one newline", ends.len(), written(*first));
    let edits = ends.iter().map(|span| Edit::replace(*span, "\n")).collect();
    let line = source.lines().line(first.start);
    let place = Span::new(source.lines().start_byte(line), first.start);
    Ok(vec![Finding::new(rule, place, message).with_fix(Fix::safe("end lines in `\\n`", edits))])
}
