//! Scalar keys of mappings, hashed so that equal keys hash alike.

use bumpalo::Bump;

use super::Value;
use crate::meter;

/// Floats that are an `i64` when they have no fraction.
const INT_RANGE: std::ops::Range<f64> = -9223372036854775808.0..9223372036854775808.0;

/// A key that can be hashed at no cost beyond its text; tuples and large integers are compared instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HashKey<'r> {
    None,
    /// An integer, a boolean, or a float without a fraction.
    Int(i64),
    /// The bits of any other float.
    Float(u64),
    Str(&'r str),
}

impl<'r> HashKey<'r> {
    /// The key that stands for `value`, if there is one; a NaN equals no key.
    pub fn of(arena: &'r Bump, value: Value<'r>) -> Option<Self> {
        Some(match value {
            Value::None(_) => HashKey::None,
            Value::Bool(value, _) => HashKey::Int(value.into()),
            Value::Int(value, _) => HashKey::Int(value),
            Value::Float(value, _) if value.fract() == 0.0 && INT_RANGE.contains(&value) => HashKey::Int(value as i64),
            Value::Float(value, _) if value.is_finite() && value.fract() != 0.0 => HashKey::Float(value.to_bits()),
            Value::Str(str) | Value::Markup(str) => {
                meter::read(str.len());
                HashKey::Str(str.flat(arena))
            }
            _ => return None,
        })
    }
}
