//! Rules about behaviour, where they can go wrong: each template beside its twin.

use chattpl_lint::{lint, Selector, Settings, Subject, Supplied};

/// The codes that a rule finds, and what it says.
fn found(code: &str, source: &str) -> Vec<String> {
    let settings = Settings { select: vec![Selector::parse(code).expect("a rule")], ..Settings::default() };
    let report = lint(&Subject::new(source, None, Supplied::default()), &settings);
    assert!(report.not_evaluated.is_empty(), "{:?}", report.not_evaluated);
    report.findings.into_iter().map(|finding| finding.message).collect()
}

/// Holds a table of templates to whether the rule finds something in them.
fn check(code: &str, table: &[(&str, &str, bool)]) {
    for (what, source, is_fault) in table {
        let found = found(code, source);
        assert_eq!(!found.is_empty(), *is_fault, "{code}, {what}: {found:#?}");
    }
}

/// A template like ChatML: the head of each turn, how it ends, and the prompt.
fn chat(end: &str, prompt: &str) -> String {
    format!(
        "{{%- for m in messages -%}}{{{{- '<|im_start|>' + m.role + '\\n' + (m.content or '') -}}}}\
         {{%- for c in m.tool_calls or [] -%}}{{{{- '<tool_call>' + c.function|tojson + '</tool_call>' -}}}}{{%- endfor -%}}\
         {end}{{%- endfor -%}}{{%- if add_generation_prompt -%}}{{{{- '{prompt}' -}}}}{{%- endif -%}}"
    )
}

const END: &str = "{{- '<|im_end|>\\n' -}}";
const PROMPT: &str = "<|im_start|>assistant\\n";

#[test]
fn a_prompt_that_is_no_header_is_found() {
    check(
        "CT202",
        &[
            ("whole", &chat(END, PROMPT), false),
            ("with a thought", &chat(END, "<|im_start|>assistant\\n<think>\\n"), false),
            ("without its newline", &chat(END, "<|im_start|>assistant"), true),
            ("without its role", &chat(END, "<|im_start|>"), true),
            ("of another role", &chat(END, "<|im_start|>user\\n"), true),
            ("of another name", &chat(END, "<|im_start|>model\\n"), true),
            ("of another marker", &chat(END, "<|assistant|>\\n"), true),
            ("none", &chat(END, ""), true),
            (
                "none behind a result",
                &chat(END, PROMPT).replace("if add_g", "if messages[-1].role == 'user' and add_g"),
                true,
            ),
        ],
    );
}

#[test]
fn a_recipient_that_the_model_chooses_is_no_part_of_the_header() {
    let source = "{%- for m in messages -%}{{- '<from>' + m.role + '\\n<to>' -}}\
        {%- if m.tool_calls -%}{{- m.tool_calls[0].function.name + '\\n' + m.tool_calls[0].function.arguments|tojson -}}\
        {%- else -%}{{- 'all\\n' + (m.content or '') -}}{%- endif -%}{{- '<stop>\\n' -}}{%- endfor -%}\
        {%- if add_generation_prompt -%}{{- '<from>assistant\\n<to>' -}}{%- endif -%}";
    check("CT202", &[("the recipient is left open", source, false)]);
}

#[test]
fn an_unasked_prompt_is_told_from_a_closing_token() {
    let unasked = chat(END, PROMPT).replace("if add_generation_prompt", "if true");
    let at_the_end = chat(END, PROMPT) + "{%- if not add_generation_prompt -%}{{- eos_token -}}{%- endif -%}";
    let after_users = chat(END, PROMPT).replace(
        "if add_generation_prompt",
        "if add_generation_prompt or messages and messages[-1].role != 'assistant'",
    );
    check(
        "CT203",
        &[
            ("asked for", &chat(END, PROMPT), false),
            ("always", &unasked, true),
            ("an end token behind the last turn", &at_the_end, false),
            ("only before an assistant speaks", &after_users, false),
        ],
    );
}

#[test]
fn a_prompt_that_the_turn_does_not_begin_with_is_found() {
    let thinking = chat(END, "<|im_start|>assistant\\n<think>\\n");
    let printed = thinking.replace(
        "+ m.role + '\\n' +",
        "+ m.role + '\\n' + ('<think>\\n\\n</think>' if m.role == 'assistant' else '') +",
    );
    check(
        "CT204",
        &[
            ("a header", &chat(END, PROMPT), false),
            ("a thought that turns lack", &thinking, true),
            ("a thought that turns have", &printed, false),
            ("a header that goes on", &chat(END, "<|im_start|>"), false),
            ("another header", &chat(END, "<|im_start|>user\\n"), true),
        ],
    );
}

