//! Values of the template language: small, copyable, borrowed from the input or from the arena of one render.

pub(crate) mod build;
pub(crate) mod cmp;
pub(crate) mod dict;
pub(crate) mod iter;
pub(crate) mod key;
pub(crate) mod repr;
pub(crate) mod string;

use std::cell::{Cell, RefCell};

use bumpalo::collections::Vec as BumpVec;
use bumpalo::Bump;
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

use crate::builtins::functions::Function;
use crate::builtins::methods::Method;
use crate::builtins::signature;
use crate::compile::program::FunctionId;
use crate::error::{code, RenderError};
use crate::meter;
use crate::origin::COMPUTED;
use crate::pytext;
use crate::vm::frame::Activation;

pub(crate) use dict::Dict;
pub(crate) use iter::{IterObject, IterState};
pub(crate) use string::{Run, Str};

/// A value. Numbers, booleans and `None` that came from the input carry their source.
///
/// The tag is a whole word: a byte-sized one makes the compiler copy values in odd pieces that stall when read back.
/// A value takes 32 bytes, which two registers hold.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Value<'r> {
    /// A variable that was never assigned.
    Missing,
    Undefined(&'r Undefined<'r>),
    None(u32),
    Bool(bool, u32),
    Int(i64, u32),
    BigInt(&'r Big<'r>, u32),
    Float(f64, u32),
    Str(Str<'r>),
    /// A string that `|safe` or `|escape` marked as markup.
    Markup(Str<'r>),
    List(&'r Seq<'r>),
    Tuple(&'r Seq<'r>),
    Dict(&'r Dict<'r>),
    View(&'r View<'r>),
    Range(&'r Range),
    Iter(&'r IterObject<'r>),
    Namespace(&'r Namespace<'r>),
    Macro(&'r Macro<'r>),
    Loop(&'r Loop<'r>),
    Method(&'r BoundMethod<'r>),
    Function(Function),
    Cycler(&'r Cycler<'r>),
    Joiner(&'r Joiner<'r>),
}

/// An integer beyond 64 bits. Its digits lie in the arena, so that they are counted and freed with it.
#[derive(Debug)]
pub(crate) struct Big<'r> {
    sign: Sign,
    digits: &'r [u32],
}

impl<'r> Big<'r> {
    fn new(arena: &'r Bump, value: &BigInt) -> Self {
        let (sign, digits) = value.to_u32_digits();
        Big { sign, digits: arena.alloc_slice_copy(&digits) }
    }

    /// The integer itself.
    pub fn get(&self) -> BigInt {
        meter::read(self.digits.len() * 4);
        BigInt::from_slice(self.sign, self.digits)
    }

    /// `str(value)`; ends the render, as in Python, where that has more than 4300 digits.
    pub fn text(&self) -> String {
        let value = self.get();
        pytext::format_int(&pytext::PyInt::from(value)).unwrap_or_else(|error| meter::fail(error.into()))
    }
}

/// Bits beyond which an integer that the template computes is refused.
pub(crate) const MAX_BITS: u64 = 1 << 16;

/// The error of an integer of more than [`MAX_BITS`].
pub(crate) fn integer_too_long() -> RenderError {
    RenderError::own(
        code::OUTPUT,
        format!("an integer of more than {MAX_BITS} bits"),
        "a chat template has no use for such a number",
    )
}

/// A list or tuple.
#[derive(Debug)]
pub(crate) struct Seq<'r> {
    pub items: &'r [Value<'r>],
    pub source: u32,
    /// One of the pairs that `groupby` makes; they have the attributes `grouper` and `list`.
    pub grouped: bool,
}

impl<'r> Seq<'r> {
    pub fn new(items: &'r [Value<'r>], source: u32) -> Self {
        Seq { items, source, grouped: false }
    }
}

/// `dict.keys()`, `.values()` or `.items()`.
#[derive(Debug)]
pub(crate) struct View<'r> {
    pub kind: ViewKind,
    pub dict: &'r Dict<'r>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ViewKind {
    Keys,
    Values,
    Items,
}

/// `range(...)`.
#[derive(Debug)]
pub(crate) struct Range {
    pub start: i64,
    pub stop: i64,
    pub step: i64,
}

impl Range {
    pub fn len(&self) -> i64 {
        let (start, stop, step) = (i128::from(self.start), i128::from(self.stop), i128::from(self.step));
        let len = if step > 0 && start < stop {
            (stop - start - 1) / step + 1
        } else if step < 0 && start > stop {
            (start - stop - 1) / -step + 1
        } else {
            0
        };
        i64::try_from(len).unwrap_or(i64::MAX)
    }

