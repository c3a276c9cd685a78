//! Rules of the source, on templates that their manuals do not show: what they find, and what they leave alone.

use chattpl_lint::{fix_all, lint, Applicability, Context, Selector, Settings, Subject, Supplied};

/// A loop over messages with this in it.
fn turns(body: &str) -> String {
    format!("{{%- for message in messages -%}}{body}{{%- endfor -%}}")
}

/// The places that one rule finds in a template.
fn places(source: &str, code: &str) -> Vec<String> {
    let settings = Settings { select: vec![Selector::parse(code).expect("a rule")], ..Settings::default() };
    let subject = Subject::new(source, None, Supplied::default());
    let report = lint(&subject, &settings);
    assert!(report.not_evaluated.is_empty(), "{source}: {:?}", report.not_evaluated);
    report.findings.iter().map(|finding| source[finding.span.range()].to_owned()).collect()
}

fn check(code: &str, cases: &[(&str, &[&str])]) {
    for (body, wanted) in cases {
        let source = turns(body);
        assert_eq!(places(&source, code), *wanted, "{code}: {source}");
    }
}

#[test]
fn contents_are_guarded_in_many_ways() {
    check(
        "CT102",
        &[
            ("{{ 'a' + message.content }}", &["message.content"]),
            ("{{ 'a' + message['content'] }}", &["message['content']"]),
            ("{{ 'a' + message.get('content') }}", &["message.get('content')"]),
            ("{{ message.content.strip() }}", &["message.content"]),
            ("{% if '</think>' in message.content %}x{% endif %}", &["message.content"]),
            ("{{ message.content | trim }}", &["message.content"]),
            ("{% set text = message.content %}{{ text + 'a' }}", &["message.content"]),
            ("{{ 'a' + (message.content or '') }}", &[]),
            ("{{ 'a' + message.content | default('', true) }}", &[]),
            ("{% if message.content %}{{ 'a' + message.content }}{% endif %}", &[]),
            ("{% if message.content is string %}{{ 'a' + message.content }}{% endif %}", &[]),
            ("{% if message.content is defined and message.content is not none %}{{ 'a' + message.content }}{% endif %}", &[]),
            ("{% set text = message.content if message.content is string else '' %}{{ text + 'a' }}", &[]),
            ("{% if not message.content %}{{ raise_exception('no content') }}{% endif %}{{ 'a' + message.content }}", &[]),
            ("{{ 'a' ~ message.role }}", &[]),
        ],
    );
}

#[test]
fn lists_of_parts_count_where_the_template_takes_them_elsewhere() {
    let user = "{% if message.role == 'user' %}{% if message.content is string %}{{ message.content }}{% else %}\
                {% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}{% else %}";
    check(
        "CT102",
        &[
            (&format!("{user}{{{{ 'a' + (message.content or '') }}}}{{% endif %}}"), &["message.content"]),
            (
                &format!(
                    "{user}{{% if message.content is string %}}{{{{ message.content }}}}{{% endif %}}{{% endif %}}"
                ),
                &[],
            ),
        ],
    );
}

#[test]
fn arguments_are_text_or_mapping() {
    let calls = |body: &str| format!("{{% for call in message.tool_calls or [] %}}{body}{{% endfor %}}");
    let cases: [(&str, &[&str]); 8] = [
        ("{{ call.function.arguments | tojson }}", &["call.function.arguments | tojson"]),
        ("{{ '(' + call.function.arguments + ')' }}", &["call.function.arguments"]),
        ("{{ call.function.arguments }}", &["call.function.arguments"]),
        ("{% for k, v in call.function.arguments | items %}{{ k }}{% endfor %}", &["call.function.arguments"]),
        ("{% set a = call.function.arguments %}{% for k in a.items() %}{{ k[0] }}{% endfor %}", &["a"]),
        ("{% set a = call.function.arguments %}{{ a if a is string else a | tojson }}", &[]),
        ("{% if call.function.arguments is mapping %}{{ call.function.arguments | tojson }}{% else %}{{ call.function.arguments }}{% endif %}", &[]),
        ("{% if call.function.arguments is string %}{{ raise_exception('a mapping please') }}{% endif %}{{ call.function.arguments | tojson }}", &[]),
    ];
    for (body, wanted) in cases {
        check("CT103", &[(&calls(body), wanted)]);
    }
}

#[test]
fn containers_are_printed_as_json_or_not() {
    let tools = |body: &str| format!("{{%- for tool in tools or [] -%}}{body}{{%- endfor -%}}");
    let cases = [
        (tools("{{ tool }}"), vec!["tool"]),
        (tools("{{ 'x' ~ tool.function }}"), vec!["tool.function"]),
        (tools("{{ tool | tojson }}"), vec![]),
        (tools("{{ tool.function.name }}"), vec![]),
        ("{{ {'a': 1} }}".to_owned(), vec!["{'a': 1}"]),
        ("{{ (['a'] + ['b']) | join }}".to_owned(), vec![]),
    ];
    for (source, wanted) in cases {
        assert_eq!(places(&source, "CT106"), wanted, "{source}");
    }
}

