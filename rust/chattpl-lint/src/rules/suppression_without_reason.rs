//! CT015: a comment that silences findings and does not say why.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};
use crate::suppress::Suppression;

declare_rule! {
    /// ## What it does
    /// Reports `{# chattpl: ignore[...] #}` comments without a reason behind the bracket, or without a code in it.
    ///
    /// ## Why
    /// Who reads the template next has to know whether the reason still holds.
    ///
    /// ## Bad
    /// ```jinja select="CT104"
    /// {#- chattpl: ignore[CT104] -#}
    /// {{- 'First: ' + messages[0].role + ';' }}
    /// {%- for message in messages %}{{ message.role }}: {{ message.content }};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
    /// ```
    ///
    /// ## Good
    /// ```jinja select="CT104"
    /// {#- chattpl: ignore[CT104] the server refuses empty conversations -#}
    /// {{- 'First: ' + messages[0].role + ';' }}
    /// {%- for message in messages %}{{ message.role }}: {{ message.content }};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
    /// ```
    code: "CT015",
    name: "suppression-without-reason",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability, Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// Comments are read by [`crate::lint::lint`], which calls [`finding`].
fn check(_: &Rule, _: &Context<'_>) -> Checked {
    Ok(Vec::new())
}

/// The finding about a comment that lacks a reason or a code.
pub(crate) fn finding(comment: &Suppression) -> Option<Finding> {
    let message = match (comment.codes.is_empty(), comment.reason.is_empty()) {
        (true, _) => "the comment names no rule",
        (false, true) => "the comment gives no reason; write it behind the bracket",
        (false, false) => return None,
    };
    Some(Finding::new(&RULE, comment.span, message))
}
