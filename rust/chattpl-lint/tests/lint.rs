//! Whole runs: suppressions, selection, fixes together, templates that misbehave.

use chattpl_lint::fix::apply;
use chattpl_lint::lint::renders_alike;
use chattpl_lint::probe::{shape, shapes, Ask, Form};
use chattpl_lint::{
    fix_all, lint, Applicability, Context, Edit, Finding, Fix, Profile, Report, Selector, Settings, Subject, Supplied,
    RULES,
};
use chattpl_syntax::Span;

const LOST: &str = "{%- for m in messages -%}{%- set last = m.content -%}{%- endfor -%}{{- last -}}";

fn subject(source: &str) -> Subject {
    Subject::new(source, None, Supplied::default())
}

fn run(source: &str, select: &[&str]) -> Report {
    let select = select.iter().map(|name| Selector::parse(name).expect("a rule")).collect();
    lint(&subject(source), &Settings { select, ..Settings::default() })
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn no_text_stands_twice_in_a_conversation() {
    for shape in shapes() {
        let mut texts = shape.contents();
        texts.retain(|text| !text.text.is_empty());
        let distinct: std::collections::HashSet<&str> = texts.iter().map(|text| text.text.as_str()).collect();
        assert_eq!(distinct.len(), texts.len(), "{}", shape.name);
    }
}

#[test]
fn names_of_shapes_are_their_own() {
    let names: std::collections::HashSet<&str> = shapes().iter().map(|shape| shape.name).collect();
    assert_eq!(names.len(), shapes().len());
}

#[test]
fn a_comment_on_its_own_line_silences_the_next_line() {
    let report = run(&format!("{{# chattpl: ignore[CT101] the caller adds a turn #}}\n{LOST}"), &["CT101", "CT014"]);
    assert_eq!(codes(&report), Vec::<&str>::new());
    assert_eq!(report.suppressed.len(), 1);
    assert_eq!(report.suppressed[0].1, "the caller adds a turn");
}

#[test]
fn a_comment_beside_a_tag_silences_its_line_only() {
    let source = format!("{LOST} {{# chattpl: ignore[set-in-loop-lost] known #}}\n{}", LOST.replace("last", "other"));
    assert_eq!(codes(&run(&source, &["CT101"])), ["CT101"]);
}

#[test]
fn a_comment_for_the_file_silences_all_of_it() {
    let report = run(&format!("{LOST}\n\n{{# chattpl: ignore-file[CT1] an example of faults #}}"), &["CT1"]);
    assert_eq!(codes(&report), Vec::<&str>::new());
    assert!(!report.suppressed.is_empty());
}

#[test]
fn a_comment_two_lines_above_silences_nothing_and_is_unused() {
    let report = run(&format!("{{# chattpl: ignore[CT101] too far #}}\n{{{{ 1 }}}}\n{LOST}"), &["CT101", "CT014"]);
    assert_eq!(codes(&report), ["CT014", "CT101"]);
}

#[test]
fn a_comment_for_a_rule_that_does_not_run_is_not_called_unused() {
    assert_eq!(codes(&run("{# chattpl: ignore[CT205] drops old reasoning #}{{ 1 }}", &["CT014"])), Vec::<&str>::new());
}

#[test]
fn a_missing_input_is_no_clean_bill() {
    let report = run("{{ messages }}", &["CT303"]);
    let reasons: Vec<(&str, &str)> =
        report.not_evaluated.iter().map(|(rule, why)| (rule.code, why.0.as_str())).collect();
    assert_eq!(reasons, [("CT303", "no tokenizer is given: name one, or a model that has one")]);
}

#[test]
fn rules_that_need_a_tree_are_not_evaluated_without_one() {
    let report = lint(&subject("{% if %}"), &Settings { profile: Profile::All, ..Settings::default() });
    assert_eq!(codes(&report), ["CT001"]);
    let evaluated = RULES.iter().map(|rule| rule.code);
    let evaluated = evaluated.filter(|code| report.not_evaluated.iter().all(|(rule, _)| rule.code != *code));
    // Those of the text itself, and the two that only whole runs can answer.
    assert_eq!(evaluated.collect::<Vec<_>>(), ["CT001", "CT008", "CT009", "CT014", "CT015"]);
}

#[test]
fn a_longer_selector_wins() {
    let parse = |names: &[&str]| names.iter().map(|name| Selector::parse(name).expect("a rule")).collect::<Vec<_>>();
    let enabled = |select: &[&str], ignore: &[&str]| {
        let settings = Settings { select: parse(select), ignore: parse(ignore), ..Settings::default() };
        RULES.iter().filter(|rule| settings.enables(rule)).map(|rule| rule.code).collect::<Vec<_>>()
    };
    assert_eq!(enabled(&["CT101", "CT2"], &["CT1", "render-fails", "CT202", "CT208"]).first(), Some(&"CT101"));
    assert!(!enabled(&["CT2"], &["render-fails"]).contains(&"CT201"));
    assert!(enabled(&["CT201"], &["CT2"]).contains(&"CT201"));
    assert!(Selector::parse("CT999").is_err() && Selector::parse("").is_err() && Selector::parse("C").is_err());
}

#[test]
fn a_template_that_runs_away_is_a_finding_and_ends_soon() {
    let source = "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}";
    let report = run(source, &["CT2"]);
    assert_eq!(codes(&report), ["CT201"]);
    assert!(report.findings[0].message.contains("runs past a limit"), "{}", report.findings[0].message);
}

#[test]
fn a_template_that_takes_parts_only_is_asked_in_parts() {
    let source = "{%- for m in messages -%}{%- for part in m.content -%}{{- part.text -}}{%- endfor -%}{%- endfor -%}";
    let subject = subject(source);
    let context = Context::new(&subject);
    let probes = context.probes().expect("it compiles");
    assert_eq!(probes.form(), Form { parts: true, string_arguments: false });
    let outcome = probes.get(Ask::whole(shape("plain")));
    let printed = outcome.as_ref().as_ref().expect("it renders");
    assert_eq!(printed.text_of("/messages/1/content"), "The Ucayali flows there.");
}

#[test]
fn paths_do_not_match_longer_indices() {
    let subject = subject("{%- for m in messages -%}{{- m.content -}}{%- endfor -%}");
    let context = Context::new(&subject);
    let outcome = context.probes().expect("it compiles").get(Ask::whole(shape("plain")));
    let printed = outcome.as_ref().as_ref().expect("it renders");
    assert_eq!(printed.text_of("/messages/0/content"), "Name a river in Peru.");
    assert_eq!(printed.text_of("/messages/0/con"), "");
}

#[test]
fn of_overlapping_fixes_the_first_counts() {
    let subject = subject("abcdef\r\nghi");
    let finding = |start, end, text: &str| {
        let fix = Fix::changing("replace", vec![Edit::replace(Span::new(start, end), text)]);
        Finding::new(RULES[0], Span::new(start, end), "x").with_fix(fix)
    };
    let findings = [finding(2, 4, "X"), finding(3, 5, "Y"), finding(4, 4, "-"), finding(7, 8, "G")];
    let fixed = apply(&subject.original, &subject.source, &findings, Applicability::Unsafe);
    assert_eq!((fixed.text.as_str(), fixed.applied), ("abXef\r\nGhi", vec![0, 3]));
    assert_eq!(apply(&subject.original, &subject.source, &findings, Applicability::Safe).applied, Vec::<usize>::new());
}

#[test]
fn a_safe_fix_that_changes_a_render_is_demoted() {
    // Removing the comment joins nothing here, but its markers strip the space around it.
    let source =
        "{%- for m in messages -%}{{- m.content }} {#- chattpl: ignore[CT001] old -#} {{ m.role }}{%- endfor -%}";
    let report = run(source, &["CT014", "CT001"]);
    let applicability = report.findings[0].fix.as_ref().map(|fix| fix.applicability);
    assert_eq!((codes(&report), applicability), (vec!["CT014"], Some(Applicability::Unsafe)));
}

#[test]
fn safe_fixes_of_the_registry_change_no_render_and_settle() {
    for format in chattpl_registry::all() {
        let record: serde_json::Value = serde_json::from_str(format.json).expect("JSON");
        let before = subject(record["template"].as_str().expect("a template"));
        let settings = Settings { profile: Profile::All, ..Settings::default() };
        let fixed = fix_all(&before, &settings, Applicability::Safe);
        let after = subject(&fixed.text);
        let (old, new) = (Context::new(&before), Context::new(&after));
        assert!(renders_alike(old.probes().expect("compiles"), new.probes().expect("compiles")), "{}", format.name);
        assert_eq!(fix_all(&after, &settings, Applicability::Safe).applied, 0, "{}", format.name);
    }
}

#[test]
fn what_the_default_profile_finds_in_registry_templates_is_explained_in_their_notes() {
    for format in chattpl_registry::all() {
        let record: serde_json::Value = serde_json::from_str(format.json).expect("JSON");
        let notes = record["notes"].as_str().expect("notes");
        let report = lint(&subject(record["template"].as_str().expect("a template")), &Settings::default());
        let unexplained: Vec<&Finding> = report.findings.iter().filter(|found| !notes.contains(found.code)).collect();
        assert!(unexplained.is_empty(), "{}: {unexplained:#?}", format.name);
    }
}

#[test]
fn empty_binary_and_huge_sources_are_evaluated_by_every_rule() {
    let sources = [
        String::new(),
        "\n".to_owned(),
        "\r\n".to_owned(),
        "\0\u{1}\u{fffd}".repeat(1000),
        "no tag at all ".repeat(10_000),
        "{{ messages }}".repeat(5_000),
        "{% set a = a %}".repeat(2_000),
        (0..1_000).map(|at| format!("{{% if a == {at} %}}x{{% elif b == {at} %}}y{{% endif %}}")).collect(),
        format!("{{{{ {} }}}}", vec!["a"; 150].join(" ~ ")),
        "\\n".repeat(50_000),
    ];
    for source in sources {
        let report = run(&source, &["ALL"]);
        let broken = report.not_evaluated.iter().filter(|(_, why)| why.0.contains("the rule failed"));
        assert_eq!(broken.count(), 0, "{}", &source[..source.len().min(40)]);
        assert!(!report.findings.is_empty(), "{}", &source[..source.len().min(40)]);
    }
}