#[test]
fn an_open_turn_is_found_wherever_it_is() {
    let glm = "{%- for m in messages -%}{{- '<|' + m.role + '|>\\n' + (m.content or '') -}}{%- endfor -%}\
        {%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}";
    let part_of_the_turn = "{%- for m in messages -%}\
        {%- if m.role == 'tool' -%}{{- '<result>' + m.content + '</result>' -}}\
        {%- else -%}\
        {%- if not (loop.previtem and loop.previtem.role == 'tool') -%}{{- '<turn>' + m.role + '\\n' -}}{%- endif -%}\
        {{- m.content or '' -}}\
        {%- for c in m.tool_calls or [] -%}{{- '<call>' + c.function|tojson + '</call>' -}}{%- endfor -%}\
        {%- if not m.tool_calls -%}{{- '<end>\\n' -}}{%- endif -%}{%- endif -%}{%- endfor -%}\
        {%- if add_generation_prompt and messages[-1].role != 'tool' -%}{{- '<turn>assistant\\n' -}}{%- endif -%}";
    let with_new_header = part_of_the_turn.replace("loop.previtem.role == 'tool'", "false");
    let only = |test: &str| chat(&format!("{{%- if {test} -%}}{END}{{%- endif -%}}"), PROMPT);
    check(
        "CT206",
        &[
            ("all closed", &chat(END, PROMPT), false),
            ("none closed", &chat("{{- '\\n' -}}", PROMPT), true),
            ("the last open", &only("not loop.last"), true),
            ("the last closed", &only("loop.last"), true),
            ("assistants open", &only("m.role != 'assistant'"), true),
            ("calls open", &only("not m.tool_calls"), true),
            (
                "calls end with another token",
                &chat("{{- '<|eom|>' if m.tool_calls else '<|im_end|>' -}}", PROMPT),
                false,
            ),
            ("calls end with more", &chat("{{- '<|done|>' if not m.tool_calls -}}{{- '<|im_end|>' -}}", PROMPT), false),
            ("the next role's marker is the stop", glm, false),
            ("a result is part of the turn", part_of_the_turn, false),
            ("a result is followed by a new header", &with_new_header, true),
            ("contents and nothing else", "{%- for m in messages -%}{{- m.content -}}{%- endfor -%}", false),
        ],
    );
}

#[test]
fn ends_that_differ_at_the_end_of_a_conversation_are_found() {
    let glm = "{%- for m in messages -%}{{- '<|' + m.role + '|>\\n' + (m.content or '') -}}{%- endfor -%}";
    check(
        "CT207",
        &[
            ("alike", &chat(END, PROMPT), false),
            ("another token", &chat("{{- '<|return|>' if loop.last else '<|im_end|>' -}}", PROMPT), true),
            (
                "one token more",
                &(chat(END, PROMPT) + "{%- if not add_generation_prompt -%}{{- eos_token -}}{%- endif -%}"),
                true,
            ),
            (
                "no newline behind the token",
                &chat("{{- '<|im_end|>' + ('' if loop.last else '\\n') -}}", PROMPT),
                false,
            ),
            ("the next role's marker", glm, true),
            (
                "an unasked prompt, which is another fault",
                &chat(END, PROMPT).replace("if add_generation_prompt", "if true"),
                false,
            ),
        ],
    );
}

#[test]
fn order_is_that_of_the_messages_but_for_systems() {
    let system_last =
        "{%- for m in messages if m.role != 'system' -%}{{- '<' + m.role + '>' + (m.content or '') -}}{%- endfor -%}\
        {%- for m in messages if m.role == 'system' -%}{{- '<system>' + m.content -}}{%- endfor -%}";
    let results_last =
        "{%- for m in messages if m.role != 'tool' -%}{{- '<' + m.role + '>' + (m.content or '') -}}{%- endfor -%}\
        {%- for m in messages if m.role == 'tool' -%}{{- '<tool>' + m.content -}}{%- endfor -%}";
    check(
        "CT209",
        &[
            ("in order", &chat(END, PROMPT), false),
            ("reversed", &chat(END, PROMPT).replace("in messages -", "in messages|reverse -"), true),
            ("systems last", system_last, false),
            ("results last", results_last, true),
            ("twice", &chat(END, PROMPT).replace("(m.content or '')", "(m.content or '') * 2"), true),
        ],
    );
}

