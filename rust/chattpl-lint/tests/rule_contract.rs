//! What every rule has to keep: its manual is true, its fix converges, and a safe fix changes no render.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use chattpl_lint::lint::renders_alike;
use chattpl_lint::manual::{book, example, sections, text, Example};
use chattpl_lint::rule::FixAvailability;
use chattpl_lint::{
    fix_all, lint, Applicability, Context, EngineError, EngineInput, Engines, OtherEngine, Profile, Rule, Selector,
    Settings, Subject, Supplied, RULES,
};
use chattpl_tokens::read::tokenizer_json;
use chattpl_tokens::{Encoder, TokenId};
use serde_json::json;

/// The default profile and the rule itself.
fn settings(rule: &Rule, example: &Example) -> Settings {
    let more = setting(example, "select").into_iter().flat_map(|list| list.split(' '));
    let names = [rule.code].into_iter().chain(more);
    let extend_select = names.map(|name| Selector::parse(name).expect("the name of a rule")).collect();
    Settings { extend_select, ..Settings::default() }
}

fn setting<'a>(example: &'a Example, name: &str) -> Option<&'a str> {
    example.settings.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

fn words(example: &Example, name: &str) -> Option<Vec<String>> {
    setting(example, name).map(|list| list.split(' ').map(str::to_owned).collect())
}

fn subject(example: &Example) -> Subject {
    const KNOWN: [&str; 14] = [
        "bos",
        "eos",
        "pad",
        "unk",
        "tokens",
        "adds",
        "stop",
        "select",
        "lines",
        "refuses",
        "rstrip",
        "merges",
        "other",
        "invisible",
    ];
    for (name, _) in &example.settings {
        assert!(KNOWN.contains(&name.as_str()), "a fence declares `{name}`, which nobody reads");
    }
    let declared = ["bos", "eos", "pad", "unk"]
        .into_iter()
        .filter_map(|name| setting(example, name).map(|text| (format!("{name}_token"), text.to_owned())));
    let encoder = words(example, "tokens").map(|tokens| Arc::new(encoder(&tokens, example)));
    let engines = setting(example, "refuses").map(|word| Engines::Given(vec![refusing(word)]));
    let supplied = Supplied {
        tokens: declared.collect(),
        encoder,
        stop_tokens: words(example, "stop"),
        other_template: setting(example, "other").map(|text| (text.to_owned(), "tokenizer_config.json".to_owned())),
        engines: engines.unwrap_or_default(),
    };
    let mut text = example.template.clone();
    if let Some(shown) = setting(example, "invisible") {
        text = text.replace(shown, "\u{200b}");
    }
    if setting(example, "lines") == Some("crlf") {
        text = text.replace('\n', "\r\n");
    }
    Subject::new(text, None, supplied)
}

/// An engine that renders as we do, but for templates with a word in them.
fn refusing(word: &str) -> OtherEngine {
    let word = word.to_owned();
    let render = move |EngineInput { source, variables, .. }: EngineInput<'_>| {
        if source.contains(&word) {
            return Err(EngineError { message: format!("`{word}` is unknown"), place: Some((0, 1)) });
        }
        let variables: serde_json::Value = serde_json::from_str(variables).expect("JSON");
        let subject = Subject::new(source, None, Supplied::default());
        let context = Context::new(&subject);
        let prompt = variables["add_generation_prompt"] == true;
        let outcome = context.probes().expect("it compiles").render_value(&variables, prompt);
        outcome
            .map(|printed| printed.text)
            .map_err(|error| EngineError { message: error.message().to_owned(), place: None })
    };
    OtherEngine { name: "stub".to_owned(), version: "1".to_owned(), render: Arc::new(render) }
}

/// A tokenizer of single bytes and the given added tokens.
fn encoder(added: &[String], example: &Example) -> Encoder {
    let (adds, strips) = (setting(example, "adds"), words(example, "rstrip").unwrap_or_default());
    let printable = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut vocab = serde_json::Map::new();
    let mut next = 0x100;
    for byte in 0..=0xff_u32 {
        let shown = if printable(byte) { byte } else { next };
        next += u32::from(!printable(byte));
        vocab.insert(char::from_u32(shown).expect("a character").to_string(), json!(byte));
    }
    let merges = words(example, "merges").unwrap_or_default();
    let merges: Vec<_> = merges.iter().map(|pair| pair.split_once('+').expect("two tokens")).collect();
    for (index, (left, right)) in merges.iter().enumerate() {
        vocab.insert(format!("{left}{right}"), json!(256 + index));
    }
    let id = |index: usize| (256 + merges.len() + index) as TokenId;
    let tokens: Vec<_> = added
        .iter()
        .enumerate()
        .map(|(index, content)| {
            json!({
                "id": id(index), "content": content, "special": true,
                "single_word": false, "lstrip": false, "rstrip": strips.contains(content), "normalized": false,
            })
        })
        .collect();
    let around = adds.map(|token| {
        let index = added.iter().position(|found| found == token).expect("`adds` is one of `tokens`");
        json!({
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": token, "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 0 } }],
            "special_tokens": { token: { "id": token, "ids": [id(index)], "tokens": [token] } },
        })
    });
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": tokens, "normalizer": null,
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
        "post_processor": around,
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": { "type": "BPE", "vocab": vocab, "merges": merges, "byte_fallback": false },
    });
    let vocabulary = tokenizer_json("example", file.to_string().as_bytes()).expect("a readable tokenizer");
    Encoder::new(Arc::new(vocabulary)).expect("an encoder")
}

