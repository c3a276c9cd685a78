//! Jinja's `round` filter: Python's `round`, `math.ceil` and `math.floor`.

use num_bigint::{BigInt, Sign};

use super::error::{ErrorClass, FormatError};
use super::format_arg::Number;
use super::pyint::{scaled_to_f64, PyInt};

/// Places beyond which rounding leaves every float as it is.
const MAX_PLACES: i64 = 323;
/// Places before the point beyond which rounding gives zero.
const MIN_PLACES: i64 = -308;

/// Which way to round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// `math.ceil`
    Ceiling,
    /// `math.floor`
    Floor,
}

/// Does what `round(value, places)` does: half to even, on the exact value.
///
/// An integer stays an integer.
///
/// # Errors
/// `OverflowError` where rounding up leaves the range of floats.
pub fn round_common(value: &Number, places: i64) -> Result<Number, FormatError> {
    match value {
        Number::Float(float) => round_float(*float, places).map(Number::Float),
        other => {
            let integer = other.as_int().unwrap_or(PyInt::Small(0));
            Ok(Number::Int(if places >= 0 { integer } else { round_int(&integer, places) }))
        }
    }
}

/// Does what Jinja's `round` does for `ceil` and `floor`:
/// `func(value * 10**places) / 10**places`.
///
/// # Errors
/// `OverflowError`, `ValueError` or `ZeroDivisionError`, as the Python expression raises them.
pub fn round_toward(value: &Number, places: i64, toward: Toward) -> Result<f64, FormatError> {
    if places < 0 {
        // `10**places` is a float then.
        let scale = 10f64.powf(places as f64);
        let scaled = float_of(value)? * scale;
        let whole = directed(scaled, toward)?.to_f64()?;
        if scale == 0.0 {
            return Err(FormatError::new(ErrorClass::ZeroDivision, "float division by zero"));
        }
        return Ok(whole / scale);
    }
    let places = u32::try_from(places).ok().filter(|places| *places <= 5_000);
    let scale = BigInt::from(10).pow(places.ok_or_else(FormatError::memory)?);
    let whole = match value {
        Number::Float(float) => {
            let scaled = float * PyInt::from(scale.clone()).to_f64()?;
            directed(scaled, toward)?.to_big()
        }
        other => other.as_int().unwrap_or(PyInt::Small(0)).to_big() * &scale,
    };
    divide(&whole, &scale)
}

fn float_of(value: &Number) -> Result<f64, FormatError> {
    match value {
        Number::Float(float) => Ok(*float),
        other => other.as_int().unwrap_or(PyInt::Small(0)).to_f64(),
    }
}

fn directed(value: f64, toward: Toward) -> Result<PyInt, FormatError> {
    PyInt::from_f64(match toward {
        Toward::Ceiling => value.ceil(),
        Toward::Floor => value.floor(),
    })
}

fn round_float(value: f64, places: i64) -> Result<f64, FormatError> {
    if !value.is_finite() || places > MAX_PLACES {
        return Ok(value);
    }
    if places < MIN_PLACES {
        return Ok(0.0 * value);
    }
    let text = match usize::try_from(places) {
        Ok(places) => format!("{value:.places$}"),
        Err(_) => round_before_point(value, places.unsigned_abs()),
    };
    let rounded: f64 = text.parse().unwrap_or(value);
    if rounded.is_infinite() {
        return Err(FormatError::overflow("rounded value too large to represent"));
    }
    Ok(rounded)
}

/// Rounds a float to tens, hundreds and so on; the result is decimal text.
fn round_before_point(value: f64, places: u64) -> String {
    let whole = PyInt::from_f64(value.abs().trunc()).unwrap_or(PyInt::Small(0)).to_big();
    let unit = BigInt::from(10).pow(u32::try_from(places).unwrap_or(u32::MAX));
    let quotient = &whole / &unit;
    let twice = (&whole % &unit) * 2;
    let above_half = twice > unit || (twice == unit && (value.fract() != 0.0 || quotient.bit(0)));
    let rounded = if above_half { quotient + 1 } else { quotient };
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{rounded}e{places}")
}

fn round_int(value: &PyInt, places: i64) -> PyInt {
    let value = value.to_big();
    let places = places.unsigned_abs();
    // A number of fewer digits than this is below half of the unit.
    if places > value.bits() + 1 {
        return PyInt::Small(0);
    }
    let unit = BigInt::from(10).pow(u32::try_from(places).unwrap_or(u32::MAX));
    let magnitude = BigInt::from(value.magnitude().clone());
    let quotient = &magnitude / &unit;
    let twice = (&magnitude % &unit) * 2;
    let rounds_up = twice > unit || (twice == unit && quotient.bit(0));
    let rounded = (if rounds_up { quotient + 1 } else { quotient }) * unit;
    PyInt::from(if value.sign() == Sign::Minus { -rounded } else { rounded })
}

/// Divides integers as `/` does: correctly rounded.
fn divide(dividend: &BigInt, divisor: &BigInt) -> Result<f64, FormatError> {
    let too_large = || FormatError::overflow("integer division result too large for a float");
    let bits = |value: &BigInt| i64::try_from(value.bits()).unwrap_or(i64::MAX);
    // At least 65 bits of quotient; what is left over only matters for ties.
    let shift = (bits(divisor) - bits(dividend) + 66).max(0);
    let scaled = dividend.magnitude() << shift;
    let quotient = &scaled / divisor.magnitude();
    let inexact = &quotient * divisor.magnitude() != scaled;
    let float = scaled_to_f64(&quotient, inexact, -shift).ok_or_else(too_large)?;
    Ok(if dividend.sign() == Sign::Minus { -float } else { float })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(value: f64, places: i64) -> f64 {
        match round_common(&Number::Float(value), places) {
            Ok(Number::Float(rounded)) => rounded,
            other => panic!("a float, not {other:?}"),
        }
    }

    #[test]
    fn halves_are_judged_on_the_exact_value() {
        assert_eq!(common(2.5, 0), 2.0);
        assert_eq!(common(2.675, 2), 2.67);
        assert_eq!(common(42.55, 1), 42.5);
        assert_eq!(common(1250.0, -2), 1200.0);
        assert_eq!(common(1250.1, -2), 1300.0);
        assert!(common(-0.4, 0).is_sign_negative());
        assert!(round_common(&Number::Float(1.7e308), -308).is_err());
    }

    #[test]
    fn integers_round_half_to_even() {
        let rounded = round_common(&Number::Int(PyInt::Small(-1250)), -2);
        assert_eq!(rounded, Ok(Number::Int(PyInt::Small(-1200))));
    }

    #[test]
    fn directed_rounding_scales_as_jinja_does() {
        assert_eq!(round_toward(&Number::Float(42.55), 1, Toward::Floor), Ok(42.5));
        assert_eq!(round_toward(&Number::Float(42.51), 1, Toward::Ceiling), Ok(42.6));
        assert_eq!(round_toward(&Number::Int(PyInt::Small(7)), 3, Toward::Floor), Ok(7.0));
        assert_eq!(round_toward(&Number::Int(PyInt::Small(1234)), -2, Toward::Floor), Ok(1200.0));
    }
}
