//! `str()` and `repr()` of values, with the origin of every piece.

use bumpalo::Bump;

use super::build::StrBuilder;
use super::{BoundMethod, Dict, Namespace, Str, Undefined, Value, ViewKind};
use crate::builtins::functions::Function;
use crate::builtins::methods::Method;
use crate::error::{ErrorClass, RenderError};
use crate::meter;
use crate::origin::{is_data, Tag, COMPUTED, UNUSED};
use crate::pytext;

impl<'r> Value<'r> {
    /// `str(value)`.
    pub fn to_str(self, arena: &'r Bump) -> Str<'r> {
        match self {
            Value::Str(str) | Value::Markup(str) => str,
            Value::Undefined(_) | Value::Missing => Str::computed(""),
            Value::Int(value, source) => Str::from_source(arena.alloc_str(&value.to_string()), source),
            Value::Bool(value, source) => Str::from_source(bool_name(value), source),
            Value::None(source) => Str::from_source("None", source),
            _ => self.to_repr(arena),
        }
    }

    /// `repr(value)`.
    pub fn to_repr(self, arena: &'r Bump) -> Str<'r> {
        let mut writer = Writer { arena, out: StrBuilder::new(arena), depth: 0 };
        writer.value(self, Tag::COMPUTED);
        writer.out.finish()
    }

    /// `repr(value)` as plain text, for messages.
    pub fn repr_text(self, arena: &'r Bump) -> &'r str {
        self.to_repr(arena).flat(arena)
    }
}

fn bool_name(value: bool) -> &'static str {
    if value {
        "True"
    } else {
        "False"
    }
}

fn scalar_tag(source: u32, around: Tag) -> Tag {
    if is_data(source) {
        Tag { source, message: UNUSED }
    } else {
        around
    }
}

/// The tag of a container's brackets: its own source where it is data.
fn bracket_tag(source: u32, around: Tag) -> Tag {
    scalar_tag(source, around)
}

/// Writes a value and what is in it.
struct Writer<'r> {
    arena: &'r Bump,
    out: StrBuilder<'r>,
    depth: u32,
}

impl<'r> Writer<'r> {
    fn value(&mut self, value: Value<'r>, around: Tag) {
        meter::steps(1);
        match value {
            Value::Str(str) => write_repr_str(self.arena, str, around, &mut self.out),
            Value::Markup(str) => {
                self.out.push("Markup(", around);
                write_repr_str(self.arena, str, around, &mut self.out);
                self.out.push(")", around);
            }
            Value::None(source) => self.out.push("None", scalar_tag(source, around)),
            Value::Bool(value, source) => {
                self.out.push(bool_name(value), scalar_tag(source, around));
            }
            Value::Int(value, source) => {
                self.out.push(&value.to_string(), scalar_tag(source, around));
            }
            Value::BigInt(value, source) => {
                self.out.push(&value.text(), scalar_tag(source, around));
            }
            Value::Float(value, source) => {
                let text = pytext::repr_float(value);
                self.out.push(&text, scalar_tag(source, around));
            }
            Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::View(_) | Value::Namespace(_) => {
                let outer = self.depth;
                self.depth = meter::deeper(outer);
                self.container(value, around);
                self.depth = outer;
            }
            other => self.out.push(&opaque_repr(self.arena, other), around),
        }
    }

    fn container(&mut self, value: Value<'r>, around: Tag) {
        match value {
            Value::List(seq) => {
                let tag = bracket_tag(seq.source, around);
                self.items("[", seq.items.iter().copied(), "]", tag);
            }
            Value::Tuple(seq) => {
                let tag = bracket_tag(seq.source, around);
                let close = if seq.items.len() == 1 { ",)" } else { ")" };
                self.items("(", seq.items.iter().copied(), close, tag);
            }
            Value::Dict(dict) => self.dict(dict, bracket_tag(dict.source, around)),
            Value::View(view) => {
                let tag = bracket_tag(view.dict.source, around);
                self.view(view.kind, view.dict, tag);
            }
            Value::Namespace(namespace) => self.namespace(namespace, around),
            _ => unreachable!("called for containers"),
        }
    }

