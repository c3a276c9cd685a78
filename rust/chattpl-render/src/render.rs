//! Renders a conversation with a compiled template.

use std::sync::Arc;

use crate::builtins::functions::Function;
use crate::compile::program::{Instr, Program};
use crate::error::{value_error, Result};
use crate::input::{Input, REASONING_FIELDS};
use crate::meter;
use crate::options::{Clock, Limits, NullFields};
use crate::origin::{Tag, MESSAGES_ROOT};
use crate::pytext;
use crate::segment::Segments;
use crate::value::dict::DictBuilder;
use crate::value::{Dict, Run, Seq, Str, Value};
use crate::vm::output::{Mark, Output};
use crate::vm::{ops, Vm};

/// Stands after the text to be continued while the template runs; the output is cut there.
const CONTINUE_TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

/// How to render, apart from the input.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// What the template may use.
    pub limits: Limits,
    /// What `strftime_now` reads.
    pub clock: Clock,
    /// The field of the last message to end in, so that a model continues it.
    pub continue_field: Option<&'a str>,
    /// What becomes of null fields of messages.
    pub null_fields: NullFields,
}

/// Text and segments of a conversation.
#[derive(Debug)]
pub struct Rendered<'r> {
    /// The text without the stretches in `large`.
    pub text: String,
    /// Long stretches of the input that were printed unchanged: where in `text` each belongs, and what it is.
    pub large: Vec<(usize, &'r str)>,
    /// Where each stretch of the text came from.
    pub segments: Segments,
    /// Byte ranges that `{% generation %}` blocks printed, in the order they were opened.
    pub generation: Vec<(u32, u32)>,
}

/// Memory that renders one after another can share.
#[derive(Debug, Default)]
pub struct Buffers {
    /// Holds the next render's text.
    pub text: String,
    /// Holds what the next render's `{% generation %}` blocks printed.
    pub generation: Vec<(u32, u32)>,
    /// Holds the next render's segments.
    pub segments: Option<Segments>,
    marks: Vec<Mark>,
    paths: Vec<u32>,
    printed: Vec<u64>,
}

impl Program {
    /// Whether the template marks what a model generates with `{% generation %}`.
    pub fn marks_generation(&self) -> bool {
        let marks = |instr: &Instr| matches!(instr, Instr::Generation { .. });
        self.functions.iter().any(|function| function.code.iter().any(marks))
    }

    /// The names that the template reads from what it is given, functions among them.
    pub fn names_read(&self) -> impl Iterator<Item = &str> {
        self.globals.iter().map(|symbol| &*self.symbols[*symbol as usize].text)
    }

    /// Whether the template reads the clock.
    pub fn uses_clock(&self) -> bool {
        self.reads("strftime_now")
    }

    /// Whether the template reads a variable of this name that it may get from the caller.
    pub fn reads(&self, name: &str) -> bool {
        self.globals.iter().any(|symbol| &*self.symbols[*symbol as usize].text == name)
    }
}

/// Renders `input` with `program`.
///
/// # Errors
/// What `transformers` raises for the same template and input; a limit; input of the wrong shape.
pub fn render<'r>(
    program: &'r Arc<Program>,
    input: Input<'r>,
    options: &'r Options<'_>,
    buffers: &mut Buffers,
) -> Result<Rendered<'r>> {
    meter::guard(input.arena, options.limits, || render_guarded(program, input, options, buffers))
}

fn render_guarded<'r>(
    program: &'r Arc<Program>,
    mut input: Input<'r>,
    options: &'r Options<'_>,
    buffers: &mut Buffers,
) -> Result<Rendered<'r>> {
    input.check_tools_and_documents()?;
    let messages = input.prepare_messages(options.null_fields)?;
    let continued = match options.continue_field {
        Some(field) => Some(mark_final_message(program, &input, messages, field, options)?),
        None => None,
    };
    let messages = continued.as_ref().map_or(messages, |continued| continued.messages);
    let messages = Value::List(input.arena.alloc(Seq::new(messages, MESSAGES_ROOT)));
    let mut output = run(program, &input, messages, options, buffers)?;
    if let Some(continued) = continued {
        join_large(&mut output);
        cut_at_tag(&mut output, continued.text)?;
    }
    let room = buffers.segments.take().unwrap_or_else(|| Segments::empty(program));
    let segments = room.filled(program, input.nodes, &output.marks, &mut buffers.paths, &mut buffers.printed);
    output.marks.clear();
    buffers.marks = output.marks;
    Ok(Rendered { text: output.text, large: output.large, segments, generation: output.generation })
}

