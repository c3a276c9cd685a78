//! `pprint`: Python's `pprint.pformat`, 80 columns wide, with mappings sorted by key.

use super::order::{less, sort_with};
use crate::error::{ErrorClass, Result};
use crate::origin::{is_data, Tag, UNUSED};
use crate::pytext;
use crate::value::build::StrBuilder;
use crate::value::{Str, Value};
use crate::vm::Vm;

const WIDTH: usize = 80;

/// The text of a value on as many lines as it needs.
pub(crate) fn pprint<'r>(vm: &mut Vm<'r>, value: Value<'r>) -> Result<Str<'r>> {
    let value = sorted(vm, value)?;
    let mut out = StrBuilder::new(vm.arena);
    let place = Place { indent: 0, allowance: 0, level: 0 };
    write(vm, value, place, Tag::COMPUTED, &mut out)?;
    Ok(out.finish())
}

/// Where a value is written.
#[derive(Clone, Copy)]
struct Place {
    /// Columns before it.
    indent: usize,
    /// Columns that must stay free after it.
    allowance: usize,
    level: usize,
}

/// The value with its mappings sorted by key, inner ones included.
fn sorted<'r>(vm: &mut Vm<'r>, value: Value<'r>) -> Result<Value<'r>> {
    vm.enter()?;
    let value = match value {
        Value::Dict(dict) => {
            let mut entries = Vec::with_capacity(dict.entries.len());
            for (key, value) in dict.entries {
                entries.push((sorted(vm, *key)?, sorted(vm, *value)?));
            }
            sort_with(vm, &mut entries, before)?;
            let entries = vm.arena.alloc_slice_copy(&entries);
            Value::Dict(vm.arena.alloc(crate::value::Dict::new(entries, dict.source)))
        }
        Value::List(seq) => {
            let items = sorted_items(vm, seq.items)?;
            Value::list(vm.arena, items, seq.source)
        }
        Value::Tuple(seq) if !seq.grouped => {
            let items = sorted_items(vm, seq.items)?;
            Value::tuple(vm.arena, items, seq.source)
        }
        other => other,
    };
    vm.leave();
    Ok(value)
}

fn sorted_items<'r>(vm: &mut Vm<'r>, items: &[Value<'r>]) -> Result<&'r [Value<'r>]> {
    let mut done = Vec::with_capacity(items.len());
    for item in items {
        done.push(sorted(vm, *item)?);
    }
    Ok(vm.arena.alloc_slice_copy(&done))
}

/// The order of keys: their own, and by the names of their types where they have none.
fn before<'r>(vm: &Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<bool> {
    match less(vm, a, b) {
        Err(error) if error.class() == ErrorClass::TypeError => Ok(a.type_name() < b.type_name()),
        order => order,
    }
}

/// The tag of punctuation around what came from `source`.
fn around(source: u32, outer: Tag) -> Tag {
    if is_data(source) {
        Tag { source, message: UNUSED }
    } else {
        outer
    }
}

fn write<'r>(vm: &mut Vm<'r>, value: Value<'r>, place: Place, outer: Tag, out: &mut StrBuilder<'r>) -> Result<()> {
    let text = value.to_repr(vm.arena);
    vm.reserve(text.len())?;
    let width = pytext::char_count(text.flat(vm.arena));
    let inner = Place { level: place.level + 1, ..place };
    if width + place.indent + place.allowance <= WIDTH {
        out.push_str(text);
        return Ok(());
    }
    match value {
        Value::Dict(dict) => {
            let tag = around(dict.source, outer);
            out.push("{", tag);
            write_entries(vm, dict.entries, inner, tag, out)?;
            out.push("}", tag);
        }
        Value::List(seq) => {
            let tag = around(seq.source, outer);
            write_items(vm, ("[", seq.items, "]"), inner, tag, out)?;
        }
        Value::Tuple(seq) if !seq.grouped => {
            let tag = around(seq.source, outer);
            let close = if seq.items.len() == 1 { ",)" } else { ")" };
            write_items(vm, ("(", seq.items, close), inner, tag, out)?;
        }
        Value::Str(str) => write_long(vm, str, text, inner, outer, out),
        _ => out.push_str(text),
    }
    Ok(())
}

