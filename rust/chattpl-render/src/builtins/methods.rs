//! Methods of strings, lists, mappings, numbers and loops, as Python has them.

use super::signature::{bind_other, bind_str, Bound};
use super::text::{self, wrap};
use super::{filters, formatting};
use crate::error::{type_error, value_error, ErrorClass, RenderError, Result};
use crate::meter;
use crate::pytext::{self, CaseOp, Direction, Padding, Side};
use crate::value::build::StrBuilder;
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
            /// Every name.
            pub const NAMES: &[&str] = &[$($name),*];

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
    Translate: "translate",
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
                matches!(self, M::AsIntegerRatio | M::BitCount | M::BitLength | M::Conjugate)
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
                | M::Translate
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
pub(crate) fn call<'r>(vm: &mut Vm<'r>, object: Value<'r>, method: Method, args: Args<'r>) -> Result<Value<'r>> {
    match object {
        Value::Str(str) => call_str(vm, str, false, method, args),
        Value::Markup(str) => call_str(vm, str, true, method, args),
        Value::Dict(_) => call_dict(vm, object, method, args),
        Value::List(seq) | Value::Tuple(seq) => {
            let given = bind_other(object, method, args)?;
            match method {
                Method::Copy => Ok(Value::list(vm.arena, seq.items, seq.source)),
                Method::Count => {
                    let item = required(given, 0);
                    vm.charge(seq.items.len() as u64 / 4)?;
                    let count = seq.items.iter().filter(|other| equal(vm.arena, **other, item)).count();
                    Ok(Value::Int(count as i64, seq.source))
                }
                _ => sequence_index(vm, object, seq.items, seq.source, given),
            }
        }
        Value::Range(range) => {
            let item = required(bind_other(object, method, args)?, 0);
            let found = crate::vm::ops::range_index(range, item);
            match (method, found) {
                (Method::Count, found) => Ok(Value::int(found.is_some().into())),
                (_, Some(at)) => Ok(Value::int(at)),
                (_, None) if matches!(item, Value::Int(..) | Value::Bool(..) | Value::BigInt(..)) => {
                    value_error(format!("{} is not in range", item.repr_text(vm.arena)))
                }
                (_, None) => value_error("sequence.index(x): x not in sequence"),
            }
        }
        Value::Loop(this) if method == Method::Cycle => {
            no_keywords("LoopContext.cycle", args)?;
            if args.positional.is_empty() {
                return type_error("no items for cycling given");
            }
            Ok(args.positional[this.index0.get() as usize % args.positional.len()])
        }
        Value::Loop(this) => {
            no_keywords("LoopContext.changed", args)?;
            let seen = this.changed.replace(Some(args.positional));
            let same = seen.is_some_and(|seen| {
                seen.len() == args.positional.len()
                    && seen.iter().zip(args.positional).all(|(a, b)| equal(vm.arena, *a, *b))
            });
            Ok(Value::bool(!same))
        }
        Value::Cycler(this) => {
            bind_other(object, method, args)?;
            let current = this.items[this.position.get()];
            if method == Method::Reset {
                this.position.set(0);
                return Ok(Value::NONE);
            }
            this.position.set((this.position.get() + 1) % this.items.len());
            Ok(current)
        }
        _ => call_number(vm, object, method, args),
    }
}

/// An argument that was bound as required.
fn required<'r>(given: Bound<'r>, at: usize) -> Value<'r> {
    given[at].expect("required arguments are bound")
}

/// Refuses keywords as a function with `*args` alone does.
fn no_keywords(function: &str, args: Args<'_>) -> Result<()> {
    match args.names.first() {
        Some(name) => type_error(format!("{function}() got an unexpected keyword argument '{name}'")),
        None => Ok(()),
    }
}

