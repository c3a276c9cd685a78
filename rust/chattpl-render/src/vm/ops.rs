//! Arithmetic, concatenation and membership as Python has them.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Vm;
use crate::builtins::{filters, formatting};
use crate::error::{type_error, value_error, ErrorClass, RenderError, Result};
use crate::origin::derived;
use crate::value::cmp::equal;
use crate::value::{integer_too_long, Range, Str, Value, ViewKind, MAX_BITS};

enum Numbers {
    Ints(i64, i64),
    Bigs(BigInt, BigInt),
    Floats(f64, f64),
}

/// Two numbers in the type that Python computes in; `None` where one is not a number.
fn numbers(a: Value<'_>, b: Value<'_>) -> Result<Option<Numbers>> {
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Ok(Some(Numbers::Ints(a, b)));
    }
    match (a, b) {
        (Value::Float(..), _) | (_, Value::Float(..)) => match (float(a)?, float(b)?) {
            (Some(a), Some(b)) => Ok(Some(Numbers::Floats(a, b))),
            _ => Ok(None),
        },
        _ => match (crate::value::cmp::as_big(a), crate::value::cmp::as_big(b)) {
            (Some(a), Some(b)) => Ok(Some(Numbers::Bigs(a, b))),
            _ => Ok(None),
        },
    }
}

fn small(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(value, _) => Some(value),
        Value::Bool(value, _) => Some(value.into()),
        _ => None,
    }
}

fn float(value: Value<'_>) -> Result<Option<f64>> {
    match value {
        Value::BigInt(big, _) => match big.get().to_f64().filter(|float| float.is_finite()) {
            Some(float) => Ok(Some(float)),
            None => Err(overflow("int too large to convert to float")),
        },
        _ => Ok(crate::value::cmp::as_float(value)),
    }
}

fn overflow(message: &str) -> RenderError {
    RenderError::new(ErrorClass::OverflowError, message)
}

fn division_by_zero<T>(message: &str) -> Result<T> {
    Err(RenderError::new(ErrorClass::ZeroDivisionError, message))
}

/// The error of an operator that its operands do not support.
fn unsupported<'r>(vm: &Vm<'r>, symbol: &str, a: Value<'r>, b: Value<'r>) -> RenderError {
    if let Value::Undefined(undefined) = a {
        return undefined.error(vm.arena);
    }
    if let Value::Undefined(undefined) = b {
        return undefined.error(vm.arena);
    }
    RenderError::new(
        ErrorClass::TypeError,
        format!("unsupported operand type(s) for {symbol}: '{}' and '{}'", a.type_name(), b.type_name()),
    )
}

fn source_of<'r>(vm: &Vm<'r>, a: Value<'r>, b: Value<'r>) -> u32 {
    derived(a.source(vm.arena), b.source(vm.arena))
}

/// Whole-number and float forms of one operator.
fn arithmetic<'r>(
    vm: &mut Vm<'r>,
    symbol: &str,
    a: Value<'r>,
    b: Value<'r>,
    ints: fn(i64, i64) -> Option<i64>,
    bigs: fn(&BigInt, &BigInt) -> BigInt,
    floats: fn(f64, f64) -> f64,
) -> Result<Value<'r>> {
    let Some(numbers) = numbers(a, b)? else {
        return Err(unsupported(vm, symbol, a, b));
    };
    let source = source_of(vm, a, b);
    Ok(match numbers {
        Numbers::Ints(a, b) => match ints(a, b) {
            Some(value) => Value::Int(value, source),
            None => Value::big(vm.arena, bigs(&a.into(), &b.into()), source),
        },
        Numbers::Bigs(a, b) => {
            check_bits(a.bits() + b.bits())?;
            charge_bigs(vm, &a, &b)?;
            Value::big(vm.arena, bigs(&a, &b), source)
        }
        Numbers::Floats(a, b) => Value::Float(floats(a, b), source),
    })
}

/// Charges for an operation that looks at every digit of `a` with every digit of `b`.
fn charge_bigs(vm: &mut Vm<'_>, a: &BigInt, b: &BigInt) -> Result<()> {
    vm.charge((1 + a.bits() / 64) * (1 + b.bits() / 64) / 16)
}

fn check_bits(bits: u64) -> Result<()> {
    if bits > MAX_BITS {
        return Err(integer_too_long());
    }
    Ok(())
}