    fn items(&mut self, open: &str, items: impl Iterator<Item = Value<'r>>, close: &str, tag: Tag) {
        self.out.push(open, tag);
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.out.push(", ", tag);
            }
            self.value(item, tag);
        }
        self.out.push(close, tag);
    }

    fn dict(&mut self, dict: &Dict<'r>, tag: Tag) {
        self.out.push("{", tag);
        for (at, (key, value)) in dict.entries.iter().enumerate() {
            if at > 0 {
                self.out.push(", ", tag);
            }
            self.value(*key, tag);
            self.out.push(": ", tag);
            self.value(*value, tag);
        }
        self.out.push("}", tag);
    }

    fn view(&mut self, kind: ViewKind, dict: &Dict<'r>, tag: Tag) {
        let arena = self.arena;
        match kind {
            ViewKind::Keys => {
                let keys = dict.entries.iter().map(|(key, _)| *key);
                self.items("dict_keys([", keys, "])", tag);
            }
            ViewKind::Values => {
                let values = dict.entries.iter().map(|(_, value)| *value);
                self.items("dict_values([", values, "])", tag);
            }
            ViewKind::Items => {
                let items = dict
                    .entries
                    .iter()
                    .map(|(key, value)| Value::tuple(arena, arena.alloc_slice_copy(&[*key, *value]), dict.source));
                self.items("dict_items([", items, "])", tag);
            }
        }
    }

    fn namespace(&mut self, namespace: &Namespace<'r>, around: Tag) {
        self.out.push("<Namespace {", around);
        for (at, (key, value)) in namespace.attrs.borrow().iter().enumerate() {
            self.out.push(if at == 0 { "" } else { ", " }, around);
            self.value(*key, around);
            self.out.push(": ", around);
            self.value(*value, around);
        }
        self.out.push("}>", around);
    }
}

/// What stands in place of an object's address.
const ADDRESS: &str = "0x7f0000000000";
/// Where `transformers` defines what it adds.
const HERE: &str = "_cached_compile_jinja_template.<locals>";
const MODULE: &str = "transformers.utils.chat_template_utils";

/// Text of values whose `repr` says nothing about data.
fn opaque_repr<'r>(arena: &'r Bump, value: Value<'r>) -> String {
    match value {
        Value::Missing | Value::Undefined(_) => "Undefined".to_owned(),
        Value::Range(range) if range.step == 1 => format!("range({}, {})", range.start, range.stop),
        Value::Range(range) => format!("range({}, {}, {})", range.start, range.stop, range.step),
        Value::Iter(iter) if iter.type_name == "generator" => {
            format!("<generator object {} at {ADDRESS}>", iter.name)
        }
        Value::Loop(this) => format!("<LoopContext {}/{}>", this.index0.get() + 1, this.known_length()),
        Value::Macro(this) => match this.name {
            Some(name) => format!("<Macro {}>", pytext::repr_str(name)),
            None => "<Macro anonymous>".to_owned(),
        },
        Value::Method(bound) => method_repr(arena, bound),
        Value::Function(function) => function_repr(function),
        Value::Cycler(_) => format!("<jinja2.utils.Cycler object at {ADDRESS}>"),
        Value::Joiner(_) => format!("<jinja2.utils.Joiner object at {ADDRESS}>"),
        other => format!("<{} object at {ADDRESS}>", other.type_name()),
    }
}

fn method_repr<'r>(arena: &'r Bump, bound: &BoundMethod<'r>) -> String {
    let (name, object) = (bound.method.name(), bound.object);
    let type_name = match (object, bound.method) {
        (_, Method::FromKeys) => "type",
        _ => object.type_name(),
    };
    match bound.type_name() {
        "function" => format!("<function {type_name}.{name} at {ADDRESS}>"),
        "method" => {
            let object = object.repr_text(arena);
            format!("<bound method {type_name}.{name} of {object}>")
        }
        _ => format!("<built-in method {name} of {type_name} object at {ADDRESS}>"),
    }
}

