//! Writes template arguments as bytes that are equal only where the arguments are.

use crate::input::Input;
use crate::value::Value;

/// The argument that asks for a generation prompt.
const PROMPT: &str = "add_generation_prompt";

impl Input<'_> {
    /// Appends names and values of the template arguments, but for `add_generation_prompt`.
    ///
    /// Different arguments give different bytes. Returns whether all values could be written.
    pub fn write_arguments(&self, bytes: &mut Vec<u8>) -> bool {
        let arguments = self.arguments.iter().filter(|(name, _)| *name != PROMPT);
        arguments.fold(true, |done, (name, value)| {
            write_text(name, bytes);
            done && write(*value, bytes)
        })
    }
}

fn write(value: Value<'_>, bytes: &mut Vec<u8>) -> bool {
    match value {
        Value::None(_) => bytes.push(0),
        Value::Bool(value, _) => bytes.push(1 + u8::from(value)),
        Value::Int(value, _) => {
            bytes.push(3);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        Value::Float(value, _) => {
            bytes.push(4);
            bytes.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Value::BigInt(value, _) => {
            bytes.push(5);
            write_text(&value.get().to_string(), bytes);
        }
        Value::Str(crate::value::Str::Run(run)) => {
            bytes.push(6);
            write_text(run.text, bytes);
        }
        Value::List(seq) | Value::Tuple(seq) => {
            bytes.push(if matches!(value, Value::List(_)) { 7 } else { 8 });
            bytes.extend_from_slice(&seq.items.len().to_le_bytes());
            return seq.items.iter().all(|item| write(*item, bytes));
        }
        Value::Dict(dict) => {
            bytes.push(9);
            bytes.extend_from_slice(&dict.entries.len().to_le_bytes());
            return dict.entries.iter().all(|(key, value)| write(*key, bytes) && write(*value, bytes));
        }
        _ => return false,
    }
    true
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&text.len().to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
