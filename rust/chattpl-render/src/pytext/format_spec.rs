//! The format-spec mini-language: `format(arg, spec)`.

use super::error::FormatError;
use super::float_text::{double_to_string, FloatStyle};
use super::format_arg::{fill, Body, FormatArg, Formatted, Number};
use super::index::{byte_of_char, char_count};
use super::pyint::PyInt;
use super::spec::{Kind, Spec};

/// Formats `arg` as `format(arg, spec)` does.
///
/// # Errors
/// What `__format__` raises, with CPython's class and message.
pub fn format_spec<A: FormatArg>(spec: &str, arg: &A) -> Result<Formatted, A::Error> {
    if spec.is_empty() {
        return Ok(Formatted::unpadded(Body::Verbatim));
    }
    let name = arg.type_name();
    if let Some(text) = arg.as_str() {
        return Ok(format_text(&Spec::parse(spec, &name, Kind::Text)?, text, &name)?);
    }
    match arg.number() {
        Some(Number::Float(value)) => {
            let spec = Spec::parse(spec, &name, Kind::Float)?;
            Ok(format_float(&spec, value, &name)?)
        }
        Some(number) => {
            let spec = Spec::parse(spec, &name, Kind::Integer)?;
            Ok(format_integer(&spec, &number.as_int().unwrap_or(PyInt::Small(0)), &name)?)
        }
        None => Err(FormatError::type_(format!("unsupported format string passed to {name}.__format__")).into()),
    }
}

fn format_text(spec: &Spec, text: &str, type_name: &str) -> Result<Formatted, FormatError> {
    if spec.kind_char != 's' {
        return Err(spec.unknown_code(type_name));
    }
    let refused = match spec.sign {
        Some(' ') => "Space not allowed in string format specifier",
        Some(_) => "Sign not allowed in string format specifier",
        None if spec.no_negative_zero => "Negative zero coercion (z) not allowed in string format specifier",
        None if spec.alternate => "Alternate form (#) not allowed in string format specifier",
        None if spec.align == '=' => "'=' alignment not allowed in string format specifier",
        None => "",
    };
    if !refused.is_empty() {
        return Err(FormatError::value(refused));
    }
    let chars = char_count(text);
    let kept = spec.precision.unwrap_or(chars).min(chars);
    let body = if kept < chars { Body::Part(0..byte_of_char(text, kept)) } else { Body::Verbatim };
    spec.padded(spec.width.unwrap_or(0).saturating_sub(kept), body)
}