fn sequence_index<'r>(
    vm: &mut Vm<'r>,
    object: Value<'r>,
    items: &'r [Value<'r>],
    source: u32,
    given: Bound<'r>,
) -> Result<Value<'r>> {
    let item = required(given, 0);
    let bound = |at: usize, otherwise: i64| -> Result<i64> {
        Ok(match given[at] {
            None => otherwise,
            Some(value) => match slice_bound(value, "slice indices must be integers or have an __index__ method")? {
                index if index < 0 => index.saturating_add(items.len() as i64).max(0),
                index => index,
            },
        })
    };
    let (start, stop) = (bound(1, 0)?, bound(2, items.len() as i64)?);
    vm.charge(items.len() as u64 / 4)?;
    let found = items
        .iter()
        .enumerate()
        .find(|(at, other)| (*at as i64) >= start && (*at as i64) < stop && equal(vm.arena, **other, item));
    match found {
        Some((at, _)) => Ok(Value::Int(at as i64, source)),
        None if matches!(object, Value::Tuple(_)) => value_error("tuple.index(x): x not in tuple"),
        None => value_error(format!("{} is not in list", item.repr_text(vm.arena))),
    }
}

fn call_dict<'r>(vm: &mut Vm<'r>, object: Value<'r>, method: Method, args: Args<'r>) -> Result<Value<'r>> {
    let Value::Dict(dict) = object else { unreachable!("called for mappings") };
    let given = bind_other(object, method, args)?;
    let view = |vm: &Vm<'r>, kind| Ok(Value::View(vm.arena.alloc(View { kind, dict })));
    match method {
        Method::Items => view(vm, ViewKind::Items),
        Method::Keys => view(vm, ViewKind::Keys),
        Method::Values => view(vm, ViewKind::Values),
        Method::Copy => Ok(Value::Dict(vm.arena.alloc(crate::value::Dict::new(dict.entries, dict.source)))),
        Method::FromKeys => super::functions::call(vm, super::functions::Function::DictFromKeys, args),
        _ => {
            let key = required(given, 0);
            vm.check_hashable(key)?;
            let found = dict.get(vm.arena, key);
            Ok(found.or(given[1]).unwrap_or(Value::NONE))
        }
    }
}

fn call_number<'r>(vm: &mut Vm<'r>, object: Value<'r>, method: Method, args: Args<'r>) -> Result<Value<'r>> {
    bind_other(object, method, args)?;
    let source = object.source(vm.arena);
    if let Value::Float(value, _) = object {
        return match method {
            Method::IsInteger => Ok(Value::Bool(value.is_finite() && value.fract() == 0.0, source)),
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
        return Err(RenderError::new(ErrorClass::OverflowError, "cannot convert Infinity to integer ratio"));
    }
    let (mut numerator, mut exponent) = (value, 0u32);
    while numerator.fract() != 0.0 {
        numerator *= 2.0;
        exponent += 1;
    }
    let numerator = pytext::PyInt::from_f64(numerator)?.to_big();
    let denominator = num_bigint::BigInt::from(1) << exponent;
    let pair = [Value::big(vm.arena, numerator, source), Value::big(vm.arena, denominator, source)];
    Ok(Value::tuple(vm.arena, vm.arena.alloc_slice_copy(&pair), source))
}

/// A string argument.
fn str_arg<'r>(value: Value<'r>, message: &str) -> Result<Str<'r>> {
    match value {
        Value::Str(str) | Value::Markup(str) => Ok(str),
        // `Undefined` is named by its class here, too.
        other => type_error(message.replace("{}", other.type_name())),
    }
}

/// A string argument of a function that calls `None` by its own name in its messages.
fn clinic_str<'r>(value: Value<'r>, message: &str) -> Result<Str<'r>> {
    match value {
        Value::None(_) => type_error(message.replace("{}", "None")),
        other => str_arg(other, message),
    }
}

/// What markup does with a value that is put into it.
fn escaped<'r>(vm: &mut Vm<'r>, value: Value<'r>) -> Str<'r> {
    match value {
        Value::Markup(str) => str,
        other => {
            let str = other.to_str(vm.arena);
            filters::escape_str(vm, str)
        }
    }
}

fn int_arg(value: Value<'_>) -> Result<i64> {
    match value {
        Value::Int(value, _) => Ok(value),
        Value::Bool(value, _) => Ok(value.into()),
        Value::BigInt(..) => {
            Err(RenderError::new(ErrorClass::OverflowError, "Python int too large to convert to C ssize_t"))
        }
        other => type_error(format!("'{}' object cannot be interpreted as an integer", other.type_name())),
    }
}

/// A bound of a slice; integers of any size are cut off at the ends.
fn slice_bound(value: Value<'_>, message: &str) -> Result<i64> {
    match value {
        Value::Int(index, _) => Ok(index),
        Value::Bool(index, _) => Ok(index.into()),
        Value::BigInt(big, _) if big.get().sign() == num_bigint::Sign::Minus => Ok(i64::MIN),
        Value::BigInt(..) => Ok(i64::MAX),
        _ => type_error(message),
    }
}

