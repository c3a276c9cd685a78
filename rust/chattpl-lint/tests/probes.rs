//! Rules that look at renders, CT217 to CT228: what triggers each, and a twin that does not.

use chattpl_lint::probe::markers::{closer_of, markers};
use chattpl_lint::{lint, Finding, Profile, Selector, Settings, Subject, Supplied};

const CONTENT: &str = "{{- message.content or '' -}}";
const PARTS: &str = "{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content or [] -%}{{- part.text or '' -}}{%- endfor -%}{%- endif -%}";
const CALLS: &str =
    "{%- for call in message.tool_calls or [] -%}{{- '<call>' + (call.function | tojson) + '</call>' -}}{%- endfor -%}";

/// A template whose turns print this.
fn turns(inner: &str) -> String {
    format!(
        "{{%- if tools -%}}{{{{- '<tools>' + (tools | tojson) + '</tools>\\n' -}}}}{{%- endif -%}}\
         {{%- for message in messages -%}}{{{{- '[' + message.role + ']' -}}}}{inner}{{{{- '[end]\\n' -}}}}{{%- endfor -%}}\
         {{%- if add_generation_prompt -%}}{{{{- '[assistant]' -}}}}{{%- endif -%}}"
    )
}

/// A template whose calls print this.
fn calls(inner: &str) -> String {
    turns(&format!("{CONTENT}{{%- for call in message.tool_calls or [] -%}}{inner}{{%- endfor -%}}"))
}

/// A template that begins with a test of all messages.
fn after(test: &str) -> String {
    format!("{test}{}", turns(&format!("{CONTENT}{CALLS}")))
}

/// A template whose prompt goes on with this.
fn prompt(inner: &str) -> String {
    format!("{}{{%- if add_generation_prompt -%}}{inner}{{%- endif -%}}", turns(CONTENT))
}

fn found(source: &str, code: &str) -> Vec<Finding> {
    let select = vec![Selector::parse(code).expect("a rule")];
    let subject = Subject::new(source, None, Supplied::default());
    assert!(subject.program.is_ok(), "{source}");
    let report = lint(&subject, &Settings { select, ..Settings::default() });
    assert!(report.not_evaluated.is_empty(), "{code}: {source}");
    report.findings
}

