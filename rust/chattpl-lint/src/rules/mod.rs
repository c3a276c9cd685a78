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
    unused_suppression,
    suppression_without_reason,
    set_in_loop_lost,
    unguarded_content,
    unguarded_arguments,
    unguarded_first_message,
    whitespace_leak,
    repr_of_container,
    clock_dependent,
    position_dependent_turn,
    hidden_default_system,
    generation_block_in_macro,
    ascii_escaping,
    raise_inventory,
    undefined_reliance,
    markup_escape,
    render_fails,
    generation_prompt_ignored,
    history_not_a_prefix,
    content_dropped,
    double_bos,
    marker_not_one_token,
    no_generation_blocks,
    not_in_minijinja,
    not_in_llama_cpp,
    not_in_hf_jinja_js,
    engine_differs,
}

/// The rule with this code or name.
pub fn rule(code_or_name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code == code_or_name || rule.name == code_or_name)
}