    /// The element at `index`; the closest number there is for an index just outside.
    pub fn get(&self, index: i64) -> i64 {
        let value = i128::from(self.start) + i128::from(index) * i128::from(self.step);
        value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// Where a number stands in the range.
    pub fn position(&self, number: i64) -> Option<i64> {
        let offset = i128::from(number) - i128::from(self.start);
        let at = i64::try_from(offset / i128::from(self.step)).ok()?;
        let on_step = offset % i128::from(self.step) == 0;
        (on_step && (0..self.len()).contains(&at)).then_some(at)
    }

    /// Every `step`th element from index `from` up to `to`.
    pub fn sliced(&self, from: i64, to: i64, step: i64) -> Range {
        let indexes = Range { start: from, stop: to, step };
        let start = self.get(from);
        match self.step.checked_mul(step) {
            Some(step) => Range { start, stop: self.get(to), step },
            // So long a step leaves one element at most.
            None => Range { start, stop: start.saturating_add(indexes.len().min(1)), step: 1 },
        }
    }
}

/// `namespace(...)`: the one mutable value.
#[derive(Debug)]
pub(crate) struct Namespace<'r> {
    pub attrs: RefCell<BumpVec<'r, (Value<'r>, Value<'r>)>>,
}

impl<'r> Namespace<'r> {
    pub fn get(&self, arena: &'r Bump, name: &str) -> Option<Value<'r>> {
        let attrs = self.attrs.borrow();
        meter::steps(attrs.len() / 8);
        let found = attrs.iter().find(|(key, _)| is_name(arena, *key, name));
        found.map(|(_, value)| *value)
    }

    pub fn set(&self, arena: &'r Bump, name: Str<'r>, value: Value<'r>) {
        let mut attrs = self.attrs.borrow_mut();
        let text = name.flat(arena);
        meter::steps(attrs.len() / 8);
        match attrs.iter_mut().find(|(key, _)| is_name(arena, *key, text)) {
            Some(entry) => entry.1 = value,
            None => attrs.push((Value::Str(name), value)),
        }
    }
}

/// Whether an attribute has the name; the same name of the program is the same text in memory.
fn is_name<'r>(arena: &'r Bump, key: Value<'r>, name: &str) -> bool {
    key.as_str().is_some_and(|key| {
        let key = key.flat(arena);
        std::ptr::eq(key, name) || key == name
    })
}

/// A macro, or the body of a call block.
#[derive(Debug)]
pub(crate) struct Macro<'r> {
    pub function: FunctionId,
    pub name: Option<&'r str>,
    pub scope: &'r Activation<'r>,
}

/// The `loop` variable of a running loop.
#[derive(Debug)]
pub(crate) struct Loop<'r> {
    /// The elements, where they are all there; `iter` and what was taken from it otherwise.
    pub items: Option<&'r [Value<'r>]>,
    pub iter: RefCell<IterState<'r>>,
    /// What the loop runs over.
    pub iterable: Value<'r>,
    pub length: Cell<Option<i64>>,
    pub index0: Cell<i64>,
    pub after: Cell<Value<'r>>,
    pub current: Cell<Value<'r>>,
    pub before: Cell<Value<'r>>,
    pub changed: Cell<Option<&'r [Value<'r>]>>,
    /// Body to call for `loop(...)` in a recursive loop, and the scope it runs in.
    pub recurse: Option<(FunctionId, &'r Activation<'r>)>,
    pub depth0: i64,
}

/// A method with its object.
#[derive(Debug)]
pub(crate) struct BoundMethod<'r> {
    pub object: Value<'r>,
    pub method: Method,
}

impl BoundMethod<'_> {
    /// Whether the method is written in C, in Python, or wrapped by the sandbox.
    pub fn type_name(&self) -> &'static str {
        match (self.object, self.method) {
            (Value::Str(_) | Value::Markup(_), Method::Format | Method::FormatMap) => "function",
            (Value::Loop(_) | Value::Cycler(_), _) => "method",
            (Value::Markup(_), method) if signature::is_markups_own(method) => "method",
            _ => "builtin_function_or_method",
        }
    }
}

/// `cycler(...)`.
#[derive(Debug)]
pub(crate) struct Cycler<'r> {
    pub items: &'r [Value<'r>],
    pub position: Cell<usize>,
}

/// `joiner(...)`.
#[derive(Debug)]
pub(crate) struct Joiner<'r> {
    pub separator: Value<'r>,
    pub used: Cell<bool>,
}

