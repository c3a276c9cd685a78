//! `tojson` as `transformers` defines it: `json.dumps` with its own defaults.
//!
//! Leaves keep their origin; punctuation is the template's.

use super::functions::local;
use super::order::sort_by_key;
use crate::error::{type_error, RenderError, Result};
use crate::meter;
use crate::origin::{is_data, Tag, UNUSED};
use crate::pytext::{self, JsonCharset};
use crate::value::build::StrBuilder;
use crate::value::{Run, Str, Value};
use crate::vm::call::Args;
use crate::vm::{ops, Vm};

/// How the text is laid out.
struct Layout<'r> {
    charset: JsonCharset,
    indent: Option<&'r str>,
    item_separator: Str<'r>,
    key_separator: Str<'r>,
    sort_keys: bool,
}

/// `value|tojson(ensure_ascii, indent, separators, sort_keys)`.
pub(crate) fn tojson<'r>(vm: &mut Vm<'r>, value: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let mut out = StrBuilder::new(vm.arena);
    write(vm, value, args, &mut out)?;
    Ok(Value::Str(out.finish()))
}

/// Where JSON text goes.
pub(crate) trait Sink<'r> {
    /// Adds text.
    fn push(&mut self, text: &str, tag: Tag);
    /// Adds text that belongs to no value.
    fn push_punctuation(&mut self, text: &str);
    /// Adds a run.
    fn push_run(&mut self, run: Run<'r>);
    /// Adds a run with its characters escaped; the first `clean` bytes need no escape.
    fn push_escaped(&mut self, run: Run<'r>, clean: usize, charset: JsonCharset);
    /// Adds a line break and an indent.
    fn push_newline(&mut self, indent: &str, depth: u32);

    /// Adds a string.
    fn push_str(&mut self, str: Str<'r>) {
        match str {
            Str::Run(run) if run.tag == PUNCTUATION => self.push_punctuation(run.text),
            Str::Run(run) => self.push_run(run),
            Str::Rope(_) => str.for_each_run(|run| self.push_run(run)),
        }
    }
}

impl<'r> Sink<'r> for StrBuilder<'r> {
    fn push(&mut self, text: &str, tag: Tag) {
        StrBuilder::push(self, text, tag);
    }

    fn push_punctuation(&mut self, text: &str) {
        StrBuilder::push(self, text, PUNCTUATION);
    }

    fn push_run(&mut self, run: Run<'r>) {
        StrBuilder::push_run(self, run);
    }

    fn push_escaped(&mut self, run: Run<'r>, clean: usize, charset: JsonCharset) {
        self.push_with(run.tag, clean + (run.text.len() - clean) * ESCAPED, |out| {
            pytext::json_escape_into(run.text, clean, charset, |piece| out.push_str(piece));
        });
    }

    fn push_newline(&mut self, indent: &str, depth: u32) {
        self.push_with(PUNCTUATION, 1 + indent.len() * depth as usize, |out| {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        });
    }
}

/// Writes what `tojson` gives.
pub(crate) fn write<'r>(vm: &mut Vm<'r>, value: Value<'r>, args: Args<'r>, out: &mut impl Sink<'r>) -> Result<()> {
    let params = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ensure_ascii, indent, separators, sort_keys] =
        if args.is_empty() { [None; 4] } else { args.bind(&local("tojson"), params, 0, 1)? };
    let charset = match ensure_ascii {
        Some(flag) if flag.truthy() => JsonCharset::Ascii,
        _ => JsonCharset::Unicode,
    };
    let indent = match indent {
        // A string is written before Python looks at the width.
        _ if value.as_str().is_some() => None,
        None | Some(Value::None(_)) => None,
        Some(Value::Int(width, _)) => Some(spaces(vm, width)?),
        Some(Value::Bool(flag, _)) => Some(spaces(vm, flag.into())?),
        Some(Value::Str(str) | Value::Markup(str)) => Some(str.flat(vm.arena)),
        Some(other) => {
            let name = other.type_name();
            return type_error(format!("can't multiply sequence by non-int of type '{name}'"));
        }
    };
    let mut layout = Layout {
        charset,
        indent,
        item_separator: Str::computed(if indent.is_some() { "," } else { ", " }),
        key_separator: Str::computed(": "),
        sort_keys: sort_keys.is_some_and(|value| value.truthy()),
    };
    if let Some(pair) = separators.filter(|value| !value.is_none()) {
        (layout.item_separator, layout.key_separator) =
            separator_pair(vm, pair, value.as_str().is_some(), indent.is_some())?;
    }
    Writer { vm, layout: &layout, depth: 0 }.value(&value, out)
}

fn spaces<'r>(vm: &mut Vm<'r>, width: i64) -> Result<&'r str> {
    let width = usize::try_from(width).unwrap_or(0);
    vm.reserve(width)?;
    Ok(vm.arena.alloc_str(&" ".repeat(width)))
}

fn separator_pair<'r>(vm: &mut Vm<'r>, pair: Value<'r>, plain: bool, indented: bool) -> Result<(Str<'r>, Str<'r>)> {
    let (item, key) = vm.unpack_pair(pair)?;
    let mut texts = [Str::computed(""); 2];
    for (position, value) in [(1, key), (0, item)] {
        match value.as_str() {
            Some(text) => texts[position] = text,
            // A string is written without separators.
            None if plain => {}
            None if indented => return Err(not_added(vm, value)),
            None => {
                let argument = 6 - position;
                let name = if value.is_none() { "None" } else { value.type_name() };
                return type_error(format!("make_encoder() argument {argument} must be str, not {name}"));
            }
        }
    }
    Ok((texts[0], texts[1]))
}

