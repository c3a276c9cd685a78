//! `%` and `str.format`, with the origin of every argument.

use std::borrow::Cow;

use super::filters::{escape_str, float_message, html_text};
use super::functions::Function;
use super::text::ADDED;
use crate::error::{type_error, value_error, ErrorClass, RenderError, Result};
use crate::meter;
use crate::pytext::{
    self, Body, FieldPart, FieldSource, FormatArg, FormatDialect, FormatOutput, Formatted, Number, PercentArgs,
    PercentOutput, PyInt,
};
use crate::value::build::StrBuilder;
use crate::value::{Str, Value};
use crate::vm::call::Args;
use crate::vm::Vm;

/// A value as an argument of a format operation.
#[derive(Clone, Copy)]
struct Arg<'r> {
    /// What `str()` of the argument prints.
    value: Value<'r>,
    /// What stands behind the helper that markup puts around its arguments.
    helped: Option<Value<'r>>,
    /// Whether it is put into markup by `format`.
    escaping: bool,
    arena: &'r bumpalo::Bump,
}

impl<'r> FormatArg for Arg<'r> {
    type Error = RenderError;

    fn type_name(&self) -> Cow<'_, str> {
        match self.helped {
            Some(_) => "_MarkupEscapeHelper".into(),
            None => self.value.type_name().into(),
        }
    }

    fn number(&self) -> Option<Number> {
        match self.helped {
            Some(_) => None,
            None => number(self.value),
        }
    }

    fn as_str(&self) -> Option<&str> {
        let str = self.value.as_str().filter(|_| self.helped.is_none());
        str.map(|str| str.flat(self.arena))
    }

    fn text(&self) -> Result<Cow<'_, str>> {
        Ok(self.value.to_str(self.arena).flat(self.arena).into())
    }

    fn repr(&self) -> Result<Cow<'_, str>> {
        Ok(match self.helped {
            None => self.value.repr_text(self.arena).into(),
            Some(value) => html_text(value.repr_text(self.arena)).into(),
        })
    }

    fn coerce_int(&self) -> Result<Option<PyInt>> {
        self.refuse_undefined()?;
        let Some(value) = self.helped else {
            return Ok(None);
        };
        match (value.as_str(), number(value)) {
            (Some(str), _) => match pytext::parse_int(str.flat(self.arena), 10) {
                Ok(value) => Ok(Some(value)),
                Err(_) => {
                    value_error(format!("invalid literal for int() with base 10: {}", value.repr_text(self.arena)))
                }
            },
            (_, Some(Number::Float(value))) => Ok(Some(PyInt::from_f64(value)?)),
            (_, number) => Ok(number.and_then(|number| number.as_int())),
        }
    }

    fn coerce_float(&self) -> Result<Option<f64>> {
        self.refuse_undefined()?;
        let Some(value) = self.helped else {
            return Ok(None);
        };
        match (value.as_str(), number(value)) {
            (Some(str), _) => match pytext::parse_float(str.flat(self.arena)) {
                Some(value) => Ok(Some(value)),
                None => value_error(format!("could not convert string to float: {}", value.repr_text(self.arena))),
            },
            (_, Some(Number::Float(value))) => Ok(Some(value)),
            (_, Some(number)) => match number.as_int() {
                Some(value) => Ok(Some(value.to_f64()?)),
                None => Ok(None),
            },
            (_, None) => type_error(float_message(value)),
        }
    }

    fn check_spec(&self, spec: &str) -> Result<()> {
        if self.escaping && matches!(self.value, Value::Markup(_)) && !spec.is_empty() {
            return value_error("Unsupported format specification for Markup.");
        }
        Ok(())
    }
}

fn number(value: Value<'_>) -> Option<Number> {
    match value {
        Value::Bool(value, _) => Some(Number::Bool(value)),
        Value::Int(value, _) => Some(Number::Int(PyInt::Small(value))),
        Value::BigInt(value, _) => Some(Number::Int(PyInt::from(value.get()))),
        Value::Float(value, _) => Some(Number::Float(value)),
        _ => None,
    }
}

