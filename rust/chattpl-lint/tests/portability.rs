//! The tables of other engines: each gap has a template, and its rule finds it there.

use std::sync::Arc;

use chattpl_lint::portability::{all_constructs, sample, Construct, Syntax, ENGINES};
use chattpl_lint::{
    lint, Context, EngineError, EngineInput, Engines, OtherEngine, Report, Selector, Settings, Subject, Supplied,
};

fn run(source: &str, codes: &[&str], engines: Engines) -> Report {
    let select = codes.iter().map(|code| Selector::parse(code).expect("a rule")).collect();
    let subject = Subject::new(source, None, Supplied { engines, ..Supplied::default() });
    lint(&subject, &Settings { select, ..Settings::default() })
}

fn code_of(engine: &str) -> &'static str {
    match engine {
        "minijinja" => "CT501",
        "llama.cpp" => "CT502",
        _ => "CT503",
    }
}

#[test]
fn every_gap_has_a_template_in_which_its_construct_is_seen() {
    for table in ENGINES {
        for gap in table.gaps {
            let Some(source) = sample(gap.construct) else {
                assert_eq!(gap.construct, Construct::Syntax(Syntax::Load), "{}", gap.construct);
                continue;
            };
            let subject = Subject::new(source.clone(), None, Supplied::default());
            let context = Context::new(&subject);
            let found = all_constructs(&context).expect("it parses");
            assert!(found.iter().any(|(construct, _)| *construct == gap.construct), "{}: {source}", gap.construct);
            let report = run(&source, &[code_of(table.name)], Engines::NotGiven);
            // What only null values bring out is not seen without them.
            let silent = gap.construct == Construct::Test("iterable");
            assert!(silent || !report.findings.is_empty(), "{} in {}: {source}", gap.construct, table.name);
        }
    }
}

#[test]
fn no_gap_stands_twice_and_each_table_says_where_it_is_from() {
    for table in ENGINES {
        for (index, gap) in table.gaps.iter().enumerate() {
            assert!(!table.gaps[..index].iter().any(|other| other.construct == gap.construct), "{}", gap.construct);
            assert!(gap.thread.is_empty() || gap.thread.starts_with("https://github.com/"), "{}", gap.thread);
        }
        assert!(table.evidence.contains("run: ") || table.evidence.contains("https://"), "{}", table.name);
    }
}

/// (template, whether a name is carried into the next turn)
const LEAKS: [(&str, bool); 9] = [
    ("{% for m in messages %}{% if m.a %}{% set x = 1 %}{% endif %}{{ x }}{% endfor %}", true),
    ("{% for m in messages %}{% set x = 0 %}{% if m.a %}{% set x = 1 %}{% endif %}{{ x }}{% endfor %}", false),
    ("{% for m in messages %}{% if m.a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}{% endfor %}", false),
    ("{% for m in messages %}{% if m.a %}{% set x = 1 %}{{ x }}{% endif %}{% endfor %}", false),
    ("{% for m in messages %}{{ x }}{% set x = 1 %}{% endfor %}", true),
    ("{% for m in messages %}{% if m.a %}{% set x = 1 %}{% else %}{% continue %}{% endif %}{{ x }}{% endfor %}", false),
    ("{% for m in messages %}{% set x = x if x is defined else 1 %}{{ x }}{% endfor %}", false),
    ("{% set n = namespace(x=0) %}{% for m in messages %}{% if m.a %}{% set n.x = 1 %}{% endif %}{{ n.x }}{% endfor %}", false),
    ("{% for m in messages %}{% if m.a %}{% set x = 1 %}{% endif %}{% endfor %}{{ x }}", false),
];

#[test]
fn names_that_are_carried_into_the_next_turn_are_told_from_others() {
    for (source, leaks) in LEAKS {
        let report = run(source, &["CT502"], Engines::NotGiven);
        assert_eq!(!report.findings.is_empty(), leaks, "{source}: {:?}", report.findings);
    }
}

#[test]
fn none_as_iterable_counts_only_where_it_changes_a_render() {
    let source = |guard: &str| {
        format!(
            "{{% for m in messages %}}{{% if m.content is string %}}{{{{ m.content }}}}{{% elif {guard}m.content is iterable %}}\
             {{% for p in m.content %}}{{{{ p.text }}}}{{% endfor %}}{{% endif %}}{{% endfor %}}"
        )
    };
    assert_eq!(run(&source(""), &["CT501"], Engines::NotGiven).findings.len(), 1);
    assert_eq!(run(&source("m.content is not none and "), &["CT501"], Engines::NotGiven).findings.len(), 0);
}

fn engine(render: impl Fn(EngineInput<'_>) -> Result<String, EngineError> + Send + Sync + 'static) -> Engines {
    Engines::Given(vec![OtherEngine { name: "other".to_owned(), version: "2".to_owned(), render: Arc::new(render) }])
}

#[test]
fn without_an_engine_nothing_is_said_to_agree() {
    let reasons = |engines| {
        let report = run("{{ messages }}", &["CT504"], engines);
        assert!(report.findings.is_empty());
        report.not_evaluated.into_iter().map(|(_, reason)| reason.0).collect::<Vec<_>>()
    };
    assert_eq!(reasons(Engines::NotGiven), ["no other engine is given"]);
    assert_eq!(reasons(Engines::Missing("minijinja is not installed".to_owned())), ["minijinja is not installed"]);
}

#[test]
fn a_difference_is_placed_where_the_texts_part() {
    let source = "{% for m in messages %}{{ m.role }}{{ '<end>' }}{% endfor %}";
    let other = engine(|input| {
        let variables: serde_json::Value = serde_json::from_str(input.variables).expect("JSON");
        let messages = variables["messages"].as_array().expect("a list");
        Ok(messages.iter().map(|message| format!("{}<fin>", message["role"].as_str().expect("a text"))).collect())
    });
    let report = run(source, &["CT504"], other);
    let places: Vec<&str> = report.findings.iter().map(|finding| &source[finding.span.range()]).collect();
    assert_eq!(places, ["'<end>'"]);
    assert!(report.findings[0].message.contains("`fin>"), "{}", report.findings[0].message);
}

#[test]
fn an_error_is_placed_where_the_engine_says() {
    let source = "{% set a = 1 %}\r\n  {{ a }}";
    let failing = |place| engine(move |_| Err(EngineError { message: "no".to_owned(), place }));
    let places = |place| {
        let report = run(source, &["CT504"], failing(place));
        let text = source.replace('\r', "");
        report.findings.iter().map(|finding| text[finding.span.range()].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(places(Some((19, 26))), ["{{ a }}"]);
    assert_eq!(places(None), ["{% set a = 1 %}"]);
    assert_eq!(places(Some((19, 99))), ["{% set a = 1 %}"]);
}

#[test]
fn an_engine_that_renders_what_the_template_refuses_differs() {
    let source = "{% if messages | length > 1 %}{{ raise_exception('one message only') }}{% endif %}x";
    let report = run(source, &["CT504"], engine(|_| Ok("x".to_owned())));
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].message.contains("refuses"), "{}", report.findings[0].message);
}

#[test]
fn the_moment_that_engines_are_told_is_that_of_the_probes() {
    let source = "{{ strftime_now('%Y-%m-%dT%H:%M:%S') }}";
    let report = run(source, &["CT504"], engine(|input| Ok(input.now.to_owned())));
    assert!(report.findings.is_empty() && report.not_evaluated.is_empty(), "{:?}", report.findings);
}
