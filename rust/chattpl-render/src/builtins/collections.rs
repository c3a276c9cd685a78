//! Filters over sequences and mappings.

use chattpl_syntax::ast::CompareOp;

use super::filters::{self, filter_argument_error, Filter};
use super::functions::Function;
use super::methods::c_int;
use super::order::sort_by_key;
use super::tests::{self, Test};
use super::text::{self, wrap};
use crate::error::{type_error, ErrorClass, RenderError, Result};
use crate::origin::COMPUTED;
use crate::pytext::CaseOp;
use crate::value::cmp::{compare, equal};
use crate::value::iter::Generator;
use crate::value::{IterObject, IterState, Seq, Str, Value, ViewKind};
use crate::vm::call::Args;
use crate::vm::{ops, Vm};

/// A step of an attribute path such as `function.name` or `0`.
type Path<'r> = &'r [Value<'r>];

/// What `map`, `select`, `unique`, ... do with each element.
#[derive(Debug)]
pub(crate) struct Callback<'r> {
    /// Attributes to look up first.
    path: Path<'r>,
    /// In place of an undefined result.
    default: Option<Value<'r>>,
    /// Strings are compared in lower case.
    ignore_case: bool,
    then: Then<'r>,
}

#[derive(Debug)]
enum Then<'r> {
    Nothing,
    Filter(Filter, Args<'r>),
    Test(Test, Args<'r>),
    Unknown(&'static str, Value<'r>),
}

impl<'r> Callback<'r> {
    fn attribute(path: Path<'r>, ignore_case: bool) -> Self {
        Callback { path, default: None, ignore_case, then: Then::Nothing }
    }

    /// The result for one element.
    pub fn apply(&self, vm: &mut Vm<'r>, item: Value<'r>) -> Result<Value<'r>> {
        let mut value = item;
        for part in self.path {
            value = vm.get_item(value, *part)?;
            if let (true, Some(default)) = (value.is_undefined(), self.default) {
                value = default;
            }
        }
        if self.ignore_case {
            if let Some(str) = value.as_str() {
                let lower = text::change_case(vm, str, CaseOp::Lower)?;
                value = Value::Str(lower);
            }
        }
        match &self.then {
            Then::Nothing => Ok(value),
            Then::Filter(filter, args) => filters::apply(vm, *filter, value, *args),
            Then::Test(test, args) => tests::apply(vm, *test, value, *args).map(Value::bool),
            Then::Unknown(kind, name) => Err(unknown(vm, kind, *name)),
        }
    }
}

/// The error of a filter or test that there is none of.
fn unknown<'r>(vm: &Vm<'r>, kind: &str, name: Value<'r>) -> RenderError {
    if let Err(error) = vm.check_hashable(name) {
        return error;
    }
    let mut message = format!("No {kind} named {}.", name.repr_text(vm.arena));
    if let Value::Undefined(undefined) = name {
        let why = undefined.message(vm.arena);
        message.push_str(&format!(" ({why}; did you forget to quote the callable name?)"));
    }
    RenderError::new(ErrorClass::TemplateRuntimeError, message)
}

/// The parts of an attribute path, as `make_attrgetter` splits it.
fn path<'r>(vm: &Vm<'r>, attribute: Option<Value<'r>>) -> Path<'r> {
    let parts: Vec<Value<'r>> = match attribute {
        None | Some(Value::None(_)) => Vec::new(),
        Some(Value::Str(str) | Value::Markup(str)) => path_parts(str.flat(vm.arena)),
        Some(other) => vec![other],
    };
    vm.arena.alloc_slice_copy(&parts)
}

fn path_parts<'r>(attribute: &'r str) -> Vec<Value<'r>> {
    let part = |part: &'r str| match part.parse::<i64>() {
        Ok(index) if crate::pytext::isdigit(part) => Value::int(index),
        _ => Value::str(part),
    };
    attribute.split('.').map(part).collect()
}

