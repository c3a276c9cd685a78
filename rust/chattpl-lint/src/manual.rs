//! Reads the manual of a rule out of its doc comment.
//!
//! A manual has the sections `## What it does`, `## Why`, `## Bad` and `## Good`, and may have `## Fixed`. `Bad`, `Good` and
//! `Fixed` hold one fenced template each. A fence may carry what the example needs: `jinja bos="<s>" tokens="<s> </s>"`,
//! where `lines="crlf"` ends lines as Windows does, `invisible="~"` shows zero-width spaces as `~`, `bos`, `eos`, `pad` and `unk` declare tokens, `tokens` gives a
//! tokenizer those added tokens, `adds` is what that tokenizer puts before a text, `rstrip` are those of its tokens that
//! take the white space after them, `merges` its merges (`Ġ+T`), `stop` are the stop tokens of the generation
//! configuration, `other` is another template of the model, and `refuses` a word whose templates the other engine refuses.

use crate::rule::Rule;

/// A section's heading and its text, without the heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// Such as `Why`.
    pub title: &'a str,
    /// Its Markdown, lines without the blank that follows `///`.
    pub text: &'a str,
}

/// A template of a manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Name and value of what the fence declares.
    pub settings: Vec<(String, String)>,
    /// The template; it ends without a newline.
    pub template: String,
}

/// The manual as Markdown: title, summary line, sections.
pub fn markdown(rule: &Rule) -> String {
    let profiles: Vec<&str> = rule.profiles.iter().map(|profile| profile.name()).chain(["all"]).collect();
    let fix = match rule.fix {
        crate::rule::FixAvailability::None => "no",
        crate::rule::FixAvailability::Sometimes => "sometimes",
        crate::rule::FixAvailability::Always => "yes",
    };
    let facts = format!("{} · profiles: {} · fix: {fix} · since {}", rule.kind.name(), profiles.join(", "), rule.since);
    format!("# {} {}\n\n{facts}\n\n{}\n", rule.code, rule.name, text(rule).trim_end())
}

/// The doc comment without the blank at the start of its lines.
pub fn text(rule: &Rule) -> String {
    let lines = rule.doc.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The sections of a manual's text.
pub fn sections(text: &str) -> Vec<Section<'_>> {
    let parts = text.split("## ").skip(1);
    let split = parts.filter_map(|part| part.split_once('\n'));
    split.map(|(title, text)| Section { title: title.trim(), text: text.trim() }).collect()
}

/// The template of a section such as `Bad`; `None` where there is no such section or no template in it.
pub fn example(rule: &Rule, title: &str) -> Option<Example> {
    let text = text(rule);
    let section = sections(&text).into_iter().find(|section| section.title == title)?;
    let (_, fenced) = section.text.split_once("```jinja")?;
    let (info, rest) = fenced.split_once('\n')?;
    let (template, _) = rest.split_once("\n```")?;
    Some(Example { settings: settings(info), template: template.to_owned() })
}

/// `name="value"` pairs.
fn settings(info: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = info;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else {
            break;
        };
        found.push((name.trim().to_owned(), value.to_owned()));
        rest = after;
    }
    found
}

/// The manual of all rules, by family: `RULES.md`.
pub fn book(rules: &[&Rule]) -> String {
    let mut text = String::from(
        "# Lint rules\n\nWritten from the rules' own doc comments by \
         `CHATTPL_UPDATE=1 cargo test -p chattpl-lint`. Default rules run unless others are chosen.\n",
    );
    let mut family = None;
    for rule in rules {
        if family.replace(rule.family) != Some(rule.family) {
            text += &format!("\n## CT{}: {}\n", rule.family.digit(), rule.family.title());
        }
        // The manual's own headings go two levels down.
        let manual = markdown(rule).replace("\n## ", "\n#### ");
        text += &format!("\n##{manual}");
    }
    text
}