fn call_str<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, method: Method, args: Args<'r>) -> Result<Value<'r>> {
    use Method as M;
    match method {
        M::Format => return formatting::format(vm, wrap(markup, str), args, None),
        M::FormatMap => return format_map(vm, wrap(markup, str), args),
        _ => {}
    }
    let given = bind_str(method, markup, args)?;
    match method {
        M::Strip => strip(vm, str, markup, Side::Both, method, given),
        M::Lstrip => strip(vm, str, markup, Side::Left, method, given),
        M::Rstrip => strip(vm, str, markup, Side::Right, method, given),
        M::Split => split(vm, str, markup, Direction::FromLeft, given),
        M::Rsplit => split(vm, str, markup, Direction::FromRight, given),
        M::StartsWith | M::EndsWith => affix(vm, str, method, given),
        M::Replace => replace(vm, str, markup, given),
        M::Join => join(vm, str, markup, required(given, 0)),
        M::Find | M::Rfind | M::Index | M::Rindex | M::Count => find(vm, str, method, given),
        M::Center | M::Ljust | M::Rjust => justify(vm, str, markup, method, given),
        M::Zfill | M::ExpandTabs => spaced(vm, str, markup, method, given),
        M::SplitLines => split_lines(vm, str, markup, given),
        M::Partition | M::Rpartition => partition(vm, str, markup, method, required(given, 0)),
        M::RemovePrefix | M::RemoveSuffix => remove(vm, str, markup, method, required(given, 0)),
        M::Translate => translate(vm, str, markup, required(given, 0)),
        M::StripTags | M::Unescape => {
            let flat = str.flat(vm.arena);
            vm.reserve(flat.len() * 2)?;
            let pieces = if method == M::StripTags { pytext::striptags(flat) } else { pytext::unescape_html(flat) };
            Ok(Value::Str(text::from_pieces(vm, str, &pieces, str)))
        }
        M::Capitalize | M::Casefold | M::Lower | M::SwapCase | M::Title | M::Upper => {
            Ok(wrap(markup, text::change_case(vm, str, case_op(method))?))
        }
        _ => {
            let flat = str.flat(vm.arena);
            vm.charge(flat.len() as u64 / 8)?;
            Ok(Value::bool(classify(method, flat)))
        }
    }
}

fn split_lines<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, given: Bound<'r>) -> Result<Value<'r>> {
    let keepends = match given[0] {
        None => false,
        Some(value) => c_int(value)? != 0,
    };
    let flat = str.flat(vm.arena);
    let breaks = flat.chars().filter(|c| pytext::is_linebreak(*c)).count();
    vm.reserve(flat.len() + breaks * text::BYTES_PER_SLICE)?;
    let ranges = pytext::splitlines(flat, keepends);
    text::slices(vm, str, markup, &ranges)
}

/// A flag that C reads as an `int`.
pub(crate) fn c_int(value: Value<'_>) -> Result<i64> {
    match int_arg(value) {
        Ok(value) if i32::try_from(value).is_ok() => Ok(value),
        Err(error) if error.class() == ErrorClass::TypeError => Err(error),
        _ => Err(RenderError::new(ErrorClass::OverflowError, "Python int too large to convert to C int")),
    }
}

fn remove<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, method: Method, affix: Value<'r>) -> Result<Value<'r>> {
    let message = format!("{}() argument must be str, not {{}}", method.name());
    let affix = clinic_str(affix, &message)?.flat(vm.arena);
    let flat = str.flat(vm.arena);
    let range = match method {
        Method::RemovePrefix => pytext::removeprefix(flat, affix),
        _ => pytext::removesuffix(flat, affix),
    };
    Ok(wrap(markup, str.slice(vm.arena, range)))
}

