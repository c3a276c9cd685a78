//! Numbers read from text as `int()` and `float()` read them, and Jinja's file sizes.

use std::borrow::Cow;
use std::cmp::Ordering;

use num_bigint::BigInt;

use super::charprops::{decimal_value, is_whitespace};
use super::error::FormatError;
use super::float_text::{double_to_string, FloatStyle};
use super::pyint::{cmp_u128_f64, PyInt, MAX_STR_DIGITS};
use super::repr::repr_str;

/// Reads `text` as `int(text, base)` does.
///
/// # Errors
/// `ValueError` where the base is none, the text is no literal of it, or has over 4300 digits.
pub fn parse_int(text: &str, base: i64) -> Result<PyInt, FormatError> {
    let Some(base) = u32::try_from(base).ok().filter(|base| matches!(base, 0 | 2..=36)) else {
        return Err(FormatError::value("int() base must be >= 2 and <= 36, or 0"));
    };
    let invalid = || {
        // CPython shows 200 characters of the repr.
        let shown: String = repr_str(text).chars().take(200).collect();
        FormatError::value(format!("invalid literal for int() with base {base}: {shown}"))
    };
    let ascii = to_ascii_digits(text).ok_or_else(invalid)?;
    let literal = IntLiteral::read(trim_ascii_space(&ascii), base).ok_or_else(invalid)?;
    let digit_count = literal.digits.len();
    if !literal.base.is_power_of_two() && digit_count > MAX_STR_DIGITS {
        return Err(FormatError::value(format!(
            "Exceeds the limit ({MAX_STR_DIGITS} digits) for integer string conversion: value has \
             {digit_count} digits; use sys.set_int_max_str_digits() to increase the limit"
        )));
    }
    literal.value().ok_or_else(invalid)
}

/// Reads `text` as `float(text)` does; `None` where that raises `ValueError`.
pub fn parse_float(text: &str) -> Option<f64> {
    let ascii = to_ascii_digits(text)?;
    let trimmed = trim_ascii_space(&ascii);
    let cleaned = without_underscores(trimmed)?;
    is_float_literal(&cleaned).then(|| cleaned.parse().ok())?
}

/// Writes an integer as `str()` does.
///
/// # Errors
/// `ValueError` where the text would have more than 4300 digits.
pub fn format_int(value: &PyInt) -> Result<String, FormatError> {
    if let PyInt::Small(small) = value {
        return Ok(small.to_string());
    }
    let sign = if value.is_negative() { "-" } else { "" };
    Ok(format!("{sign}{}", value.magnitude(10)?))
}

/// Writes a file size as Jinja's `filesizeformat` does.
///
/// # Errors
/// `OverflowError` for negative infinity.
pub fn filesizeformat(bytes: f64, binary: bool) -> Result<String, FormatError> {
    let base: u32 = if binary { 1024 } else { 1000 };
    if bytes == 1.0 {
        return Ok("1 Byte".to_owned());
    }
    if bytes < f64::from(base) {
        return Ok(format!("{} Bytes", format_int(&PyInt::from_f64(bytes)?)?));
    }
    let prefixes = "kMGTPEZY";
    let mut unit = u128::from(base);
    let mut shown = 'k';
    for prefix in prefixes.chars() {
        shown = prefix;
        unit *= u128::from(base);
        if cmp_u128_f64(unit, bytes) == Ordering::Greater {
            break;
        }
    }
    let amount = f64::from(base) * bytes / unit as f64;
    let amount = double_to_string(amount, 'f', 1, FloatStyle::default());
    let suffix = match (binary, shown) {
        (true, 'k') => "KiB".to_owned(),
        (true, prefix) => format!("{prefix}iB"),
        (false, prefix) => format!("{prefix}B"),
    };
    Ok(format!("{amount} {suffix}"))
}

/// Puts ASCII digits and spaces in the place of those of other scripts.
///
/// As in CPython, ASCII characters stay as they are, spaces or not. `None` where another
/// character is left, which no number contains.
fn to_ascii_digits(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    let ascii: Option<String> = text
        .chars()
        .map(|c| match decimal_value(c) {
            _ if c.is_ascii() => Some(c),
            Some(digit) => Some(char::from(b'0' + digit)),
            None => is_whitespace(c).then_some(' '),
        })
        .collect();
    ascii.map(Cow::Owned)
}

