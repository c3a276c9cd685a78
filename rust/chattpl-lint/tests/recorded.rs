//! What is recorded of a template's behaviour: equal for equal behaviour, and different where a model sees a difference.

use std::collections::HashSet;
use std::sync::Arc;

use chattpl_lint::behaviour::{of, table_digest, Behaviour, Render, Way};
use chattpl_lint::{Context, Subject, Supplied};
use chattpl_tokens::read::tokenizer_json;
use chattpl_tokens::Encoder;
use serde_json::json;

const SOURCE: &str =
    "{{- bos_token -}}{%- for m in messages -%}{{- '[' + m.role + ']' + (m.content or '') + '[end]' -}}{%- endfor -%}\
     {%- if add_generation_prompt -%}{{- '[assistant]' -}}{%- endif -%}";

fn behaviour(source: &str) -> Behaviour {
    let subject = Subject::new(source, None, Supplied::default());
    of(&Context::new(&subject))
}

fn changed(before: &Behaviour, after: &Behaviour) -> Vec<Render> {
    let kept: HashSet<_> = before.renders.iter().map(|r| (r.shape, r.prompt, r.way, r.digest)).collect();
    after.renders.iter().filter(|r| !kept.contains(&(r.shape, r.prompt, r.way, r.digest))).cloned().collect()
}

#[test]
fn templates_that_print_the_same_behave_the_same() {
    let plain = behaviour(SOURCE);
    assert_eq!(plain, behaviour(SOURCE));
    assert_eq!(plain, behaviour(&format!("{{#- a comment -#}}{SOURCE}")));
    assert_eq!(
        plain,
        behaviour(
            &SOURCE
                .replace("m.role", "message['role']")
                .replace("for m in", "for message in")
                .replace("m.content", "message.content")
        )
    );
}

#[test]
fn a_changed_literal_changes_the_renders_that_print_it() {
    let (before, after) = (behaviour(SOURCE), behaviour(&SOURCE.replace("[end]", "[END]")));
    assert_eq!(changed(&before, &after).len(), before.renders.len() - without_messages(&before));
    let after = behaviour(&SOURCE.replace("[assistant]", "[assistant] "));
    let changes = changed(&before, &after);
    assert!(changes.iter().all(|render| render.prompt));
    assert_eq!(changes.len(), before.renders.iter().filter(|render| render.prompt && render.error.is_none()).count());
}

/// Renders that print no turn: an error, or no message at all.
fn without_messages(behaviour: &Behaviour) -> usize {
    behaviour.renders.iter().filter(|render| !render.text.contains("[end]")).count()
}

#[test]
fn every_shape_is_there_with_and_without_the_prompt() {
    let names: Vec<_> = behaviour(SOURCE).renders.iter().map(|r| (r.shape, r.prompt, r.way)).collect();
    let usual =
        chattpl_lint::probe::shapes().iter().flat_map(|s| [(s.name, false, Way::Plain), (s.name, true, Way::Plain)]);
    assert_eq!(names, usual.collect::<Vec<_>>());
}

#[test]
fn a_way_is_recorded_where_it_matters() {
    let thinks = format!("{SOURCE}{{%- if enable_thinking is false -%}}{{{{- '<no>' -}}}}{{%- endif -%}}");
    let ways: HashSet<_> = behaviour(&thinks).renders.iter().map(|render| render.way).collect();
    assert_eq!(ways, HashSet::from([Way::Plain, Way::ThinkingOff]));
    let dated = format!("{{{{- strftime_now('%Y') -}}}}{SOURCE}");
    let ways: HashSet<_> = behaviour(&dated).renders.iter().map(|render| render.way).collect();
    assert_eq!(ways, HashSet::from([Way::Plain, Way::Later]));
    let calls = "{%- for m in messages -%}{%- for c in m.tool_calls or [] -%}{{- c.function.arguments | tojson -}}{%- endfor -%}{%- endfor -%}";
    let found = behaviour(calls);
    assert!(found.renders.iter().any(|render| (render.shape, render.way) == ("tool-call", Way::ArgumentsAsText)));
}

#[test]
fn errors_are_renders_too() {
    let refuses = |what: &str| behaviour(&format!("{{{{- raise_exception('{what}') -}}}}"));
    let (one, other) = (refuses("one"), refuses("other"));
    assert!(one.renders.iter().all(|r| r.error.as_deref() == Some("jinja2.TemplateError") && r.text == "one"));
    assert_eq!(changed(&one, &other).len(), other.renders.len());
    let broken = behaviour("{% for m in messages %}");
    assert!(broken.renders.iter().all(|r| r.error.as_deref() == Some("TemplateSyntaxError") && r.tokens.is_none()));
    let endless = behaviour("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
    assert!(endless.renders.iter().all(|render| render.error.as_deref() == Some("CE020")));
}

#[test]
fn an_error_is_told_from_a_text_of_the_same_words() {
    let (refused, printed) = (behaviour("{{ raise_exception('no') }}"), behaviour("no"));
    assert_eq!(changed(&refused, &printed).len(), printed.renders.len());
}

#[test]
fn digests_do_not_depend_on_the_machine() {
    let render = behaviour("abc").renders.remove(0);
    // XXH3_128bits("abc") of the reference implementation.
    assert_eq!(format!("{:032x}", render.digest), "06b05ab6733a618578af5f94892f3950");
    assert_eq!(table_digest(), table_digest());
}

#[test]
fn tokens_are_counted_where_a_tokenizer_is_known() {
    let encoder = Arc::new(bytes());
    let subject = Subject::new(SOURCE, None, Supplied { encoder: Some(encoder), ..Supplied::default() });
    let counted = of(&Context::new(&subject));
    for render in &counted.renders {
        assert_eq!(render.tokens.is_some(), render.error.is_none(), "{render:?}");
        // One token a byte.
        assert_eq!(render.tokens.unwrap_or(render.text.len()), render.text.len());
    }
    let uncounted = behaviour(SOURCE);
    assert!(changed(&uncounted, &counted).is_empty());
}

/// A tokenizer that has a token for each byte and no others.
fn bytes() -> Encoder {
    let printable = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut vocab = serde_json::Map::new();
    let mut next = 0x100;
    for byte in 0..=0xff_u32 {
        let shown = if printable(byte) { byte } else { next };
        next += u32::from(!printable(byte));
        vocab.insert(char::from_u32(shown).expect("a character").to_string(), json!(byte));
    }
    let level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": level, "post_processor": null, "decoder": level,
        "model": { "type": "BPE", "vocab": vocab, "merges": [], "byte_fallback": false },
    });
    let vocabulary = tokenizer_json("bytes", file.to_string().as_bytes()).expect("a readable tokenizer");
    Encoder::new(Arc::new(vocabulary)).expect("an encoder")
}
