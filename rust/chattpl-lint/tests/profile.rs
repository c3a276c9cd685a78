//! The profile of a template: what it says of small templates that are known in full.

use chattpl_lint::profile::{self, Fate, TemplateProfile, ThinkingDefault};
use chattpl_lint::{Context, Subject, Supplied};

const CHAT: &str = "{%- for message in messages -%}{{- '<|' + message.role + '|>' + (message.content or '') + '<|end|>\n' -}}{%- endfor -%}\
    {%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}";

fn profile(source: &str) -> TemplateProfile {
    let subject = Subject::new(source, None, Supplied::default());
    profile::of(&Context::new(&subject)).expect("it compiles")
}

/// The template of [`CHAT`] behind a test of the messages.
fn after(test: &str) -> TemplateProfile {
    profile(&format!("{test}{CHAT}"))
}

/// A template whose turns print this between header and end.
fn turns(inner: &str) -> TemplateProfile {
    profile(&format!(
        "{{%- for message in messages -%}}{{{{- '<|' + message.role + '|>' -}}}}{inner}{{{{- '<|end|>\\n' -}}}}{{%- endfor -%}}\
         {{%- if add_generation_prompt -%}}{{{{- '<|assistant|>' -}}}}{{%- endif -%}}"
    ))
}

#[test]
fn a_plain_template_takes_every_role_in_every_order() {
    let profile = profile(CHAT);
    for (role, fate) in profile.roles.accepted.iter().chain(&profile.roles.orders) {
        assert_eq!(*fate, Fate::Accepted, "{role}");
    }
    assert_eq!(profile.system.first, Fate::Accepted);
    assert_eq!(profile.system.midway, Fate::Accepted);
    assert_eq!(profile.system.several, Fate::Accepted);
    assert_eq!(profile.tools.declared, Fate::Dropped);
    assert_eq!(profile.tools.calls, Fate::Dropped);
    assert_eq!(profile.tools.results, Fate::Accepted);
    assert_eq!(profile.reasoning.fields, Vec::<&str>::new());
    assert_eq!(profile.reasoning.latest, Fate::Dropped);
    assert_eq!((profile.reasoning.flag, profile.reasoning.default), (None, ThinkingDefault::NoFlag));
    assert_eq!(profile.turns.generation_prompt.as_deref(), Some("<|assistant|>"));
    assert_eq!(profile.turns.end_of_turn.as_deref(), Some("<|end|>\n"));
    assert!(profile.turns.ends_alike && profile.turns.is_prefix_stable());
    assert_eq!(profile.turns.continues, Fate::Accepted);
    assert!(!profile.reads.clock && !profile.reads.generation_blocks && profile.reads.generation_prompt);
    assert_eq!(profile.constraints, Vec::new());
}

#[test]
fn the_authors_words_are_the_reason() {
    let profile = after(
        "{%- for message in messages -%}\
         {%- if message.role == 'system' and not loop.first -%}{{- raise_exception('system comes first') -}}{%- endif -%}\
         {%- if message.role == 'developer' -%}{{- raise_exception('no developers') -}}{%- endif -%}\
         {%- endfor -%}",
    );
    let refused = |words: &str| Fate::Refused(words.to_owned());
    assert_eq!(profile.system.midway, refused("system comes first"));
    assert_eq!(profile.system.several, refused("system comes first"));
    assert_eq!(profile.roles.role("developer"), Some(&refused("no developers")));
    let words: Vec<&str> = profile.constraints.iter().map(|constraint| constraint.message.as_str()).collect();
    assert_eq!(words, ["system comes first", "no developers"]);
    assert_eq!(profile.constraints[0].shapes, ["two-systems", "system-midway"]);
}