fn trim_ascii_space(text: &str) -> &str {
    text.trim_matches(|c| matches!(c, '\t'..='\r' | ' '))
}

/// The parts of an integer literal; `digits` has no underscores.
struct IntLiteral {
    negative: bool,
    base: u32,
    digits: String,
}

impl IntLiteral {
    fn read(text: &str, base: u32) -> Option<IntLiteral> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let prefix_base = match unsigned.as_bytes() {
            [b'0', b'x' | b'X', ..] => Some(16),
            [b'0', b'o' | b'O', ..] => Some(8),
            [b'0', b'b' | b'B', ..] => Some(2),
            _ => None,
        };
        let has_prefix = prefix_base.is_some_and(|found| base == 0 || base == found);
        let body = if has_prefix { &unsigned[2..] } else { unsigned };
        // One underscore may follow a prefix.
        let body = if has_prefix { body.strip_prefix('_').unwrap_or(body) } else { body };
        let digits = read_digits(body)?;
        let is_decimal = base == 0 && !has_prefix;
        if is_decimal && digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0') {
            return None;
        }
        let base = if has_prefix {
            prefix_base?
        } else if base == 0 {
            10
        } else {
            base
        };
        let literal = IntLiteral { negative, base, digits };
        literal.digits.chars().all(|digit| digit.is_digit(base)).then_some(literal)
    }

    fn value(&self) -> Option<PyInt> {
        let sign = if self.negative { "-" } else { "" };
        if self.digits.len() <= 12 {
            let small = i64::from_str_radix(&self.digits, self.base).ok()?;
            return Some(PyInt::Small(if self.negative { -small } else { small }));
        }
        let text = format!("{sign}{}", self.digits);
        BigInt::parse_bytes(text.as_bytes(), self.base).map(PyInt::from)
    }
}

/// Reads letters and digits, with single underscores between them.
fn read_digits(text: &str) -> Option<String> {
    let well_formed = !text.is_empty()
        && text.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    well_formed.then(|| text.replace('_', ""))
}

/// Removes the underscores of a float literal, each of which stands between digits.
fn without_underscores(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let misplaced =
        bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && !(at > 0 && digit_at(at - 1) && digit_at(at + 1)));
    (!misplaced).then(|| Cow::Owned(text.replace('_', "")))
}

/// Says whether an ASCII text is what `float()` takes, without space and underscores.
fn is_float_literal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if ["inf", "infinity", "nan"].iter().any(|name| unsigned.eq_ignore_ascii_case(name)) {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction) && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        let small = |text, base| parse_int(text, base).ok().and_then(|value| value.to_i64());
        assert_eq!(small(" -1_000\n", 10), Some(-1000));
        assert_eq!(small("0x_fF", 16), Some(255));
        assert_eq!(small("٤٢", 10), Some(42));
        assert_eq!(small("0b101", 0), Some(5));
        for (text, base) in [("010", 0), ("1__0", 10), ("_1", 10), ("0x", 16), ("9", 8), ("", 10)] {
            assert_eq!(small(text, base), None, "{text}");
        }
        let error = parse_int("4x", 10).expect_err("no number");
        assert_eq!(error.message, "invalid literal for int() with base 10: '4x'");
    }

    #[test]
    fn floats_are_read_as_python_reads_them() {
        assert_eq!(parse_float(" 1_0.5e-1 "), Some(1.05));
        assert_eq!(parse_float("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_float("1e400"), Some(f64::INFINITY));
        for text in ["", ".", "1_.0", "e5", "1e", "0x1", "infin"] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }

    #[test]
    fn file_sizes_step_at_their_base() {
        assert_eq!(filesizeformat(999.9, false).as_deref(), Ok("999 Bytes"));
        assert_eq!(filesizeformat(1000.0, false).as_deref(), Ok("1.0 kB"));
        assert_eq!(filesizeformat(1048576.0, true).as_deref(), Ok("1.0 MiB"));
        assert_eq!(filesizeformat(1e30, false).as_deref(), Ok("1000000.0 YB"));
    }
}