/// A rule, a template that it finds something in with these words, and one that is clean. Numbers in comments are those of
/// the threads in which users met the fault.
fn cases() -> Vec<(&'static str, String, &'static str, String)> {
    let assistant = |then: &str, otherwise: &str| {
        format!("{{%- if message.role == 'assistant' -%}}{then}{{%- else -%}}{otherwise}{{%- endif -%}}")
    };
    let tool =
        |then: &str| format!("{{%- if message.role == 'tool' -%}}{then}{{%- else -%}}{CONTENT}{{%- endif -%}}{CALLS}");
    let thinks = |test: &str| {
        turns(&format!(
            "{{%- if message.reasoning_content{test} -%}}{{{{- '<think>' + message.reasoning_content + '</think>' -}}}}{{%- endif -%}}{CONTENT}{CALLS}"
        ))
    };
    let plain = || turns(&format!("{CONTENT}{CALLS}"));
    let parts = || turns(PARTS);
    vec![
        // transformers#40732, #36404
        ("CT217", turns(&assistant("{{- message.content -}}{{- message.content -}}", CONTENT)), "2 times", plain()),
        ("CT217", turns(&assistant("{{- message.content | replace('Bude', 'Rome') -}}", CONTENT)), "can't be continued", plain()),
        ("CT217", turns(&assistant("{{- (message.content or '').split('</think>')[0].split('<think>')[-1] -}}", CONTENT)), "can't be continued", turns(&assistant("{{- (message.content or '') | trim -}}", CONTENT))),
        (
            "CT217",
            turns(&assistant("{%- if message.reasoning_content and message.content -%}{{- message.reasoning_content -}}{%- endif -%}{{- message.reasoning_content | default('') | upper -}}", CONTENT)),
            "`reasoning_content`",
            thinks(""),
        ),
        // vllm#54486
        ("CT218", turns("{{- message.content | string -}}"), "as Python writes lists", turns("{%- if message.content is string -%}{{- message.content -}}{%- else -%}{%- for part in message.content or [] -%}{{- part.text or '' -}}{%- endfor -%}{%- endif -%}")),
        ("CT218", turns("{%- if message.content is string -%}{{- message.content -}}{%- else -%}{{- message.content | tojson -}}{%- endif -%}"), "as JSON", parts()),
        ("CT218", turns("{%- if message.content is string -%}{{- message.content -}}{%- endif -%}"), "lost where it is given as parts", parts()),
        ("CT218", turns("{%- if message.content is not string -%}{%- for part in message.content or [] -%}{{- part.text -}}{%- endfor -%}{%- endif -%}"), "lost where it is a text", parts()),
        ("CT218", turns("{%- if message.content is string -%}{{- message.content -}}{%- elif message.content -%}{{- message.content[0].text -}}{%- endif -%}"), "the others are lost", parts()),
        // mlx-vlm#1785, transformers#45290
        ("CT219", turns(&format!("{{{{- message.content -}}}}{CALLS}")), "printed as `None`", plain()),
        ("CT219", turns(&format!("{{{{- message.content + '' -}}}}{CALLS}")), "fails", plain()),
        ("CT219", turns(&format!("{{%- if message.content is none -%}}{{{{- raise_exception('no content') -}}}}{{%- endif -%}}{CONTENT}{CALLS}")), "is refused: no content", plain()),
        ("CT219", turns(&format!("{{%- if 'content' in message -%}}{{{{- '\\n' -}}}}{{%- endif -%}}{CONTENT}{CALLS}")), "missing", turns("{{- message.content -}}")),
        // flama#258, mlx-lm#1065
        ("CT220", calls("{{- call.function.arguments | tojson -}}"), "a second time", calls("{{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson -}}")),
        ("CT220", calls("{{- call.function.arguments -}}"), "as Python writes it", calls("{{- call.function.name -}}")),
        ("CT220", calls("{%- if call.function.arguments is mapping -%}{{- call.function.arguments | tojson -}}{%- endif -%}"), "are lost", calls("{{- call.function.arguments + '' -}}")),
        // Qwen3#1533, vllm#39614
        ("CT221", turns(&tool("{%- if message.content is string -%}{{- message.content -}}{%- endif -%}")), "a list of parts or a mapping", turns(&tool("{{- message.content | tojson -}}"))),
        ("CT221", turns(&tool("{{- 'done' -}}")), "what a tool answers is lost", turns(&assistant(CONTENT, "{{- 'said' -}}"))),
        // vllm#35907
        ("CT222", thinks(" and loop.last"), "`messages[1].reasoning_content`", thinks("")),
        ("CT222", thinks(" and not message.tool_calls"), "left out", plain()),
        ("CT222", thinks("").replace("reasoning_content -%}", "reasoning and loop.last -%}").replace("reasoning_content +", "reasoning +"), "`messages[1].reasoning`", thinks("").replace("reasoning_content", "reasoning")),
        // mlx-serve#219: the flag's other pole; mlx-vlm#1316
        ("CT223", prompt("{%- if not enable_thinking -%}{{- '<think></think>' -}}{%- endif -%}"), "reasoning is off", prompt("{%- if enable_thinking is defined and not enable_thinking -%}{{- '<think></think>' -}}{%- endif -%}")),
        ("CT223", prompt("{%- if enable_thinking is defined -%}{{- '<think>' if enable_thinking else '<think></think>' -}}{%- endif -%}"), "neither", prompt("{{- '<think></think>' if enable_thinking | default(true) else '<think>' -}}")),
        ("CT223", prompt("{%- if thinking -%}{{- '<think>' -}}{%- endif -%}"), "`thinking` has no default", prompt("{%- set thinking = thinking | default(false) -%}{%- if thinking -%}{{- '<think>' -}}{%- endif -%}")),
        // prime-rl#1103
        ("CT224", turns(&assistant("{{- (message.content or '') | trim -}}", CONTENT)), "`content` of role `assistant`", plain()),
        ("CT224", turns("{{- (message.content or '').rstrip() -}}"), "role `user`", plain()),
        ("CT224", thinks("").replace("+ message.reasoning_content +", "+ message.reasoning_content.strip() +"), "`reasoning_content`", thinks("")),
        // Gemma 4 (mlx-vlm#1034): a turn that is not closed after a tool's answer
        ("CT225", turns(&tool("{{- '<answer>' + message.content -}}{%- if not message.name -%}{{- '</answer>' -}}{%- endif -%}")), "plain", turns(&tool("{{- '<answer>' + message.content + '</answer>' -}}"))),
        ("CT225", thinks("").replace("+ '</think>'", ""), "`<think>` is opened and not closed", thinks("")),
        ("CT225", calls("{%- if loop.first -%}{{- '<calls_begin>' -}}{%- endif -%}{{- call.function | tojson + '<calls_end>' -}}"), "`<calls_end>` is closed and not opened", calls("{{- '<calls_begin>' + call.function | tojson + '<calls_end>' -}}")),
        // vllm#9019, mlx-lm#1375
        ("CT226", calls("{%- if call.id is not defined or call.id | length != 9 -%}{{- raise_exception('nine, please') -}}{%- endif -%}{{- call.function | tojson -}}"), "is refused: nine, please", plain()),
        ("CT226", calls("{{- call.id + (call.function | tojson) -}}"), "no id fails", calls("{{- (call.id or '') + (call.function | tojson) -}}")),
        // llama.cpp#20733
        ("CT227", after("{%- for message in messages[1:] if message.role == 'system' -%}{{- raise_exception('too late') -}}{%- endfor -%}"), "after the first message is refused: too late", plain()),
        ("CT227", after("{%- if messages | selectattr('role', 'equalto', 'user') | list | length == 0 -%}{{- raise_exception('nobody asks') -}}{%- endif -%}"), "without a user's message is refused: nobody asks", plain()),
        ("CT227", after("{%- if messages and messages[0].role == 'system' and messages[1].role == 'tool' -%}{%- endif -%}"), "fails", after("{%- for message in messages if message.role == 'system' -%}{{- raise_exception('none at all') -}}{%- endfor -%}")),
        // ctp P10
        ("CT228", "{%- for message in messages -%}{%- if message.role in ['system', 'user', 'assistant', 'tool'] -%}{{- message.content -}}{%- endif -%}{%- endfor -%}".to_owned(), "`developer`, `referee`, `function`", plain()),
        ("CT228", turns("{%- if message.role != 'developer' -%}{{- message.content -}}{%- endif -%}"), "role `developer` are", turns("{%- if message.role == 'developer' -%}{{- raise_exception('no') -}}{%- endif -%}{{- message.content -}}")),
    ]
}

