//! The one list of rules, by code.

use crate::rule::Rule;

/// Declares the rules' files and lists their rules.
macro_rules! rules {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// Every rule, by code.
        pub static RULES: &[&Rule] = &[$(&$name::RULE),*];
    };
}

rules! {
    syntax_error,
    unknown_filter,
    unknown_test,
    unknown_name,
    unknown_method,
    sandbox_mutation,
    unsupported_statement,
    crlf_source,
    json_escaped_source,
    unused_assignment,
    unreachable_branch,
    constant_condition,
    shadowed_loop_variable,
    unused_suppression,
    suppression_without_reason,
    set_in_loop_lost,
    unguarded_first_message,
    whitespace_leak,
    render_fails,
    generation_prompt_ignored,
    history_not_a_prefix,
    content_dropped,
    double_bos,
    marker_not_one_token,
    no_generation_blocks,
    dunder_access,
    attr_filter_escape,
    reconstructed_name,
    unbounded_work,
    invisible_characters,
    content_gated_instruction,
    url_or_command_in_template,
    date_gated_branch,
}

/// The rule with this code or name.
pub fn rule(code_or_name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code == code_or_name || rule.name == code_or_name)
}
