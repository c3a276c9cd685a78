//! Where findings about renders point: at what printed the text or lost it, and not at a literal nearby.

use chattpl_lint::{lint, Finding, Selector, Settings, Subject, Supplied};

/// What a rule finds, and the template's text at each place.
fn found(code: &str, source: &str) -> Vec<(Finding, String)> {
    let settings = Settings { select: vec![Selector::parse(code).expect("a rule")], ..Settings::default() };
    let subject = Subject::new(source, None, Supplied::default());
    let report = lint(&subject, &settings);
    assert!(report.not_evaluated.is_empty(), "{:?}", report.not_evaluated);
    let text = |finding: &Finding| subject.source.text[finding.span.range()].to_owned();
    report.findings.into_iter().map(|finding| (finding.clone(), text(&finding))).collect()
}

/// Holds the first finding of a rule to the text it points at.
fn points_at(code: &str, source: &str, place: &str) {
    let found = found(code, source);
    let places: Vec<&str> = found.iter().map(|(_, place)| place.as_str()).collect();
    assert_eq!(places.first(), Some(&place), "{code}: {places:#?} in {source}");
}

/// A template whose turns print this before they end.
fn turns(inner: &str) -> String {
    format!(
        "{{%- if tools -%}}{{{{- '<tools>' + (tools | tojson) -}}}}{{%- endif -%}}\
         {{%- for m in messages -%}}{{{{- '<|' + m.role + '|>' -}}}}{inner}{{{{- '<|end|>' -}}}}{{%- endfor -%}}\
         {{%- if add_generation_prompt -%}}{{{{- '<|assistant|>' -}}}}{{%- endif -%}}"
    )
}

const CALLS: &str = "{%- for c in m.tool_calls or [] -%}{{- '<call>' + c.function | tojson -}}{%- endfor -%}";

#[test]
fn data_is_reported_where_it_is_printed() {
    points_at("CT214", &turns("{{- '<text>' ~ m.content ~ '</text>' -}}"), "m.content");
    points_at("CT214", &turns("{%- set said = m.content | string -%}{{- '<text>' + said + '</text>' -}}"), "said");
    let printing = "{%- macro say(text) -%}{{- text | trim -}}{%- endmacro -%}";
    points_at("CT214", &(printing.to_owned() + &turns("{{- '<text>' + say(m.content) -}}")), "text | trim");
    // In a capture that is cut, marks are cut too: the output of the capture answers.
    let cut = "{%- set text -%}{{- m.content -}}{%- endset -%}{{- '<text>' ~ text[:4] -}}";
    points_at("CT214", &turns(cut), "text[:4]");
}

#[test]
fn an_end_that_only_the_last_turn_has_is_reported_where_it_is_printed() {
    let eos = turns("{{- m.content or '' -}}") + "{%- if not add_generation_prompt -%}{{- eos_token -}}{%- endif -%}";
    points_at("CT207", &eos, "eos_token");
    points_at("CT205", &eos, "not add_generation_prompt");
    let open = turns("{{- m.content or '' -}}")
        .replace("{{- '<|end|>' -}}", "{%- if not loop.last -%}{{- '<|end|>' -}}{%- endif -%}");
    points_at("CT207", &open, "not loop.last");
    let named = "{%- set closer = '<|end|>' -%}".to_owned() + &open.replace("{{- '<|end|>' -}}", "{{- closer -}}");
    points_at("CT207", &named, "not loop.last");
}

#[test]
fn what_the_last_turn_alone_prints_is_reported_at_its_condition() {
    let thoughts = "{%- if m.reasoning_content and loop.last -%}{{- m.reasoning_content + '<br>' -}}{%- endif -%}";
    points_at("CT205", &turns(&format!("{thoughts}{{{{- m.content or '' -}}}}")), "m.reasoning_content and loop.last");
    let moved = "{%- if m.role != 'system' -%}\
        {%- if m.role == 'user' and messages[-1] == m and messages[0].role == 'system' -%}{{- messages[0].content -}}{%- endif -%}\
        {{- m.content or '' -}}{%- endif -%}";
    points_at("CT405", &turns(moved), "m.role == 'user' and messages[-1] == m and messages[0].role == 'system'");
}

#[test]
fn a_prompt_that_nobody_asked_for_is_no_change_of_the_history() {
    let unasked = turns("{{- m.content or '' -}}").replace("if add_generation_prompt", "if true");
    let changes = found("CT205", &unasked);
    assert!(changes.is_empty(), "{changes:?}");
    let reasoning = turns(
        "{%- if m.reasoning_content and loop.last -%}{{- '<|assistant|>thought<|end|>' + '<|assistant|>' -}}{%- endif -%}\
         {{- m.content or '' -}}",
    );
    for (finding, _) in found("CT205", &reasoning) {
        assert!(!finding.message.contains("``"), "{}", finding.message);
    }
}

