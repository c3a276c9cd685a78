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
    generation_prompt_unconditional,
    generation_prompt_not_a_prefix,
    history_not_a_prefix,
    turn_not_closed,
    last_turn_closes_differently,
    content_dropped,
    content_reordered,
    system_dropped,
    tools_ignored,
    schema_leaf_dropped,
    parallel_calls_dropped,
    repr_leak,
    escaped_text,
    time_variant,
    continue_final_message_broken,
    parts_differ_from_string,
    null_missing_empty_differ,
    arguments_string_differ_from_mapping,
    tool_result_dropped,
    reasoning_dropped_in_tool_loop,
    thinking_default_unstated,
    content_trimmed,
    unbalanced_markers,
    tool_id_constraint,
    late_system_or_no_user_fails,
    unknown_role_dropped,
    double_bos,
    missing_bos,
    marker_not_one_token,
    stop_token_mismatch,
    pad_is_end_of_turn,
    text_after_stop_token,
    unstable_boundary,
    forgeable_control_token,
    two_sources_disagree,
    declared_token_unused,
    token_flag_surprise,
    no_generation_blocks,
    mask_empty,
    mask_leaks,
    stop_token_outside_mask,
    train_serve_context_differs,
    reasoning_never_trained,
    not_in_minijinja,
    not_in_llama_cpp,
    not_in_hf_jinja_js,
    engine_differs,
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