impl Arg<'_> {
    fn refuse_undefined(&self) -> Result<()> {
        match self.helped.unwrap_or(self.value) {
            Value::Undefined(undefined) => Err(undefined.error(self.arena)),
            _ => Ok(()),
        }
    }
}

/// Adds a formatted argument: unchanged text keeps its runs, anything else is the argument's.
fn push_formatted<'r>(vm: &Vm<'r>, out: &mut StrBuilder<'r>, value: Value<'r>, formatted: &Formatted) {
    let str = value.to_str(vm.arena);
    let source = value.source(vm.arena);
    let tag = if crate::origin::is_data(source) {
        crate::origin::Tag { source, message: crate::origin::UNUSED }
    } else {
        ADDED
    };
    out.push(&formatted.padding_left, tag);
    match &formatted.body {
        Body::Verbatim => out.push_str(str),
        Body::Part(range) => out.push_slice(str, range.clone()),
        Body::Text(text) => out.push(text, tag),
    }
    out.push(&formatted.padding_right, tag);
}

/// Counts the text made for a field among what is held until the result is put together.
fn hold(held: &mut usize, formatted: &Formatted) {
    let body = match &formatted.body {
        Body::Text(text) => text.len(),
        Body::Verbatim | Body::Part(_) => 0,
    };
    let text = formatted.padding_left.len() + body + formatted.padding_right.len();
    *held += text + 2 * std::mem::size_of::<Formatted>();
    meter::held(*held);
    meter::steps(1 + text / 16);
}

struct PercentValues<'a, 'r> {
    vm: &'a mut Vm<'r>,
    /// The right operand.
    operand: Value<'r>,
    next: usize,
    escape: bool,
}

impl<'r> PercentValues<'_, 'r> {
    fn arg(&mut self, value: Value<'r>) -> Arg<'r> {
        Arg {
            value: if self.escape { escape_value(self.vm, value) } else { value },
            helped: self.escape.then_some(value),
            escaping: false,
            arena: self.vm.arena,
        }
    }
}

impl<'r> PercentArgs for PercentValues<'_, 'r> {
    type Arg = Arg<'r>;

    fn next(&mut self) -> Option<Arg<'r>> {
        let at = self.next;
        self.next += 1;
        let value = match self.operand {
            Value::Tuple(seq) => seq.items.get(at).copied(),
            value => (at == 0).then_some(value),
        };
        value.map(|value| self.arg(value))
    }

    fn has_next(&self) -> bool {
        match self.operand {
            Value::Tuple(seq) => self.next < seq.items.len(),
            _ => self.next == 0,
        }
    }

    fn is_mapping(&self) -> bool {
        matches!(
            self.operand,
            Value::Dict(_)
                | Value::List(_)
                | Value::Undefined(_)
                | Value::Range(_)
                | Value::Function(Function::SelfReference)
        )
    }

    fn lookup(&mut self, key: &str) -> Result<Arg<'r>> {
        let value = self.vm.subscript(self.operand, key)?;
        let value = value.ok_or_else(|| key_error(key))?;
        Ok(self.arg(value))
    }
}

fn key_error(key: &str) -> RenderError {
    RenderError::new(ErrorClass::KeyError, pytext::repr_str(key))
}

/// Markup escapes what is put into it.
fn escape_value<'r>(vm: &mut Vm<'r>, value: Value<'r>) -> Value<'r> {
    match value {
        Value::Int(..) | Value::BigInt(..) | Value::Float(..) | Value::Bool(..) | Value::Markup(_) => value,
        _ => {
            let str = value.to_str(vm.arena);
            Value::Markup(escape_str(vm, str))
        }
    }
}