fn not_added<'r>(vm: &mut Vm<'r>, separator: Value<'r>) -> RenderError {
    match ops::add(vm, separator, Value::str("\n")) {
        Err(error) => error,
        Ok(_) => unreachable!("only strings can be added to strings"),
    }
}

struct Writer<'a, 'r> {
    vm: &'a mut Vm<'r>,
    layout: &'a Layout<'r>,
    depth: u32,
}

/// Most bytes that one byte becomes when it is escaped.
const ESCAPED: usize = 6;

/// Punctuation is the template's.
const PUNCTUATION: Tag = Tag::COMPUTED;

fn leaf(source: u32) -> Tag {
    if is_data(source) {
        Tag { source, message: UNUSED }
    } else {
        PUNCTUATION
    }
}

impl<'r> Writer<'_, 'r> {
    fn value(&mut self, value: &Value<'r>, out: &mut impl Sink<'r>) -> Result<()> {
        self.vm.charge(2)?;
        match *value {
            Value::Str(str) | Value::Markup(str) => self.string(str, out),
            Value::None(source) => out.push("null", leaf(source)),
            Value::Bool(true, source) => out.push("true", leaf(source)),
            Value::Bool(false, source) => out.push("false", leaf(source)),
            Value::Int(value, source) => push_int(value, leaf(source), out),
            Value::BigInt(value, source) => out.push(&value.text(), leaf(source)),
            Value::Float(value, source) => out.push(&pytext::json_float(value), leaf(source)),
            Value::List(seq) | Value::Tuple(seq) => self.list(seq.items, out)?,
            Value::Dict(dict) => self.dict(dict.entries, out)?,
            other => {
                let name = other.type_name();
                return type_error(format!("Object of type {name} is not JSON serializable"));
            }
        }
        Ok(())
    }

    /// A quoted string; the quotes are punctuation.
    fn string(&mut self, str: Str<'r>, out: &mut impl Sink<'r>) {
        out.push_punctuation("\"");
        match str {
            Str::Run(run) => self.run(run, out),
            Str::Rope(_) => str.for_each_run(|run| self.run(run, out)),
        }
        out.push_punctuation("\"");
    }

    fn run(&self, run: Run<'r>, out: &mut impl Sink<'r>) {
        match pytext::json_clean_prefix(run.text, self.layout.charset) {
            clean if clean == run.text.len() => out.push_run(run),
            clean => out.push_escaped(run, clean, self.layout.charset),
        }
    }

    fn open(&mut self, out: &mut impl Sink<'r>, bracket: &str) -> Result<()> {
        self.depth = meter::deeper(self.depth);
        out.push_punctuation(bracket);
        Ok(())
    }

    fn close(&mut self, out: &mut impl Sink<'r>, bracket: &str) -> Result<()> {
        self.depth -= 1;
        self.newline(out)?;
        out.push_punctuation(bracket);
        Ok(())
    }

    fn newline(&mut self, out: &mut impl Sink<'r>) -> Result<()> {
        if let Some(indent) = self.layout.indent {
            out.push_newline(indent, self.depth);
        }
        Ok(())
    }

    fn list(&mut self, items: &'r [Value<'r>], out: &mut impl Sink<'r>) -> Result<()> {
        if items.is_empty() {
            out.push_punctuation("[]");
            return Ok(());
        }
        self.open(out, "[")?;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(self.layout.item_separator);
            }
            self.newline(out)?;
            self.value(item, out)?;
        }
        self.close(out, "]")
    }

    fn dict(&mut self, entries: &'r [(Value<'r>, Value<'r>)], out: &mut impl Sink<'r>) -> Result<()> {
        if entries.is_empty() {
            out.push_punctuation("{}");
            return Ok(());
        }
        let sorted = if self.layout.sort_keys { Some(self.sorted(entries)?) } else { None };
        self.open(out, "{")?;
        for (at, (key, value)) in sorted.as_deref().unwrap_or(entries).iter().enumerate() {
            if at > 0 {
                out.push_str(self.layout.item_separator);
            }
            self.newline(out)?;
            self.key(key, out)?;
            out.push_str(self.layout.key_separator);
            self.value(value, out)?;
        }
        self.close(out, "}")
    }

    fn sorted(&mut self, entries: &[(Value<'r>, Value<'r>)]) -> Result<Vec<(Value<'r>, Value<'r>)>> {
        let mut sorted = entries.to_vec();
        sort_by_key(self.vm, &mut sorted, false)?;
        Ok(sorted)
    }

    fn key(&mut self, key: &Value<'r>, out: &mut impl Sink<'r>) -> Result<()> {
        match *key {
            Value::Str(str) | Value::Markup(str) => self.string(str, out),
            Value::None(_) | Value::Bool(..) | Value::Int(..) | Value::BigInt(..) | Value::Float(..) => {
                out.push_punctuation("\"");
                self.value(key, out)?;
                out.push_punctuation("\"");
            }
            other => {
                let name = other.type_name();
                return type_error(format!("keys must be str, int, float, bool or None, not {name}"));
            }
        }
        Ok(())
    }
}

fn push_int<'r>(value: i64, tag: Tag, out: &mut impl Sink<'r>) {
    out.push(&value.to_string(), tag);
}