/// What is known about an undefined value; its message is made when it is raised.
#[derive(Debug)]
pub(crate) enum Undefined<'r> {
    /// An unknown variable.
    Name(&'r str),
    /// A missing attribute or element.
    Element { object: Value<'r>, key: Value<'r> },
    /// Anything else, with its message.
    Hint(&'r str),
    /// Access that the sandbox forbids.
    Unsafe { attribute: &'r str, type_name: &'static str },
}

impl<'r> Value<'r> {
    pub const NONE: Self = Value::None(COMPUTED);

    pub fn bool(value: bool) -> Self {
        Value::Bool(value, COMPUTED)
    }

    pub fn int(value: i64) -> Self {
        Value::Int(value, COMPUTED)
    }

    /// A string computed from the template alone.
    pub fn str(text: &'r str) -> Self {
        Value::Str(Str::computed(text))
    }

    pub fn list(arena: &'r Bump, items: &'r [Value<'r>], source: u32) -> Self {
        Value::List(arena.alloc(Seq::new(items, source)))
    }

    pub fn tuple(arena: &'r Bump, items: &'r [Value<'r>], source: u32) -> Self {
        Value::Tuple(arena.alloc(Seq::new(items, source)))
    }

    /// An integer that the template computed; ends the render where it is too long.
    pub fn big(arena: &'r Bump, value: BigInt, source: u32) -> Self {
        if value.bits() > MAX_BITS {
            meter::fail(integer_too_long());
        }
        Value::input_big(arena, value, source)
    }

    /// An integer of any size.
    pub fn input_big(arena: &'r Bump, value: BigInt, source: u32) -> Self {
        match value.to_i64() {
            Some(small) => Value::Int(small, source),
            None => Value::BigInt(arena.alloc(Big::new(arena, &value)), source),
        }
    }

    pub fn undefined_hint(arena: &'r Bump, hint: &'r str) -> Self {
        Value::Undefined(arena.alloc(Undefined::Hint(hint)))
    }

    /// The string inside, markup or not.
    pub fn as_str(self) -> Option<Str<'r>> {
        match self {
            Value::Str(str) | Value::Markup(str) => Some(str),
            _ => None,
        }
    }

    pub fn is_undefined(self) -> bool {
        matches!(self, Value::Undefined(_) | Value::Missing)
    }

    pub fn is_none(self) -> bool {
        matches!(self, Value::None(_))
    }

    /// Where the value came from: an input value, or [`COMPUTED`].
    pub fn source(self, arena: &'r Bump) -> u32 {
        match self {
            Value::None(source)
            | Value::Bool(_, source)
            | Value::Int(_, source)
            | Value::BigInt(_, source)
            | Value::Float(_, source) => source,
            Value::Str(str) | Value::Markup(str) => str.data_source(arena),
            Value::List(seq) | Value::Tuple(seq) => seq.source,
            Value::Dict(dict) => dict.source,
            Value::View(view) => view.dict.source,
            Value::Iter(iter) => iter.source,
            _ => COMPUTED,
        }
    }

    /// Python's truth of the value; a generator is always true.
    pub fn truthy(&self) -> bool {
        match *self {
            Value::Missing | Value::Undefined(_) | Value::None(_) => false,
            Value::Bool(value, _) => value,
            Value::Int(value, _) => value != 0,
            Value::BigInt(..) => true,
            Value::Float(value, _) => value != 0.0,
            Value::Str(str) | Value::Markup(str) => !str.is_empty(),
            Value::List(seq) | Value::Tuple(seq) => !seq.items.is_empty(),
            Value::Dict(dict) => !dict.entries.is_empty(),
            Value::View(view) => !view.dict.entries.is_empty(),
            Value::Range(range) => range.len() > 0,
            _ => true,
        }
    }

    /// `type(value).__name__`.
    pub fn type_name(self) -> &'static str {
        match self {
            Value::Missing | Value::Undefined(_) => "Undefined",
            Value::None(_) => "NoneType",
            Value::Bool(..) => "bool",
            Value::Int(..) | Value::BigInt(..) => "int",
            Value::Float(..) => "float",
            Value::Str(_) => "str",
            Value::Markup(_) => "Markup",
            Value::List(_) => "list",
            Value::Tuple(seq) if seq.grouped => "_GroupTuple",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::View(view) => match view.kind {
                ViewKind::Keys => "dict_keys",
                ViewKind::Values => "dict_values",
                ViewKind::Items => "dict_items",
            },
            Value::Range(_) => "range",
            Value::Iter(iter) => iter.type_name,
            Value::Namespace(_) => "TemplateNamespace",
            Value::Macro(_) => "Macro",
            Value::Loop(_) => "LoopContext",
            Value::Method(bound) => bound.type_name(),
            Value::Function(function) => function.type_name(),
            Value::Cycler(_) => "Cycler",
            Value::Joiner(_) => "Joiner",
        }
    }

    /// Jinja2's name of the value's type in messages about missing attributes.
    pub fn object_type_repr(self) -> String {
        match self {
            Value::None(_) => "None".to_owned(),
            Value::Markup(_) => "markupsafe.Markup object".to_owned(),
            Value::Undefined(_) | Value::Missing => "jinja2.runtime.Undefined object".to_owned(),
            Value::Namespace(_) => "transformers.utils.chat_template_utils.TemplateNamespace object".to_owned(),
            Value::Macro(_) => "jinja2.runtime.Macro object".to_owned(),
            Value::Loop(_) => "jinja2.runtime.LoopContext object".to_owned(),
            Value::Cycler(_) => "jinja2.utils.Cycler object".to_owned(),
            Value::Joiner(_) => "jinja2.utils.Joiner object".to_owned(),
            Value::Tuple(seq) if seq.grouped => "jinja2.filters._GroupTuple object".to_owned(),
            Value::Function(Function::Dict) => "transformers.utils.chat_template_utils.TemplateDict object".to_owned(),
            Value::Function(Function::SelfReference) => "jinja2.runtime.TemplateReference object".to_owned(),
            other => format!("{} object", other.type_name()),
        }
    }
}