pub(crate) fn add<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    match (a, b) {
        (Value::Str(x), Value::Str(y)) => {
            let (x, y) = (vm.used(x), vm.used(y));
            Ok(Value::Str(x.concat(vm.arena, y)))
        }
        (Value::Markup(x), Value::Str(y) | Value::Markup(y)) => {
            let y = if matches!(b, Value::Str(_)) { filters::escape_str(vm, y) } else { y };
            let (x, y) = (vm.used(x), vm.used(y));
            Ok(Value::Markup(x.concat(vm.arena, y)))
        }
        (Value::Str(x), Value::Markup(y)) => {
            let x = filters::escape_str(vm, x);
            let (x, y) = (vm.used(x), vm.used(y));
            Ok(Value::Markup(x.concat(vm.arena, y)))
        }
        (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
            vm.reserve(std::mem::size_of_val(x.items) + std::mem::size_of_val(y.items))?;
            let items = x.items.iter().chain(y.items).copied();
            let items = bumpalo::collections::Vec::from_iter_in(items, vm.arena).into_bump_slice();
            let source = derived(x.source, y.source);
            Ok(match a {
                Value::List(_) => Value::list(vm.arena, items, source),
                _ => Value::tuple(vm.arena, items, source),
            })
        }
        (_, Value::Undefined(_)) | (Value::Undefined(_), _) => Err(unsupported(vm, "+", a, b)),
        (Value::Str(_) | Value::List(_) | Value::Tuple(_), _) => {
            let (name, other) = (a.type_name(), b.type_name());
            type_error(format!("can only concatenate {name} (not \"{other}\") to {name}"))
        }
        _ => arithmetic(vm, "+", a, b, i64::checked_add, |a, b| a + b, |a, b| a + b),
    }
}

pub(crate) fn sub<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    arithmetic(vm, "-", a, b, i64::checked_sub, |a, b| a - b, |a, b| a - b)
}

pub(crate) fn mul<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    match (a, b) {
        (Value::Undefined(undefined), Value::Markup(_)) => Err(undefined.error(vm.arena)),
        (Value::Markup(_), other) | (other, Value::Markup(_)) if index_sized(other).is_none() => not_an_index(other),
        (Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_), _) => repeat(vm, a, b),
        (_, Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_)) => repeat(vm, b, a),
        _ => arithmetic(vm, "*", a, b, i64::checked_mul, |a, b| a * b, |a, b| a * b),
    }
}

/// The value where it is a whole number; of those too large, the largest.
fn index_sized(value: Value<'_>) -> Option<i64> {
    small(value).or(matches!(value, Value::BigInt(..)).then_some(i64::MAX))
}

fn not_an_index<'r>(value: Value<'r>) -> Result<Value<'r>> {
    let name = value.type_name();
    type_error(format!("'{name}' object cannot be interpreted as an integer"))
}

fn repeat<'r>(vm: &mut Vm<'r>, sequence: Value<'r>, count: Value<'r>) -> Result<Value<'r>> {
    let Some(count) = small(count) else {
        if let Value::Undefined(undefined) = count {
            return Err(undefined.error(vm.arena));
        }
        if let Value::BigInt(..) = count {
            return Err(overflow("cannot fit 'int' into an index-sized integer"));
        }
        return type_error(format!("can't multiply sequence by non-int of type '{}'", count.type_name()));
    };
    let count = usize::try_from(count).unwrap_or(0);
    match sequence {
        Value::List(seq) | Value::Tuple(seq) => {
            vm.reserve(std::mem::size_of_val(seq.items).saturating_mul(count))?;
            let items = (0..count).flat_map(|_| seq.items.iter().copied());
            let items = bumpalo::collections::Vec::from_iter_in(items, vm.arena).into_bump_slice();
            Ok(match sequence {
                Value::List(_) => Value::list(vm.arena, items, seq.source),
                _ => Value::tuple(vm.arena, items, seq.source),
            })
        }
        Value::Str(str) | Value::Markup(str) => {
            vm.reserve(str.len().saturating_mul(count))?;
            let out = repeat_str(vm, str, if str.is_empty() { 0 } else { count });
            Ok(if matches!(sequence, Value::Markup(_)) { Value::Markup(out) } else { Value::Str(out) })
        }
        _ => unreachable!("called for sequences"),
    }
}

fn repeat_str<'r>(vm: &Vm<'r>, str: Str<'r>, count: usize) -> Str<'r> {
    if let Str::Run(run) = str {
        let len = run.text.len() * count;
        let mut text = bumpalo::collections::String::with_capacity_in(len, vm.arena);
        // Long pieces are copied faster than single characters.
        let piece = run.text.repeat(count.min(1 + 4096 / run.text.len().max(1)));
        while text.len() < len {
            text.push_str(&piece[..piece.len().min(len - text.len())]);
        }
        return Str::tagged(text.into_bump_str(), run.tag);
    }
    let mut out = crate::value::build::StrBuilder::new(vm.arena);
    (0..count).for_each(|_| out.push_str(str));
    out.finish()
}