pub(crate) fn apply<'r>(vm: &mut Vm<'r>, filter: Filter, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    match filter {
        Filter::List => {
            let [] = args.bind("sync_do_list", [], 0, 1)?;
            let items = input.iterate()?.collect(vm)?.into_bump_slice();
            Ok(Value::list(vm.arena, items, input.source(vm.arena)))
        }
        Filter::First => first(vm, input, args),
        Filter::Last => last(vm, input, args),
        Filter::Join => join(vm, input, args),
        Filter::Items => items(vm, input, args),
        Filter::DictSort => dictsort(vm, input, args),
        Filter::Sort => sort(vm, input, args),
        Filter::Min => extreme(vm, input, args, "do_min", std::cmp::Ordering::Less),
        Filter::Max => extreme(vm, input, args, "do_max", std::cmp::Ordering::Greater),
        Filter::Sum => sum(vm, input, args),
        Filter::Unique => unique(vm, input, args),
        Filter::GroupBy => groupby(vm, input, args),
        Filter::Reverse => reverse(vm, input, args),
        Filter::Batch => rows(vm, input, args, false),
        Filter::Slice => rows(vm, input, args, true),
        Filter::Map => map(vm, input, args),
        Filter::Select => select(vm, input, args, true, false),
        Filter::Reject => select(vm, input, args, false, false),
        Filter::SelectAttr => select(vm, input, args, true, true),
        Filter::RejectAttr => select(vm, input, args, false, true),
        Filter::Random => Err(RenderError::own(
            crate::error::code::SHAPE,
            "`random` picks by chance, which no prompt can use",
            "choose the element by index",
        )),
        other => unreachable!("{other:?} is applied by `filters::apply`"),
    }
}

fn first<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("sync_do_first", [], 0, 2)?;
    let item = input.iterate()?.next(vm)?;
    Ok(item.unwrap_or_else(|| Value::undefined_hint(vm.arena, "No first item, sequence was empty.")))
}

fn last<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("do_last", [], 0, 2)?;
    let item = reversed(vm, input)?.first().copied();
    Ok(item.unwrap_or_else(|| Value::undefined_hint(vm.arena, "No last item, sequence was empty.")))
}

/// The elements back to front, where the type supports `reversed`.
fn reversed<'r>(vm: &mut Vm<'r>, input: Value<'r>) -> Result<Vec<Value<'r>>> {
    match input {
        Value::Function(Function::SelfReference) => {
            return type_error("object of type 'TemplateReference' has no len()");
        }
        Value::Iter(_) | Value::Loop(_) => {
            return type_error(format!("'{}' object is not reversible", input.type_name()));
        }
        Value::Undefined(undefined) => {
            // `reversed` finds `__len__` and `__getitem__`, but with length 0 never asks for an element.
            let _ = undefined;
            return Ok(Vec::new());
        }
        _ => {}
    }
    let Ok(iter) = input.iterate() else {
        return type_error(format!("'{}' object is not reversible", input.type_name()));
    };
    let items = iter.collect(vm)?;
    let reversed = items.iter().rev().copied();
    Ok(match input {
        // `reversed` asks for elements by number, and those of markup are markup.
        Value::Markup(_) => reversed.map(|item| item.as_str().map_or(item, Value::Markup)).collect(),
        _ => reversed.collect(),
    })
}

fn join<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [separator, attribute] = args.bind("sync_do_join", ["d", "attribute"], 0, 2)?;
    let separator = separator.unwrap_or(Value::str(""));
    let path = path(vm, attribute);
    let mut iter = match (input.iterate(), path.is_empty()) {
        (Ok(iter), _) => iter,
        (Err(error), _) => return Err(error),
    };
    let mut items = Vec::new();
    while let Some(mut item) = iter.next(vm)? {
        vm.charge(1)?;
        for part in path {
            item = vm.get_item(item, *part)?;
        }
        items.push(item);
    }
    let any_markup = items.iter().any(|item| matches!(item, Value::Markup(_)));
    let escape = vm.escaping() && (any_markup || matches!(separator, Value::Markup(_)));
    let text_of = |vm: &mut Vm<'r>, value: Value<'r>| {
        let str = value.to_str(vm.arena);
        let escaped = escape && !matches!(value, Value::Markup(_));
        let str = if escaped { filters::escape_str(vm, str) } else { str };
        vm.used(str)
    };
    let strs: Vec<Str<'r>> = items.iter().map(|item| text_of(vm, *item)).collect();
    let separator = text_of(vm, separator);
    Ok(wrap(escape, text::join(vm, separator, &strs)?))
}

