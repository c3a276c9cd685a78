//! Equality and order as Python has them.

use std::cmp::Ordering;

use bumpalo::Bump;
use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use super::{Value, View, ViewKind};
use crate::error::{type_error, Result};
use crate::meter;

/// Elements that are looked at in one step of work.
const ITEMS_PER_STEP: usize = 8;

/// `a == b`.
pub(crate) fn equal<'r>(arena: &'r Bump, a: Value<'r>, b: Value<'r>) -> bool {
    equal_at(arena, a, b, 0)
}

fn equal_at<'r>(arena: &'r Bump, a: Value<'r>, b: Value<'r>, depth: u32) -> bool {
    match (a, b) {
        (Value::Undefined(_) | Value::Missing, Value::Undefined(_) | Value::Missing) => true,
        (Value::None(_), Value::None(_)) => true,
        (Value::Str(a) | Value::Markup(a), Value::Str(b) | Value::Markup(b)) => {
            if a.len() != b.len() {
                return false;
            }
            meter::read(a.len());
            a.flat(arena) == b.flat(arena)
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            let depth = meter::deeper(depth);
            a.items.len() == b.items.len()
                && a.items.iter().zip(b.items).enumerate().all(|(at, (a, b))| {
                    count_item(at);
                    equal_at(arena, *a, *b, depth)
                })
        }
        (Value::Dict(a), Value::Dict(b)) => {
            let depth = meter::deeper(depth);
            a.entries.len() == b.entries.len()
                && a.entries.iter().all(|(key, value)| {
                    meter::steps(1);
                    b.get(arena, *key).is_some_and(|other| equal_at(arena, *value, other, depth))
                })
        }
        (Value::View(a), Value::View(b)) if a.kind == b.kind && a.kind != ViewKind::Values => {
            let depth = meter::deeper(depth);
            a.dict.entries.len() == b.dict.entries.len()
                && a.dict.entries.iter().all(|(key, value)| {
                    meter::steps(1);
                    b.dict
                        .get(arena, *key)
                        .is_some_and(|other| a.kind == ViewKind::Keys || equal_at(arena, *value, other, depth))
                })
        }
        (Value::Range(a), Value::Range(b)) => {
            let len = a.len();
            len == b.len() && (len == 0 || a.start == b.start && (len == 1 || a.step == b.step))
        }
        (Value::Namespace(a), Value::Namespace(b)) => std::ptr::eq(a, b),
        (Value::Macro(a), Value::Macro(b)) => std::ptr::eq(a, b),
        (Value::Loop(a), Value::Loop(b)) => std::ptr::eq(a, b),
        (Value::Iter(a), Value::Iter(b)) => std::ptr::eq(a, b),
        (Value::Cycler(a), Value::Cycler(b)) => std::ptr::eq(a, b),
        (Value::Joiner(a), Value::Joiner(b)) => std::ptr::eq(a, b),
        (Value::Function(a), Value::Function(b)) => a == b,
        (Value::Method(a), Value::Method(b)) => {
            a.method == b.method && equal_at(arena, a.object, b.object, meter::deeper(depth))
        }
        _ => numbers(a, b).is_some_and(|order| order == Some(Ordering::Equal)),
    }
}

/// Takes a step at the first of every few elements.
fn count_item(at: usize) {
    if at % ITEMS_PER_STEP == 0 {
        meter::steps(1);
    }
}

/// Compares two numbers (booleans count); the outer `None` means one is not a number, the inner one a NaN.
fn numbers(a: Value<'_>, b: Value<'_>) -> Option<Option<Ordering>> {
    match (number(a)?, number(b)?) {
        (Number::Int(a), Number::Int(b)) => Some(Some(a.cmp(&b))),
        (Number::Float(a), Number::Float(b)) => Some(a.partial_cmp(&b)),
        (Number::Big(a), Number::Big(b)) => Some(Some(a.cmp(&b))),
        (Number::Int(a), Number::Big(b)) => Some(Some(BigInt::from(a).cmp(&b))),
        (Number::Big(a), Number::Int(b)) => Some(Some(a.cmp(&BigInt::from(b)))),
        (Number::Int(a), Number::Float(b)) => Some(int_float(&BigInt::from(a), b)),
        (Number::Float(a), Number::Int(b)) => Some(int_float(&BigInt::from(b), a).map(Ordering::reverse)),
        (Number::Big(a), Number::Float(b)) => Some(int_float(&a, b)),
        (Number::Float(a), Number::Big(b)) => Some(int_float(&b, a).map(Ordering::reverse)),
    }
}