pub(crate) fn div<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    let Some(numbers) = numbers(a, b)? else {
        return Err(unsupported(vm, "/", a, b));
    };
    let quotient = match numbers {
        Numbers::Floats(_, 0.0) => return division_by_zero("float division by zero"),
        Numbers::Floats(a, b) => a / b,
        Numbers::Ints(_, 0) => return division_by_zero("division by zero"),
        Numbers::Ints(a, b) if a.unsigned_abs() < 1 << 53 && b.unsigned_abs() < 1 << 53 => a as f64 / b as f64,
        Numbers::Ints(a, b) => true_div(&a.into(), &b.into())?,
        Numbers::Bigs(_, b) if b.is_zero() => return division_by_zero("division by zero"),
        Numbers::Bigs(a, b) => {
            charge_bigs(vm, &a, &b)?;
            true_div(&a, &b)?
        }
    };
    Ok(Value::Float(quotient, source_of(vm, a, b)))
}

/// Correctly rounded quotient of two integers.
fn true_div(a: &BigInt, b: &BigInt) -> Result<f64> {
    let negative = a.is_negative() != b.is_negative();
    let (a, b) = (a.abs(), b.abs());
    // Scale so that the quotient has at least 66 bits, and keep a sticky bit for the remainder.
    let shift = 66 + b.bits() as i64 - a.bits() as i64;
    let (scaled_a, scaled_b) = if shift >= 0 { (a << shift, b) } else { (a, b << -shift) };
    let (quotient, remainder) = scaled_a.div_rem(&scaled_b);
    let sticky: BigInt = (quotient << 1) + BigInt::from(u8::from(!remainder.is_zero()));
    let float = sticky.to_f64().unwrap_or(f64::INFINITY);
    let exponent = -(shift + 1);
    let value = float * 2f64.powi((exponent / 2) as i32) * 2f64.powi((exponent - exponent / 2) as i32);
    if value.is_infinite() {
        return Err(overflow("integer division result too large for a float"));
    }
    Ok(if negative { -value } else { value })
}

pub(crate) fn floor_div<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    let Some(numbers) = numbers(a, b)? else {
        return Err(unsupported(vm, "//", a, b));
    };
    let source = source_of(vm, a, b);
    match numbers {
        Numbers::Floats(_, 0.0) => division_by_zero("float floor division by zero"),
        Numbers::Floats(a, b) => Ok(Value::Float(float_div_mod(a, b).0, source)),
        Numbers::Ints(_, 0) => division_by_zero("integer division or modulo by zero"),
        Numbers::Ints(i64::MIN, -1) => Ok(Value::big(vm.arena, -BigInt::from(i64::MIN), source)),
        Numbers::Ints(a, b) => Ok(Value::Int(Integer::div_floor(&a, &b), source)),
        Numbers::Bigs(_, b) if b.is_zero() => division_by_zero("integer division or modulo by zero"),
        Numbers::Bigs(a, b) => {
            charge_bigs(vm, &a, &b)?;
            Ok(Value::big(vm.arena, a.div_floor(&b), source))
        }
    }
}

/// Quotient and remainder of floats as CPython computes them.
fn float_div_mod(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 {
        if (b < 0.0) != (remainder < 0.0) {
            remainder += b;
            quotient -= 1.0;
        }
    } else {
        remainder = 0f64.copysign(b);
    }
    if quotient == 0.0 {
        return (0f64.copysign(a / b), remainder);
    }
    let mut floor = quotient.floor();
    if quotient - floor > 0.5 {
        floor += 1.0;
    }
    (floor, remainder)
}

pub(crate) fn modulo<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    if let Value::Str(_) | Value::Markup(_) = a {
        return formatting::percent(vm, a, b);
    }
    let Some(numbers) = numbers(a, b)? else {
        return Err(unsupported(vm, "%", a, b));
    };
    let source = source_of(vm, a, b);
    match numbers {
        Numbers::Floats(_, 0.0) => division_by_zero("float modulo"),
        Numbers::Floats(a, b) => Ok(Value::Float(float_div_mod(a, b).1, source)),
        Numbers::Ints(_, 0) => division_by_zero("integer modulo by zero"),
        Numbers::Ints(_, -1) => Ok(Value::Int(0, source)),
        Numbers::Ints(a, b) => Ok(Value::Int(a.mod_floor(&b), source)),
        Numbers::Bigs(_, b) if b.is_zero() => division_by_zero("integer modulo by zero"),
        Numbers::Bigs(a, b) => {
            charge_bigs(vm, &a, &b)?;
            Ok(Value::big(vm.arena, a.mod_floor(&b), source))
        }
    }
}