fn items<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("do_items", [], 0, 1)?;
    // The error is raised when the generator is first asked, like any other in its body.
    let state = match input {
        Value::Undefined(_) => IterState::Slice(&[], 0),
        Value::Dict(dict) => IterState::Dict(dict, ViewKind::Items, 0),
        _ => {
            let message = "Can only get item pairs from a mapping.";
            return Ok(generator(vm, "do_items", COMPUTED, Generator::Fails(ErrorClass::TypeError, message)));
        }
    };
    Ok(generator(vm, "do_items", input.source(vm.arena), Generator::Plain(state)))
}

fn generator<'r>(vm: &Vm<'r>, name: &'static str, source: u32, state: Generator<'r>) -> Value<'r> {
    Value::Iter(vm.arena.alloc(IterObject::generator(name, source, state)))
}

fn dictsort<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = ["case_sensitive", "by", "reverse"];
    let [case_sensitive, by, reverse] = args.bind("do_dictsort", params, 0, 1)?;
    let by = by.map(|value| value.as_str().map_or("", |str| str.flat(vm.arena)));
    let by_value = match by {
        None | Some("key") => false,
        Some("value") => true,
        Some(_) => return filter_argument_error("You can only sort by either \"key\" or \"value\""),
    };
    let Value::Dict(dict) = input else {
        return Err(filters::no_method(vm, input, "items"));
    };
    let reverse = reverse.map_or(Ok(0), c_int)? != 0;
    let key = Callback::attribute(&[], !case_sensitive.is_some_and(|value| value.truthy()));
    let mut keyed = Vec::with_capacity(dict.entries.len());
    for (name, value) in dict.entries {
        let sort_key = key.apply(vm, if by_value { *value } else { *name })?;
        let pair = Value::tuple(vm.arena, vm.arena.alloc_slice_copy(&[*name, *value]), dict.source);
        keyed.push((sort_key, pair));
    }
    sort_by_key(vm, &mut keyed, reverse)?;
    let pairs: Vec<Value<'r>> = keyed.iter().map(|(_, pair)| *pair).collect();
    Ok(vm.list_from(&pairs, dict.source))
}

fn sort<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = ["reverse", "case_sensitive", "attribute"];
    let [reverse, case_sensitive, attribute] = args.bind("do_sort", params, 0, 2)?;
    let paths: Vec<Path<'r>> = match attribute.and_then(Value::as_str) {
        Some(str) => {
            let flat = str.flat(vm.arena);
            flat.split(',').map(|part| &*vm.arena.alloc_slice_copy(&path_parts(part))).collect()
        }
        None => vec![path(vm, attribute)],
    };
    let ignore_case = !case_sensitive.is_some_and(|value| value.truthy());
    let callbacks: Vec<Callback<'r>> = paths.into_iter().map(|path| Callback::attribute(path, ignore_case)).collect();
    let items = input.iterate()?.collect(vm)?;
    let reverse = reverse.map_or(Ok(0), c_int)? != 0;
    let mut keyed = Vec::new();
    for item in items {
        let mut keys = Vec::with_capacity(callbacks.len());
        for callback in &callbacks {
            keys.push(callback.apply(vm, item)?);
        }
        keyed.push((vm.computed_list(&keys), item));
    }
    sort_by_key(vm, &mut keyed, reverse)?;
    let items: Vec<Value<'r>> = keyed.iter().map(|(_, item)| *item).collect();
    Ok(vm.list_from(&items, input.source(vm.arena)))
}