/// `translate(table)`: looks every character up by its number.
fn translate<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, table: Value<'r>) -> Result<Value<'r>> {
    let flat = str.flat(vm.arena);
    vm.reserve(flat.len() * 2)?;
    let mut out = StrBuilder::new(vm.arena);
    for (at, c) in flat.char_indices() {
        let tag = str.tag_at(vm.arena, at);
        match table_entry(vm, table, c)? {
            None => out.push_char(c, tag),
            Some(Value::None(_)) => {}
            Some(Value::Str(text) | Value::Markup(text)) => out.push_str(text),
            Some(value @ (Value::Int(..) | Value::Bool(..) | Value::BigInt(..))) => {
                let code = int_arg(value).ok().and_then(|code| u32::try_from(code).ok());
                match code.and_then(char::from_u32) {
                    Some(c) => out.push_char(c, tag),
                    None => {
                        return value_error("character mapping must be in range(0x110000)");
                    }
                }
            }
            Some(_) => return type_error("character mapping must return integer, None or str"),
        }
        vm.charge(1)?;
    }
    Ok(wrap(markup, out.finish()))
}

fn table_entry<'r>(vm: &mut Vm<'r>, table: Value<'r>, c: char) -> Result<Option<Value<'r>>> {
    let code = i64::from(c as u32);
    match table {
        Value::Dict(dict) => Ok(dict.get(vm.arena, Value::int(code))),
        Value::Undefined(undefined) => Err(undefined.error(vm.arena)),
        Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Markup(_) | Value::Range(_) => {
            Ok(vm.element(table, code))
        }
        other => type_error(format!("'{}' object is not subscriptable", other.type_name())),
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
    given: Bound<'r>,
) -> Result<Value<'r>> {
    let chars = match given[0] {
        None | Some(Value::None(_)) => None,
        Some(Value::Str(chars) | Value::Markup(chars)) => Some(chars.flat(vm.arena)),
        Some(value) => {
            let message = format!("{} arg must be None or str", method.name());
            Some(str_arg(value, &message)?.flat(vm.arena))
        }
    };
    let range = text::strip(vm, str, chars, side)?;
    Ok(wrap(markup, str.slice(vm.arena, range)))
}

fn split<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, direction: Direction, given: Bound<'r>) -> Result<Value<'r>> {
    let [sep, maxsplit, _] = given;
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
            let sep = str_arg(sep, "must be str or None, not {}")?.flat(vm.arena);
            let found = memchr::memmem::find_iter(flat.as_bytes(), sep.as_bytes()).count();
            vm.reserve(found.min(most) * text::BYTES_PER_SLICE)?;
            pytext::split_on(flat, sep, maxsplit, direction)?
        }
    };
    text::slices(vm, str, markup, &ranges)
}

fn affix<'r>(vm: &mut Vm<'r>, str: Str<'r>, method: Method, given: Bound<'r>) -> Result<Value<'r>> {
    let name = method.name();
    let (start, end) = (optional_index(given[1])?, optional_index(given[2])?);
    let flat = str.flat(vm.arena);
    let from_middle = given[1].is_some();
    let holds = |affix: &str| {
        meter::read(if from_middle { flat.len() } else { affix.len().min(flat.len()) });
        match method {
            Method::StartsWith => pytext::starts_with(flat, affix, start, end),
            _ => pytext::ends_with(flat, affix, start, end),
        }
    };
    match required(given, 0) {
        Value::Str(affix) | Value::Markup(affix) => Ok(Value::bool(holds(affix.flat(vm.arena)))),
        Value::Tuple(seq) => {
            for item in seq.items {
                vm.charge(1)?;
                let Some(affix) = item.as_str() else {
                    let other = item.type_name();
                    return type_error(format!("tuple for {name} must only contain str, not {other}"));
                };
                if holds(affix.flat(vm.arena)) {
                    return Ok(Value::bool(true));
                }
            }
            Ok(Value::bool(false))
        }
        other => {
            let other = other.type_name();
            type_error(format!("{name} first arg must be str or a tuple of str, not {other}"))
        }
    }
}

fn optional_index(value: Option<Value<'_>>) -> Result<Option<i64>> {
    match value {
        None | Some(Value::None(_)) => Ok(None),
        Some(value) => {
            let message = "slice indices must be integers or None or have an __index__ method";
            slice_bound(value, message).map(Some)
        }
    }
}

fn replace<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, given: Bound<'r>) -> Result<Value<'r>> {
    let [old, new, count] = given;
    let new = match new {
        Some(new) if markup => Value::Markup(escaped(vm, new)),
        new => new.expect("required arguments are bound"),
    };
    let old = old.expect("required arguments are bound");
    let old = clinic_str(old, "replace() argument 1 must be str, not {}")?;
    let new = clinic_str(new, "replace() argument 2 must be str, not {}")?;
    let count = match count {
        Some(count) => usize::try_from(int_arg(count)?).ok(),
        None => None,
    };
    let new = vm.used(new);
    Ok(wrap(markup, text::replace(vm, str, old, new, count)?))
}

