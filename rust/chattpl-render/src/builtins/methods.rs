//! Methods of strings, lists, mappings, numbers and loops, as Python has them.

use super::text::{self, wrap};
use super::{filters, formatting};
use crate::error::{type_error, value_error, ErrorClass, RenderError, Result};
use crate::meter;
use crate::pytext::{self, CaseOp, Direction, Padding, Side};
use crate::value::cmp::equal;
use crate::value::{Str, Value, View, ViewKind};
use crate::vm::call::Args;
use crate::vm::Vm;

macro_rules! methods {
    ($($variant:ident: $name:literal,)*) => {
        /// A method of some built-in type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub(crate) enum Method { $($variant),* }

        impl Method {
            /// The method called `name`, of whatever type has one.
            pub fn by_name(name: &str) -> Option<Method> {
                match name {
                    $($name => Some(Method::$variant),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Method::$variant => $name),* }
            }
        }
    };
}

methods! {
    Append: "append",
    AppendLeft: "appendleft",
    AsIntegerRatio: "as_integer_ratio",
    BitCount: "bit_count",
    BitLength: "bit_length",
    Capitalize: "capitalize",
    Casefold: "casefold",
    Center: "center",
    Changed: "changed",
    Clear: "clear",
    Conjugate: "conjugate",
    Copy: "copy",
    Count: "count",
    Cycle: "cycle",
    EndsWith: "endswith",
    ExpandTabs: "expandtabs",
    Extend: "extend",
    Find: "find",
    Format: "format",
    FormatMap: "format_map",
    FromKeys: "fromkeys",
    Get: "get",
    Index: "index",
    Insert: "insert",
    IsAlnum: "isalnum",
    IsAlpha: "isalpha",
    IsAscii: "isascii",
    IsDecimal: "isdecimal",
    IsDigit: "isdigit",
    IsIdentifier: "isidentifier",
    IsInteger: "is_integer",
    IsLower: "islower",
    IsNumeric: "isnumeric",
    IsPrintable: "isprintable",
    IsSpace: "isspace",
    IsTitle: "istitle",
    IsUpper: "isupper",
    Items: "items",
    Join: "join",
    Keys: "keys",
    Ljust: "ljust",
    Lower: "lower",
    Lstrip: "lstrip",
    Next: "next",
    Partition: "partition",
    Pop: "pop",
    PopItem: "popitem",
    Remove: "remove",
    RemovePrefix: "removeprefix",
    RemoveSuffix: "removesuffix",
    Replace: "replace",
    Reset: "reset",
    Reverse: "reverse",
    Rfind: "rfind",
    Rindex: "rindex",
    Rjust: "rjust",
    Rpartition: "rpartition",
    Rsplit: "rsplit",
    Rstrip: "rstrip",
    SetDefault: "setdefault",
    Sort: "sort",
    Split: "split",
    SplitLines: "splitlines",
    StartsWith: "startswith",
    Strip: "strip",
    StripTags: "striptags",
    SwapCase: "swapcase",
    Title: "title",
    Unescape: "unescape",
    Update: "update",
    Upper: "upper",
    Values: "values",
    Zfill: "zfill",
}

impl Method {
    /// Whether the value's type has this method.
    pub fn belongs_to(self, object: Value<'_>) -> bool {
        use Method as M;
        match object {
            Value::Dict(_) => self.is_dict_method(),
            Value::Str(_) => self.is_str_method(),
            Value::Markup(_) => self.is_str_method() || matches!(self, M::StripTags | M::Unescape),
            Value::List(_) => matches!(
                self,
                M::Append
                    | M::Clear
                    | M::Copy
                    | M::Count
                    | M::Extend
                    | M::Index
                    | M::Insert
                    | M::Pop
                    | M::Remove
                    | M::Reverse
                    | M::Sort
            ),
            Value::Tuple(_) | Value::Range(_) => matches!(self, M::Count | M::Index),
            Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => {
                matches!(
                    self,
                    M::AsIntegerRatio | M::BitCount | M::BitLength | M::Conjugate
                )
            }
            Value::Float(..) => matches!(self, M::AsIntegerRatio | M::Conjugate | M::IsInteger),
            Value::Loop(_) => matches!(self, M::Changed | M::Cycle),
            Value::Cycler(_) => matches!(self, M::Next | M::Reset),
            _ => false,
        }
    }