#[test]
fn each_fault_is_found_once_and_its_twin_is_clean() {
    for (code, bad, words, good) in cases() {
        let findings = found(&bad, code);
        // A marker's case names the finding by its code alone.
        let says = words == "plain" || findings.iter().any(|finding| finding.message.contains(words));
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert!(!findings.is_empty() && says, "{code} does not say `{words}` but {messages:?} of\n{bad}");
        let places: std::collections::HashSet<_> = findings.iter().map(|finding| finding.span).collect();
        assert_eq!(places.len(), findings.len(), "{code} reports a place twice: {bad}");
        let clean: Vec<String> = found(&good, code).into_iter().map(|finding| finding.message).collect();
        assert_eq!(clean, Vec::<String>::new(), "{code}:\n{good}");
    }
}

#[test]
fn findings_point_at_what_reads_the_field() {
    let source = turns("{%- if message.role == 'tool' -%}{%- if message.content is string -%}{{- message.content -}}{%- endif -%}{%- else -%}{{- message['content'] or '' -}}{%- endif -%}{%- for call in message.tool_calls or [] -%}{{- call.function | tojson -}}{%- endfor -%}");
    let finding = &found(&source, "CT221")[0];
    assert_eq!(&source[finding.span.range()], "message.content");
    let trimmed = turns("{%- set text = message.content or '' -%}{%- set other = text | trim -%}{{- text.strip() -}}{{- 'x' if other else '' -}}");
    let finding = &found(&trimmed, "CT224")[0];
    assert_eq!(&trimmed[finding.span.range()], "text.strip()");
}

/// Qwen3#1826: an empty block of reasoning in the latest turn alone makes history another text.
#[test]
fn a_wrapper_on_the_latest_turn_alone_breaks_the_prefix() {
    let source = turns("{%- if message.role == 'assistant' and loop.last -%}{{- '<think></think>' -}}{%- endif -%}{{- message.content or '' -}}");
    assert_eq!(found(&source, "CT205").len(), 1);
}

#[test]
fn templates_that_say_nothing_of_tools_or_reasoning_are_left_alone() {
    let source =
        "{%- for message in messages -%}{{- '[' + message.role + ']' + message.content + '[end]\n' -}}{%- endfor -%}\
                  {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}";
    for code in ["CT217", "CT219", "CT220", "CT221", "CT222", "CT223", "CT224", "CT225", "CT226", "CT227", "CT228"] {
        assert_eq!(found(source, code), Vec::new(), "{code}");
    }
}

#[test]
fn a_template_that_fails_on_everything_gives_no_finding_of_these_rules() {
    for source in ["{{- raise_exception('no') -}}", "{{- messages.nothing.at_all -}}", ""] {
        for code in 217..=228 {
            assert_eq!(found(source, &format!("CT{code}")), Vec::new(), "CT{code}: {source}");
        }
    }
}

#[test]
fn markers_are_told_from_other_brackets() {
    let text = "<|im_start|>a < b [INST] [{\"x\"}] <think>\n</think> <a b> [1] <｜tool▁call▁begin｜> <|\"|> <<SYS>>";
    let seen: Vec<&str> = markers(text).map(|range| &text[range]).collect();
    assert_eq!(seen, ["<|im_start|>", "[INST]", "<think>", "</think>", "<｜tool▁call▁begin｜>", "<SYS>"]);
    let closes = |marker: &str, closer: &str| closer_of(marker).iter().any(|found| found == closer);
    for (marker, closer) in [
        ("<|im_start|>", "<|im_end|>"),
        ("<|start_header_id|>", "<|end_header_id|>"),
        ("<start_of_turn>", "<end_of_turn>"),
        ("<|turn>", "<turn|>"),
        ("[INST]", "[/INST]"),
        ("<think>", "</think>"),
        ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
        ("<|open|>", "<|close|>"),
        ("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    ] {
        assert!(closes(marker, closer), "{marker}");
    }
    for marker in ["</think>", "[/INST]", "<s>", "<|begin_of_text|>", "<restart>"] {
        assert!(closer_of(marker).iter().all(|closer| closer.contains('/') && marker == "<restart>"), "{marker}");
    }
}

#[test]
fn the_rules_of_formats_are_in_no_default_run() {
    for code in ["CT218", "CT219", "CT220", "CT221", "CT224", "CT226", "CT227", "CT228"] {
        let rule = chattpl_lint::rule(code).expect("a rule");
        assert!(!rule.is_in(Profile::Default), "{code}");
    }
}
