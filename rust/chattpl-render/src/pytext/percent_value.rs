//! Formats one argument by one `%` directive.

use super::error::FormatError;
use super::float_text::{double_to_string, FloatStyle};
use super::format_arg::{fill, Body, FormatArg, Formatted, Number};
use super::index::{byte_of_char, char_count};
use super::percent::{Directive, Size};
use super::pyint::PyInt;

/// Most digits of an integer's precision before CPython refuses it.
const MAX_INTEGER_PRECISION: usize = i32::MAX as usize - 3;

/// Formats `arg` by `directive`, whose stars must have been resolved.
///
/// # Errors
/// What the conversion raises, with CPython's class and message.
pub fn apply_percent<A: FormatArg>(directive: &Directive, arg: &A) -> Result<Formatted, A::Error> {
    match directive.conversion {
        's' => format_text(directive, arg),
        'r' => pad_text(directive, &arg.repr()?).map_err(A::Error::from),
        'a' => pad_text(directive, &arg.ascii()?).map_err(A::Error::from),
        'c' => format_char(directive, arg).map_err(A::Error::from),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            let integer = integer_of(directive.conversion, arg)?;
            Ok(pad_number(directive, integer_text(directive, &integer)?)?)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let float = float_of(arg)?;
            Ok(pad_number(directive, float_text(directive, float)?)?)
        }
        unknown => Err(unsupported(unknown, directive.conversion_index).into()),
    }
}

fn unsupported(conversion: char, index: usize) -> FormatError {
    let shown = if (' '..='~').contains(&conversion) { conversion } else { '?' };
    let code = u32::from(conversion);
    FormatError::value(format!("unsupported format character '{shown}' (0x{code:x}) at index {index}"))
}

fn fixed(size: Option<Size>) -> Option<usize> {
    match size {
        Some(Size::Fixed(value)) => Some(value),
        _ => None,
    }
}

fn format_text<A: FormatArg>(directive: &Directive, arg: &A) -> Result<Formatted, A::Error> {
    if directive.width.is_none() && directive.precision.is_none() {
        return Ok(Formatted::unpadded(Body::Verbatim));
    }
    let formatted = match arg.as_str() {
        Some(text) => pad_body(directive, text),
        None => pad_body(directive, &arg.text()?),
    };
    Ok(formatted?)
}

fn pad_text(directive: &Directive, text: &str) -> Result<Formatted, FormatError> {
    let mut formatted = pad_body(directive, text)?;
    formatted.body = Body::Text(match formatted.body {
        Body::Part(range) => text[range].to_owned(),
        _ => text.to_owned(),
    });
    Ok(formatted)
}

/// Cuts `text` to the precision and pads it to the width.
fn pad_body(directive: &Directive, text: &str) -> Result<Formatted, FormatError> {
    let mut chars = char_count(text);
    let mut body = Body::Verbatim;
    if let Some(most) = fixed(directive.precision).filter(|most| *most < chars) {
        chars = most;
        body = Body::Part(0..byte_of_char(text, most));
    }
    let missing = fixed(directive.width).unwrap_or(0).saturating_sub(chars);
    let padding = fill(' ', missing)?;
    let mut formatted = Formatted::unpadded(body);
    if directive.flags.left {
        formatted.padding_right = padding;
    } else {
        formatted.padding_left = padding;
    }
    Ok(formatted)
}

fn format_char<A: FormatArg>(directive: &Directive, arg: &A) -> Result<Formatted, FormatError> {
    let mut directive = directive.clone();
    directive.precision = None;
    if let Some(text) = arg.as_str() {
        let mut chars = text.chars();
        return match (chars.next(), chars.next()) {
            (Some(_), None) => pad_body(&directive, text),
            _ => Err(FormatError::type_("%c requires int or char")),
        };
    }
    let number = arg.number().and_then(|number| number.as_int());
    let code = number.ok_or_else(|| FormatError::type_("%c requires int or char"))?;
    let code = code.to_i64().and_then(|code| u32::try_from(code).ok()).filter(|code| *code < 0x11_0000);
    let code = code.ok_or_else(|| FormatError::overflow("%c arg not in range(0x110000)"))?;
    // A lone surrogate is a Python str but no text.
    let c = char::from_u32(code).ok_or_else(|| FormatError::value("surrogates not allowed"))?;
    pad_text(&directive, c.encode_utf8(&mut [0; 4]))
}

