//! Values of string and number literals, resolved as Python resolves them.

use crate::ast::Const;
use crate::unicode::digit;

/// Decimal digits that CPython converts at most.
const MAX_DIGITS: usize = 4300;

/// Why a literal has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LiteralError {
    /// In the words of Python.
    Python(String),
    /// A string that Python accepts and this engine can't hold.
    Unsupported(&'static str),
}

/// Resolves the escapes of a string literal without its quotes.
///
/// Jinja2 encodes the text to ASCII with `backslashreplace` and decodes it with `unicode-escape`, so a backslash
/// before a character outside ASCII turns that character into its own escape.
pub(crate) fn decode_string(body: &str) -> Result<String, LiteralError> {
    let mut decoded = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        let mut characters = rest[at + 1..].chars();
        let Some(escaped) = characters.next() else {
            return Err(LiteralError::Python("\\ at end of string".to_owned()));
        };
        rest = push_escape(&mut decoded, escaped, characters.as_str())?;
    }
    decoded.push_str(rest);
    Ok(decoded)
}

/// Appends what `\escaped` stands for and returns the text after it.
fn push_escape<'s>(decoded: &mut String, escaped: char, after: &'s str) -> Result<&'s str, LiteralError> {
    match escaped {
        '\n' => {}
        '\\' | '\'' | '"' => decoded.push(escaped),
        'a' => decoded.push('\x07'),
        'b' => decoded.push('\x08'),
        'f' => decoded.push('\x0c'),
        'n' => decoded.push('\n'),
        'r' => decoded.push('\r'),
        't' => decoded.push('\t'),
        'v' => decoded.push('\x0b'),
        '0'..='7' => return Ok(push_octal(decoded, escaped, after)),
        'x' => return push_hex(decoded, after, 2, "truncated \\xXX escape"),
        'u' => return push_hex(decoded, after, 4, "truncated \\uXXXX escape"),
        'U' => return push_hex(decoded, after, 8, "truncated \\UXXXXXXXX escape"),
        'N' => return Err(named_escape(after)),
        _ => push_unknown(decoded, escaped),
    }
    Ok(after)
}

fn push_octal<'s>(decoded: &mut String, first: char, after: &'s str) -> &'s str {
    let more = after.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let code = after[..more].bytes().fold(first as u32 - '0' as u32, |code, byte| code * 8 + u32::from(byte - b'0'));
    decoded.push(char::from_u32(code).expect("three octal digits stay below the surrogates"));
    &after[more..]
}

fn push_hex<'s>(decoded: &mut String, after: &'s str, width: usize, truncated: &str) -> Result<&'s str, LiteralError> {
    let digits = after.bytes().take(width).take_while(u8::is_ascii_hexdigit).count();
    if digits < width {
        return Err(LiteralError::Python(truncated.to_owned()));
    }
    let code = u32::from_str_radix(&after[..width], 16).expect("eight hexadecimal digits fit 32 bits");
    match char::from_u32(code) {
        Some(character) => decoded.push(character),
        None if code > 0x10ffff => return Err(LiteralError::Python("illegal Unicode character".to_owned())),
        None => return Err(LiteralError::Unsupported("lone surrogate in a string literal")),
    }
    Ok(&after[width..])
}

fn named_escape(after: &str) -> LiteralError {
    let name = after.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    match name {
        Some((name, _)) if !name.is_empty() => LiteralError::Unsupported("named character escape in a string literal"),
        _ => LiteralError::Python("malformed \\N character escape".to_owned()),
    }
}

fn push_unknown(decoded: &mut String, escaped: char) {
    let code = escaped as u32;
    match code {
        0..0x80 => decoded.extend(['\\', escaped]),
        0x80..0x100 => decoded.push_str(&format!("\\x{code:02x}")),
        0x100..0x10000 => decoded.push_str(&format!("\\u{code:04x}")),
        _ => decoded.push_str(&format!("\\U{code:08x}")),
    }
}

