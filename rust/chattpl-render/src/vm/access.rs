//! Attributes, elements and slices, with the sandbox's rules.

use num_traits::ToPrimitive;

use super::Vm;
use crate::builtins::attributes;
use crate::builtins::functions::Function;
use crate::error::{type_error, value_error, Result};
use crate::meter;
use crate::origin::COMPUTED;
use crate::value::cmp::as_big;
use crate::value::{BoundMethod, Range, Str, Undefined, Value};

impl<'r> Vm<'r> {
    /// `object.name`: an attribute, else the element under that name.
    pub(crate) fn get_attr(&mut self, object: Value<'r>, name: u32) -> Result<Value<'r>> {
        let symbol = &self.program.symbols[name as usize];
        if let Value::Dict(dict) = object {
            let has_attribute = symbol.method.is_some_and(|method| method.belongs_to(object));
            if !has_attribute && !symbol.text.starts_with("__") {
                if let Some(value) = dict.get_str(self.arena, &symbol.text) {
                    return Ok(value);
                }
                return Ok(self.no_element(object, self.symbol_value(name)));
            }
        }
        match object {
            Value::Namespace(namespace) => {
                if let Some(value) = namespace.get(self.arena, &symbol.text) {
                    return Ok(value);
                }
            }
            Value::Loop(this) if symbol.method.is_none() => {
                if let Some(value) = attributes::of_loop(self, this, &symbol.text)? {
                    return Ok(value);
                }
            }
            _ => {}
        }
        self.attr_by_name(object, self.symbol_value(name))
    }

    /// `getattr` of the sandbox for a name that is only known at run time.
    pub(crate) fn attr_by_name(&mut self, object: Value<'r>, name: Value<'r>) -> Result<Value<'r>> {
        let text = name.as_str().map_or("", |str| str.flat(self.arena));
        if let Some(value) = self.attribute(object, text)? {
            return Ok(value);
        }
        match object {
            Value::Dict(dict) => Ok(dict.get_str(self.arena, text).unwrap_or_else(|| self.no_element(object, name))),
            Value::Undefined(undefined) => Err(undefined.error(self.arena)),
            _ => Ok(self.no_element(object, name)),
        }
    }