    /// Whether mappings have this method.
    pub fn is_dict_method(self) -> bool {
        use Method as M;
        matches!(
            self,
            M::Clear
                | M::Copy
                | M::FromKeys
                | M::Get
                | M::Items
                | M::Keys
                | M::Pop
                | M::PopItem
                | M::SetDefault
                | M::Update
                | M::Values
        )
    }

    fn is_str_method(self) -> bool {
        use Method as M;
        matches!(
            self,
            M::Capitalize
                | M::Casefold
                | M::Center
                | M::Count
                | M::EndsWith
                | M::ExpandTabs
                | M::Find
                | M::Format
                | M::FormatMap
                | M::Index
                | M::IsAlnum
                | M::IsAlpha
                | M::IsAscii
                | M::IsDecimal
                | M::IsDigit
                | M::IsIdentifier
                | M::IsLower
                | M::IsNumeric
                | M::IsPrintable
                | M::IsSpace
                | M::IsTitle
                | M::IsUpper
                | M::Join
                | M::Ljust
                | M::Lower
                | M::Lstrip
                | M::Partition
                | M::RemovePrefix
                | M::RemoveSuffix
                | M::Replace
                | M::Rfind
                | M::Rindex
                | M::Rjust
                | M::Rpartition
                | M::Rsplit
                | M::Rstrip
                | M::Split
                | M::SplitLines
                | M::StartsWith
                | M::Strip
                | M::SwapCase
                | M::Title
                | M::Upper
                | M::Zfill
        )
    }

    /// Whether the method changes its object, which the sandbox forbids.
    pub fn mutates(self) -> bool {
        use Method as M;
        matches!(
            self,
            M::Append
                | M::AppendLeft
                | M::Clear
                | M::Extend
                | M::Insert
                | M::Pop
                | M::PopItem
                | M::Remove
                | M::Reverse
                | M::SetDefault
                | M::Sort
                | M::Update
        )
    }
}

/// `object.method(args)`.
pub(crate) fn call<'r>(
    vm: &mut Vm<'r>,
    object: Value<'r>,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    match object {
        Value::Str(str) => call_str(vm, str, false, method, args),
        Value::Markup(str) => call_str(vm, str, true, method, args),
        Value::Dict(_) => call_dict(vm, object, method, args),
        Value::List(seq) | Value::Tuple(seq) => {
            let name = object.type_name();
            match method {
                Method::Copy => {
                    exactly(name, method, args, 0)?;
                    Ok(Value::list(vm.arena, seq.items, seq.source))
                }
                Method::Count => {
                    let [item] = one(name, method, args)?;
                    vm.charge(seq.items.len() as u64 / 4)?;
                    let count = seq
                        .items
                        .iter()
                        .filter(|other| equal(vm.arena, **other, item))
                        .count();
                    Ok(Value::Int(count as i64, seq.source))
                }
                _ => sequence_index(vm, name, seq.items, seq.source, args),
            }
        }
        Value::Range(range) => {
            let [item] = one("range", method, args)?;
            let found = crate::vm::ops::range_index(range, item);
            match (method, found) {
                (Method::Count, found) => Ok(Value::int(found.is_some().into())),
                (_, Some(at)) => Ok(Value::int(at)),
                (_, None) => value_error(format!("{} is not in range", item.repr_text(vm.arena))),
            }
        }
        Value::Loop(this) if method == Method::Cycle => {
            if args.positional.is_empty() {
                return type_error("no items for cycling given");
            }
            Ok(args.positional[this.index0.get() as usize % args.positional.len()])
        }
        Value::Loop(this) => {
            let seen = this.changed.replace(Some(args.positional));
            let same = seen.is_some_and(|seen| {
                seen.len() == args.positional.len()
                    && seen
                        .iter()
                        .zip(args.positional)
                        .all(|(a, b)| equal(vm.arena, *a, *b))
            });
            Ok(Value::bool(!same))
        }
        Value::Cycler(this) => {
            let current = this.items[this.position.get()];
            if method == Method::Reset {
                this.position.set(0);
                return Ok(Value::NONE);
            }
            this.position
                .set((this.position.get() + 1) % this.items.len());
            Ok(current)
        }
        _ => call_number(vm, object, method, args),
    }
}