pub(crate) fn pow<'r>(vm: &mut Vm<'r>, a: Value<'r>, b: Value<'r>) -> Result<Value<'r>> {
    let Some(numbers) = numbers(a, b)? else {
        return Err(unsupported(vm, "** or pow()", a, b));
    };
    let source = source_of(vm, a, b);
    let (base, exponent) = match numbers {
        Numbers::Floats(a, b) => return float_pow(a, b).map(|value| Value::Float(value, source)),
        Numbers::Ints(a, b) => (BigInt::from(a), BigInt::from(b)),
        Numbers::Bigs(a, b) => (a, b),
    };
    if exponent.is_negative() {
        let (base, exponent) = (base.to_f64().unwrap_or(f64::INFINITY), exponent.to_f64().unwrap_or(f64::NEG_INFINITY));
        return float_pow(base, exponent).map(|value| Value::Float(value, source));
    }
    if base.bits() <= 1 {
        let odd = exponent.is_odd();
        let value = match (base.to_i64(), exponent.is_zero()) {
            (_, true) => 1,
            (Some(-1), false) if !odd => 1,
            (value, _) => value.unwrap_or(0),
        };
        return Ok(Value::Int(value, source));
    }
    let exponent = exponent.to_u32().unwrap_or(u32::MAX);
    check_bits(base.bits().saturating_mul(exponent.into()))?;
    let limbs = base.bits() * u64::from(exponent) / 64;
    vm.charge(limbs + limbs * limbs / 16)?;
    Ok(Value::big(vm.arena, base.pow(exponent), source))
}

fn float_pow(a: f64, b: f64) -> Result<f64> {
    if a == 0.0 && b < 0.0 {
        return division_by_zero("0.0 cannot be raised to a negative power");
    }
    if a < 0.0 && b.is_finite() && b.fract() != 0.0 {
        return value_error("a negative number to a fractional power is complex");
    }
    let value = a.powf(b);
    if value.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(overflow("(34, 'Numerical result out of range')"));
    }
    Ok(value)
}

/// `-value` or `+value`.
pub(crate) fn sign<'r>(vm: &mut Vm<'r>, value: Value<'r>, negative: bool) -> Result<Value<'r>> {
    let source = value.source(vm.arena);
    match value {
        Value::Undefined(undefined) => Err(undefined.error(vm.arena)),
        Value::Float(float, _) => Ok(Value::Float(if negative { -float } else { float }, source)),
        Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => {
            let big = crate::value::cmp::as_big(value).expect("an integer");
            Ok(Value::big(vm.arena, if negative { -big } else { big }, source))
        }
        _ => {
            let symbol = if negative { '-' } else { '+' };
            type_error(format!("bad operand type for unary {symbol}: '{}'", value.type_name()))
        }
    }
}

/// `item in container`.
pub(crate) fn contains<'r>(vm: &mut Vm<'r>, container: Value<'r>, item: Value<'r>) -> Result<bool> {
    match container {
        Value::Str(str) | Value::Markup(str) => {
            let Some(item_str) = item.as_str() else {
                let name = item.type_name();
                return type_error(format!("'in <string>' requires string as left operand, not {name}"));
            };
            let (text, wanted) = (str.flat(vm.arena), item_str.flat(vm.arena));
            vm.charge(text.len() as u64 / if wanted.len() > 64 { 16 } else { 256 })?;
            Ok(memchr::memmem::find(text.as_bytes(), wanted.as_bytes()).is_some())
        }
        Value::List(seq) | Value::Tuple(seq) => {
            vm.charge(seq.items.len() as u64 / 4)?;
            Ok(seq.items.iter().any(|other| equal(vm.arena, *other, item)))
        }
        Value::Dict(dict) => {
            vm.check_hashable(item)?;
            Ok(dict.get(vm.arena, item).is_some())
        }
        Value::View(view) if view.kind == ViewKind::Keys => {
            vm.check_hashable(item)?;
            Ok(view.dict.get(vm.arena, item).is_some())
        }
        Value::Range(range) => Ok(range_index(range, item).is_some()),
        Value::Undefined(_) => Ok(false),
        _ => {
            let mut iter = container.iterate();
            if let Err(error) = &iter {
                if error.class() != ErrorClass::TypeError {
                    return Err(error.clone());
                }
            }
            let Ok(iter) = &mut iter else {
                return type_error(format!("argument of type '{}' is not iterable", container.type_name()));
            };
            while let Some(other) = iter.next(vm)? {
                vm.charge(1)?;
                if equal(vm.arena, other, item) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Where a value stands in a range.
pub(crate) fn range_index(range: &Range, item: Value<'_>) -> Option<i64> {
    let number = match item {
        Value::Float(value, _) => Some(value as i64).filter(|number| *number as f64 == value),
        _ => small(item),
    };
    range.position(number?)
}