fn extreme<'r>(
    vm: &mut Vm<'r>,
    input: Value<'r>,
    args: Args<'r>,
    name: &str,
    wanted: std::cmp::Ordering,
) -> Result<Value<'r>> {
    let [case_sensitive, attribute] = args.bind(name, ["case_sensitive", "attribute"], 0, 2)?;
    let callback = Callback::attribute(path(vm, attribute), !case_sensitive.is_some_and(|value| value.truthy()));
    let symbol = if wanted == std::cmp::Ordering::Less { "<" } else { ">" };
    let mut best: Option<(Value<'r>, Value<'r>)> = None;
    let mut iter = input.iterate()?;
    while let Some(item) = iter.next(vm)? {
        vm.charge(1)?;
        let key = callback.apply(vm, item)?;
        let better = match best {
            None => true,
            Some((best, _)) => compare(vm.arena, key, best, symbol)? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    let empty = "No aggregated item, sequence was empty.";
    Ok(best.map_or_else(|| Value::undefined_hint(vm.arena, empty), |(_, item)| item))
}

fn sum<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [attribute, start] = args.bind("sync_do_sum", ["attribute", "start"], 0, 2)?;
    let callback = Callback::attribute(path(vm, attribute), false);
    let mut total = start.unwrap_or(Value::int(0));
    let mut iter = input.iterate()?;
    if total.as_str().is_some() {
        return type_error("sum() can't sum strings [use ''.join(seq) instead]");
    }
    while let Some(item) = iter.next(vm)? {
        vm.charge(1)?;
        let item = callback.apply(vm, item)?;
        total = ops::add(vm, total, item)?;
    }
    Ok(total)
}

fn unique<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [case_sensitive, attribute] = args.bind("sync_do_unique", ["case_sensitive", "attribute"], 0, 2)?;
    let key = Callback::attribute(path(vm, attribute), !case_sensitive.is_some_and(|value| value.truthy()));
    let key: &'r Callback<'r> = vm.arena.alloc(key);
    let source = input.source(vm.arena);
    let state = match input.iterate() {
        Ok(iter) => {
            let seen = bumpalo::collections::Vec::new_in(vm.arena);
            Generator::Unique { input: iter, key, seen }
        }
        Err(_) => Generator::NotIterable(input),
    };
    Ok(generator(vm, "sync_do_unique", source, state))
}

fn groupby<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = ["attribute", "default", "case_sensitive"];
    let [attribute, default, case_sensitive] = args.bind("sync_do_groupby", params, 1, 2)?;
    let path = path(vm, attribute);
    let default = default.filter(|value| !value.is_none());
    let ignore_case = !case_sensitive.is_some_and(|value| value.truthy());
    let key = Callback { path, default, ignore_case, then: Then::Nothing };
    let shown = Callback { path, default, ignore_case: false, then: Then::Nothing };
    let mut keyed = Vec::new();
    for item in input.iterate()?.collect(vm)? {
        keyed.push((key.apply(vm, item)?, item));
    }
    sort_by_key(vm, &mut keyed, false)?;
    let mut groups = Vec::new();
    let source = input.source(vm.arena);
    let mut rest = keyed.as_slice();
    while let Some((group_key, group_first)) = rest.first().copied() {
        let count = rest.iter().take_while(|(key, _)| equal(vm.arena, *key, group_key)).count();
        let members: Vec<Value<'r>> = rest[..count].iter().map(|(_, item)| *item).collect();
        let members = vm.list_from(&members, source);
        let grouper = if ignore_case { shown.apply(vm, group_first)? } else { group_key };
        let pair = vm.arena.alloc_slice_copy(&[grouper, members]);
        let mut pair = Seq::new(pair, source);
        pair.grouped = true;
        groups.push(Value::Tuple(vm.arena.alloc(pair)));
        rest = &rest[count..];
    }
    Ok(vm.list_from(&groups, source))
}