/// Checks that a method without keywords got `count` arguments.
fn exactly(type_name: &str, method: Method, args: Args<'_>, count: usize) -> Result<()> {
    let name = method.name();
    if !args.values.is_empty() {
        return type_error(format!("{type_name}.{name}() takes no keyword arguments"));
    }
    let given = args.positional.len();
    if given == count {
        return Ok(());
    }
    let expected = match count {
        0 => "takes no arguments".to_owned(),
        1 => "takes exactly one argument".to_owned(),
        _ => format!("expected {count} arguments"),
    };
    type_error(format!("{type_name}.{name}() {expected} ({given} given)"))
}

fn one<'r>(type_name: &str, method: Method, args: Args<'r>) -> Result<[Value<'r>; 1]> {
    exactly(type_name, method, args, 1)?;
    Ok([args.positional[0]])
}

/// Checks the number of arguments of a method that takes `least` to `most`.
fn between(name: &str, args: Args<'_>, least: usize, most: usize) -> Result<()> {
    let given = args.positional.len();
    let (bound, number) = if given < least {
        ("at least", least)
    } else if given > most {
        ("at most", most)
    } else {
        return Ok(());
    };
    let plural = if number == 1 { "" } else { "s" };
    type_error(format!(
        "{name} expected {bound} {number} argument{plural}, got {given}"
    ))
}

fn sequence_index<'r>(
    vm: &mut Vm<'r>,
    name: &str,
    items: &'r [Value<'r>],
    source: u32,
    args: Args<'r>,
) -> Result<Value<'r>> {
    between("index", args, 1, 3)?;
    let item = args.positional[0];
    let bound = |at: usize, otherwise: i64| match args.positional.get(at) {
        Some(Value::Int(index, _)) if *index < 0 => (index + items.len() as i64).max(0),
        Some(Value::Int(index, _)) => *index,
        _ => otherwise,
    };
    let (start, stop) = (bound(1, 0), bound(2, items.len() as i64));
    vm.charge(items.len() as u64 / 4)?;
    let found = items.iter().enumerate().find(|(at, other)| {
        (*at as i64) >= start && (*at as i64) < stop && equal(vm.arena, **other, item)
    });
    match found {
        Some((at, _)) => Ok(Value::Int(at as i64, source)),
        None if name == "tuple" => value_error("tuple.index(x): x not in tuple"),
        None => value_error(format!("{} is not in list", item.repr_text(vm.arena))),
    }
}

fn call_dict<'r>(
    vm: &mut Vm<'r>,
    object: Value<'r>,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    let Value::Dict(dict) = object else {
        unreachable!("called for mappings")
    };
    let view = |vm: &Vm<'r>, kind| {
        exactly("dict", method, args, 0)?;
        Ok(Value::View(vm.arena.alloc(View { kind, dict })))
    };
    match method {
        Method::Items => view(vm, ViewKind::Items),
        Method::Keys => view(vm, ViewKind::Keys),
        Method::Values => view(vm, ViewKind::Values),
        Method::Copy => {
            exactly("dict", method, args, 0)?;
            Ok(Value::Dict(
                vm.arena
                    .alloc(crate::value::Dict::new(dict.entries, dict.source)),
            ))
        }
        Method::FromKeys => {
            super::functions::call(vm, super::functions::Function::DictFromKeys, args)
        }
        _ => {
            if !args.values.is_empty() {
                return type_error("dict.get() takes no keyword arguments");
            }
            between("get", args, 1, 2)?;
            vm.check_hashable(args.positional[0])?;
            let found = dict.get(vm.arena, args.positional[0]);
            Ok(found.unwrap_or_else(|| args.positional.get(1).copied().unwrap_or(Value::NONE)))
        }
    }
}