fn new_line(indent: usize, tag: Tag, out: &mut StrBuilder<'_>) {
    out.push("\n", tag);
    out.push(&" ".repeat(indent), tag);
}

fn write_entries<'r>(
    vm: &mut Vm<'r>,
    entries: &[(Value<'r>, Value<'r>)],
    place: Place,
    tag: Tag,
    out: &mut StrBuilder<'r>,
) -> Result<()> {
    let indent = place.indent + 1;
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(",", tag);
            new_line(indent, tag, out);
        }
        let key = key.to_repr(vm.arena);
        let key_width = pytext::char_count(key.flat(vm.arena));
        out.push_str(key);
        out.push(": ", tag);
        let last = at + 1 == entries.len();
        let place = Place {
            indent: indent + key_width + 2,
            allowance: if last { place.allowance + 1 } else { 1 },
            level: place.level,
        };
        write(vm, *value, place, tag, out)?;
    }
    Ok(())
}

fn write_items<'r>(
    vm: &mut Vm<'r>,
    (open, items, close): (&str, &[Value<'r>], &str),
    place: Place,
    tag: Tag,
    out: &mut StrBuilder<'r>,
) -> Result<()> {
    let indent = place.indent + 1;
    out.push(open, tag);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(",", tag);
            new_line(indent, tag, out);
        }
        let last = at + 1 == items.len();
        let place =
            Place { indent, allowance: if last { place.allowance + close.len() } else { 1 }, level: place.level };
        write(vm, *item, place, tag, out)?;
    }
    out.push(close, tag);
    Ok(())
}

/// Writes a string that does not fit as several literals, one a line.
fn write_long<'r>(vm: &Vm<'r>, str: Str<'r>, whole: Str<'r>, mut place: Place, outer: Tag, out: &mut StrBuilder<'r>) {
    if place.level == 1 {
        place.indent += 1;
        place.allowance += 1;
    }
    let chunks = chunks(vm, str, place);
    if let [_] = chunks[..] {
        out.push_str(whole);
        return;
    }
    let tag = around(str.data_source(vm.arena), outer);
    if place.level == 1 {
        out.push("(", tag);
    }
    for (at, chunk) in chunks.into_iter().enumerate() {
        if at > 0 {
            new_line(place.indent, tag, out);
        }
        out.push_str(chunk);
    }
    if place.level == 1 {
        out.push(")", tag);
    }
}

fn chunks<'r>(vm: &Vm<'r>, str: Str<'r>, place: Place) -> Vec<Str<'r>> {
    let flat = str.flat(vm.arena);
    let lines = pytext::splitlines(flat, true);
    let room = WIDTH as isize - place.indent as isize;
    let literal = |range| Value::Str(str.slice(vm.arena, range)).to_repr(vm.arena);
    let width = |text: Str<'r>| pytext::char_count(text.flat(vm.arena)) as isize;
    let mut chunks = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let last_line = number + 1 == lines.len();
        let reduced = room - if last_line { place.allowance as isize } else { 0 };
        let text = literal(line.clone());
        if width(text) <= reduced {
            chunks.push(text);
            continue;
        }
        let parts = parts(&flat[line.clone()]);
        let mut current = line.start..line.start;
        for (at, end) in parts.iter().enumerate() {
            let last = last_line && at + 1 == parts.len();
            let candidate = current.start..line.start + end;
            let most = if last { reduced } else { room };
            if width(literal(candidate.clone())) > most {
                if !current.is_empty() {
                    chunks.push(literal(current.clone()));
                }
                current = current.end..candidate.end;
            } else {
                current = candidate;
            }
        }
        if !current.is_empty() {
            chunks.push(literal(current));
        }
    }
    chunks
}

/// Where the parts of a line end, each a word with the space after it.
fn parts(line: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut after_space = false;
    for (at, c) in line.char_indices() {
        let space = pytext::is_whitespace(c);
        if after_space && !space {
            ends.push(at);
        }
        after_space = space;
    }
    ends.push(line.len());
    ends
}
