//! Rules about tokens and training where they could go wrong in ways that manuals do not show.

use chattpl_lint::probe::{shape, Ask};
use chattpl_lint::{fix_all, lint, Applicability, Context, Selector, Settings, Subject, Supplied};

const PROMPT: &str = "{%- if add_generation_prompt -%}{{- '<|start|>assistant\\n' -}}{%- endif -%}";

fn run(source: &str, select: &str, supplied: Supplied) -> Vec<&'static str> {
    let settings = Settings { select: vec![Selector::parse(select).expect("a rule")], ..Settings::default() };
    lint(&Subject::new(source, None, supplied), &settings).findings.iter().map(|finding| finding.code).collect()
}

fn stops(tokens: &[&str]) -> Supplied {
    let stop_tokens = Some(tokens.iter().map(|token| (*token).to_owned()).collect());
    Supplied { stop_tokens, ..Supplied::default() }
}

fn declared(pairs: &[(&str, &str)]) -> Supplied {
    let tokens = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Supplied { tokens, ..Supplied::default() }
}

/// Turns whose body is the given tags.
fn turns(body: &str) -> String {
    format!("{{%- for m in messages -%}}{{{{- '<|start|>' + m.role + '\\n' -}}}}{body}{{%- endfor -%}}{PROMPT}")
}

#[test]
fn the_end_of_a_turn_is_compared_with_the_stop_tokens() {
    let cases: [(&str, Supplied, &[&str]); 7] = [
        ("{{- (m.content or '') + '<|end|>' -}}", stops(&["<|end|>"]), &[]),
        ("{{- (m.content or '') + '<|end|>' -}}", stops(&["<|stop|>"]), &["CT304"]),
        ("{{- (m.content or '') + '<|end|>' -}}", declared(&[("eos_token", "<|end|>")]), &[]),
        ("{{- (m.content or '') + eos_token -}}", declared(&[("eos_token", "</s>")]), &[]),
        // What stands between the answer and the stop token is part of what is sampled.
        ("{{- (m.content or '') + '<|end_response|><|end|>' -}}", stops(&["<|end|>"]), &[]),
        // Nothing ends the turn but the next one's first token.
        ("{{- m.content or '' -}}", stops(&["<|start|>"]), &[]),
        ("{{- m.content or '' -}}", stops(&["<|end|>"]), &["CT304"]),
    ];
    for (body, supplied, expected) in cases {
        assert_eq!(run(&turns(body), "CT304", supplied), expected, "{body}");
    }
}

#[test]
fn what_a_message_says_is_no_end_of_a_turn() {
    // Probe conversations hold `<|im_end|>` as text of a user.
    let source = turns("{{- (m.content or '') + '<|end|>' -}}").replace("<|start|>", "<|im_end|>");
    assert_eq!(run(&source, "CT304", stops(&["<|end|>"])), Vec::<&str>::new());
}

#[test]
fn padding_is_compared_with_the_end_of_turns() {
    let source = turns("{{- (m.content or '') + '<|end|>' -}}");
    assert_eq!(run(&source, "CT305", declared(&[("pad_token", "<|end|>")])), ["CT305"]);
    assert_eq!(run(&source, "CT305", declared(&[("pad_token", "<|start|>")])), Vec::<&str>::new());
}

#[test]
fn text_behind_the_stop_token_is_the_turns_own() {
    let cases = [
        ("{{- (m.content or '') + '<|end|>' -}}", 0),
        ("{{- (m.content or '') + '<|end|>\\n' -}}", 1),
        ("{{- (m.content or '') + '<|end|>' -}}{{- '\\n' if not loop.last -}}", 1),
        ("{{- (m.content or '') + '\\n<|end|>' -}}", 0),
    ];
    for (body, count) in cases {
        assert_eq!(run(&turns(body), "CT306", Supplied::default()).len(), count, "{body}");
    }
}

#[test]
fn contexts_differ_only_before_the_prompt() {
    let cases = [
        // The prompt opens a thought that history does not show: no matter of the turns before.
        (turns("{{- (m.content or '') + '<|end|>' -}}").replace("assistant\\n' -}}{%- endif", "assistant\\n<think>\\n' -}}{%- endif"), 0),
        // The tools move to the last user's turn.
        (turns("{%- if loop.last and m.role == 'user' -}}{{- '[last]' -}}{%- endif -%}{{- (m.content or '') + '<|end|>' -}}").replace("-}}{{- '[last]'", "-%}{{- '[last]'"), 1),
        // Old reasoning is dropped once and for all: each prompt shows what the row shows.
        (turns("{%- if m.reasoning_content and loop.last -%}{{- m.reasoning_content -}}{%- endif -%}{{- (m.content or '') + '<|end|>' -}}"), 0),
    ];
    for (source, count) in cases {
        assert_eq!(run(&source, "CT405", Supplied::default()).len(), count, "{source}");
    }
}