fn call_number<'r>(
    vm: &mut Vm<'r>,
    object: Value<'r>,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    exactly(object.type_name(), method, args, 0)?;
    let source = object.source(vm.arena);
    if let Value::Float(value, _) = object {
        return match method {
            Method::IsInteger => Ok(Value::Bool(
                value.is_finite() && value.fract() == 0.0,
                source,
            )),
            Method::Conjugate => Ok(object),
            _ => integer_ratio(vm, value, source),
        };
    }
    let big = crate::value::cmp::as_big(object).expect("an integer");
    Ok(match method {
        Method::BitLength => Value::Int(big.bits() as i64, source),
        Method::BitCount => Value::Int(big.magnitude().count_ones() as i64, source),
        Method::Conjugate => Value::big(vm.arena, big, source),
        _ => {
            let pair = [Value::big(vm.arena, big, source), Value::Int(1, source)];
            Value::tuple(vm.arena, vm.arena.alloc_slice_copy(&pair), source)
        }
    })
}

fn integer_ratio<'r>(vm: &mut Vm<'r>, value: f64, source: u32) -> Result<Value<'r>> {
    if value.is_nan() {
        return value_error("cannot convert NaN to integer ratio");
    }
    if value.is_infinite() {
        return Err(RenderError::new(
            ErrorClass::OverflowError,
            "cannot convert Infinity to integer ratio",
        ));
    }
    let (mut numerator, mut exponent) = (value, 0u32);
    while numerator.fract() != 0.0 {
        numerator *= 2.0;
        exponent += 1;
    }
    let numerator = pytext::PyInt::from_f64(numerator)?.to_big();
    let denominator = num_bigint::BigInt::from(1) << exponent;
    let pair = [
        Value::big(vm.arena, numerator, source),
        Value::big(vm.arena, denominator, source),
    ];
    Ok(Value::tuple(
        vm.arena,
        vm.arena.alloc_slice_copy(&pair),
        source,
    ))
}

/// The string argument of a method, escaped where the object is markup.
fn str_arg<'r>(vm: &mut Vm<'r>, value: Value<'r>, markup: bool, message: &str) -> Result<Str<'r>> {
    match value {
        Value::Str(str) if markup => Ok(filters::escape_str(vm, str)),
        Value::Str(str) | Value::Markup(str) => Ok(str),
        other => {
            let name = if other.is_none() {
                "None"
            } else {
                other.type_name()
            };
            type_error(message.replace("{}", name))
        }
    }
}

fn int_arg(value: Value<'_>) -> Result<i64> {
    match value {
        Value::Int(value, _) => Ok(value),
        Value::Bool(value, _) => Ok(value.into()),
        Value::BigInt(..) => Err(RenderError::new(
            ErrorClass::OverflowError,
            "Python int too large to convert to C ssize_t",
        )),
        other => type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            other.type_name()
        )),
    }
}