#[test]
fn a_system_message_may_move_and_may_be_refused() {
    let to_the_last_user = "{%- for m in messages -%}\
        {%- if m.role == 'user' -%}\
        {%- if loop.last and messages[0].role == 'system' -%}{{- '<s>' + messages[0].content + '</s>' -}}{%- endif -%}{{- m.content -}}\
        {%- elif m.role == 'assistant' -%}{{- '<a>' + (m.content or '') -}}{%- endif -%}{%- endfor -%}";
    let refused =
        "{%- if messages and messages[0].role == 'system' -%}{{- raise_exception('no system') -}}{%- endif -%}\
        {%- for m in messages if m.role != 'system' -%}{{- '<' + m.role + '>' + (m.content or '') -}}{%- endfor -%}";
    let not_beside_tools = "{%- for m in messages if m.role != 'system' or not tools -%}{{- '<' + m.role + '>' + (m.content or '') -}}{%- endfor -%}";
    let plain_only = to_the_last_user.replace("loop.last and ", "false and ");
    check(
        "CT210",
        &[
            ("printed", &chat(END, PROMPT), false),
            ("with the last user's content", to_the_last_user, false),
            ("refused", refused, false),
            ("not beside tools", not_beside_tools, true),
            ("nowhere", &plain_only, true),
        ],
    );
}

#[test]
fn tools_are_printed_all_or_refused() {
    let with = |tools: &str| format!("{tools}{}", chat(END, PROMPT));
    check(
        "CT211",
        &[
            ("not read", &chat(END, PROMPT), true),
            ("all", &with("{%- if tools -%}{{- tools|tojson -}}{%- endif -%}"), false),
            ("the first", &with("{%- if tools -%}{{- tools[0]|tojson -}}{%- endif -%}"), true),
            ("refused", &with("{%- if tools -%}{{- raise_exception('no tools') -}}{%- endif -%}"), false),
            ("counted", &with("{%- if tools -%}{{- tools|length -}}{%- endif -%}"), true),
        ],
    );
}

#[test]
fn schema_parts_are_named() {
    let source = "{%- for t in tools or [] -%}{{- t.function.name + t.function.description -}}\
        {%- for name, p in t.function.parameters.properties|items -%}{{- name + ' ' + (p.enum or [])|tojson + (p.description or '') -}}{%- endfor -%}{%- endfor -%}";
    let said = found("CT212", source).concat();
    for lost in ["`default`", "`leader`", "`ages`", "`$ref`", "`pattern`"] {
        assert!(said.contains(lost), "{lost}: {said}");
    }
    for kept in ["`enum`", "`cabin`", "`required`", "`type`"] {
        assert!(!said.contains(kept), "{kept}: {said}");
    }
    check("CT212", &[("no tools at all", &chat(END, PROMPT), false)]);
}

#[test]
fn a_second_call_may_be_refused() {
    let one = |guard: &str| {
        format!(
            "{{%- for m in messages -%}}{{{{- '<' + m.role + '>' + (m.content or '') -}}}}\
             {{%- if m.tool_calls -%}}{guard}{{{{- m.tool_calls[0].function|tojson -}}}}{{%- endif -%}}{{%- endfor -%}}"
        )
    };
    let refusal = "{%- if m.tool_calls|length > 1 -%}{{- raise_exception('one call') -}}{%- endif -%}";
    check(
        "CT213",
        &[
            ("both", &chat(END, PROMPT), false),
            ("the first", &one(""), true),
            ("refused", &one(refusal), false),
            (
                "no calls at all",
                "{%- for m in messages -%}{{- m.role + ': ' + (m.content or '') -}}{%- endfor -%}",
                false,
            ),
        ],
    );
}

#[test]
fn values_as_python_writes_them_are_told_from_python() {
    let call = |value: &str| {
        format!(
            "{{%- for m in messages -%}}{{{{- m.role + ': ' + (m.content if m.content is string else '') -}}}}\
             {{%- for c in m.tool_calls or [] -%}}{{{{- c.function.name + '(' -}}}}\
             {{%- for name, value in c.function.arguments|items -%}}{{{{- name + '=' + {value} + ',' -}}}}{{%- endfor -%}}{{{{- ')' -}}}}{{%- endfor -%}}{{%- endfor -%}}"
        )
    };
    let xml = call("value|string").replace("'('", "'<'");
    check(
        "CT214",
        &[
            (
                "json",
                &chat(END, PROMPT).replace("(m.content or '')", "(m.content if m.content is string else '')"),
                false,
            ),
            ("a call in python", &call("value|string"), false),
            ("a parameter in python", &xml, true),
            (
                "a parameter in json",
                &xml.replace("value|string", "(value if value is string else value|tojson)"),
                false,
            ),
            ("null as a content", "{%- for m in messages -%}{{- m.role ~ ': ' ~ m.content -}}{%- endfor -%}", true),
        ],
    );
    let parts =
        found("CT214", "{%- for m in messages -%}{{- m.role ~ ': ' ~ (m.content or '') -}}{%- endfor -%}").concat();
    assert!(parts.contains("[{'type': 'text'"), "{parts}");
}

