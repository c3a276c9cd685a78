//! CT014: a comment that silences nothing.

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::rule::{Checked, Rule};
use crate::suppress::Suppression;

declare_rule! {
    /// ## What it does
    /// Reports `{# chattpl: ignore[...] #}` comments that silence no finding.
    ///
    /// ## Why
    /// The fault that they excuse is gone, or has moved; a comment left behind would hide the next one.
    ///
    /// ## Bad
    /// ```jinja
    /// {#- chattpl: ignore[CT001] the parser of an old release -#}
    /// {%- for message in messages %}{{ message.role }}: {{ message.content }};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages %}{{ message.role }}: {{ message.content }};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
    /// ```
    ///
    /// ## Fixed
    /// ```jinja
    ///
    /// {%- for message in messages %}{{ message.role }}: {{ message.content }};{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
    /// ```
    code: "CT014",
    name: "unused-suppression",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability, Security],
    fix: Always,
    since: "0.1.0",
    check: check,
}

/// Only a whole run knows what was silenced; [`crate::lint::lint`] calls [`finding`].
fn check(_: &Rule, _: &Context<'_>) -> Checked {
    Ok(Vec::new())
}

/// The finding about a comment that silenced nothing.
pub(crate) fn finding(_: &Context<'_>, comment: &Suppression) -> Finding {
    let codes: Vec<&str> = comment.codes.iter().map(|(code, _)| code.as_str()).collect();
    let message = format!("no finding of {} is silenced here", codes.join(", "));
    let fix = Fix::safe("remove the comment", vec![Edit::delete(comment.span)]);
    Finding::new(&RULE, comment.span, message).with_fix(fix)
}