/// The value of an integer literal, underscores and prefix included.
pub(crate) fn parse_integer(text: &str) -> Result<Const, LiteralError> {
    let bytes = text.as_bytes();
    let radix = match bytes.get(1).map(u8::to_ascii_lowercase) {
        Some(b'x') => 16,
        Some(b'o') => 8,
        Some(b'b') => 2,
        _ => 10,
    };
    let written = if radix == 10 { text } else { &text[2..] };
    let digits: Vec<u32> = written
        .chars()
        .filter(|&character| character != '_')
        .map(|character| character.to_digit(16).or_else(|| digit(character)).expect("the lexer took only digits"))
        .collect();
    if radix == 10 && digits.len() > MAX_DIGITS {
        return Err(too_many_digits(digits.len()));
    }
    match small_integer(&digits, radix) {
        Some(value) => Ok(Const::Int(value)),
        None => big_integer(&digits, radix),
    }
}

fn small_integer(digits: &[u32], radix: u32) -> Option<i64> {
    digits.iter().try_fold(0i64, |value, &digit| value.checked_mul(radix.into())?.checked_add(digit.into()))
}

fn big_integer(digits: &[u32], radix: u32) -> Result<Const, LiteralError> {
    if radix == 10 {
        let decimal = digits.iter().filter_map(|&digit| char::from_digit(digit, 10)).collect::<String>();
        return Ok(Const::BigInt(decimal.into()));
    }
    let significant: Vec<u32> = digits.iter().copied().skip_while(|&digit| digit == 0).collect();
    // Python compiles the value through its decimal form, so the same limit holds; this bound keeps the work small.
    let bits = significant.len() * radix.trailing_zeros() as usize;
    if bits > MAX_DIGITS * 10 / 3 {
        return Err(too_many_digits(bits * 3 / 10));
    }
    let decimal = to_decimal(&significant, radix);
    if decimal.len() > MAX_DIGITS {
        return Err(too_many_digits(decimal.len()));
    }
    Ok(Const::BigInt(decimal.into()))
}

/// Decimal digits of a number given in another radix, most significant first.
fn to_decimal(digits: &[u32], radix: u32) -> String {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs: Vec<u64> = Vec::new();
    for &digit in digits {
        let mut carry = u64::from(digit);
        for limb in &mut limbs {
            let value = *limb * u64::from(radix) + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut decimal = limbs.pop().unwrap_or(0).to_string();
    limbs.iter().rev().for_each(|limb| decimal.push_str(&format!("{limb:09}")));
    decimal
}

fn too_many_digits(count: usize) -> LiteralError {
    LiteralError::Python(format!(
        "Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion: value has {count} digits; use \
         sys.set_int_max_str_digits() to increase the limit"
    ))
}

/// The value of a float literal, underscores included; too large is infinite, as in Python.
pub(crate) fn parse_float(text: &str) -> Result<f64, LiteralError> {
    let plain: String = text.chars().filter(|&character| character != '_').collect();
    plain.parse().map_err(|_| LiteralError::Python("invalid decimal literal".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str) -> String {
        decode_string(body).expect("a valid literal")
    }

    #[test]
    fn escapes_resolve_as_in_python() {
        assert_eq!(decoded(r"a\n\x41\u20ac\U0001f600\101\7z"), "a\nA€😀A\x07z");
        assert_eq!(decoded("a\\\nb"), "ab");
        assert_eq!(decoded(r"\d\%"), r"\d\%");
        assert_eq!(decoded(r"\é\€"), r"\xe9\u20ac");
    }

    #[test]
    fn broken_escapes_fail_in_the_words_of_python() {
        let message = |body| decode_string(body).expect_err("a broken literal");
        assert_eq!(message(r"\x4"), LiteralError::Python("truncated \\xXX escape".to_owned()));
        assert_eq!(message(r"\U00110000"), LiteralError::Python("illegal Unicode character".to_owned()));
        assert_eq!(message(r"\N{}"), LiteralError::Python("malformed \\N character escape".to_owned()));
    }

    #[test]
    fn integers_of_any_size_and_radix_parse() {
        assert_eq!(parse_integer("1_000"), Ok(Const::Int(1000)));
        assert_eq!(parse_integer("0xff"), Ok(Const::Int(255)));
        assert_eq!(parse_integer("9223372036854775808"), Ok(Const::BigInt("9223372036854775808".into())));
        assert_eq!(parse_integer("0x1_0000_0000_0000_0000"), Ok(Const::BigInt("18446744073709551616".into())));
    }
}