enum Number {
    Int(i64),
    Big(BigInt),
    Float(f64),
}

fn number(value: Value<'_>) -> Option<Number> {
    match value {
        Value::Bool(value, _) => Some(Number::Int(value.into())),
        Value::Int(value, _) => Some(Number::Int(value)),
        Value::BigInt(value, _) => Some(Number::Big(value.get())),
        Value::Float(value, _) => Some(Number::Float(value)),
        _ => None,
    }
}

fn int_float(a: &BigInt, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b.is_infinite() {
        return Some(if b > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = BigInt::from_f64(b.trunc())?;
    Some(a.cmp(&whole).then_with(|| 0.0.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal)))
}

/// `a < b` and its kin; `None` where a NaN makes every comparison false.
///
/// `symbol` is the operator as Python names it in its message.
pub(crate) fn compare<'r>(arena: &'r Bump, a: Value<'r>, b: Value<'r>, symbol: &str) -> Result<Option<Ordering>> {
    compare_at(arena, a, b, symbol, 0)
}

fn compare_at<'r>(arena: &'r Bump, a: Value<'r>, b: Value<'r>, symbol: &str, depth: u32) -> Result<Option<Ordering>> {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        meter::read(a.len().min(b.len()));
        // UTF-8 sorts as its characters do.
        return Ok(Some(a.flat(arena).cmp(b.flat(arena))));
    }
    if let Some(order) = numbers(a, b) {
        return Ok(order);
    }
    match (a, b) {
        (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
            let depth = meter::deeper(depth);
            for (at, (a, b)) in x.items.iter().zip(y.items).enumerate() {
                count_item(at);
                if !equal(arena, *a, *b) {
                    return compare_at(arena, *a, *b, symbol, depth);
                }
            }
            Ok(Some(x.items.len().cmp(&y.items.len())))
        }
        (Value::Undefined(undefined), _) | (_, Value::Undefined(undefined)) => Err(undefined.error(arena)),
        (Value::View(x), Value::View(y)) if x.kind != ViewKind::Values && y.kind != ViewKind::Values => {
            Ok(compare_sets(arena, x, y))
        }
        _ => type_error(format!(
            "'{symbol}' not supported between instances of '{}' and '{}'",
            a.type_name(),
            b.type_name()
        )),
    }
}

/// Compares keys or items as sets: less is a proper subset.
fn compare_sets<'r>(arena: &'r Bump, a: &View<'r>, b: &View<'r>) -> Option<Ordering> {
    let within = |a: &View<'r>, b: &View<'r>| {
        a.kind == b.kind
            && a.dict.entries.iter().all(|(key, value)| {
                let other = b.dict.get(arena, *key);
                other.is_some_and(|other| a.kind == ViewKind::Keys || equal(arena, *value, other))
            })
    };
    let order = a.dict.entries.len().cmp(&b.dict.entries.len());
    match order {
        Ordering::Greater => within(b, a).then_some(order),
        _ => within(a, b).then_some(order),
    }
}

/// The value as a float, where Python's arithmetic would convert it.
pub(crate) fn as_float(value: Value<'_>) -> Option<f64> {
    match number(value)? {
        Number::Int(value) => Some(value as f64),
        Number::Big(value) => value.to_f64(),
        Number::Float(value) => Some(value),
    }
}

/// The value as an integer of any size; floats are none.
pub(crate) fn as_big(value: Value<'_>) -> Option<BigInt> {
    match number(value)? {
        Number::Int(value) => Some(value.into()),
        Number::Big(value) => Some(value),
        Number::Float(_) => None,
    }
}