fn integer_of<A: FormatArg>(conversion: char, arg: &A) -> Result<PyInt, A::Error> {
    let wants_integer = matches!(conversion, 'o' | 'x' | 'X');
    let found = match arg.number() {
        Some(Number::Float(_)) if wants_integer => None,
        Some(Number::Float(value)) => Some(PyInt::from_f64(value)?),
        Some(number) => number.as_int(),
        None if wants_integer => None,
        None => arg.coerce_int()?,
    };
    found.ok_or_else(|| {
        let wanted = if wants_integer { "an integer" } else { "a real number" };
        let name = arg.type_name();
        FormatError::type_(format!("%{conversion} format: {wanted} is required, not {name}")).into()
    })
}

fn float_of<A: FormatArg>(arg: &A) -> Result<f64, A::Error> {
    match arg.number() {
        Some(Number::Float(value)) => Ok(value),
        Some(Number::Bool(value)) => Ok(f64::from(u8::from(value))),
        Some(Number::Int(value)) => Ok(value.to_f64()?),
        None => arg
            .coerce_float()?
            .ok_or_else(|| FormatError::type_(format!("must be real number, not {}", arg.type_name())).into()),
    }
}

/// Writes sign, prefix and digits, with zeros up to the precision.
fn integer_text(directive: &Directive, value: &PyInt) -> Result<String, FormatError> {
    let precision = fixed(directive.precision).unwrap_or(0);
    if precision > MAX_INTEGER_PRECISION {
        return Err(FormatError::overflow("precision too large"));
    }
    let (base, prefix) = match directive.conversion {
        'o' => (8, "0o"),
        'x' | 'X' => (16, "0x"),
        _ => (10, ""),
    };
    let digits = value.magnitude(base)?;
    let sign = if value.is_negative() { "-" } else { "" };
    let prefix = if directive.flags.alternate { prefix } else { "" };
    let zeros = fill('0', precision.saturating_sub(digits.len()))?;
    let text = format!("{sign}{prefix}{zeros}{digits}");
    Ok(if directive.conversion == 'X' { text.to_ascii_uppercase() } else { text })
}

fn float_text(directive: &Directive, value: f64) -> Result<String, FormatError> {
    let precision = fixed(directive.precision).unwrap_or(6);
    FormatError::check_size(precision)?;
    let style = FloatStyle { alternate: directive.flags.alternate, ..FloatStyle::default() };
    Ok(double_to_string(value, directive.conversion, precision, style))
}

/// Adds sign and padding to an ASCII number.
fn pad_number(directive: &Directive, text: String) -> Result<Formatted, FormatError> {
    let flags = directive.flags;
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None if flags.sign => ("+", text.as_str()),
        None if flags.blank => (" ", text.as_str()),
        None => ("", text.as_str()),
    };
    let has_prefix = flags.alternate && matches!(directive.conversion, 'o' | 'x' | 'X');
    let (prefix, digits) = if has_prefix { rest.split_at(2) } else { ("", rest) };
    let chars = sign.len() + rest.len();
    let missing = fixed(directive.width).unwrap_or(0).saturating_sub(chars);
    if flags.left {
        let mut formatted = Formatted::text(format!("{sign}{rest}"));
        formatted.padding_right = fill(' ', missing)?;
        return Ok(formatted);
    }
    if flags.zero {
        let zeros = fill('0', missing)?;
        return Ok(Formatted::text(format!("{sign}{prefix}{zeros}{digits}")));
    }
    let mut formatted = Formatted::text(format!("{sign}{rest}"));
    formatted.padding_left = fill(' ', missing)?;
    Ok(formatted)
}