fn reverse<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("do_reverse", [], 0, 1)?;
    let source = input.source(vm.arena);
    if let Some(str) = input.as_str() {
        return Ok(wrap(matches!(input, Value::Markup(_)), text::reverse(vm, str)?));
    }
    let type_name = match input {
        Value::List(_) => "list_reverseiterator",
        Value::Tuple(_) | Value::Undefined(_) => "reversed",
        Value::Dict(_) => "dict_reversekeyiterator",
        Value::View(view) => match view.kind {
            ViewKind::Keys => "dict_reversekeyiterator",
            ViewKind::Values => "dict_reversevalueiterator",
            ViewKind::Items => "dict_reverseitemiterator",
        },
        Value::Range(_) => "range_iterator",
        _ => "",
    };
    let items: Vec<Value<'r>> = if type_name.is_empty() {
        match input.iterate().and_then(|iter| iter.collect(vm)) {
            Ok(items) => items.iter().rev().copied().collect(),
            Err(error) if error.class() != ErrorClass::TypeError => return Err(error),
            Err(_) => return filter_argument_error("argument must be iterable"),
        }
    } else {
        reversed(vm, input)?
    };
    if type_name.is_empty() {
        return Ok(vm.list_from(&items, source));
    }
    let items = vm.arena.alloc_slice_copy(&items);
    let state = Generator::Plain(IterState::Slice(items, 0));
    let object = IterObject { type_name, name: "", source, state: state.into() };
    Ok(Value::Iter(vm.arena.alloc(object)))
}

/// What `batch` or `slice` does once it is asked for its first list.
#[derive(Debug)]
pub(crate) struct Rows<'r> {
    input: Value<'r>,
    count: Value<'r>,
    fill: Option<Value<'r>>,
    sliced: bool,
}

fn rows<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>, sliced: bool) -> Result<Value<'r>> {
    let (name, params) =
        if sliced { ("sync_do_slice", ["slices", "fill_with"]) } else { ("do_batch", ["linecount", "fill_with"]) };
    let [count, fill] = args.bind(name, params, 1, 1)?;
    let rows: &'r Rows<'r> = vm.arena.alloc(Rows {
        input,
        count: count.expect("required"),
        fill: fill.filter(|value| !value.is_none()),
        sliced,
    });
    let source = input.source(vm.arena);
    Ok(generator(vm, name, source, Generator::Rows(rows)))
}

impl<'r> Rows<'r> {
    /// All the lists.
    pub fn make(&self, vm: &mut Vm<'r>) -> Result<&'r [Value<'r>]> {
        let items: &'r [Value<'r>] = self.input.iterate()?.collect(vm)?.into_bump_slice();
        let rows = if self.sliced { self.slice(vm, items)? } else { self.batch(vm, items)? };
        Ok(vm.arena.alloc_slice_copy(&rows))
    }

    fn batch(&self, vm: &mut Vm<'r>, items: &[Value<'r>]) -> Result<Vec<Value<'r>>> {
        let source = self.input.source(vm.arena);
        let mut rows = Vec::new();
        let mut row: Vec<Value<'r>> = Vec::new();
        for item in items {
            if equal(vm.arena, Value::int(row.len() as i64), self.count) {
                rows.push(vm.list_from(&row, source));
                row.clear();
            }
            row.push(*item);
        }
        if row.is_empty() {
            return Ok(rows);
        }
        let mut last = vm.list_from(&row, source);
        if let Some(fill) = self.fill {
            let length = Value::int(row.len() as i64);
            if vm.compare(CompareOp::Lt, length, self.count)? {
                let missing = ops::sub(vm, self.count, length)?;
                let filling = ops::mul(vm, vm.computed_list(&[fill]), missing)?;
                last = ops::add(vm, last, filling)?;
            }
        }
        rows.push(last);
        Ok(rows)
    }

    fn slice(&self, vm: &mut Vm<'r>, items: &[Value<'r>]) -> Result<Vec<Value<'r>>> {
        let length = Value::int(items.len() as i64);
        ops::floor_div(vm, length, self.count)?;
        let slices = filters::index(self.count)?;
        let slices = usize::try_from(slices).unwrap_or(0);
        vm.reserve(slices.saturating_mul(64))?;
        let (per_slice, with_extra) = match slices {
            0 => (0, 0),
            _ => (items.len() / slices, items.len() % slices),
        };
        let source = self.input.source(vm.arena);
        let mut rows = Vec::with_capacity(slices);
        let mut offset = 0;
        for number in 0..slices {
            let start = offset + number * per_slice;
            offset += usize::from(number < with_extra);
            let end = offset + (number + 1) * per_slice;
            let mut row = items[start..end].to_vec();
            row.extend(self.fill.filter(|_| number >= with_extra));
            rows.push(vm.list_from(&row, source));
        }
        Ok(rows)
    }
}