fn call_str<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    use Method as M;
    match method {
        M::Strip => strip(vm, str, markup, Side::Both, method, args),
        M::Lstrip => strip(vm, str, markup, Side::Left, method, args),
        M::Rstrip => strip(vm, str, markup, Side::Right, method, args),
        M::Split => split(vm, str, markup, Direction::FromLeft, method, args),
        M::Rsplit => split(vm, str, markup, Direction::FromRight, method, args),
        M::StartsWith | M::EndsWith => affix(vm, str, method, args),
        M::Replace => replace(vm, str, markup, args),
        M::Join => join(vm, str, markup, args),
        M::Find | M::Rfind | M::Index | M::Rindex | M::Count => find(vm, str, method, args),
        M::Format => formatting::format(vm, wrap(markup, str), args, None),
        M::FormatMap => format_map(vm, wrap(markup, str), args),
        M::Center | M::Ljust | M::Rjust => justify(vm, str, markup, method, args),
        M::Zfill | M::ExpandTabs => spaced(vm, str, markup, method, args),
        M::SplitLines => {
            let [keepends] = args.bind("splitlines", ["keepends"], 0, 0)?;
            let flat = str.flat(vm.arena);
            let breaks = flat.chars().filter(|c| pytext::is_linebreak(*c)).count();
            vm.reserve(flat.len() + breaks * text::BYTES_PER_SLICE)?;
            let ranges = pytext::splitlines(flat, keepends.is_some_and(|value| value.truthy()));
            text::slices(vm, str, markup, &ranges)
        }
        M::Partition | M::Rpartition => partition(vm, str, markup, method, args),
        M::RemovePrefix | M::RemoveSuffix => {
            let [affix] = one("str", method, args)?;
            let message = format!("{}() argument must be str, not {{}}", method.name());
            let affix = str_arg(vm, affix, false, &message)?.flat(vm.arena);
            let flat = str.flat(vm.arena);
            let range = match method {
                M::RemovePrefix => pytext::removeprefix(flat, affix),
                _ => pytext::removesuffix(flat, affix),
            };
            Ok(wrap(markup, str.slice(vm.arena, range)))
        }
        M::StripTags | M::Unescape => {
            let flat = str.flat(vm.arena);
            vm.reserve(flat.len() * 2)?;
            let out = if method == M::StripTags {
                pytext::striptags(flat)
            } else {
                pytext::unescape_html(flat)
            };
            Ok(Value::Str(text::derived_text(vm, str, &out)?))
        }
        M::Capitalize | M::Casefold | M::Lower | M::SwapCase | M::Title | M::Upper => {
            exactly("str", method, args, 0)?;
            Ok(wrap(markup, text::change_case(vm, str, case_op(method))?))
        }
        _ => {
            exactly("str", method, args, 0)?;
            let flat = str.flat(vm.arena);
            vm.charge(flat.len() as u64 / 8)?;
            Ok(Value::bool(classify(method, flat)))
        }
    }
}

fn case_op(method: Method) -> CaseOp {
    match method {
        Method::Capitalize => CaseOp::Capitalize,
        Method::Casefold => CaseOp::Casefold,
        Method::Lower => CaseOp::Lower,
        Method::SwapCase => CaseOp::Swapcase,
        Method::Title => CaseOp::Title,
        _ => CaseOp::Upper,
    }
}

fn classify(method: Method, text: &str) -> bool {
    match method {
        Method::IsAlnum => pytext::isalnum(text),
        Method::IsAlpha => pytext::isalpha(text),
        Method::IsAscii => pytext::isascii(text),
        Method::IsDecimal => pytext::isdecimal(text),
        Method::IsDigit => pytext::isdigit(text),
        Method::IsIdentifier => pytext::isidentifier(text),
        Method::IsLower => pytext::islower(text),
        Method::IsNumeric => pytext::isnumeric(text),
        Method::IsPrintable => pytext::isprintable(text),
        Method::IsSpace => pytext::isspace(text),
        Method::IsTitle => pytext::istitle(text),
        _ => pytext::isupper(text),
    }
}

fn strip<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    side: Side,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    if !args.values.is_empty() {
        return type_error(format!(
            "str.{}() takes no keyword arguments",
            method.name()
        ));
    }
    between(method.name(), args, 0, 1)?;
    let chars = match args.positional.first() {
        None | Some(Value::None(_)) => None,
        Some(value) => {
            let message = format!("{} arg must be None or str", method.name());
            Some(str_arg(vm, *value, false, &message)?.flat(vm.arena))
        }
    };
    let range = text::strip(vm, str, chars, side)?;
    Ok(wrap(markup, str.slice(vm.arena, range)))
}

fn split<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    direction: Direction,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    let [sep, maxsplit] = args.bind(method.name(), ["sep", "maxsplit"], 0, 0)?;
    let maxsplit = match maxsplit {
        Some(value) => usize::try_from(int_arg(value)?).ok(),
        None => None,
    };
    let flat = str.flat(vm.arena);
    vm.charge(flat.len() as u64 / 128)?;
    let most = maxsplit.unwrap_or(usize::MAX);
    let ranges = match sep {
        None | Some(Value::None(_)) => {
            let spaces = flat.chars().filter(|c| pytext::is_whitespace(*c)).count();
            vm.reserve(spaces.min(most) * text::BYTES_PER_SLICE)?;
            pytext::split_whitespace(flat, maxsplit, direction)
        }
        Some(sep) => {
            let sep = str_arg(vm, sep, false, "must be str or None, not {}")?.flat(vm.arena);
            let found = memchr::memmem::find_iter(flat.as_bytes(), sep.as_bytes()).count();
            vm.reserve(found.min(most) * text::BYTES_PER_SLICE)?;
            pytext::split_on(flat, sep, maxsplit, direction)?
        }
    };
    text::slices(vm, str, markup, &ranges)
}

