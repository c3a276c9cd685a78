//! Writes random conversations as JSON text; some of them are none, or no JSON.

use fastrand::Rng;

const TEXTS: &[&str] = &[
    "",
    " ",
    "Hi",
    "Hé <b>😀</b>\\n",
    "<|im_end|>",
    "</think>\\n\\nanswer",
    "<think>a</think>b",
    "{\\\"a\\\": 1}",
    "\\u00e9\\ud83d\\ude00",
    "a\\tb\\r\\nc",
    "12",
    "x y  z",
    "{{ m }}",
    "%s {0}",
    "\\u0000",
    "\\\\",
];
const ROLES: &[&str] = &["system", "user", "assistant", "tool", "developer", "ipython", "", "é"];
const KEYS: &[&str] =
    &["name", "tool_calls", "reasoning_content", "thinking", "type", "function", "arguments", "v", "parameters"];

fn one<'t>(rng: &mut Rng, table: &[&'t str]) -> &'t str {
    table[rng.usize(..table.len())]
}

/// A conversation.
pub fn random(rng: &mut Rng) -> String {
    let messages: Vec<String> = (0..rng.usize(..6)).map(|_| message(rng)).collect();
    let messages = format!("[{}]", messages.join(", "));
    let mut text = match rng.u8(..4) {
        0 => messages,
        1 => format!("{{\"messages\": {messages}, \"tools\": [{}]}}", value(rng, 4)),
        2 => format!("{{\"messages\": {messages}, \"documents\": {}, \"tools\": null}}", value(rng, 3)),
        _ => format!("{{\"tools\": {}, \"messages\": {messages}}}", value(rng, 3)),
    };
    if rng.u8(..16) == 0 {
        damage(rng, &mut text);
    }
    text
}

/// Cuts the text off, or puts a character in, at a random place.
fn damage(rng: &mut Rng, text: &mut String) {
    let mut at = rng.usize(..=text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if rng.bool() {
        text.truncate(at);
    } else {
        text.insert_str(
            at,
            one(rng, &["\"", "\\", "\\u", "\\ud800", "{", "]", ",", ":", "1e", "-", "\0", "é", "NaN", "00"]),
        );
    }
}

fn message(rng: &mut Rng) -> String {
    let mut fields = vec![format!("\"role\": \"{}\"", one(rng, ROLES))];
    match rng.u8(..6) {
        0 => fields.push(format!("\"content\": {}", value(rng, 3))),
        1 => fields.push("\"content\": null".to_owned()),
        2 => fields.push(format!("\"content\": [{{\"type\": \"text\", \"text\": \"{}\"}}]", one(rng, TEXTS))),
        _ => fields.push(format!("\"content\": \"{}{}\"", one(rng, TEXTS), one(rng, TEXTS))),
    }
    for _ in 0..rng.usize(..3) {
        fields.push(format!("\"{}\": {}", one(rng, KEYS), value(rng, 3)));
    }
    if rng.u8(..4) == 0 {
        let call =
            format!("{{\"type\": \"function\", \"function\": {{\"name\": \"f\", \"arguments\": {}}}}}", value(rng, 2));
        fields.push(format!("\"tool_calls\": [{call}]"));
    }
    format!("{{{}}}", fields.join(", "))
}

fn value(rng: &mut Rng, depth: u32) -> String {
    if depth > 0 && rng.bool() {
        let inner: Vec<String> = (0..rng.usize(..4)).map(|_| value(rng, depth - 1)).collect();
        if rng.bool() {
            return format!("[{}]", inner.join(", "));
        }
        let fields = inner.iter().map(|inner| format!("\"{}\": {inner}", one(rng, KEYS)));
        return format!("{{{}}}", fields.collect::<Vec<_>>().join(", "));
    }
    let scalars = ["null", "true", "false", "0", "-1", "1.5", "1e400", "123456789012345678901234567890", "NaN", "-0.0"];
    match rng.u8(..3) {
        0 => one(rng, &scalars).to_owned(),
        _ => format!("\"{}\"", one(rng, TEXTS)),
    }
}