/// `format % operand`.
pub(crate) fn percent<'r>(vm: &mut Vm<'r>, format: Value<'r>, operand: Value<'r>) -> Result<Value<'r>> {
    let markup = matches!(format, Value::Markup(_));
    let str = format.as_str().expect("called for strings");
    let text = str.flat(vm.arena);
    vm.reserve(text.len())?;
    let mut outputs = Vec::new();
    let mut values = PercentValues { vm, operand, next: 0, escape: markup };
    let mut held = 0;
    pytext::format_percent(text, &mut values, &mut |output| {
        if let PercentOutput::Field { formatted, .. } = &output {
            hold(&mut held, formatted);
        }
        outputs.push(output);
        Ok(())
    })?;
    let mut out = StrBuilder::new(vm.arena);
    for output in &outputs {
        match output {
            PercentOutput::Literal(range) => out.push_slice(str, range.clone()),
            PercentOutput::Field { arg, formatted, .. } => push_formatted(vm, &mut out, arg.value, formatted),
        }
    }
    let str = out.finish();
    Ok(super::text::wrap(markup, str))
}

struct Fields<'a, 'r> {
    vm: &'a mut Vm<'r>,
    args: Args<'r>,
    mapping: Option<Value<'r>>,
    escape: bool,
}

impl<'r> Fields<'_, 'r> {
    fn arg(&self, value: Value<'r>) -> Arg<'r> {
        Arg { value, helped: None, escaping: self.escape, arena: self.vm.arena }
    }
}

impl<'r> FieldSource for Fields<'_, 'r> {
    type Arg = Arg<'r>;

    fn positional(&mut self, index: usize) -> Result<Arg<'r>> {
        match self.args.positional.get(index) {
            Some(value) => Ok(self.arg(*value)),
            None => Err(RenderError::new(ErrorClass::IndexError, "tuple index out of range")),
        }
    }

    fn named(&mut self, name: &str) -> Result<Arg<'r>> {
        let value = match self.mapping {
            Some(mapping) => self.vm.subscript(mapping, name)?,
            None => self.args.keywords().find(|(key, _)| *key == name).map(|(_, value)| value),
        };
        value.map(|value| self.arg(value)).ok_or_else(|| key_error(name))
    }

    fn part(&mut self, of: Arg<'r>, part: FieldPart<'_>) -> Result<Arg<'r>> {
        let value = match part {
            FieldPart::Attribute(name) => {
                let name = Value::str(self.vm.arena.alloc_str(name));
                self.vm.attr_by_name(of.value, name)?
            }
            FieldPart::Index(index) => self.vm.get_item(of.value, Value::int(index as i64))?,
            FieldPart::Key(key) => {
                let key = Value::str(self.vm.arena.alloc_str(key));
                self.vm.get_item(of.value, key)?
            }
        };
        Ok(self.arg(value))
    }
}

/// `format.format(*args)` or, with `mapping`, `format.format_map(mapping)`.
pub(crate) fn format<'r>(
    vm: &mut Vm<'r>,
    format: Value<'r>,
    args: Args<'r>,
    mapping: Option<Value<'r>>,
) -> Result<Value<'r>> {
    let markup = matches!(format, Value::Markup(_));
    let str = format.as_str().expect("called for strings");
    let text = str.flat(vm.arena);
    vm.reserve(text.len())?;
    let mut outputs = Vec::new();
    let mut fields = Fields { vm, args, mapping, escape: markup };
    let mut held = 0;
    pytext::format_fields(text, &mut fields, FormatDialect::Formatter, &mut |output| {
        if let FormatOutput::Field { formatted, .. } = &output {
            hold(&mut held, formatted);
        }
        outputs.push(output);
        Ok(())
    })?;
    let escape = fields.escape;
    let mut out = StrBuilder::new(vm.arena);
    for output in &outputs {
        match output {
            FormatOutput::Literal(range) => out.push_slice(str, range.clone()),
            FormatOutput::Field { arg, formatted, converted }
                if escape && (*converted || !matches!(arg.value, Value::Markup(_))) =>
            {
                let mut piece = StrBuilder::new(vm.arena);
                push_formatted(vm, &mut piece, arg.value, formatted);
                let piece = piece.finish();
                out.push_str(escape_str(vm, piece));
            }
            FormatOutput::Field { arg, formatted, .. } => push_formatted(vm, &mut out, arg.value, formatted),
        }
    }
    let str: Str<'r> = out.finish();
    Ok(super::text::wrap(markup, str))
}