fn affix<'r>(vm: &mut Vm<'r>, str: Str<'r>, method: Method, args: Args<'r>) -> Result<Value<'r>> {
    let name = method.name();
    if !args.values.is_empty() {
        return type_error(format!("str.{name}() takes no keyword arguments"));
    }
    between(name, args, 1, 3)?;
    let (start, end) = (optional_index(args, 1)?, optional_index(args, 2)?);
    let flat = str.flat(vm.arena);
    let from_middle = args.positional.len() > 1;
    let holds = |affix: &str| {
        meter::read(if from_middle {
            flat.len()
        } else {
            affix.len().min(flat.len())
        });
        match method {
            Method::StartsWith => pytext::starts_with(flat, affix, start, end),
            _ => pytext::ends_with(flat, affix, start, end),
        }
    };
    match args.positional[0] {
        Value::Str(affix) | Value::Markup(affix) => Ok(Value::bool(holds(affix.flat(vm.arena)))),
        Value::Tuple(seq) => {
            for item in seq.items {
                vm.charge(1)?;
                let Some(affix) = item.as_str() else {
                    let other = item.type_name();
                    return type_error(format!(
                        "tuple for {name} must only contain str, not {other}"
                    ));
                };
                if holds(affix.flat(vm.arena)) {
                    return Ok(Value::bool(true));
                }
            }
            Ok(Value::bool(false))
        }
        other => {
            let other = other.type_name();
            type_error(format!(
                "{name} first arg must be str or a tuple of str, not {other}"
            ))
        }
    }
}

fn optional_index(args: Args<'_>, at: usize) -> Result<Option<i64>> {
    match args.positional.get(at) {
        None | Some(Value::None(_)) => Ok(None),
        Some(Value::Int(index, _)) => Ok(Some(*index)),
        Some(Value::Bool(index, _)) => Ok(Some((*index).into())),
        Some(_) => type_error("slice indices must be integers or None or have an __index__ method"),
    }
}

fn replace<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, args: Args<'r>) -> Result<Value<'r>> {
    if !args.values.is_empty() {
        return type_error("str.replace() takes no keyword arguments");
    }
    between("replace", args, 2, 3)?;
    let old = str_arg(
        vm,
        args.positional[0],
        false,
        "replace() argument 1 must be str, not {}",
    )?;
    let new = str_arg(
        vm,
        args.positional[1],
        markup,
        "replace() argument 2 must be str, not {}",
    )?;
    let count = match args.positional.get(2) {
        Some(count) => usize::try_from(int_arg(*count)?).ok(),
        None => None,
    };
    let new = vm.used(new);
    Ok(wrap(markup, text::replace(vm, str, old, new, count)?))
}

fn join<'r>(
    vm: &mut Vm<'r>,
    separator: Str<'r>,
    markup: bool,
    args: Args<'r>,
) -> Result<Value<'r>> {
    let [items] = one("str", Method::Join, args)?;
    let Ok(iter) = items.iterate() else {
        return type_error("can only join an iterable");
    };
    let items = iter.collect(vm)?;
    let mut strs = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let message = format!("sequence item {at}: expected str instance, {{}} found");
        if item.is_none() {
            return type_error(message.replace("{}", "NoneType"));
        }
        let str = str_arg(vm, *item, markup, &message)?;
        strs.push(vm.used(str));
    }
    let separator = vm.used(separator);
    Ok(wrap(markup, text::join(vm, separator, &strs)?))
}

