//! CT605: characters that nobody sees.

use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports zero-width characters, marks that turn the direction of text, tag characters and control characters in the
    /// source of a template, comments included.
    ///
    /// ## Why
    /// The model reads them; whoever reviews the template does not. They hide instructions, or make code read in another
    /// order than it runs.
    ///
    /// ## Bad
    /// ```jinja invisible="~"
    /// {%- for message in messages -%}{{- message.role + ':~ ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant:~ ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT605",
    name: "invisible-characters",
    family: Security,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    context.parsed()?;
    let text = context.text();
    let mut found = Vec::new();
    let mut before = ' ';
    let mut run: Option<(usize, Vec<char>)> = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        let hidden = kind_of(character).is_some() && !joins_script(before, character);
        before = character;
        match (&mut run, hidden) {
            (Some((_, characters)), true) => characters.push(character),
            (None, true) => run = Some((at, vec![character])),
            (Some((start, characters)), false) => {
                found.push(Finding::new(rule, Span::new(*start as u32, at as u32), message(characters)));
                run = None;
            }
            (None, false) => {}
        }
    }
    Ok(found)
}

fn message(characters: &[char]) -> String {
    let first = characters[0];
    let name = format!("U+{:04X}", first as u32);
    let kind = kind_of(first).expect("a hidden character has a kind");
    let hidden: String = characters.iter().filter_map(|character| tagged(*character)).collect();
    if !hidden.is_empty() {
        return format!("invisible tag characters spell `{hidden}`");
    }
    match characters.len() {
        1 => format!("{name}, {kind}, cannot be seen"),
        more => format!("{more} characters, the first {name}, {kind}, cannot be seen"),
    }
}

/// The letter that a tag character stands for.
fn tagged(character: char) -> Option<char> {
    let code = (character as u32).checked_sub(0xE0000)?;
    char::from_u32(code).filter(|letter| letter.is_ascii_graphic() || *letter == ' ')
}

/// What a character that cannot be seen is; `None` for all others.
fn kind_of(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{200B}' => "a zero-width space",
        '\u{200C}' | '\u{200D}' => "a zero-width joiner or non-joiner",
        '\u{2060}'..='\u{2064}' => "an invisible operator",
        '\u{FEFF}' => "a byte-order mark",
        '\u{00AD}' => "a soft hyphen",
        '\u{034F}' => "a grapheme joiner",
        '\u{180E}' => "a vowel separator",
        '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' => "an empty letter",
        '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            "a mark of text direction"
        }
        '\u{206A}'..='\u{206F}' => "a format control",
        '\u{E0000}'..='\u{E007F}' => "a tag character",
        '\0'..='\u{8}' | '\u{B}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{9F}' => "a control character",
        _ => return None,
    })
}

/// Whether the character belongs to the spelling of what stands before it: an emoji, or a script that is joined.
fn joins_script(before: char, character: char) -> bool {
    let joiner = matches!(character, '\u{200C}' | '\u{200D}');
    joiner && matches!(before as u32, 0x0600..=0x0DFF | 0x2600..=0x27BF | 0xFE0F | 0x1F000..=0x1FAFF)
}
