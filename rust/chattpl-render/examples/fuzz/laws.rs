//! What has to hold for every template and conversation.

use std::sync::Arc;

use chattpl_render::{
    dump_bytecode, read_conversation, render, Buffers, Bump, Clock, DateTime, Input, Limits, NullFields, Options,
    Program, Rendered, Segments,
};
use chattpl_syntax::Source;

/// Small, so that many executions run into them.
const LIMITS: Limits =
    Limits { max_instructions: 100_000, max_output_bytes: 1 << 20, max_memory_bytes: 4 << 20, max_depth: 60 };

type Law = Result<(), String>;

/// How far an execution came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The template was refused.
    Nothing,
    /// It compiled, but the render ended in an error.
    Compiled,
    /// There was text; in parser mode that is never asked for.
    Rendered,
}

/// Checks one parse and what the compiler makes of it.
pub fn check_parse(template: &str) -> Result<Reached, String> {
    let first = chattpl_syntax::parse(template, None);
    if first != chattpl_syntax::parse(template, None) {
        return Err("two parses of one template differ".to_owned());
    }
    match first {
        Ok(parsed) => {
            check_tokens(&parsed)?;
            let program = Program::from_parsed(parsed, Some("fuzz"));
            if let Ok(program) = program {
                dump_bytecode(&program);
                return Ok(Reached::Compiled);
            }
            Ok(Reached::Nothing)
        }
        Err(diagnostic) => {
            let source = Source::new(template);
            check_range(&source.text, diagnostic.span.start as usize, diagnostic.span.end as usize)?;
            let _ = diagnostic.to_text(&source);
            Ok(Reached::Nothing)
        }
    }
}

fn check_tokens(parsed: &chattpl_syntax::Parsed) -> Law {
    let mut at = 0;
    for token in &parsed.tokens {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        check_range(&parsed.source.text, start, end)?;
        if start != at {
            return Err(format!("a gap between the tokens at byte {at}"));
        }
        at = end;
    }
    if at == parsed.source.text.len() {
        Ok(())
    } else {
        Err(format!("the tokens end at byte {at}"))
    }
}

fn check_range(text: &str, start: usize, end: usize) -> Law {
    if start <= end && text.is_char_boundary(start) && text.is_char_boundary(end) {
        return Ok(());
    }
    Err(format!("bytes {start}..{end} are no range of the text"))
}

/// Checks one render.
pub fn check_render(template: &str, conversation: &str) -> Result<Reached, String> {
    let Ok(program) = Program::compile(template, None) else {
        return Ok(Reached::Nothing);
    };
    let program = Arc::new(program);
    // Buffers that held another text before must not make a difference.
    let mut buffers = Buffers::default();
    let first = outcome(&program, conversation, &mut buffers)?;
    let second = outcome(&program, conversation, &mut buffers)?;
    match (first, second) {
        (Ok(first), Ok(second)) => {
            check_segments(&first)?;
            let same = first.text == second.text && format!("{:?}", first.segments) == format!("{:?}", second.segments);
            same.then_some(Reached::Rendered).ok_or_else(|| "two renders of one conversation differ".to_owned())
        }
        (Err(first), Err(second)) if first == second => Ok(Reached::Compiled),
        (first, second) => Err(format!("two renders end differently: {first:?}, {second:?}")),
    }
}

/// A render that no longer borrows its input.
#[derive(Debug)]
struct Printed {
    text: String,
    segments: Segments,
    generation: Vec<(u32, u32)>,
}

impl From<Rendered<'_>> for Printed {
    fn from(rendered: Rendered<'_>) -> Self {
        let (text, segments, generation) = rendered.into_parts();
        Printed { text, segments, generation }
    }
}

/// What a render came to: text with segments, or code, message and place of the error.
fn outcome(
    program: &Arc<Program>,
    conversation: &str,
    buffers: &mut Buffers,
) -> Result<Result<Printed, String>, String> {
    let now = DateTime { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58, microsecond: 7 };
    let options = Options {
        limits: LIMITS,
        clock: Clock { now },
        continue_field: (conversation.len() % 5 == 0).then_some("content"),
        null_fields: if conversation.len() % 3 == 0 { NullFields::Keep } else { NullFields::Drop },
    };
    let arena = Bump::new();
    let mut input = Input::new(&arena);
    let done = read_conversation(&mut input, conversation.as_bytes())
        .and_then(|()| render(program, input, &options, buffers))
        .map(Printed::from);
    if arena.allocated_bytes() > 4 * LIMITS.max_memory_bytes {
        return Err(format!("values take up {} bytes", arena.allocated_bytes()));
    }
    Ok(done.map_err(|error| format!("{} {error} {:?} {:?}", error.code(), error.span(), error.place())))
}

fn check_segments(rendered: &Printed) -> Law {
    let mut at = 0;
    for index in 0..rendered.segments.len() {
        let segment = rendered.segments.get(index);
        check_range(&rendered.text, segment.start, segment.end)?;
        if segment.start != at || segment.end == at {
            return Err(format!("segment {index} starts at byte {}, not {at}", segment.start));
        }
        at = segment.end;
    }
    if at != rendered.text.len() || at > LIMITS.max_output_bytes {
        return Err(format!("the segments end at byte {at} of {}", rendered.text.len()));
    }
    rendered.generation.iter().try_for_each(|(start, end)| check_range(&rendered.text, *start as usize, *end as usize))
}
