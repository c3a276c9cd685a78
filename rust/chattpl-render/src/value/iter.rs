//! Iteration: over containers directly, and over one-shot generators such as `map` makes.

use std::cell::{Cell, RefCell};

use bumpalo::collections::Vec as BumpVec;

use super::{Dict, Loop, Range, Str, Value, ViewKind};
use crate::builtins::filters::{Callback, Rows};
use crate::builtins::functions::Function;
use crate::compile::program::FunctionId;
use crate::error::{type_error, ErrorClass, RenderError, Result};
use crate::vm::frame::Activation;
use crate::vm::Vm;

/// A position in something that is iterated over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IterState<'r> {
    Slice(&'r [Value<'r>], usize),
    Dict(&'r Dict<'r>, ViewKind, usize),
    Chars(Str<'r>, usize),
    Range(&'r Range, i64),
    Object(&'r IterObject<'r>),
}

/// A generator or iterator: what is left can be taken once.
#[derive(Debug)]
pub(crate) struct IterObject<'r> {
    /// `generator`, `list_reverseiterator`, ...
    pub type_name: &'static str,
    /// The generator function's name, for its `repr`.
    pub name: &'static str,
    /// Where what it yields came from.
    pub source: u32,
    pub state: RefCell<Generator<'r>>,
}