#[test]
fn positions_count_where_old_turns_change() {
    check(
        "CT108",
        &[
            ("{{ message.content }}{% if loop.last %}{{ '<end>' }}{% endif %}", &["loop.last"]),
            ("{{ message.content }}{% if not loop.last %}{{ '\\n' }}{% endif %}", &[]),
            ("{% if loop.first %}{{ '<bos>' }}{% endif %}{{ message.content }}", &[]),
            ("{% if loop.index0 == 0 %}{{ '<bos>' }}{% endif %}{{ message.content }}", &[]),
            (
                "{% if loop.index == messages | length %}{{ '<last>' }}{% endif %}{{ message.content }}",
                &["loop.index == messages | length"],
            ),
            ("{{ message.content }}{% if loop.last and add_generation_prompt %}{{ '<assistant>' }}{% endif %}", &[]),
        ],
    );
}

#[test]
fn markup_counts_where_something_is_escaped() {
    let cases = [
        ("{{ '<a>' + 'x' | safe }}", vec!["'x' | safe"]),
        ("{{ 'a' + ('x' | safe) + '\"' }}", vec!["('x' | safe)"]),
        ("{{ 'x' | safe }}{{ '<a>' }}", vec![]),
        ("{{ 'ab' + 'x' | safe }}", vec![]),
    ];
    for (source, wanted) in cases {
        assert_eq!(places(source, "CT114"), wanted, "{source}");
    }
}

#[test]
fn json_arguments_are_named_or_left_out() {
    let cases = [
        ("{{ [1] | tojson(true) }}", "{{ [1] | tojson }}"),
        ("{{ ([1] | tojson(ensure_ascii=True, indent=2)) }}", "{{ ([1] | tojson(indent=2)) }}"),
        ("{{ [1] | tojson(4) }}", "{{ [1] | tojson(indent=4) }}"),
        ("{{ [1] | tojson(indent=4) }}", "{{ [1] | tojson(indent=4) }}"),
        ("{{ [1] | tojson(ensure_ascii=false) }}", "{{ [1] | tojson(ensure_ascii=false) }}"),
    ];
    for (source, wanted) in cases {
        let settings = Settings { select: vec![Selector::parse("CT111").expect("a rule")], ..Settings::default() };
        let subject = Subject::new(source, None, Supplied::default());
        assert_eq!(fix_all(&subject, &settings, Applicability::Unsafe).text, wanted);
    }
}

#[test]
fn undefined_values_are_asked_for_with_and_without_a_guard() {
    let cases: [(&str, &[&str]); 9] = [
        ("{% if style %}x{% endif %}", &["style"]),
        ("{% if style is defined and style %}x{% endif %}", &[]),
        ("{% if style is not defined %}{% set style = 'a' %}{% endif %}{% if style %}x{% endif %}", &[]),
        ("{% for tool in tools %}x{% endfor %}", &["tools"]),
        ("{% for m in messages %}{% if m.tool_calls %}x{% endif %}{% endfor %}", &["m.tool_calls"]),
        ("{% for m in messages %}{% if 'tool_calls' in m and m.tool_calls %}x{% endif %}{% endfor %}", &[]),
        ("{% for m in messages %}{% if m.role and loop.last %}x{% endif %}{% endfor %}", &[]),
        ("{% set ns = namespace(a=0) %}{% if ns.a %}x{% endif %}", &[]),
        ("{{ 'x' if not style else 'y' }}", &["style"]),
    ];
    for (source, wanted) in cases {
        assert_eq!(places(source, "CT113"), wanted, "{source}");
    }
}

#[test]
fn a_guard_against_undefined_values_changes_no_render() {
    let source = "{% if a and not b or c %}x{% elif tools %}{% for t in tools %}y{% endfor %}{% endif %}{{ 'p' if d else 'q' }}{{ (e or 'r') }}";
    let settings = Settings { select: vec![Selector::parse("CT113").expect("a rule")], ..Settings::default() };
    let before = Subject::new(source, None, Supplied::default());
    let fixed = fix_all(&before, &settings, Applicability::Safe);
    assert_eq!(fixed.applied, 6, "{}", fixed.text);
    let after = Subject::new(fixed.text.clone(), None, Supplied::default());
    let (old, new) = (Context::new(&before), Context::new(&after));
    let (old, new) = (old.probes().expect("it compiles"), new.probes().expect("it compiles"));
    assert!(chattpl_lint::lint::renders_alike(old, new), "{}", fixed.text);
}

#[test]
fn generation_blocks_in_what_collects_text_are_found() {
    let block = "{% generation %}a{% endgeneration %}";
    for around in
        ["{% macro m() %}BLOCK{% endmacro %}", "{% set x %}BLOCK{% endset %}", "{% filter upper %}BLOCK{% endfilter %}"]
    {
        assert_eq!(places(&around.replace("BLOCK", block), "CT110"), ["{% generation %}"], "{around}");
    }
    assert!(places(&turns(block), "CT110").is_empty());
}