fn join<'r>(vm: &mut Vm<'r>, separator: Str<'r>, markup: bool, items: Value<'r>) -> Result<Value<'r>> {
    let iter = match items.iterate() {
        Ok(iter) => iter,
        Err(error) if markup || error.class() != ErrorClass::TypeError => return Err(error),
        Err(_) => return type_error("can only join an iterable"),
    };
    let items = iter.collect(vm)?;
    let mut strs = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let str = if markup {
            escaped(vm, *item)
        } else {
            let message = format!("sequence item {at}: expected str instance, {{}} found");
            str_arg(*item, &message)?
        };
        strs.push(vm.used(str));
    }
    let separator = vm.used(separator);
    Ok(wrap(markup, text::join(vm, separator, &strs)?))
}

fn find<'r>(vm: &mut Vm<'r>, str: Str<'r>, method: Method, given: Bound<'r>) -> Result<Value<'r>> {
    let (start, end) = (optional_index(given[1])?, optional_index(given[2])?);
    let wanted = str_arg(required(given, 0), "must be str, not {}")?.flat(vm.arena);
    let flat = str.flat(vm.arena);
    vm.charge(flat.len() as u64 / if wanted.len() > 64 { 16 } else { 64 })?;
    let found = match method {
        Method::Count => {
            return Ok(Value::Int(pytext::count(flat, wanted, start, end) as i64, str.data_source(vm.arena)))
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
        return type_error(format!("format_map() takes exactly one argument ({given} given)"));
    }
    formatting::format(vm, str, Args::NONE, Some(args.positional[0]))
}

fn justify<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, method: Method, given: Bound<'r>) -> Result<Value<'r>> {
    let fill = match given[1] {
        Some(value) if markup => Some(Value::Markup(escaped(vm, value))),
        value => value,
    };
    let width = int_arg(required(given, 0))?;
    let fill = match fill {
        None => Str::tagged(" ", text::whole_tag(vm, str)),
        Some(value) => {
            let message = "The fill character must be a unicode character, not {}";
            let fill = str_arg(value, message)?;
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

fn spaced<'r>(vm: &mut Vm<'r>, str: Str<'r>, markup: bool, method: Method, given: Bound<'r>) -> Result<Value<'r>> {
    let flat = str.flat(vm.arena);
    let pieces = if method == Method::Zfill {
        let width = int_arg(required(given, 0))?;
        vm.reserve(usize::try_from(width).unwrap_or(0))?;
        pytext::zfill(flat, width)?
    } else {
        let tabsize = given[0].map_or(Ok(8), c_int)?;
        let tabs = memchr::memchr_iter(b'\t', flat.as_bytes()).count();
        meter::held(tabs * 2 * text::BYTES_PER_SLICE);
        vm.reserve(flat.len().saturating_add(tabs.saturating_mul(usize::try_from(tabsize).unwrap_or(0))))?;
        pytext::expandtabs(flat, tabsize)?
    };
    Ok(wrap(markup, text::from_pieces(vm, str, &pieces, str)))
}

fn partition<'r>(
    vm: &mut Vm<'r>,
    str: Str<'r>,
    markup: bool,
    method: Method,
    separator: Value<'r>,
) -> Result<Value<'r>> {
    let sep = str_arg(separator, "must be str, not {}")?.flat(vm.arena);
    let flat = str.flat(vm.arena);
    vm.charge(flat.len() as u64 / 128)?;
    let ranges = match method {
        Method::Partition => pytext::partition(flat, sep)?,
        _ => pytext::rpartition(flat, sep)?,
    };
    let mut parts = ranges.map(|range| wrap(markup, str.slice(vm.arena, range)));
    if let (Value::Markup(_), Value::Str(found)) = (separator, parts[1]) {
        // Python gives back the separator itself.
        if !found.is_empty() {
            parts[1] = Value::Markup(found);
        }
    }
    Ok(Value::tuple(vm.arena, vm.arena.alloc_slice_copy(&parts), str.data_source(vm.arena)))
}
