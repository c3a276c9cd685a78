//! Renders every file of `tests/cases` and compares with what Jinja2 printed for it.
//!
//! A case is JSON (a conversation), a line `---`, a template, a line `---`, and the expected text or `Class: message`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use chattpl_render::{
    read_conversation, render, Buffers, Bump, Clock, DateTime, Input, Limits, NullFields, Options, Program, Rendered,
};

const NOON: DateTime = DateTime { year: 2026, month: 11, day: 23, hour: 12, minute: 0, second: 0, microsecond: 0 };

fn options() -> Options<'static> {
    Options {
        limits: Limits::default(),
        clock: Clock { now: NOON },
        continue_field: None,
        null_fields: NullFields::Keep,
    }
}

fn outcome(template: &str, conversation: &str) -> String {
    let program = match Program::compile(template, None) {
        Ok(program) => Arc::new(program),
        Err(error) => return format!("{}: {}", error.error_class.name(), error.message),
    };
    let arena = Bump::new();
    let mut input = Input::new(&arena);
    read_conversation(&mut input, conversation.as_bytes()).expect("a case holds JSON");
    let options = options();
    match render(&program, input, &options, &mut Buffers::default()) {
        Ok(rendered) => checked_text(rendered),
        Err(error) => {
            let class = error.class().name();
            format!("{}: {}", class.strip_prefix("jinja2.").unwrap_or(class), error.message())
        }
    }
}

/// The text, once its segments were seen to follow each other and to cover it.
fn checked_text(rendered: Rendered<'_>) -> String {
    let (text, segments, _) = rendered.into_parts();
    let mut end = 0;
    for segment in segments.iter() {
        assert_eq!(segment.start, end);
        assert!(segment.end > segment.start && text.is_char_boundary(segment.end));
        end = segment.end;
    }
    assert_eq!(end, text.len());
    text
}

#[test]
fn cases_render_as_jinja2_renders_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("a readable entry").path();
        let case = fs::read_to_string(&path).expect("a readable case");
        let [conversation, template, expected] =
            case.split("\n---\n").collect::<Vec<_>>().try_into().expect("three parts");
        assert_eq!(outcome(template, conversation), expected.strip_suffix('\n').unwrap_or(expected), "{path:?}");
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn a_render_stops_at_its_limits() {
    let program = Arc::new(Program::compile("{% for i in range(9999) %}{{ i }}{% endfor %}", None).expect("valid"));
    for (limits, code) in [
        (Limits { max_instructions: 1000, ..Limits::default() }, "CE020"),
        (Limits { max_output_bytes: 1000, ..Limits::default() }, "CE021"),
    ] {
        let arena = Bump::new();
        let options = Options { limits, ..options() };
        let error =
            render(&program, Input::new(&arena), &options, &mut Buffers::default()).expect_err("over the limit");
        assert_eq!(error.code(), code);
    }
}

#[test]
fn json_faults_name_their_place() {
    let arena = Bump::new();
    for (text, place) in
        [("[{\"role\": }]", "line 1 column 11"), ("[\n1 2]", "line 2 column 3"), ("", "line 1 column 1")]
    {
        let mut input = Input::new(&arena);
        let error = read_conversation(&mut input, text.as_bytes()).expect_err("not JSON");
        assert!(error.message().ends_with(place), "{}", error.message());
        assert_eq!(error.code(), "CE033");
    }
}