fn format_integer(spec: &Spec, value: &PyInt, type_name: &str) -> Result<Formatted, FormatError> {
    match spec.kind_char {
        'b' | 'c' | 'd' | 'o' | 'x' | 'X' | 'n' => {}
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => return format_float(spec, value.to_f64()?, type_name),
        _ => return Err(spec.unknown_code(type_name)),
    }
    if spec.precision.is_some() {
        return Err(FormatError::value("Precision not allowed in integer format specifier"));
    }
    if spec.no_negative_zero {
        let message = "Negative zero coercion (z) not allowed in integer format specifier";
        return Err(FormatError::value(message));
    }
    if spec.kind_char == 'c' {
        return format_code_point(spec, value);
    }
    let (base, prefix) = match spec.kind_char {
        'b' => (2, "0b"),
        'o' => (8, "0o"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        _ => (10, ""),
    };
    let mut digits = value.magnitude(base)?;
    if spec.kind_char == 'X' {
        digits.make_ascii_uppercase();
    }
    let prefix = if spec.alternate { prefix } else { "" };
    layout_number(spec, NumberParts { negative: value.is_negative(), prefix, digits: &digits, rest: "" })
}

fn format_code_point(spec: &Spec, value: &PyInt) -> Result<Formatted, FormatError> {
    if spec.sign.is_some() {
        let message = "Sign not allowed with integer format specifier 'c'";
        return Err(FormatError::value(message));
    }
    if spec.alternate {
        let message = "Alternate form (#) not allowed with integer format specifier 'c'";
        return Err(FormatError::value(message));
    }
    let too_large = || FormatError::overflow("Python int too large to convert to C long");
    let code = u32::try_from(value.to_i64().ok_or_else(too_large)?).ok();
    let code = code.filter(|code| *code < 0x11_0000);
    let code = code.ok_or_else(|| FormatError::overflow("%c arg not in range(0x110000)"))?;
    // A lone surrogate is a Python str but no text.
    let c = char::from_u32(code).ok_or_else(|| FormatError::value("surrogates not allowed"))?;
    let rest = c.to_string();
    layout_number(spec, NumberParts { negative: false, prefix: "", digits: "", rest: &rest })
}

fn format_float(spec: &Spec, value: f64, type_name: &str) -> Result<Formatted, FormatError> {
    let (conversion, unset) = match (spec.kind_char, spec.precision) {
        ('\0', None) => ('r', 0),
        ('\0', Some(_)) | ('n', _) => ('g', 6),
        ('%', _) => ('f', 6),
        (kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G'), _) => (kind, 6),
        _ => return Err(spec.unknown_code(type_name)),
    };
    let precision = spec.precision.unwrap_or(unset);
    if precision > i32::MAX as usize {
        return Err(FormatError::value("precision too big"));
    }
    FormatError::check_size(precision)?;
    let is_percent = spec.kind_char == '%';
    let style = FloatStyle {
        alternate: spec.alternate,
        add_dot_0: spec.kind_char == '\0',
        no_negative_zero: spec.no_negative_zero,
    };
    let value = if is_percent { value * 100.0 } else { value };
    let mut text = double_to_string(value, conversion, precision, style);
    if is_percent {
        text.push('%');
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.as_str()),
    };
    let whole = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = unsigned.split_at(whole);
    layout_number(spec, NumberParts { negative, prefix: "", digits, rest })
}

/// A number before grouping and padding; only `digits` are grouped.
struct NumberParts<'n> {
    negative: bool,
    prefix: &'n str,
    digits: &'n str,
    rest: &'n str,
}

fn layout_number(spec: &Spec, parts: NumberParts<'_>) -> Result<Formatted, FormatError> {
    let sign = match (parts.negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let width = spec.width.unwrap_or(0);
    FormatError::check_size(width)?;
    let fixed = sign.len() + parts.prefix.len() + char_count(parts.rest);
    let zero_filled = spec.fill == '0' && spec.align == '=';
    let least = if zero_filled { width.saturating_sub(fixed) } else { 0 };
    let digits = match spec.separator {
        _ if parts.digits.is_empty() => String::new(),
        Some(separator) => grouped(parts.digits, separator, spec.group(), least),
        None => parts.digits.to_owned(),
    };
    let missing = width.saturating_sub(fixed + digits.len());
    let inner = if spec.align == '=' { fill(spec.fill, missing)? } else { String::new() };
    let text = format!("{sign}{}{inner}{digits}{}", parts.prefix, parts.rest);
    let outer = if spec.align == '=' { 0 } else { missing };
    spec.padded(outer, Body::Text(text))
}

/// Puts separators between groups, adding zeros until `least` characters are there.
fn grouped(digits: &str, separator: char, group: usize, least: usize) -> String {
    let mut reversed = Vec::with_capacity(digits.len() * 2);
    let mut remaining = digits.bytes().rev();
    let mut least = i64::try_from(least).unwrap_or(i64::MAX);
    loop {
        let wanted = i64::try_from(remaining.len()).unwrap_or(i64::MAX).max(least).max(1);
        let size = group.min(usize::try_from(wanted).unwrap_or(group));
        reversed.extend((0..size).map(|_| remaining.next().unwrap_or(b'0')));
        least -= i64::try_from(size).unwrap_or(0);
        if remaining.len() == 0 && least <= 0 {
            break;
        }
        reversed.push(separator as u8);
        least -= 1;
    }
    reversed.iter().rev().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_grouped_with_the_digits() {
        assert_eq!(grouped("1234", ',', 3, 8), "0,001,234");
        assert_eq!(grouped("1234", ',', 3, 0), "1,234");
        assert_eq!(grouped("ffff1", '_', 4, 0), "f_fff1");
    }
}