fn map<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let source = input.source(vm.arena);
    let name = "sync_do_map";
    let state = match map_callback(vm, args) {
        Ok(callback) => {
            let callback: &'r Callback<'r> = vm.arena.alloc(callback);
            match input.iterate() {
                Ok(iter) => Generator::Map(iter, callback),
                Err(_) => Generator::NotIterable(input),
            }
        }
        Err(message) => Generator::Fails(ErrorClass::FilterArgumentError, message),
    };
    Ok(generator(vm, name, source, if input.truthy() { state } else { Generator::Done }))
}

fn map_callback<'r>(vm: &mut Vm<'r>, args: Args<'r>) -> std::result::Result<Callback<'r>, &'r str> {
    let keyword = |name: &str| args.keywords().find(|(key, _)| *key == name).map(|(_, value)| value);
    if let (true, Some(attribute)) = (args.positional.is_empty(), keyword("attribute")) {
        let other = args.names.iter().find(|name| !matches!(**name, "attribute" | "default"));
        if let Some(other) = other {
            let message = format!("Unexpected keyword argument {}", crate::pytext::repr_str(other));
            return Err(vm.arena.alloc_str(&message));
        }
        let default = keyword("default").filter(|value| !value.is_none());
        let path = path(vm, Some(attribute));
        return Ok(Callback { path, default, ignore_case: false, then: Then::Nothing });
    }
    let Some((name, rest)) = args.positional.split_first() else {
        return Err("map requires a filter argument");
    };
    let args = Args { positional: rest, ..args };
    let text = name.as_str().map_or("", |str| str.flat(vm.arena));
    let then = match Filter::by_name(text) {
        Some(filter) => Then::Filter(filter, args),
        None => Then::Unknown("filter", *name),
    };
    Ok(Callback { path: &[], default: None, ignore_case: false, then })
}

fn select<'r>(
    vm: &mut Vm<'r>,
    input: Value<'r>,
    args: Args<'r>,
    wanted: bool,
    by_attribute: bool,
) -> Result<Value<'r>> {
    let name = "select_or_reject";
    let source = input.source(vm.arena);
    if !input.truthy() {
        return Ok(generator(vm, name, source, Generator::Done));
    }
    let (attribute, rest) = match (by_attribute, args.positional.split_first()) {
        (false, _) => (None, args.positional),
        (true, Some((attribute, rest))) => (Some(*attribute), rest),
        (true, None) => {
            let message = "Missing parameter for attribute name";
            let state = Generator::Fails(ErrorClass::FilterArgumentError, message);
            return Ok(generator(vm, name, source, state));
        }
    };
    let then = match rest.split_first() {
        None => Then::Nothing,
        Some((test, rest)) => {
            let args = Args { positional: rest, ..args };
            let text = test.as_str().map_or("", |str| str.flat(vm.arena));
            match Test::by_name(text) {
                Some(test) => Then::Test(test, args),
                None => Then::Unknown("test", *test),
            }
        }
    };
    let path = path(vm, attribute);
    let callback: &'r Callback<'r> = vm.arena.alloc(Callback { path, default: None, ignore_case: false, then });
    let state = match input.iterate() {
        Ok(iter) => Generator::Select(iter, callback, wanted),
        Err(_) => Generator::NotIterable(input),
    };
    Ok(generator(vm, name, source, state))
}
