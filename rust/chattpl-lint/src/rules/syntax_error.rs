//! CT001: the template does not parse or compile.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports a template that Jinja2 refuses before it renders anything.
    ///
    /// ## Why
    /// Every request with such a template fails.
    ///
    /// ## Bad
    /// ```jinja
    /// {% for message in messages %}{{ message.content }}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {% for message in messages %}{{ message.role }}: {{ message.content }};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
    /// ```
    code: "CT001",
    name: "syntax-error",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability, Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let Err(fault) = &context.subject.program else {
        return Ok(Vec::new());
    };
    let hint = fault.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    Ok(vec![Finding::new(rule, fault.span, format!("{}{hint}", fault.message.trim_end_matches('.')))])
}
