//! What looks like a control token in the source of a template.

/// The longest name of a marker, in bytes.
const MAX_NAME: usize = 40;

/// The stretches of a text that look like control tokens: `<|name|>`, `<name>`, `</name>`, `[NAME]`, each in order of the text.
pub fn markers(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(['<', '[']).filter_map(|(start, opening)| {
        let rest = &text[start + 1..];
        let closing = if opening == "<" { '>' } else { ']' };
        let end = rest.find(closing).filter(|end| (1..=MAX_NAME).contains(end))?;
        let name = &rest[..end];
        let fits = if opening == "<" { is_tag(name) } else { is_upper(name) };
        fits.then(|| &text[start..start + 2 + end])
    })
}

/// Whether a marker is one that no text of a person holds: `<|im_end|>`, `</s>`, `<eos>`, `[INST]`.
pub(super) fn is_special(marker: &str) -> bool {
    let known = ["</s>", "<s>", "<eos>", "<bos>", "<EOS>", "<BOS>"].contains(&marker);
    known || marker.contains(['|', '\u{ff5c}']) || marker.starts_with('[') || marker.contains("_of_")
}

fn is_tag(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "|/_-.:\u{ff5c}\u{2581}".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || "|/\u{ff5c}".contains(c));
    starts && name.chars().all(plain) && name.contains(char::is_alphanumeric)
}

fn is_upper(name: &str) -> bool {
    let name = name.strip_prefix('/').unwrap_or(name);
    name.len() >= 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_names_in_brackets() {
        let text = "{{ '<|im_start|>' }}[/INST] </s> <think>\n a < b and c > d x[0] [A] <｜end▁of▁sentence｜> <|x y|>";
        let found: Vec<&str> = markers(text).collect();
        assert_eq!(found, ["<|im_start|>", "[/INST]", "</s>", "<think>", "<｜end▁of▁sentence｜>"]);
    }
}