fn machine<'r>(
    program: &'r Program,
    input: &Input<'r>,
    messages: Value<'r>,
    options: &'r Options<'_>,
    output: Output<'r>,
) -> Vm<'r> {
    let lookup = |name: &str| match name {
        "messages" => messages,
        "tools" => input.tools,
        "documents" => input.documents,
        _ => match input.argument(name) {
            Some(value) => value,
            None => Function::by_name(name).map_or(Value::Missing, Value::Function),
        },
    };
    Vm::new(input.arena, program, input.nodes, &options.clock, options.limits, output, lookup)
}

fn run<'r>(
    program: &'r Program,
    input: &Input<'r>,
    messages: Value<'r>,
    options: &'r Options<'_>,
    buffers: &mut Buffers,
) -> Result<Output<'r>> {
    let mut text = std::mem::take(&mut buffers.text);
    text.clear();
    let marks = std::mem::take(&mut buffers.marks);
    let mut output = Output::new((text, marks), options.limits.max_output_bytes, input.nodes);
    output.generation = std::mem::take(&mut buffers.generation);
    output.generation.clear();
    let mut vm = machine(program, input, messages, options, output);
    let done = vm.run_template();
    let output = vm.output;
    match done {
        Ok(()) => Ok(output),
        Err(error) => {
            buffers.text = output.text;
            buffers.marks = output.marks;
            buffers.marks.clear();
            Err(error)
        }
    }
}

struct Continued<'r> {
    messages: &'r [Value<'r>],
    /// What the last message says so far.
    text: &'r str,
}

/// Puts the tag after the text to be continued, as `transformers` does.
fn mark_final_message<'r>(
    program: &'r Program,
    input: &Input<'r>,
    messages: &'r [Value<'r>],
    field: &str,
    options: &'r Options<'_>,
) -> Result<Continued<'r>> {
    let Some((Value::Dict(last), before)) = messages.split_last() else {
        return value_error("continue_final_message is set but the conversation is empty!");
    };
    let arena = input.arena;
    let Some(final_message) = last.get_str(arena, field).filter(|value| !value.is_none()) else {
        return value_error(format!(
            "continue_final_message is set but the final message has no \"{field}\" to continue!"
        ));
    };
    let fields: Vec<&str> = if REASONING_FIELDS.contains(&field) {
        let same = |name: &&str| {
            let value = last.get_str(arena, name);
            value.is_some_and(|value| crate::value::cmp::equal(arena, value, final_message))
        };
        REASONING_FIELDS.into_iter().filter(same).collect()
    } else {
        vec![field]
    };
    if !fields.iter().any(|field| program.source.text.contains(field)) {
        return value_error(format!(
            "continue_final_message is set to \"{field}\" but this is not an accepted field in the chat_template"
        ));
    }
    let output = Output::new(Default::default(), options.limits.max_output_bytes, input.nodes);
    let mut vm = machine(program, input, Value::NONE, options, output);
    let tag_of = |value: Value<'r>| input.nodes.tag(value.source(arena) & !crate::origin::TEMPLATE_BIT);
    let (tagged, text) = match final_message {
        Value::List(seq) | Value::Tuple(seq) => tag_last_part(&mut vm, input, seq.items, final_message)?,
        value => (append_tag(&mut vm, value, tag_of)?, value),
    };
    let mut copy = DictBuilder::new(arena, last.entries.len());
    last.entries.iter().for_each(|(key, value)| copy.insert(*key, *value));
    for name in &fields {
        copy.insert(Value::str(arena.alloc_str(name)), tagged);
    }
    let mut messages = before.to_vec();
    messages.push(Value::Dict(copy.finish(last.source)));
    let Some(text) = text.as_str() else {
        let name = text.type_name();
        return crate::error::type_error(format!("'{name}' object has no attribute 'strip'"));
    };
    Ok(Continued { messages: arena.alloc_slice_copy(&messages), text: text.flat(arena) })
}

/// `value + tag`; the tag counts as the value's own text.
fn append_tag<'r>(vm: &mut Vm<'r>, value: Value<'r>, tag_of: impl Fn(Value<'r>) -> Tag) -> Result<Value<'r>> {
    let run = Run { text: CONTINUE_TAG, tag: tag_of(value) };
    let message = vm.message;
    vm.message = run.tag.message;
    let tagged = ops::add(vm, value, Value::Str(Str::Run(run)));
    vm.message = message;
    tagged
}