#[test]
fn a_refusal_is_listed_with_its_condition() {
    let source = "{% if a %}{{ raise_exception('no a') }}{% else %}{{ raise_exception(b) }}{% endif %}";
    let settings = Settings { select: vec![Selector::parse("CT112").expect("a rule")], ..Settings::default() };
    let subject = Subject::new(source, None, Supplied::default());
    let messages: Vec<String> = lint(&subject, &settings).findings.into_iter().map(|finding| finding.message).collect();
    assert_eq!(messages, ["refuses a conversation where `a`: `'no a'`", "refuses a conversation: `b`"]);
}

#[test]
fn a_default_system_text_is_told_from_headers() {
    let cases = [
        ("{{ '<|im_start|>system\\nYou are a kind assistant.<|im_end|>\\n' }}", 1),
        ("{{ '<|start_header_id|>user<|end_header_id|>\\n\\n' }}", 0),
        ("{{ '### Instruction:\\n' }}", 0),
    ];
    for (head, count) in cases {
        let source = head.to_owned() + &turns("{{ message.content }}");
        assert_eq!(places(&source, "CT109").len(), count, "{source}");
    }
}

/// Bugs that users met: the thread, a template with the bug, the rule that finds it.
const KNOWN: [(&str, &str, &str); 12] = [
    (
        "Qwen3-Coder#444",
        "{% for call in message.tool_calls or [] %}{% for k, v in call.function.arguments | items %}{{ k }}{% endfor %}{% endfor %}",
        "CT103",
    ),
    ("mlx-lm#1065", "{% for call in message.tool_calls or [] %}{{ '(' + call.function.arguments }}{% endfor %}", "CT103"),
    ("flama#258", "{% for call in message.tool_calls or [] %}{{ call.function.arguments | tojson }}{% endfor %}", "CT103"),
    ("mlx-vlm#1785", "{% if '</think>' in message.content %}{{ message.content }}{% endif %}", "CT102"),
    ("transformers#45348", "{{ message.role + message.content }}", "CT102"),
    (
        "ms-swift#9968",
        "{% for call in message.tool_calls or [] %}{% for k, v in call.function.arguments | items %}<{{ k }}>{{ v }}{% endfor %}{% endfor %}",
        "CT106",
    ),
    ("sglang#3296", "{% if loop.first %}{{ 'Today Date: 26 Jul 2024' }}{% endif %}", "CT107"),
    ("trl#6124", "{{ message.content }}{% if loop.last %}{{ '<end>' }}{% endif %}", "CT108"),
    ("LlamaFactory#10772", "{% if loop.first and message.role != 'system' %}{{ 'You are a helpful assistant.' }}{% endif %}{{ message.content }}", "CT109"),
    ("tabbyAPI#459", "{{ message.content | tojson(ensure_ascii=true) }}", "CT111"),
    (
        "ik_llama.cpp#2018",
        "{% if message.thinking is defined %}{% set thought = message.thinking %}{% endif %}{{ thought }}",
        "CT502",
    ),
    ("sglang#13722", "{{ message | tojson(ensure_ascii=false) }}", "CT501"),
];

#[test]
fn bugs_that_users_met_are_found_under_their_codes() {
    for (thread, body, code) in KNOWN {
        assert!(!places(&turns(body), code).is_empty(), "{thread}: {code}");
    }
}

#[test]
fn white_space_that_the_prompt_needs_is_no_leak() {
    let turn = "{{- '<' + message.role + '>' + (message.content or '') -}}\n";
    let line = "{{- '<' + message.role + '>' + (message.content or '') + '\\n' -}}\n";
    let list = |indent: &str| {
        format!("{{{{- 'calls: [\\n' -}}}}{{%- for call in message.tool_calls or [] %}}\n{indent}{{{{ call.function.name + ',\\n' -}}}}{{% endfor -%}}{{{{- ']' -}}}}")
    };
    check(
        "CT105",
        &[
            // A line of its own between lines.
            (&format!("{line}{{% if true %}}{{% endif %}}\n\n{{% if true %}}{{% endif -%}}"), &["\n"]),
            // The only newline between two turns, and between a text and a branch.
            (&format!("{turn}{{% if true %}}{{% endif %}}\n\n{{% if true %}}{{% endif -%}}"), &[]),
            (&format!("{line}{{{{- 'a' -}}}}\n{{% if true %}}{{% endif %}}\n\n{{% if tools %}}b{{% endif -%}}"), &[]),
            // All of a branch.
            (&format!("{line}{{% if true %}}\n\n{{% endif -%}}"), &[]),
            (&format!("{line}{{% if tools %}}\nx\n{{% else %}}\n\n{{% endif -%}}"), &[]),
            (&format!("{line}{{% if true %}}{{% set x = 1 %}}\n\n{{% set y = 1 %}}{{% endif -%}}"), &["\n"]),
            // The indent of lines in brackets, and of a turn.
            (&list("    "), &[]),
            (&list("    ").replace("calls: [", "calls:"), &["    "]),
            (&format!("{{% if true %}}\n    {{{{ message.content or '' }}}}{{% endif -%}}{line}"), &["    "]),
        ],
    );
}
