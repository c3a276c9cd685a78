//! Every file of `tests/cases` parses to the tree, or fails with the text, that stands beside it.
//!
//! `UPDATE_CASES=1 cargo test` rewrites the expectations; read the diff before you keep it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chattpl_syntax::{code, dump, parse, Source};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "jinja")).collect();
    paths.sort();
    paths
}

fn outcome(template: &str, name: &str) -> String {
    match parse(template, Some(name)) {
        Ok(parsed) => dump(&parsed.template),
        Err(diagnostic) => {
            let text = diagnostic.to_text(&Source::new(template));
            format!("{text}\n{} on line {}\n", diagnostic.error_class.name(), diagnostic.lineno)
        }
    }
}

#[test]
fn cases_match_their_expectations() {
    let mut wrong = Vec::new();
    for path in cases() {
        let template = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = outcome(&template, name);
        let expectation = path.with_extension("txt");
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&expectation, &found).unwrap();
        }
        if fs::read_to_string(&expectation).unwrap_or_default() != found {
            wrong.push(format!("{name}:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tokens_cover_the_text_and_texts_equal_their_spans() {
    for path in cases() {
        let Ok(parsed) = parse(&fs::read_to_string(&path).unwrap(), None) else {
            continue;
        };
        let joined: String = parsed.tokens.iter().map(|token| &parsed.source.text[token.span.range()]).collect();
        assert_eq!(joined, parsed.source.text, "{}", path.display());
    }
}

#[test]
fn errors_print_as_json() {
    let template = "a\r\n{{ 'é' }";
    let diagnostic = parse(template, Some("x.jinja")).unwrap_err();
    assert_eq!(
        diagnostic.to_json(&Source::new(template)),
        r#"{"code":"CE001","severity":"error","message":"unexpected '}'","jinja_message":"unexpected '}'","error_class":"TemplateSyntaxError","lineno":2,"name":"x.jinja","line":2,"column":8,"end_line":2,"end_column":9,"start":11,"end":12,"hint":"a print statement opened by `{{` ends with `}}`"}"#
    );
}

#[test]
fn windows_newlines_parse_like_unix_newlines() {
    let unix = "{% if a %}\n  {{ a }}\n  {%- endif %}\nend\n";
    let windows = unix.replace('\n', "\r\n");
    let (unix, windows) = (parse(unix, None).unwrap(), parse(&windows, None).unwrap());
    assert_eq!(unix.template, windows.template);
    assert_eq!(windows.source.original_offset(11), 12);
}

/// Nesting fails with its code on a thread with the default stack, and what parses can be printed and dropped there.
#[test]
fn deep_templates_never_overflow_the_stack() {
    let run = || {
        for (open, middle, close) in NESTINGS {
            for depth in [150, 199, 250, 20_000] {
                let template = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
                match parse(&format!("{{{{ {template} }}}}"), None) {
                    Ok(parsed) => {
                        assert!(depth < 250 && !dump(&parsed.template).is_empty(), "{open}")
                    }
                    Err(diagnostic) => {
                        assert_eq!(diagnostic.code, code::TOO_DEEP, "{open} {depth}")
                    }
                }
            }
        }
        let (opened, closed) = ("{% if a %}".repeat(199), "{% endif %}".repeat(199));
        let filled = format!("{opened}{{{{ {}a{} }}}}{closed}", "(".repeat(199), ")".repeat(199));
        assert!(!dump(&parse(&filled, None).unwrap().template).is_empty());
        let blocks = "{% if a %}{% for x in y %}".repeat(20_000);
        assert_eq!(parse(&blocks, None).unwrap_err().code, code::TOO_DEEP);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

const NESTINGS: [(&str, &str, &str); 14] = [
    ("(", "a", ")"),
    ("[", "a", "]"),
    ("{1:", "a", "}"),
    ("a[", "a", "]"),
    ("f(", "a", ")"),
    ("a|f(", "a", ")"),
    ("not ", "a", ""),
    ("-", "a", ""),
    ("a + ", "a", ""),
    ("a ** ", "a", ""),
    ("", "a", ".b"),
    ("", "a", "|f"),
    ("a if b else ", "a", ""),
    ("a and ", "a", " or b"),
];

#[test]
fn hostile_templates_parse_in_linear_time() {
    let started = Instant::now();
    for piece in
        ["{%", "{{", "{", "{# ", "{% raw %}", "{%- ", " \n", "{% raw", "\\'", "0_", "{{ a }}\n  ", "{# #} ", "{{'"]
    {
        let _ = parse(&piece.repeat(200_000), None);
        let _ = parse(&format!("{{% raw %}}{}", piece.repeat(200_000)), None);
        let _ = parse(&format!("{{{{ {}", piece.repeat(200_000)), None);
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}