#[test]
fn thoughts_count_wherever_a_message_holds_them() {
    let cases = [
        // Neither asked to think nor cut: no reasoning model.
        ("{{- (m.content or '') + '<|end|>' -}}", 0),
        ("{{- (m.reasoning_content or '') + (m.content or '') + '<|end|>' -}}", 0),
        ("{%- set c = (m.content or '').split('</think>')[-1] -%}{{- c + '<|end|>' -}}", 1),
        ("{%- if enable_thinking and m.reasoning_content -%}{{- m.reasoning_content -}}{%- endif -%}{{- (m.content or '') + '<|end|>' -}}", 0),
        // Printed, but outside of the block.
        ("{{- m.reasoning_content or '' -}}{%- generation -%}{{- (m.content or '').split('</think>')[-1] + '<|end|>' -}}{%- endgeneration -%}", 1),
    ];
    for (body, count) in cases {
        assert_eq!(run(&turns(body), "CT406", Supplied::default()).len(), count, "{body}");
    }
}

#[test]
fn blocks_are_added_whatever_the_layout() {
    let bodies = [
        "{{- (m.content or '') + '<|end|>' -}}",
        "{{ (m.content or '') + '<|end|>\n' }}\n",
        "{{- m.content or '' }}<|end|>\n",
        "{% if m.role == 'assistant' %}\n{{- m.content or '' -}}\n    {% if true %}\n<|end|>\n    {% endif %}\n{% else %}\n{{- m.content or '' -}}\n<|end|>\n{% endif %}\n",
        "{%- set said = m.content or '' -%}{%- if said -%}{%- set said = said | trim -%}{{- said -}}{%- endif -%}{{- '<|end|>' ~ \"it's\" ~ '\\\\n' -}}",
        "{%- for part in [m.content or '', ''] -%}{%- if part == '' -%}{%- break -%}{%- endif -%}{{- part -}}{%- endfor -%}<|end|>",
    ];
    for body in bodies {
        let source = turns(body);
        let subject = Subject::new(source.clone(), None, stops(&["<|end|>"]));
        let settings = Settings { select: vec![Selector::parse("CT401").expect("a rule")], ..Settings::default() };
        let fixed = fix_all(&subject, &settings, Applicability::Unsafe);
        assert_eq!(fixed.applied, 1, "{source}");
        assert_eq!(fix_all(&subject, &settings, Applicability::Safe).applied, 0, "blocks are a change");
        let marked = Subject::new(fixed.text.clone(), None, stops(&["<|end|>"]));
        let (before, after) = (Context::new(&subject), Context::new(&marked));
        let ask = Ask::whole(shape("multi-turn"));
        let outcomes = (before.probes().expect("compiles").get(ask), after.probes().expect("compiles").get(ask));
        let (Ok(plain), Ok(printed)) = (&*outcomes.0, &*outcomes.1) else {
            panic!("both render: {}", fixed.text);
        };
        assert_eq!(plain.text, printed.text, "{}", fixed.text);
        let said: String =
            printed.generation.iter().map(|(start, end)| &printed.text[*start as usize..*end as usize]).collect();
        let wanted = "Copper is one.<|end|>Garnet is another.<|end|>Walnut ends the list.<|end|>";
        assert_eq!(said, wanted, "{}", fixed.text);
    }
}

#[test]
fn no_blocks_are_added_where_what_is_sampled_begins_in_data() {
    let source = format!(
        "{{%- for m in messages -%}}{{%- set turn = '<|start|>' + m.role + '\\n' + (m.content or '') + '<|end|>' -%}}{{{{- turn -}}}}{{%- endfor -%}}{PROMPT}"
    );
    let subject = Subject::new(source, None, stops(&["<|end|>"]));
    let settings = Settings { select: vec![Selector::parse("CT401").expect("a rule")], ..Settings::default() };
    let findings = lint(&subject, &settings).findings;
    assert_eq!(findings.iter().map(|finding| finding.fix.is_some()).collect::<Vec<_>>(), [false]);
}