fn codes(example: &Example, settings: &Settings) -> Vec<&'static str> {
    lint(&subject(example), settings).findings.iter().map(|finding| finding.code).collect()
}

fn of(rule: &Rule, title: &str) -> Example {
    example(rule, title).unwrap_or_else(|| panic!("{} has no template under `{title}`", rule.code))
}

#[test]
fn codes_ascend_and_names_are_files() {
    assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code), "RULES is not sorted by code");
    let names: HashSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len(), "two rules have one name");
    for rule in RULES {
        let stem = Path::new(rule.file).file_stem().and_then(|stem| stem.to_str()).expect("a file name");
        assert_eq!(stem, rule.name.replace(['-', '.'], "_"), "{}", rule.code);
        assert!(rule.code.starts_with(&format!("CT{}", rule.family.digit())), "{}", rule.code);
        assert!(rule.code.len() == 5 && rule.code[2..].bytes().all(|byte| byte.is_ascii_digit()), "{}", rule.code);
        assert!(!rule.profiles.contains(&Profile::All), "{}: every rule is in `all`", rule.code);
    }
}

#[test]
fn manuals_have_their_sections() {
    for rule in RULES {
        let manual = text(rule);
        let titles: Vec<&str> = sections(&manual).iter().map(|section| section.title).collect();
        assert!(titles.starts_with(&["What it does", "Why", "Bad", "Good"]), "{}: {titles:?}", rule.code);
        assert!(sections(&manual).iter().all(|section| !section.text.is_empty()), "{}", rule.code);
    }
}

#[test]
fn bad_triggers_its_rule_alone() {
    for rule in RULES {
        let bad = of(rule, "Bad");
        let found: HashSet<&str> = codes(&bad, &settings(rule, &bad)).into_iter().collect();
        assert_eq!(found, HashSet::from([rule.code]), "{}", bad.template);
    }
}

#[test]
fn good_is_clean() {
    for rule in RULES {
        let good = of(rule, "Good");
        assert_eq!(codes(&good, &settings(rule, &good)), Vec::<&str>::new(), "{}:\n{}", rule.code, good.template);
    }
}

#[test]
fn good_is_evaluated() {
    for rule in RULES {
        let good = of(rule, "Good");
        let report = lint(&subject(&good), &settings(rule, &good));
        let reason = report.not_evaluated.iter().find(|(found, _)| found.code == rule.code);
        assert_eq!(reason.map(|(_, reason)| &reason.0), None, "{}", rule.code);
    }
}

#[test]
fn fixed_bad_is_good_and_fixing_twice_changes_nothing() {
    for rule in RULES {
        let bad = of(rule, "Bad");
        let settings = settings(rule, &bad);
        let fixes = lint(&subject(&bad), &settings).findings.iter().filter(|finding| finding.fix.is_some()).count();
        assert_eq!(fixes > 0, rule.fix != FixAvailability::None, "{}: its declared fix", rule.code);
        if fixes == 0 {
            continue;
        }
        let wanted = example(rule, "Fixed").unwrap_or_else(|| of(rule, "Good"));
        let once = fix_all(&subject(&bad), &settings, Applicability::Unsafe);
        assert_eq!(once.text, wanted.template, "{}", rule.code);
        let settings_left = bad.settings.into_iter().filter(|(name, _)| name != "lines").collect();
        let fixed = Example { template: once.text, settings: settings_left };
        assert!(subject(&fixed).parsed.is_ok(), "{}", rule.code);
        assert_eq!(fix_all(&subject(&fixed), &settings, Applicability::Unsafe).applied, 0, "{}", rule.code);
    }
}

#[test]
fn safe_fixes_change_no_render() {
    for rule in RULES.iter().filter(|rule| rule.fix != FixAvailability::None) {
        let bad = of(rule, "Bad");
        let before = subject(&bad);
        let text = fix_all(&before, &settings(rule, &bad), Applicability::Safe).text;
        let after = subject(&Example { template: text, ..bad });
        let (before, after) = (Context::new(&before), Context::new(&after));
        if let (Ok(before), Ok(after)) = (before.probes(), after.probes()) {
            assert!(renders_alike(before, after), "{}", rule.code);
        }
    }
}

#[test]
fn the_book_of_rules_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RULES.md");
    let wanted = book(RULES);
    if std::env::var_os("CHATTPL_UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("RULES.md can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "RULES.md is stale: run `CHATTPL_UPDATE=1 cargo test -p chattpl-lint`");
}