fn function_repr(function: Function) -> String {
    match function {
        Function::Range => format!("<function safe_range at {ADDRESS}>"),
        Function::Lipsum => format!("<function generate_lorem_ipsum at {ADDRESS}>"),
        Function::RaiseException => format!("<function {HERE}.raise_exception at {ADDRESS}>"),
        Function::StrftimeNow => format!("<function {HERE}.strftime_now at {ADDRESS}>"),
        Function::Dict => format!("<{MODULE}.{HERE}.TemplateDict object at {ADDRESS}>"),
        Function::DictFromKeys => {
            let object = function_repr(Function::Dict);
            format!("<bound method {HERE}.TemplateDict.fromkeys of {object}>")
        }
        Function::Namespace => format!("<class '{MODULE}.{HERE}.TemplateNamespace'>"),
        Function::Cycler => "<class 'jinja2.utils.Cycler'>".to_owned(),
        Function::Joiner => "<class 'jinja2.utils.Joiner'>".to_owned(),
        Function::SelfReference => "<TemplateReference None>".to_owned(),
    }
}

/// `repr` of a string; the quotes belong to the string's own source where it is data.
fn write_repr_str<'r>(arena: &'r Bump, str: Str<'r>, around: Tag, out: &mut StrBuilder<'r>) {
    let flat = str.flat(arena);
    let quote = if flat.contains('\'') && !flat.contains('"') { '"' } else { '\'' };
    let source = str.data_source(arena);
    let quote_tag = if is_data(source) { scalar_tag(source, around) } else { around };
    out.push_char(quote, quote_tag);
    str.for_each_run(|run| {
        let tag = if run.tag.source == COMPUTED { around } else { run.tag };
        write_escaped(run.text, quote, tag, out);
    });
    out.push_char(quote, quote_tag);
}

fn write_escaped(text: &str, quote: char, tag: Tag, out: &mut StrBuilder<'_>) {
    let mut clean = 0;
    for (at, c) in text.char_indices() {
        if c != quote && c != '\\' && (c as u32 >= 0x20 && (c as u32) < 0x7f || pytext::is_printable(c)) {
            continue;
        }
        out.push(&text[clean..at], tag);
        out.push(&escape_char(c), tag);
        clean = at + c.len_utf8();
    }
    out.push(&text[clean..], tag);
}

fn escape_char(c: char) -> String {
    match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\\' | '\'' | '"' => format!("\\{c}"),
        c if (c as u32) <= 0xff => format!("\\x{:02x}", c as u32),
        c if (c as u32) <= 0xffff => format!("\\u{:04x}", c as u32),
        c => format!("\\U{:08x}", c as u32),
    }
}

impl<'r> Undefined<'r> {
    /// The error raised when the value is used, as Jinja2 words it.
    pub fn error(&self, arena: &'r Bump) -> RenderError {
        let class = match self {
            Undefined::Unsafe { .. } => ErrorClass::SecurityError,
            _ => ErrorClass::UndefinedError,
        };
        RenderError::new(class, self.message(arena))
    }

    /// Jinja2's message about the value.
    pub fn message(&self, arena: &'r Bump) -> String {
        match self {
            Undefined::Name(name) => format!("{} is undefined", Value::str(name).repr_text(arena)),
            Undefined::Hint(hint) => (*hint).to_owned(),
            Undefined::Unsafe { attribute, type_name } => {
                let attribute = Value::str(attribute).repr_text(arena);
                format!("access to attribute {attribute} of '{type_name}' object is unsafe.")
            }
            Undefined::Element { object, key } => {
                let name = object.object_type_repr();
                let key_text = key.repr_text(arena);
                if key.as_str().is_some() {
                    format!("'{name}' has no attribute {key_text}")
                } else {
                    format!("{name} has no element {key_text}")
                }
            }
        }
    }
}