fn find<'r>(vm: &mut Vm<'r>, str: Str<'r>, method: Method, args: Args<'r>) -> Result<Value<'r>> {
    let name = method.name();
    if args.positional.is_empty() || args.positional.len() > 3 {
        let (bound, given) = if args.positional.is_empty() {
            ("at least 1 argument", 0)
        } else {
            ("at most 3 arguments", args.positional.len())
        };
        return type_error(format!("{name}() takes {bound} ({given} given)"));
    }
    let wanted = str_arg(vm, args.positional[0], false, "must be str, not {}")?.flat(vm.arena);
    let (start, end) = (optional_index(args, 1)?, optional_index(args, 2)?);
    let flat = str.flat(vm.arena);
    vm.charge(flat.len() as u64 / if wanted.len() > 64 { 16 } else { 64 })?;
    let found = match method {
        Method::Count => {
            return Ok(Value::Int(
                pytext::count(flat, wanted, start, end) as i64,
                str.data_source(vm.arena),
            ))
        }
        Method::Find | Method::Index => pytext::find(flat, wanted, start, end),
        _ => pytext::rfind(flat, wanted, start, end),
    };
    match (method, found) {
        (_, Some(at)) => Ok(Value::Int(at as i64, str.data_source(vm.arena))),
        (Method::Find | Method::Rfind, None) => Ok(Value::int(-1)),
        (_, None) => value_error("substring not found"),
    }
}

fn format_map<'r>(vm: &mut Vm<'r>, str: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if !args.values.is_empty() {
        return type_error("format_map() takes no keyword arguments");
    }
    let given = args.positional.len();
    if given != 1 {
        return type_error(format!(
            "format_map() takes exactly one argument ({given} given)"
        ));
    }
    formatting::format(vm, str, Args::NONE, Some(args.positional[0]))
}

fn justify<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    between(method.name(), args, 1, 2)?;
    let width = int_arg(args.positional[0])?;
    let fill = match args.positional.get(1) {
        None => Str::tagged(" ", text::whole_tag(vm, str)),
        Some(value) => {
            let fill = str_arg(
                vm,
                *value,
                false,
                "The fill character must be a unicode character, not {}",
            )?;
            if fill.flat(vm.arena).chars().count() != 1 {
                return type_error("The fill character must be exactly one character long");
            }
            fill
        }
    };
    let flat = str.flat(vm.arena);
    let padding: Padding = match method {
        Method::Center => pytext::center(flat, width)?,
        Method::Ljust => pytext::ljust(flat, width)?,
        _ => pytext::rjust(flat, width)?,
    };
    Ok(wrap(markup, text::pad(vm, str, padding, fill)?))
}

fn spaced<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    let flat = str.flat(vm.arena);
    let pieces = if method == Method::Zfill {
        let [width] = one("str", method, args)?;
        let width = int_arg(width)?;
        vm.reserve(usize::try_from(width).unwrap_or(0))?;
        pytext::zfill(flat, width)?
    } else {
        let [tabsize] = args.bind("expandtabs", ["tabsize"], 0, 0)?;
        let tabsize = tabsize.map_or(Ok(8), int_arg)?;
        let tabs = memchr::memchr_iter(b'\t', flat.as_bytes()).count();
        meter::held(tabs * 2 * text::BYTES_PER_SLICE);
        vm.reserve(
            flat.len()
                .saturating_add(tabs.saturating_mul(usize::try_from(tabsize).unwrap_or(0))),
        )?;
        pytext::expandtabs(flat, tabsize)?
    };
    Ok(wrap(markup, text::from_pieces(vm, str, &pieces, str)))
}

fn partition<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    method: Method,
    args: Args<'r>,
) -> Result<Value<'r>> {
    let [sep] = one("str", method, args)?;
    let sep = str_arg(vm, sep, false, "must be str, not {}")?.flat(vm.arena);
    let flat = str.flat(vm.arena);
    vm.charge(flat.len() as u64 / 128)?;
    let ranges = match method {
        Method::Partition => pytext::partition(flat, sep)?,
        _ => pytext::rpartition(flat, sep)?,
    };
    let parts = ranges.map(|range| wrap(markup, str.slice(vm.arena, range)));
    Ok(Value::tuple(
        vm.arena,
        vm.arena.alloc_slice_copy(&parts),
        str.data_source(vm.arena),
    ))
}