/// What a generator does next.
#[derive(Debug)]
pub(crate) enum Generator<'r> {
    Done,
    /// Raises when first asked, as the body of a Python generator does.
    Fails(ErrorClass, &'r str),
    /// Raises that the value is not iterable when first asked.
    NotIterable(Value<'r>),
    /// Yields what another iteration yields.
    Plain(IterState<'r>),
    /// Yields the results of a filter or attribute look-up.
    Map(IterState<'r>, &'r Callback<'r>),
    /// Yields the elements that pass (or fail) a test.
    Select(IterState<'r>, &'r Callback<'r>, bool),
    /// Yields lists of elements.
    Rows(&'r Rows<'r>),
    /// Yields elements not seen before.
    Unique {
        input: IterState<'r>,
        key: &'r Callback<'r>,
        seen: BumpVec<'r, Value<'r>>,
    },
    /// Yields the elements for which the `if` of a `for` is true.
    LoopFilter {
        input: IterState<'r>,
        function: FunctionId,
        scope: &'r Activation<'r>,
    },
}

impl<'r> Value<'r> {
    /// `iter(value)`.
    ///
    /// # Errors
    /// Python's `TypeError` where the value is not iterable.
    pub fn iterate(self) -> Result<IterState<'r>> {
        Ok(match self {
            Value::List(seq) | Value::Tuple(seq) => IterState::Slice(seq.items, 0),
            Value::Dict(dict) => IterState::Dict(dict, ViewKind::Keys, 0),
            Value::View(view) => IterState::Dict(view.dict, view.kind, 0),
            Value::Str(str) | Value::Markup(str) => IterState::Chars(str, 0),
            Value::Undefined(_) | Value::Missing => IterState::Slice(&[], 0),
            Value::Range(range) => IterState::Range(range, 0),
            Value::Iter(object) => IterState::Object(object),
            // It has elements by name alone, and iteration asks for number 0.
            Value::Function(Function::SelfReference) => return Err(RenderError::new(ErrorClass::KeyError, "0")),
            _ => return type_error(format!("'{}' object is not iterable", self.type_name())),
        })
    }
}

impl<'r> IterState<'r> {
    /// The next element.
    pub fn next(&mut self, vm: &mut Vm<'r>) -> Result<Option<Value<'r>>> {
        Ok(match self {
            IterState::Slice(items, at) => {
                let item = items.get(*at).copied();
                *at += 1;
                item
            }
            IterState::Dict(dict, kind, at) => {
                let entry = dict.entries.get(*at);
                *at += 1;
                entry.map(|(key, value)| match kind {
                    ViewKind::Keys => *key,
                    ViewKind::Values => *value,
                    ViewKind::Items => {
                        let pair = vm.arena.alloc_slice_copy(&[*key, *value]);
                        Value::tuple(vm.arena, pair, dict.source)
                    }
                })
            }
            IterState::Chars(str, at) => {
                let flat = str.flat(vm.arena);
                let Some(c) = flat[*at..].chars().next() else {
                    return Ok(None);
                };
                let start = *at;
                *at += c.len_utf8();
                Some(Value::Str(str.slice(vm.arena, start..*at)))
            }
            IterState::Range(range, at) => {
                let item = (*at < range.len()).then(|| Value::int(range.get(*at)));
                *at += 1;
                item
            }
            IterState::Object(object) => return object.next(vm),
        })
    }

    /// How many elements are left, where that is known without taking them.
    pub fn len_hint(&self) -> Option<usize> {
        match self {
            IterState::Slice(items, at) => Some(items.len().saturating_sub(*at)),
            IterState::Dict(dict, _, at) => Some(dict.entries.len().saturating_sub(*at)),
            IterState::Range(range, at) => Some((range.len() - at).max(0) as usize),
            IterState::Chars(..) | IterState::Object(_) => None,
        }
    }

    /// Takes everything that is left.
    pub fn collect(mut self, vm: &mut Vm<'r>) -> Result<BumpVec<'r, Value<'r>>> {
        let mut items = BumpVec::with_capacity_in(self.len_hint().unwrap_or(8), vm.arena);
        while let Some(item) = self.next(vm)? {
            vm.charge(1)?;
            items.push(item);
        }
        Ok(items)
    }
}

impl<'r> IterObject<'r> {
    /// A generator named as Jinja2 names the function behind it.
    pub fn generator(name: &'static str, source: u32, state: Generator<'r>) -> Self {
        IterObject { type_name: "generator", name, source, state: RefCell::new(state) }
    }

    fn next(&self, vm: &mut Vm<'r>) -> Result<Option<Value<'r>>> {
        let mut state = self.state.replace(Generator::Done);
        // A generator may draw from a generator, and so on.
        vm.enter()?;
        let item = state.next(vm)?;
        vm.leave();
        if item.is_some() {
            self.state.replace(state);
        }
        Ok(item)
    }
}

impl<'r> Generator<'r> {
    fn next(&mut self, vm: &mut Vm<'r>) -> Result<Option<Value<'r>>> {
        match self {
            Generator::Done => Ok(None),
            Generator::Fails(class, message) => Err(RenderError::new(*class, *message)),
            Generator::NotIterable(value) => value.iterate().map(|_| None),
            Generator::Plain(input) => input.next(vm),
            Generator::Rows(rows) => {
                let rows = rows.make(vm)?;
                *self = Generator::Plain(IterState::Slice(rows, 0));
                self.next(vm)
            }
            Generator::Map(input, callback) => match input.next(vm)? {
                Some(item) => callback.apply(vm, item).map(Some),
                None => Ok(None),
            },
            Generator::Select(input, callback, wanted) => {
                while let Some(item) = input.next(vm)? {
                    vm.charge(1)?;
                    if callback.apply(vm, item)?.truthy() == *wanted {
                        return Ok(Some(item));
                    }
                }
                Ok(None)
            }
            Generator::Unique { input, key, seen } => {
                while let Some(item) = input.next(vm)? {
                    let seen_as = key.apply(vm, item)?;
                    vm.charge(1 + seen.len() as u64 / 4)?;
                    vm.check_hashable(seen_as)?;
                    if !seen.iter().any(|other| super::cmp::equal(vm.arena, *other, seen_as)) {
                        seen.push(seen_as);
                        return Ok(Some(item));
                    }
                }
                Ok(None)
            }
            Generator::LoopFilter { input, function, scope } => {
                let (function, scope) = (*function, *scope);
                while let Some(item) = input.next(vm)? {
                    if vm.call_loop_filter(function, scope, item)?.truthy() {
                        return Ok(Some(item));
                    }
                }
                Ok(None)
            }
        }
    }
}

impl<'r> Loop<'r> {
    /// A loop over `iterable` that stands before its first element.
    pub fn new(iterable: Value<'r>, iter: IterState<'r>) -> Self {
        let items = match iter {
            IterState::Slice(items, 0) => Some(items),
            _ => None,
        };
        Loop {
            items,
            iter: RefCell::new(iter),
            iterable,
            length: Cell::new(None),
            index0: Cell::new(-1),
            after: Cell::new(Value::Missing),
            current: Cell::new(Value::Missing),
            before: Cell::new(Value::Missing),
            changed: Cell::new(None),
            recurse: None,
            depth0: 0,
        }
    }

    /// Advances to the next of the elements that are all there.
    pub fn next_of(&self, items: &'r [Value<'r>]) -> Option<&'r Value<'r>> {
        let index = self.index0.get() + 1;
        let item = items.get(index as usize)?;
        self.index0.set(index);
        Some(item)
    }

    /// Advances to the next element.
    pub fn next(&self, vm: &mut Vm<'r>) -> Result<Option<Value<'r>>> {
        if let Some(items) = self.items {
            return Ok(self.next_of(items).copied());
        }
        let item = match self.after.replace(Value::Missing) {
            Value::Missing => {
                let mut iter = *self.iter.borrow();
                let item = iter.next(vm)?;
                *self.iter.borrow_mut() = iter;
                item
            }
            item => Some(item),
        };
        if let Some(item) = item {
            self.index0.set(self.index0.get() + 1);
            self.before.set(self.current.replace(item));
        }
        Ok(item)
    }

    /// The element after the current one, without advancing.
    pub fn peek(&self, vm: &mut Vm<'r>) -> Result<Option<Value<'r>>> {
        if let Some(items) = self.items {
            return Ok(items.get((self.index0.get() + 1) as usize).copied());
        }
        if let Value::Missing = self.after.get() {
            let mut iter = *self.iter.borrow();
            let item = iter.next(vm)?;
            *self.iter.borrow_mut() = iter;
            self.after.set(item.unwrap_or(Value::Missing));
        }
        Ok(match self.after.get() {
            Value::Missing => None,
            item => Some(item),
        })
    }

    /// Whether the current element is the last, where that is known without taking another.
    pub fn is_last(&self) -> Option<bool> {
        self.items.map(|items| self.index0.get() + 1 >= items.len() as i64)
    }

    /// The element before the current one.
    pub fn previous(&self) -> Value<'r> {
        match self.items {
            Some(items) => items[self.index0.get() as usize - 1],
            None => self.before.get(),
        }
    }

    /// How many elements the loop has; takes what is left where that is the only way to know.
    pub fn len(&self, vm: &mut Vm<'r>) -> Result<i64> {
        if let Some(length) = self.length.get() {
            return Ok(length);
        }
        let length = match self.iterable {
            Value::List(seq) | Value::Tuple(seq) => seq.items.len() as i64,
            Value::Dict(dict) => dict.entries.len() as i64,
            Value::View(view) => view.dict.entries.len() as i64,
            Value::Range(range) => range.len(),
            Value::Str(str) | Value::Markup(str) => str.flat(vm.arena).chars().count() as i64,
            Value::Undefined(_) | Value::Missing => 0,
            _ => {
                let iter = *self.iter.borrow();
                let rest: &'r [Value<'r>] = iter.collect(vm)?.into_bump_slice();
                *self.iter.borrow_mut() = IterState::Slice(rest, 0);
                let ahead = i64::from(!matches!(self.after.get(), Value::Missing));
                rest.len() as i64 + self.index0.get() + 1 + ahead
            }
        };
        self.length.set(Some(length));
        Ok(length)
    }

    /// The length where it is known, for the loop's `repr`.
    pub fn known_length(&self) -> i64 {
        match self.iterable {
            Value::List(seq) | Value::Tuple(seq) => seq.items.len() as i64,
            Value::Dict(dict) => dict.entries.len() as i64,
            Value::View(view) => view.dict.entries.len() as i64,
            Value::Range(range) => range.len(),
            _ => self.length.get().unwrap_or(self.index0.get() + 1),
        }
    }
}