#[test]
fn a_prompt_for_each_value_of_the_flag_is_no_fault() {
    let thinking = |closed: &str| {
        turns(&format!(
            "{{%- if m.role == 'assistant' -%}}\
             {{{{- '<think>' + m.reasoning_content + '</think>' if m.reasoning_content else '<think></think>' -}}}}\
             {{%- endif -%}}{{{{- m.content or '' -}}}}{CALLS}"
        ))
        .replace("{{- '<|assistant|>' -}}", &format!("{{{{- '<|assistant|>' + ({closed}) -}}}}"))
    };
    let both = "'<think></think>' if enable_thinking is defined and not enable_thinking else '<think>\\n'";
    // The row with reasoning has no line break.
    assert!(!found("CT204", &thinking(both)).is_empty());
    let both = thinking(both).replace("'<think>' + m", "'<think>\\n' + m");
    assert!(found("CT204", &both).is_empty());
    let one = thinking("'<think>\\n'").replace("'<think>' + m", "'<think>\\n' + m");
    points_at("CT204", &one, "('<think>\\n')");
    let named = "{%- set open = '<|x|>' -%}".to_owned()
        + &turns("{{- m.content or '' -}}").replace("'<|assistant|>'", "'<|assistant|>' + open");
    points_at("CT204", &named, "open");
}

#[test]
fn a_lost_answer_is_reported_where_its_kind_is_read() {
    let looped = format!(
        "{{%- if m.content is string -%}}{{{{- m.content -}}}}\
         {{%- else -%}}{{%- for part in m.content or [] -%}}{{{{- part.text or '' -}}}}{{%- endfor -%}}{{%- endif -%}}{CALLS}"
    );
    points_at("CT221", &turns(&looped), "m.content");
    let tested = format!("{{%- set text = m.content if m.content is string else '' -%}}{{{{- text -}}}}{CALLS}");
    points_at("CT221", &turns(&tested), "m.content");
    let place = found("CT221", &turns(&tested))[0].0.span.start as usize;
    assert_eq!(Some(place), turns(&tested).find("m.content is string"));
}

#[test]
fn only_a_template_that_prints_parts_takes_them() {
    let system = "{%- if messages[0].role == 'system' -%}{{- 'S: ' + messages[0].content -}}{%- endif -%}";
    let taken = "{%- if m.content is string -%}{{- m.content -}}{%- elif m.role != 'system' -%}\
        {%- for part in m.content or [] -%}{{- part.text or '' -}}{%- endfor -%}{%- endif -%}";
    let dumped = "{{- m.content if m.content is string else (m.content or '') | tojson -}}";
    points_at("CT102", &(system.to_owned() + &turns(taken)), "messages[0].content");
    let dumping = found("CT102", &(system.to_owned() + &turns(dumped)));
    assert!(dumping.is_empty(), "{dumping:?}");
}

#[test]
fn arguments_that_differ_by_escapes_alone_read_the_same() {
    let calls = |arguments: &str| {
        turns(&format!(
            "{{{{- m.content or '' -}}}}{{%- for c in m.tool_calls or [] -%}}{{%- set a = c.function.arguments -%}}{arguments}{{%- endfor -%}}"
        ))
    };
    let safe =
        "{%- if a is not string -%}{%- set a = a | tojson | safe -%}{%- endif -%}{{- '{\"arguments\": ' + a + '}' -}}";
    assert!(found("CT220", &calls(safe)).is_empty());
    assert!(!found("CT220", &calls("{{- '{\"arguments\": ' + a | tojson + '}' -}}")).is_empty());
}

#[test]
fn what_is_removed_of_a_text_is_named() {
    let message = |inner: &str| found("CT224", &turns(inner)).into_iter().next().map(|(finding, _)| finding.message);
    let of = "the `content` of role `user`";
    let said = message("{{- (m.content or '').rstrip() if m.role == 'user' else m.content -}}");
    assert_eq!(said, Some(format!("white space at the end of {of} is removed")));
    let said = message("{{- (m.content or '').lstrip('\\n') -}}");
    assert_eq!(said.as_deref(), Some("line breaks at the beginning of the `content` of role `assistant` are removed"));
    let thoughts = "{%- if m.reasoning_content -%}{{- '<think>\\n' + m.reasoning_content.strip('\\n') + '\\n</think>' -}}{%- endif -%}{{- m.content -}}";
    assert_eq!(message(thoughts), None);
}

#[test]
fn small_places() {
    let clock = "{%- if strftime_now is defined -%}{{- strftime_now('%Y-%m-%d') -}}{%- endif -%}";
    let dated = clock.to_owned() + &turns("{{- m.content -}}");
    let place = found("CT216", &dated).first().map(|(finding, _)| finding.span.start as usize);
    assert_eq!(place, dated.find("strftime_now("));
    let emptied = "{%- set tools = [] -%}".to_owned() + &turns("{{- m.content -}}");
    let place = found("CT211", &emptied).first().map(|(finding, _)| finding.span.start as usize);
    assert_eq!(place, emptied.find("tools = []"));
    let schema = "{%- for tool in tools or [] -%}{{- tool.function.name -}}\
        {%- for name, s in tool.function.parameters.properties | items -%}\
        {{- name + (s.default | tojson if s.default and name not in tool.function.parameters.required else '') -}}\
        {%- endfor -%}{%- endfor -%}";
    let lost = found("CT212", &(schema.to_owned() + &turns("{{- m.content -}}").replace("tools | tojson", "''")));
    assert!(lost[0].0.message.contains("`enum`") && !lost[0].0.message.contains("`default`"), "{}", lost[0].0.message);
    let idle = "{%- if m.role == 'system' and false -%}{{- m.content -}}{%- elif m.role == 'system' -%}{%- set rule = m['content'] -%}{{- '' ~ rule -}}{%- else -%}{{- m.content -}}{%- endif -%}";
    let places: Vec<String> = found("CT218", &turns(idle)).into_iter().map(|(_, place)| place).collect();
    assert!(places.contains(&"rule".to_owned()), "{places:?}");
}