    /// The attribute alone, without falling back to the element of that name.
    pub(crate) fn plain_attr(&mut self, object: Value<'r>, name: Value<'r>) -> Result<Value<'r>> {
        let text = name.as_str().map_or("", |str| str.flat(self.arena));
        let found = self.attribute(object, text)?;
        Ok(found.unwrap_or_else(|| self.no_element(object, name)))
    }

    /// The Python attribute of that name, if the value's type has one; undefined where the sandbox forbids it.
    fn attribute(&mut self, object: Value<'r>, name: &'r str) -> Result<Option<Value<'r>>> {
        if let Some(method) = crate::builtins::methods::Method::by_name(name) {
            if method.belongs_to(object) {
                if method.mutates() {
                    return Ok(Some(self.forbidden(object, name)));
                }
                return Ok(Some(Value::Method(self.arena.alloc(BoundMethod { object, method }))));
            }
        }
        if attributes::is_hidden(object, name) {
            return Ok(Some(self.forbidden(object, name)));
        }
        attributes::get(self, object, name)
    }

    /// `object['name']`: the element, else the attribute.
    pub(crate) fn get_item_str(&mut self, object: Value<'r>, name: u32) -> Result<Value<'r>> {
        if let Value::Dict(dict) = object {
            let symbol = &self.program.symbols[name as usize];
            if let Some(value) = dict.get_str(self.arena, &symbol.text) {
                return Ok(value);
            }
        }
        self.item_or_attr(object, self.symbol_value(name))
    }

    /// `object[key]`.
    pub(crate) fn get_item(&mut self, object: Value<'r>, key: Value<'r>) -> Result<Value<'r>> {
        if let Some(index) = as_index(key) {
            if let Some(value) = self.element(object, index) {
                return Ok(value);
            }
        }
        self.item_or_attr(object, key)
    }

    fn item_or_attr(&mut self, object: Value<'r>, key: Value<'r>) -> Result<Value<'r>> {
        match object {
            Value::Undefined(undefined) => return Err(undefined.error(self.arena)),
            Value::Dict(dict) if self.check_hashable(key).is_ok() => {
                if let Some(value) = dict.get(self.arena, key) {
                    return Ok(value);
                }
            }
            _ => {}
        }
        if let Some(str) = key.as_str() {
            let name = str.flat(self.arena);
            if let Some(value) = self.attribute(object, name)? {
                return Ok(value);
            }
        }
        Ok(self.no_element(object, key))
    }

    /// `object[name]` as Python does it, without falling back to attributes.
    pub(crate) fn subscript(&self, object: Value<'r>, name: &str) -> Result<Option<Value<'r>>> {
        let message = match object {
            Value::Dict(dict) => return Ok(dict.get_str(self.arena, name)),
            Value::Undefined(undefined) => return Err(undefined.error(self.arena)),
            Value::Function(Function::SelfReference) => return Ok(None),
            Value::Str(_) | Value::Markup(_) => "string indices must be integers, not 'str'".to_owned(),
            Value::List(_) | Value::Range(_) => {
                format!("{} indices must be integers or slices, not str", object.type_name())
            }
            Value::Tuple(_) => "tuple indices must be integers or slices, not str".to_owned(),
            _ => format!("'{}' object is not subscriptable", object.type_name()),
        };
        type_error(message)
    }

    /// An element of a sequence; negative indexes count from the end.
    pub(crate) fn element(&mut self, object: Value<'r>, index: i64) -> Option<Value<'r>> {
        match object {
            Value::List(seq) | Value::Tuple(seq) => {
                let at = absolute(index, seq.items.len() as i64)?;
                Some(seq.items[at as usize])
            }
            Value::Str(str) => self.character(str, index).map(Value::Str),
            Value::Markup(str) => self.character(str, index).map(Value::Markup),
            Value::Range(range) => absolute(index, range.len()).map(|at| Value::int(range.get(at))),
            _ => None,
        }
    }

    fn character(&mut self, str: Str<'r>, index: i64) -> Option<Str<'r>> {
        let text = str.flat(self.arena);
        meter::read(text.len() / 16);
        if text.is_ascii() {
            let at = absolute(index, text.len() as i64)? as usize;
            return Some(str.slice(self.arena, at..at + 1));
        }
        meter::read(usize::try_from(index.unsigned_abs()).unwrap_or(0).min(text.len()));
        let mut chars = text.char_indices();
        let (at, c) = if index < 0 { chars.rev().nth((-(index + 1)) as usize)? } else { chars.nth(index as usize)? };
        Some(str.slice(self.arena, at..at + c.len_utf8()))
    }

    /// `object[start:stop:step]`.
    pub(crate) fn get_slice(
        &mut self,
        object: Value<'r>,
        start: Value<'r>,
        stop: Value<'r>,
        step: Value<'r>,
    ) -> Result<Value<'r>> {
        match object {
            Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Markup(_) | Value::Range(_) => {}
            Value::Undefined(undefined) => return Err(undefined.error(self.arena)),
            Value::Dict(_) | Value::Function(Function::SelfReference) => {
                return type_error("unhashable type: 'slice'");
            }
            _ => return type_error(format!("'{}' object is not subscriptable", object.type_name())),
        }
        let step = slice_index(step)?.unwrap_or(1);
        if step == 0 {
            return value_error("slice step cannot be zero");
        }
        let (start, stop) = (slice_index(start)?, slice_index(stop)?);
        Ok(match object {
            Value::List(seq) => Value::list(self.arena, self.slice_items(seq.items, start, stop, step)?, seq.source),
            Value::Tuple(seq) => Value::tuple(self.arena, self.slice_items(seq.items, start, stop, step)?, seq.source),
            Value::Str(str) => Value::Str(self.slice_str(str, start, stop, step)?),
            Value::Markup(str) => Value::Markup(self.slice_str(str, start, stop, step)?),
            Value::Range(range) => {
                let (from, to) = bounds(start, stop, step, range.len());
                Value::Range(self.arena.alloc(range.sliced(from, to, step)))
            }
            _ => unreachable!("checked above"),
        })
    }

    fn slice_items(
        &mut self,
        items: &'r [Value<'r>],
        start: Option<i64>,
        stop: Option<i64>,
        step: i64,
    ) -> Result<&'r [Value<'r>]> {
        let (from, to) = bounds(start, stop, step, items.len() as i64);
        if step == 1 {
            return Ok(if from < to { &items[from as usize..to as usize] } else { &[] });
        }
        let range = Range { start: from, stop: to, step };
        self.reserve(range.len() as usize * std::mem::size_of::<Value<'_>>())?;
        let picked = (0..range.len()).map(|at| items[range.get(at) as usize]);
        Ok(bumpalo::collections::Vec::from_iter_in(picked, self.arena).into_bump_slice())
    }

    fn slice_str(&mut self, str: Str<'r>, start: Option<i64>, stop: Option<i64>, step: i64) -> Result<Str<'r>> {
        let text = str.flat(self.arena);
        let ascii = text.is_ascii();
        meter::read(if ascii { text.len() / 16 } else { text.len() });
        let len = if ascii { text.len() } else { text.chars().count() } as i64;
        let (from, to) = bounds(start, stop, step, len);
        if step == 1 {
            if from >= to {
                return Ok(str.slice(self.arena, 0..0));
            }
            let range = if ascii {
                from as usize..to as usize
            } else {
                byte_offset(text, from as usize)..byte_offset(text, to as usize)
            };
            return Ok(str.slice(self.arena, range));
        }
        let range = Range { start: from, stop: to, step };
        self.reserve(len as usize * 16 + range.len() as usize * 4)?;
        let offsets: Vec<(usize, char)> = text.char_indices().collect();
        let mut out = crate::value::build::StrBuilder::new(self.arena);
        for at in 0..range.len() {
            let (offset, c) = offsets[range.get(at) as usize];
            out.push_char(c, str.tag_at(self.arena, offset));
        }
        Ok(out.finish())
    }

    /// The value of a name of the program, as a string of the template.
    pub(crate) fn symbol_value(&self, name: u32) -> Value<'r> {
        let symbol = &self.program.symbols[name as usize];
        Value::Str(Str::tagged(&symbol.text, Self::place_tag(symbol.place)))
    }

    pub(crate) fn no_element(&self, object: Value<'r>, key: Value<'r>) -> Value<'r> {
        Value::Undefined(self.arena.alloc(Undefined::Element { object, key }))
    }

    fn forbidden(&self, object: Value<'r>, attribute: &'r str) -> Value<'r> {
        let type_name = object.type_name();
        Value::Undefined(self.arena.alloc(Undefined::Unsafe { attribute, type_name }))
    }

    /// Checks that a value can be the key of a mapping.
    pub(crate) fn check_hashable(&self, key: Value<'r>) -> Result<()> {
        check_hashable_at(key, 0)
    }

    /// A list of what a call computed from `source`.
    pub(crate) fn list_from(&self, items: &[Value<'r>], source: u32) -> Value<'r> {
        Value::list(self.arena, self.arena.alloc_slice_copy(items), source)
    }

    /// A list made by the template.
    pub(crate) fn computed_list(&self, items: &[Value<'r>]) -> Value<'r> {
        self.list_from(items, COMPUTED)
    }
}

fn check_hashable_at(key: Value<'_>, depth: u32) -> Result<()> {
    match key {
        Value::List(_) | Value::Dict(_) => type_error(format!("unhashable type: '{}'", key.type_name())),
        Value::View(view) if view.kind != crate::value::ViewKind::Values => {
            type_error(format!("unhashable type: '{}'", key.type_name()))
        }
        Value::Tuple(seq) => {
            let depth = meter::deeper(depth);
            meter::steps(1 + seq.items.len());
            seq.items.iter().try_for_each(|item| check_hashable_at(*item, depth))
        }
        _ => Ok(()),
    }
}

/// The byte offset of the character at `index`; the end where there are fewer.
pub(crate) fn byte_offset(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// The value as an index; booleans count as 0 and 1.
fn as_index(key: Value<'_>) -> Option<i64> {
    match key {
        Value::Int(index, _) => Some(index),
        Value::Bool(index, _) => Some(index.into()),
        _ => None,
    }
}

fn absolute(index: i64, len: i64) -> Option<i64> {
    let at = if index < 0 { index.checked_add(len)? } else { index };
    (0..len).contains(&at).then_some(at)
}

fn slice_index(value: Value<'_>) -> Result<Option<i64>> {
    match value {
        Value::None(_) => Ok(None),
        Value::Int(index, _) => Ok(Some(index)),
        Value::Bool(index, _) => Ok(Some(index.into())),
        Value::BigInt(..) => {
            let big = as_big(value).expect("an integer");
            let bound = if big.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX };
            Ok(Some(big.to_i64().unwrap_or(bound)))
        }
        _ => type_error("slice indices must be integers or None or have an __index__ method"),
    }
}

/// First and last (exclusive) index of a slice over `len` elements.
fn bounds(start: Option<i64>, stop: Option<i64>, step: i64, len: i64) -> (i64, i64) {
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |index: i64| {
        let at = if index < 0 { index.saturating_add(len) } else { index };
        at.clamp(low, high)
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    (start.map_or(first, clamp), stop.map_or(last, clamp))
}
