//! Floats as text, the way CPython's `PyOS_double_to_string` writes them.

/// Decimal places beyond which every finite float has only zeros.
const MAX_PLACES: usize = 1100;

/// Fewest digits of which two texts can be equally near to a float, as those of fewer
/// digits lie further apart than floats do.
const MIN_TIE_DIGITS: usize = 15;

/// Choices beyond the conversion letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloatStyle {
    /// Keep the decimal point and trailing zeros (`#`).
    pub alternate: bool,
    /// Write at least `.0` unless there is an exponent.
    pub add_dot_0: bool,
    /// Drop the sign of a result that is all zeros (`z`).
    pub no_negative_zero: bool,
}

/// The shortest or the rounded digits of a float: `0.d₁d₂… × 10^point`.
struct Decimal {
    digits: String,
    point: i64,
}

/// Returns what `repr(value)` gives.
pub fn repr_float(value: f64) -> String {
    double_to_string(value, 'r', 0, FloatStyle { add_dot_0: true, ..FloatStyle::default() })
}

/// Writes `value` with conversion `e`, `f`, `g` or `r` (shortest), upper case for capitals.
///
/// `precision` means what it means to C's `printf` and is ignored by `r`.
pub fn double_to_string(value: f64, conversion: char, precision: usize, style: FloatStyle) -> String {
    let lower = conversion.to_ascii_lowercase();
    let text = if value.is_finite() {
        finite_text(value, lower, precision, style)
    } else if value.is_nan() {
        "nan".to_owned()
    } else {
        if value > 0.0 { "inf" } else { "-inf" }.to_owned()
    };
    if conversion == lower {
        text
    } else {
        text.to_ascii_uppercase()
    }
}

fn finite_text(value: f64, conversion: char, precision: usize, style: FloatStyle) -> String {
    let precision = if conversion == 'g' { precision.max(1) } else { precision };
    let decimal = match conversion {
        'e' => rounded_significant(value, precision.saturating_add(1)),
        'f' => rounded_places(value, precision),
        'g' => rounded_significant(value, precision),
        _ => shortest(value),
    };
    let negative =
        value.is_sign_negative() && !(style.no_negative_zero && decimal.digits.bytes().all(|digit| digit == b'0'));
    let layout = Layout::new(&decimal, conversion, precision, style);
    let mut out = String::with_capacity(decimal.digits.len() + 8);
    if negative {
        out.push('-');
    }
    layout.write(&decimal, style, &mut out);
    out
}

/// Where the digits begin and end, relative to the first digit, and the exponent.
struct Layout {
    start: i64,
    point: i64,
    end: i64,
    exponent: Option<i64>,
}

impl Layout {
    fn new(decimal: &Decimal, conversion: char, precision: usize, style: FloatStyle) -> Self {
        let wanted = i64::try_from(precision).unwrap_or(i64::MAX / 2);
        let found = i64::try_from(decimal.digits.len()).unwrap_or(i64::MAX / 2);
        let spare = i64::from(style.add_dot_0);
        let point = decimal.point;
        let (uses_exponent, end) = match conversion {
            'e' => (true, wanted + 1),
            'f' => (false, point + wanted),
            'g' => {
                let uses = point <= -4 || point > wanted - spare;
                (uses, if style.alternate { wanted } else { found })
            }
            _ => (point <= -4 || point > 16, found),
        };
        let exponent = uses_exponent.then_some(point - 1);
        let point = if uses_exponent { 1 } else { point };
        let least = if !uses_exponent && style.add_dot_0 { point + 1 } else { point };
        let start = if point <= 0 { point - 1 } else { 0 };
        Layout { start, point, end: end.max(least), exponent }
    }

    fn write(&self, decimal: &Decimal, style: FloatStyle, out: &mut String) {
        push_digits(&decimal.digits, self.start, self.point, out);
        if self.end > self.point || style.alternate {
            out.push('.');
        }
        push_digits(&decimal.digits, self.point, self.end, out);
        if let Some(exponent) = self.exponent {
            out.push('e');
            out.push(if exponent < 0 { '-' } else { '+' });
            let magnitude = exponent.unsigned_abs();
            if magnitude < 10 {
                out.push('0');
            }
            out.push_str(&magnitude.to_string());
        }
    }
}

/// Appends the digits at places `from..to`, zeros where there are none.
fn push_digits(digits: &str, from: i64, to: i64, out: &mut String) {
    let held = digits.len();
    let place = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(held);
    let zeros_before = to.min(0).saturating_sub(from.min(0));
    push_zeros(zeros_before, out);
    out.push_str(&digits[place(from)..place(to)]);
    let held = i64::try_from(held).unwrap_or(i64::MAX);
    push_zeros(to.saturating_sub(from.max(held).max(0)), out);
}

fn push_zeros(count: i64, out: &mut String) {
    out.extend(std::iter::repeat_n('0', usize::try_from(count).unwrap_or(0)));
}

/// Returns the fewest digits that read back as `value`, of those the nearest.
fn shortest(value: f64) -> Decimal {
    let text = format!("{:e}", value.abs());
    let decimal = from_scientific(&text);
    if decimal.digits.len() < MIN_TIE_DIGITS {
        return decimal;
    }
    // Where two are as near, Rust takes the upper and Python the even one.
    let places = decimal.digits.len() - 1;
    let nearest = format!("{:.places$e}", value.abs());
    if nearest != text && nearest.parse() == Ok(value.abs()) {
        return from_scientific(&nearest);
    }
    decimal
}

fn rounded_significant(value: f64, digits: usize) -> Decimal {
    let places = digits.saturating_sub(1).min(MAX_PLACES);
    let mut decimal = from_scientific(&format!("{:.places$e}", value.abs()));
    let trimmed = decimal.digits.trim_end_matches('0').len().max(1);
    decimal.digits.truncate(trimmed);
    decimal
}

fn rounded_places(value: f64, places: usize) -> Decimal {
    let places = places.min(MAX_PLACES);
    let text = format!("{:.places$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole_len = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    if digits.is_empty() {
        return Decimal { digits: "0".to_owned(), point: 1 };
    }
    let leading = i64::try_from(all.len() - digits.len()).unwrap_or(0);
    Decimal { digits: digits.to_owned(), point: whole_len - leading }
}

/// Reads Rust's `d.ddde±x`.
fn from_scientific(text: &str) -> Decimal {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i64 = exponent.parse().unwrap_or(0);
    Decimal { digits, point: exponent + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_switches_to_exponents_where_python_does() {
        let cases: [(f64, &str); 10] = [
            (5715381461392285.0 / 4.0, "1428845365348071.2"),
            (1.0, "1.0"),
            (1e16, "1e+16"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e-7, "1e-07"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (1e300, "1e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, text) in cases {
            assert_eq!(repr_float(value), text);
        }
    }

    #[test]
    fn conversions_follow_printf() {
        let plain = FloatStyle::default();
        assert_eq!(double_to_string(2.5, 'f', 0, plain), "2");
        assert_eq!(double_to_string(0.0, 'f', 2, plain), "0.00");
        assert_eq!(double_to_string(0.00012, 'g', 6, plain), "0.00012");
        assert_eq!(double_to_string(123456789.0, 'G', 3, plain), "1.23E+08");
        assert_eq!(double_to_string(0.0, 'e', 3, plain), "0.000e+00");
        let alternate = FloatStyle { alternate: true, ..plain };
        assert_eq!(double_to_string(1.0, 'g', 4, alternate), "1.000");
        assert_eq!(double_to_string(1.0, 'f', 0, alternate), "1.");
    }
}