#[test]
fn systems_are_told_apart_by_their_turn() {
    let merged = profile(
        "{%- for message in messages -%}\
         {%- if message.role == 'system' -%}{%- set ns = namespace(text=message.content) -%}{%- endif -%}{%- endfor -%}\
         {%- for message in messages if message.role != 'system' -%}\
         {{- '<|' + message.role + '|>' -}}\
         {%- if loop.last and messages[0].role == 'system' -%}{{- messages[0].content + '\n\n' -}}{%- endif -%}\
         {{- (message.content or '') + '<|end|>\n' -}}{%- endfor -%}",
    );
    assert_eq!(
        (merged.system.first, merged.system.midway, merged.system.several),
        (Fate::Merged, Fate::Dropped, Fate::Dropped)
    );
    let moved = profile(
        "{%- for message in messages if message.role == 'system' -%}{{- message.content + '\n' -}}{%- endfor -%}\
         {%- for message in messages if message.role != 'system' -%}{{- '<|' + message.role + '|>' + (message.content or '') -}}{%- endfor -%}",
    );
    assert_eq!((moved.system.first, moved.system.midway), (Fate::Accepted, Fate::Moved));
}

#[test]
fn arguments_and_ids_are_told_by_form() {
    let calls = |inner: &str| {
        turns(&format!(
            "{{{{- message.content or '' -}}}}{{%- for call in message.tool_calls or [] -%}}{inner}{{%- endfor -%}}"
        ))
        .tools
    };
    let twice = calls("{{- call.function | tojson -}}");
    assert_eq!(twice.arguments_as_mapping, Fate::Accepted);
    assert_eq!(twice.arguments_as_text, Fate::Garbled("encoded a second time"));
    assert!(!twice.ids.are_printed && twice.ids.absent == Fate::Accepted);
    let repr = calls("{{- call.id + call.function.name + (call.function.arguments | string) -}}");
    assert_eq!(repr.arguments_as_mapping, Fate::Garbled("as Python writes a mapping"));
    assert_eq!(repr.arguments_as_text, Fate::Accepted);
    assert!(repr.ids.are_printed && matches!(repr.ids.absent, Fate::Fails(_)));
    let text_only = calls("{{- call.function.name + call.function.arguments -}}");
    assert!(matches!(text_only.arguments_as_mapping, Fate::Fails(_)));
    assert_eq!(text_only.arguments_as_text, Fate::Accepted);
    let nine = calls(
        "{%- if call.id | length != 9 -%}{{- raise_exception('nine') -}}{%- endif -%}{{- call.function | tojson -}}",
    );
    assert_eq!((nine.ids.nine_characters, nine.ids.openai), (Fate::Accepted, Fate::Refused("nine".to_owned())));
    let first = calls("{%- if loop.first -%}{{- call.function | tojson -}}{%- endif -%}");
    assert_eq!((first.calls, first.parallel_calls), (Fate::Accepted, Fate::Dropped));
}

#[test]
fn reasoning_is_followed_through_history() {
    let profile = turns(
        "{%- if message.reasoning_content and not message.tool_calls and loop.last -%}{{- '<think>' + message.reasoning_content + '</think>' -}}{%- endif -%}\
         {{- (message.content or '').split('</think>')[-1] -}}",
    );
    let reasoning = profile.reasoning;
    assert_eq!(reasoning.fields, ["reasoning_content"]);
    assert_eq!((reasoning.latest, reasoning.history), (Fate::Accepted, Fate::Dropped));
    assert_eq!((reasoning.tool_loop, reasoning.in_content), (Fate::Dropped, Fate::Dropped));
    assert!(!profile.turns.is_prefix_stable());
    assert_eq!(profile.turns.breaks[0].shape, "reasoning-multi-turn");
    let other = turns("{{- message.reasoning or '' -}}{{- message.content or '' -}}").reasoning;
    assert_eq!((other.fields, other.latest), (vec!["reasoning"], Fate::Accepted));
}

