//! Python's unbounded integers.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

use super::error::FormatError;

/// Most decimal digits that Python 3.11 converts between text and integer.
pub(super) const MAX_STR_DIGITS: usize = 4300;

/// A Python integer.
///
/// `Big` holds only what `i64` cannot, so that equal values are equal variants;
/// [`From<BigInt>`] keeps to that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PyInt {
    /// A value that fits 64 bits.
    Small(i64),
    /// Any other value.
    Big(BigInt),
}

impl From<i64> for PyInt {
    fn from(value: i64) -> Self {
        PyInt::Small(value)
    }
}

impl From<BigInt> for PyInt {
    fn from(value: BigInt) -> Self {
        match i64::try_from(&value) {
            Ok(small) => PyInt::Small(small),
            Err(_) => PyInt::Big(value),
        }
    }
}

impl PyInt {
    /// Says whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        match self {
            PyInt::Small(value) => *value < 0,
            PyInt::Big(value) => value.sign() == Sign::Minus,
        }
    }

    /// Returns the value as an unbounded integer.
    pub fn to_big(&self) -> BigInt {
        match self {
            PyInt::Small(value) => BigInt::from(*value),
            PyInt::Big(value) => value.clone(),
        }
    }

    /// Returns the value where it fits 64 bits.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            PyInt::Small(value) => Some(*value),
            PyInt::Big(_) => None,
        }
    }

    /// Converts as `float(value)` does, rounding half to even.
    ///
    /// # Errors
    /// `OverflowError` where the value is beyond every finite float.
    pub fn to_f64(&self) -> Result<f64, FormatError> {
        match self {
            PyInt::Small(value) => Ok(*value as f64),
            PyInt::Big(value) => {
                big_to_f64(value).ok_or_else(|| FormatError::overflow("int too large to convert to float"))
            }
        }
    }

    /// Returns the integer part of a finite float.
    ///
    /// # Errors
    /// `OverflowError` for an infinity, `ValueError` for a NaN.
    pub fn from_f64(value: f64) -> Result<PyInt, FormatError> {
        if value.is_nan() {
            return Err(FormatError::value("cannot convert float NaN to integer"));
        }
        if value.is_infinite() {
            return Err(FormatError::overflow("cannot convert float infinity to integer"));
        }
        if value.abs() < 9.0e18 {
            return Ok(PyInt::Small(value as i64));
        }
        let bits = value.to_bits();
        let shift = ((bits >> 52) & 0x7ff) as usize - 1075;
        let mantissa = BigInt::from((bits & ((1 << 52) - 1)) | (1 << 52)) << shift;
        Ok(PyInt::from(if value < 0.0 { -mantissa } else { mantissa }))
    }

    /// Writes the absolute value in base 2, 8, 10 or 16, in lower case.
    ///
    /// # Errors
    /// `ValueError` where base 10 would take more than 4300 digits.
    pub fn magnitude(&self, base: u32) -> Result<String, FormatError> {
        match self {
            PyInt::Small(value) => Ok(small_magnitude(value.unsigned_abs(), base)),
            PyInt::Big(value) => {
                // 2^14285 has 4301 digits, so no longer number need be converted to be refused.
                if base == 10 && value.bits() > 14_290 {
                    return Err(too_long());
                }
                let text = value.magnitude().to_str_radix(base);
                if base == 10 && text.len() > MAX_STR_DIGITS {
                    return Err(too_long());
                }
                Ok(text)
            }
        }
    }
}

fn too_long() -> FormatError {
    FormatError::value(format!(
        "Exceeds the limit ({MAX_STR_DIGITS} digits) for integer string conversion; \
         use sys.set_int_max_str_digits() to increase the limit"
    ))
}

fn small_magnitude(value: u64, base: u32) -> String {
    match base {
        2 => format!("{value:b}"),
        8 => format!("{value:o}"),
        16 => format!("{value:x}"),
        _ => value.to_string(),
    }
}

fn big_to_f64(value: &BigInt) -> Option<f64> {
    let magnitude = scaled_to_f64(value.magnitude(), false, 0)?;
    Some(if value.sign() == Sign::Minus { -magnitude } else { magnitude })
}

/// Rounds `digits * 2^exponent` half to even; `None` where that is no finite float.
///
/// `inexact` says that a fraction below the last bit was cut off; the digits must then
/// have over 64 bits.
pub(super) fn scaled_to_f64(digits: &BigUint, inexact: bool, exponent: i64) -> Option<f64> {
    let bits = i64::try_from(digits.bits()).ok()?;
    if bits + exponent > 1024 {
        return None;
    }
    let dropped = (bits - 53).max(-1074 - exponent).max(0);
    let kept = digits >> dropped;
    let mut mantissa = kept.to_u64_digits().first().copied().unwrap_or(0);
    let is_half = dropped > 0 && digits.bit(u64::try_from(dropped - 1).ok()?);
    let zeros = digits.trailing_zeros().and_then(|zeros| i64::try_from(zeros).ok());
    let is_above_half = inexact || zeros.is_some_and(|zeros| zeros < dropped - 1);
    if is_half && (is_above_half || mantissa & 1 == 1) {
        mantissa += 1;
    }
    let scaled = mantissa as f64 * power_of_two(exponent + dropped);
    scaled.is_finite().then_some(scaled)
}

/// Returns `2^exponent`, subnormal ones included.
fn power_of_two(exponent: i64) -> f64 {
    match exponent {
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        -1074..=-1023 => f64::from_bits(1 << (exponent + 1074)),
        ..=-1075 => 0.0,
        _ => f64::INFINITY,
    }
}

/// Orders an integer and a float exactly; a NaN comes last.
pub(super) fn cmp_u128_f64(integer: u128, float: f64) -> Ordering {
    if float.is_nan() {
        return Ordering::Less;
    }
    if float < 0.0 {
        return Ordering::Greater;
    }
    // The cast truncates; integers of this size differ from floats in whole steps only.
    integer.cmp(&(float as u128)).then_with(|| if float.fract() > 0.0 { Ordering::Less } else { Ordering::Equal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_convert_to_integers_and_back() {
        for value in [0.0, -1.0, 1e18, -9.3e18, 1e22, 1.7976931348623157e308] {
            let integer = PyInt::from_f64(value).expect("finite");
            assert_eq!(integer.to_f64(), Ok(value));
        }
        assert!(PyInt::from(BigInt::from(1) << 1024).to_f64().is_err());
    }

    #[test]
    fn big_integers_round_half_to_even() {
        let half: BigInt = (BigInt::from(1) << 100) + (BigInt::from(1) << 47);
        assert_eq!(PyInt::from(half.clone()).to_f64(), Ok(2f64.powi(100)));
        assert_eq!(PyInt::from(half + 1).to_f64(), Ok(2f64.powi(100) + 2f64.powi(48)));
    }
}