#[test]
fn escapes_are_found_in_calls_and_in_tools() {
    let tools =
        |filter: &str| format!("{{%- if tools -%}}{{{{- tools|{filter} -}}}}{{%- endif -%}}{}", chat(END, PROMPT));
    let calls = |filter: &str| chat(END, PROMPT).replace("c.function|tojson", &format!("c.function|{filter}"));
    let literal = chat("{{- '&lt;end&gt;\\\\u0041' -}}", PROMPT);
    check(
        "CT215",
        &[
            ("plain json", &tools("tojson"), false),
            ("ascii tools as asked for", &tools("tojson(ensure_ascii=true)"), false),
            ("ascii calls as asked for", &calls("tojson(ensure_ascii=true)"), false),
            ("ascii calls in place of an indent", &calls("tojson(4)"), true),
            ("both, one of them asked for", &(tools("tojson(ensure_ascii=true)") + &calls("tojson(4)")), true),
            ("markup", &calls("tojson|escape|string"), true),
            ("markup joined to safe text", &calls("tojson|safe"), true),
            ("slashes", &tools("tojson|replace('/', '\\\\/')"), true),
            ("a literal that spells an escape", &literal, false),
        ],
    );
}

#[test]
fn what_a_later_day_changes_is_found() {
    let dated = |date: &str| format!("{date}{}", chat(END, PROMPT));
    check(
        "CT216",
        &[
            ("no date", &chat(END, PROMPT), false),
            ("today", &dated("{{- strftime_now('%Y-%m-%d') -}}"), true),
            ("a date of the caller", &dated("{{- date or '' -}}"), false),
            ("a clock that is not printed", &dated("{%- set now = strftime_now('%Y') -%}"), false),
            ("for tools only", &dated("{%- if tools -%}{{- strftime_now('%Y') -}}{%- endif -%}"), true),
        ],
    );
}

#[test]
fn words_beside_a_call_and_calls_may_not_be_lost() {
    let tools = "{%- if tools -%}{{- tools|tojson -}}{%- endif -%}";
    let no_words = chat(END, PROMPT).replace("(m.content or '')", "('' if m.tool_calls else m.content or '')");
    let no_calls = chat(END, PROMPT).replace("m.tool_calls or []", "[]");
    check(
        "CT208",
        &[
            ("both printed", &format!("{tools}{}", chat(END, PROMPT)), false),
            ("no words beside a call", &no_words, true),
            ("tools and no calls", &format!("{tools}{no_calls}"), true),
            ("neither tools nor calls", &no_calls, false),
        ],
    );
}

#[test]
fn what_a_template_cannot_do_without_is_a_constraint() {
    let before = |head: &str| format!("{head}{}", chat(END, PROMPT));
    let tools = "{{- tool.function.name -}}{%- endfor -%}";
    check(
        "CT201",
        &[
            ("tools that are tested", &before(&format!("{{%- for tool in tools or [] -%}}{tools}")), false),
            ("tools that are needed", &before(&format!("{{%- for tool in tools -%}}{tools}")), false),
            (
                "tools that are needed under another name",
                &before(&format!("{{%- set known = tools -%}}{{%- for tool in known -%}}{tools}")),
                false,
            ),
            ("tools that fail as well", &before("{%- for tool in tools -%}{{- tool.name + '' -}}{%- endfor -%}"), true),
            (
                "tools that only some conversations need",
                &before("{%- if messages[1] -%}{{- tools | length -}}{%- endif -%}"),
                true,
            ),
            (
                "a fault where there are no tools",
                &before("{%- if not tools -%}{{- messages.text.x -}}{%- endif -%}"),
                true,
            ),
            ("an argument of its own", &before("{{- 'functions: ' + functions -}}"), false),
            ("an argument that callers leave out", &before("{{- 'effort: ' + reasoning_effort -}}"), true),
            ("a name that it binds too late", &before("{{- 'x' + late -}}{%- set late = 'y' -%}"), true),
        ],
    );
}