#[test]
fn the_absent_flag_is_like_one_of_its_settings_or_like_neither() {
    let default = |test: &str| {
        let source = format!("{CHAT}{{%- if add_generation_prompt -%}}{test}{{%- endif -%}}");
        let reasoning = profile(&source).reasoning;
        (reasoning.flag, reasoning.default, reasoning.is_opened_by_prompt)
    };
    let flag = Some("enable_thinking");
    assert_eq!(
        default("{%- if enable_thinking -%}{{- '<think>' -}}{%- endif -%}"),
        (flag, ThinkingDefault::Off, false)
    );
    assert_eq!(
        default("{%- if enable_thinking is not false -%}{{- '<think>\n' -}}{%- endif -%}"),
        (flag, ThinkingDefault::On, true)
    );
    assert_eq!(
        default("{%- if enable_thinking is defined -%}{{- 'yes' if enable_thinking else 'no' -}}{%- endif -%}"),
        (flag, ThinkingDefault::Neither, false)
    );
    // DeepSeek-R1: the model's own text has no `<think>`, and parsers of it look in vain.
    assert_eq!(default("{{- '<think>\n' -}}"), (None, ThinkingDefault::NoFlag, true));
}

#[test]
fn parts_are_told_by_what_is_printed_of_them() {
    let text = turns("{{- message.content | string -}}").parts;
    assert_eq!((text.text, text.text_part), (Fate::Accepted, Fate::Garbled("as Python writes a list")));
    let parts = turns(
        "{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content or [] -%}\
         {%- if part.type == 'image' -%}{{- '<|image|>' -}}{%- else -%}{{- part.text -}}{%- endif -%}{%- endfor -%}{%- endif -%}",
    )
    .parts;
    assert_eq!(
        (parts.text_part, parts.several_text_parts, parts.image),
        (Fate::Accepted, Fate::Accepted, Fate::Accepted)
    );
    assert_eq!(parts.image_placeholder.as_deref(), Some("<|image|>"));
    let first = turns("{{- message.content if message.content is string else message.content[0].text -}}").parts;
    assert_eq!((first.text_part, first.several_text_parts), (Fate::Accepted, Fate::Dropped));
    assert!(!first.image.is_taken());
}

#[test]
fn an_end_token_that_gives_way_to_the_prompt_is_no_part_of_it() {
    let profile = profile(
        "{%- for message in messages -%}{{- '<|' + message.role + '|>' + (message.content or '') + '<|end|>' -}}{%- endfor -%}\
         {{- '<|assistant|>' if add_generation_prompt else '<|endoftext|>' -}}",
    );
    assert_eq!(profile.turns.generation_prompt.as_deref(), Some("<|assistant|>"));
    assert_eq!(profile.turns.end_of_turn.as_deref(), Some("<|end|><|endoftext|>"));
    assert!(!profile.turns.ends_alike);
}

#[test]
fn what_the_caller_may_pass_is_listed() {
    let profile = after("{%- set who = who or 'nobody' -%}{{- bos_token + who + (style | default('')) + strftime_now('%Y') -}}{%- generation -%}{%- endgeneration -%}{%- for d in documents or [] -%}{{- d.text -}}{%- endfor -%}");
    assert_eq!(profile.reads.arguments, ["who", "style"]);
    assert_eq!(profile.reads.tokens, ["bos_token"]);
    assert!(profile.reads.clock && profile.reads.generation_blocks);
    assert_eq!(profile.reads.documents, Fate::Accepted);
}

#[test]
fn json_has_every_part_and_reasons_where_there_are_some() {
    let json =
        after("{%- if messages | length == 0 -%}{{- raise_exception('say something') -}}{%- endif -%}").to_json();
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["roles", "system", "tools", "reasoning", "parts", "turns", "reads", "constraints"]);
    assert_eq!(json["roles"]["orders"]["no_messages"]["reason"], "say something");
    assert_eq!(json["roles"]["accepted"]["user"]["state"], "accepted");
    assert_eq!(json["turns"]["is_prefix_stable"], true);
}

#[test]
fn a_template_that_does_not_compile_has_no_profile() {
    let subject = Subject::new("{% for", None, Supplied::default());
    assert!(profile::of(&Context::new(&subject)).is_err());
}
