//! Advice for the common faults of hand-written templates.

/// Tags that open a statement.
const TAGS: [&str; 18] = [
    "for",
    "if",
    "set",
    "macro",
    "call",
    "filter",
    "with",
    "block",
    "generation",
    "autoescape",
    "break",
    "continue",
    "include",
    "import",
    "from",
    "extends",
    "print",
    "raw",
];

/// Tags that open a body, closed by `end` and their name.
const BODY_TAGS: [&str; 11] =
    ["for", "if", "set", "macro", "call", "filter", "with", "block", "generation", "autoescape", "raw"];

/// Advice for a tag that nobody knows. `open` is the innermost open block and its line.
pub(crate) fn for_unknown_tag(name: &str, open: Option<(&str, u32)>) -> Option<String> {
    let advice = match name {
        "elsif" | "elseif" => "write `{% elif ... %}`",
        "do" => "the `do` extension is off in chat templates; write `{% set _ = ... %}`",
        "trans" | "pluralize" | "endtrans" => "chat templates have no translation tags",
        "debug" => "the `debug` extension is off in chat templates",
        "comment" | "endcomment" => "write a comment as `{# ... #}`",
        "while" => "the dialect has no `while`; loop with `{% for i in range(...) %}` and `{% break %}`",
        "let" | "var" | "assign" => "write `{% set name = value %}`",
        "raw" => "write `{% raw %}` without `+` before `%}`",
        "endraw" => "no `{% raw %}` is open here",
        "return" => "a macro returns the text that it writes",
        _ => return for_end_tag(name, open).or_else(|| did_you_mean(name)),
    };
    Some(advice.to_owned())
}

fn for_end_tag(name: &str, open: Option<(&str, u32)>) -> Option<String> {
    let closes = BODY_TAGS.iter().find(|tag| name.strip_prefix("end") == Some(tag));
    match (closes, name, open) {
        (Some(_), _, Some((tag, line))) => {
            Some(format!("close the `{{% {tag} %}}` of line {line} with `{{% end{tag} %}}` first"))
        }
        (Some(tag), _, None) => Some(format!("no `{{% {tag} %}}` is open here")),
        (None, "elif", _) => Some("`elif` belongs directly inside an `{% if %}`".to_owned()),
        (None, "else", _) => Some("`else` belongs directly inside an `{% if %}` or `{% for %}`".to_owned()),
        (None, "end", Some((tag, _))) => Some(format!("write `{{% end{tag} %}}`")),
        _ => None,
    }
}

/// Advice for a block that is open when the template ends.
pub(crate) fn for_unclosed(tag: &str, line: u32) -> String {
    format!("add `{{% end{tag} %}}` for the `{{% {tag} %}}` of line {line}")
}

/// The tag nearest to `name` by edit distance, when one is near.
fn did_you_mean(name: &str) -> Option<String> {
    let ends: Vec<String> = BODY_TAGS.iter().map(|tag| format!("end{tag}")).collect();
    let known = TAGS.iter().copied().chain(["elif", "else"]).chain(ends.iter().map(String::as_str));
    let found = nearest(name, known)?;
    Some(format!("did you mean `{found}`?"))
}

/// The known word nearest to `name` by edit distance, when one is near: one edit for short words, two for others.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = if name.len() < 4 { 1 } else { 2 };
    let (distance, nearest) = known.into_iter().map(|word| (edit_distance(name, word), word)).min()?;
    (distance <= limit).then_some(nearest)
}

/// Number of single-character edits (swapped neighbours count once) between two words; long words are far apart.
pub fn edit_distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for i in 0..left.len() {
        let mut next = vec![i + 1];
        for j in 0..right.len() {
            let replaced = row[j] + usize::from(left[i] != right[j]);
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j] {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

/// Advice for a character that starts no token; `rest` starts with it.
pub(crate) fn for_character(rest: &str) -> Option<String> {
    let advice = match rest.as_bytes() {
        [b'&', b'&', ..] => "write `and` for `&&`",
        [b'&', ..] => "the dialect has no bit operators; write `and`",
        [b'!', b'=', ..] => return None,
        [b'!', ..] => "write `not` for `!`",
        [b'?', ..] => "write a conditional as `a if test else b`",
        [b'`', ..] => "quote strings with `'` or `\"`",
        [b'$', ..] => "names stand by themselves, without `$`",
        [b'\\', ..] => "a backslash belongs inside a string",
        [b'#', ..] => "write comments as `{# ... #}`, outside other tags",
        _ if rest.starts_with(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) => {
            "quote strings with the plain `'` or `\"`"
        }
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Advice for a closing bracket that matches nothing; `rest` starts with it.
pub(crate) fn for_bracket(before: &str, rest: &str) -> Option<String> {
    let at_end = rest.starts_with("}\n") || rest.starts_with("} ") || rest == "}";
    let statement = before.rfind("{%") > before.rfind("{{");
    match (rest.starts_with("}}"), statement) {
        (true, true) => Some("a statement opened by `{%` ends with `%}`".to_owned()),
        _ if at_end && before.ends_with('%') => None,
        _ if at_end && !statement => Some("a print statement opened by `{{` ends with `}}`".to_owned()),
        _ => None,
    }
}

/// Advice where one token was expected and another found; `tag` is the statement around, `previous` the word before.
pub(crate) fn for_unexpected(tag: &str, previous: &str, found: &str, expected: &str) -> Option<String> {
    let advice = match (previous, found, expected) {
        ("else", "if", _) => "write `{% elif ... %}`",
        (_, "." | "[", "end of statement block") if tag == "set" => {
            "only `name`, `namespace.attribute` and tuples of them can be set"
        }
        (_, "==" | ":" | "+" | "-" | "|", "end of statement block") if tag == "set" => "write `{% set name = value %}`",
        (_, _, "in") if tag == "for" => "write `{% for name in values %}`",
        ("|", "|", _) => "write `or` for `||`",
        ("==", "=", _) => "write `==` for `===`",
        ("+", "+" | "=", _) | ("-", "-" | "=", _) => "write `{% set x = x + 1 %}`",
        (_, "=", "end of print statement") => "assign with `{% set name = value %}`",
        (_, "=", "end of statement block") => "compare with `==`",
        (_, "end of print statement", "end of statement block") => "a statement opened by `{%` ends with `%}`",
        (_, ";", _) => "the dialect has no `;`",
        _ => return None,
    };
    Some(advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_tag_gets_its_neighbour() {
        assert_eq!(did_you_mean("edn"), None);
        assert_eq!(did_you_mean("fro"), Some("did you mean `for`?".to_owned()));
        assert_eq!(did_you_mean("enfor"), Some("did you mean `endfor`?".to_owned()));
        assert_eq!(did_you_mean("generaton"), Some("did you mean `generation`?".to_owned()));
        assert_eq!(did_you_mean("messages"), None);
    }
}