/// Tags the last text part of a message made of parts.
fn tag_last_part<'r>(
    vm: &mut Vm<'r>,
    input: &Input<'r>,
    parts: &'r [Value<'r>],
    whole: Value<'r>,
) -> Result<(Value<'r>, Value<'r>)> {
    let arena = input.arena;
    let Some((at, dict, text)) = last_text_part(vm, parts)? else {
        return value_error(
            "continue_final_message is set but we could not find any text to continue in the final message!",
        );
    };
    let tag_of = |value: Value<'r>| input.nodes.tag(value.source(arena) & !crate::origin::TEMPLATE_BIT);
    let tagged = append_tag(vm, text, tag_of)?;
    let mut copy = DictBuilder::new(arena, dict.entries.len());
    dict.entries.iter().for_each(|(key, value)| copy.insert(*key, *value));
    copy.insert(Value::str("text"), tagged);
    let mut parts = parts.to_vec();
    parts[at] = Value::Dict(copy.finish(dict.source));
    let items = arena.alloc_slice_copy(&parts);
    let seq = arena.alloc(Seq::new(items, whole.source(arena)));
    let list = if matches!(whole, Value::Tuple(_)) { Value::Tuple(seq) } else { Value::List(seq) };
    Ok((list, text))
}

impl Rendered<'_> {
    /// The whole text, its segments, and the byte ranges of generation blocks.
    pub fn into_parts(mut self) -> (String, Segments, Vec<(u32, u32)>) {
        if !self.large.is_empty() {
            join(&mut self.text, &mut self.large);
        }
        (self.text, self.segments, self.generation)
    }
}

fn join_large(output: &mut Output<'_>) {
    if !output.large.is_empty() {
        join(&mut output.text, &mut output.large);
    }
}

/// Puts long stretches where they belong.
fn join(text: &mut String, large: &mut Vec<(usize, &str)>) {
    let len = text.len() + large.iter().map(|(_, part)| part.len()).sum::<usize>();
    let mut whole = String::with_capacity(len);
    let mut from = 0;
    for (at, part) in large.drain(..) {
        whole.push_str(&text[from..at]);
        whole.push_str(part);
        from = at;
    }
    whole.push_str(&text[from..]);
    *text = whole;
}

/// The last part with a text: its index, the part and the text.
fn last_text_part<'r>(vm: &mut Vm<'r>, parts: &[Value<'r>]) -> Result<Option<(usize, &'r Dict<'r>, Value<'r>)>> {
    for (at, part) in parts.iter().enumerate().rev() {
        if !ops::contains(vm, *part, Value::str("text"))? {
            continue;
        }
        if let (Value::Dict(dict), Some(text)) = (*part, vm.subscript(*part, "text")?) {
            return Ok(Some((at, dict, text)));
        }
    }
    Ok(None)
}

/// Cuts the output where the final message ends.
fn cut_at_tag(output: &mut Output<'_>, final_message: &str) -> Result<()> {
    let strip = |text: &str| pytext::strip_range(text, None, pytext::Side::Both);
    let wanted = &final_message[strip(final_message)];
    let tag = CONTINUE_TAG.trim_end();
    let at = match output.text.rfind(tag) {
        Some(at) if output.text.contains(wanted) => at,
        _ => {
            return value_error(format!(
                "continue_final_message is set but the final message does not appear in the chat after applying \
                 the chat template! This can happen if the chat template deletes portions of the final message. \
                 Please verify the chat template and final message in your chat to ensure they are compatible.\
                 Final message to continue: {wanted}\nRendered chat:\n{}",
                output.text
            ));
        }
    };
    let end = if output.text[at..].starts_with(CONTINUE_TAG) {
        at
    } else {
        pytext::strip_range(&output.text[..at], None, pytext::Side::Right).end
    };
    output.text.truncate(end);
    let kept = output.marks.partition_point(|mark| (mark.end as usize) < end);
    output.marks.truncate(kept + 1);
    if let Some(last) = output.marks.last_mut() {
        last.end = last.end.min(end as u32);
    }
    if end == 0 {
        output.marks.clear();
    }
    for span in &mut output.generation {
        *span = (span.0.min(end as u32), span.1.min(end as u32));
    }
    Ok(())
}
