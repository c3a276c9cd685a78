//! CT107: the text depends on the day, or claims a day that is past.

use chattpl_syntax::ast::{Const, Expr, ExprKind, StmtKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::index::Item;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports calls of `strftime_now`, and dates written into the template as if they were the day of the conversation.
    ///
    /// ## Why
    /// With the clock, one conversation renders differently on two days: caches of the prompt are lost, and training rows
    /// carry the day on which they were made. A date in the source is wrong on every other day. Pass the date as an argument.
    ///
    /// ## Bad
    /// ```jinja
    /// {{- 'Today: ' + strftime_now('%d %b %Y') + ';' -}}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if date_string is defined -%}{{- 'Today: ' + date_string + ';' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT107",
    name: "clock-dependent",
    family: Correctness,
    kind: Static,
    profiles: [Serve, Sft, Rl],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// English names of months, as far as they have to be read.
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Characters around a date in which its meaning is looked for.
const MAX_AROUND: usize = 48;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let found = context.nodes()?.iter().filter_map(|(_, node)| match node.item {
        Item::Expr(expr) if is_clock(expr) => {
            let message = format!("`{}` prints another text on another day", context.slice(expr.span));
            Some(Finding::new(rule, expr.span, message))
        }
        Item::Expr(Expr { kind: ExprKind::Const(Const::Str(text)), span }) => written(rule, *span, text),
        Item::Stmt(stmt) => match &stmt.kind {
            StmtKind::Text(text) => written(rule, stmt.span, text),
            _ => None,
        },
        _ => None,
    });
    Ok(found.collect())
}

fn is_clock(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(callee, _) => matches!(&callee.kind, ExprKind::Name(name) if &**name == "strftime_now"),
        _ => false,
    }
}

/// A finding where a text states a date as the present day.
fn written(rule: &Rule, span: Span, text: &str) -> Option<Finding> {
    let date = today_in(text)?;
    Some(Finding::new(rule, span, format!("`{date}` is written as the present day, whatever the day is")))
}

/// The first date of a text that is meant as the present day: it stands alone, or after a word such as `Today`.
fn today_in(text: &str) -> Option<&str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let dates = (0..words.len()).flat_map(|at| [1, 3].map(|count| (at, at + count)));
    dates.filter(|(_, end)| *end <= words.len()).find_map(|(at, end)| {
        let (start, stop) = (offset_of(text, words[at]), offset_of(text, words[end - 1]) + words[end - 1].len());
        let date = text[start..stop].trim_end_matches(['.', ',', ';']);
        (is_date(&words[at..end]) && means_today(&text[..start], text.trim() == text[start..stop].trim())).then_some(date)
    })
}

fn offset_of(text: &str, word: &str) -> usize {
    word.as_ptr() as usize - text.as_ptr() as usize
}

/// Whether words are a date: `2024-07-26`, `26 Jul 2024`, `July 26, 2024`.
fn is_date(words: &[&str]) -> bool {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    let number = |word: &str, most: u32| bare(word).parse::<u32>().is_ok_and(|value| (1..=most).contains(&value));
    let is_day = |word: &str| bare(word).len() <= 2 && number(word, 31);
    let is_year = |word: &str| bare(word).len() == 4 && number(word, 2100);
    let is_month = |word: &str| MONTHS.iter().any(|month| bare(word).starts_with(month)) && bare(word).len() <= 9;
    match words {
        [word] => {
            let word = bare(word);
            let parts: Vec<&str> = word.split(['-', '/']).collect();
            matches!(parts[..], [year, month, day] if is_year(year) && number(month, 12) && is_day(day) && month.len() <= 2)
        }
        [first, second, third] => {
            is_year(third) && (is_day(first) && is_month(second) || is_month(first) && is_day(second))
        }
        _ => false,
    }
}

/// Whether what stands before a date says that it is the present day, and not the end of what a model knows.
fn means_today(before: &str, alone: bool) -> bool {
    let start = before.char_indices().rev().take(MAX_AROUND).last().map_or(0, |(at, _)| at);
    let near = before[start..].to_ascii_lowercase();
    let last_line = near.rsplit(['\n', '.', ';']).next().unwrap_or_default();
    let past = ["cutoff", "cutting", "knowledge", "until", "released", "version"];
    let present = ["today", "current", "date:", "date is", "now:", "day is"];
    let says = |words: &[&str]| words.iter().any(|word| last_line.contains(word));
    !says(&past) && (alone || says(&present))
}

#[cfg(test)]
mod tests {
    use super::today_in;

    #[test]
    fn dates_of_the_present_day_are_told_from_others() {
        let cases = [
            ("26 Jul 2024", Some("26 Jul 2024")),
            ("Today Date: 26 July 2024\n", Some("26 July 2024")),
            ("The current date is July 26, 2024.", Some("July 26, 2024")),
            ("Current date: 2024-07-26;", Some("2024-07-26")),
            ("Knowledge cutoff: 2024-06-01", None),
            ("Cutting Knowledge Date: 01 December 2023", None),
            ("Released on 2024-07-26 by us", None),
            ("as of 2024/13/40", None),
            ("JSON Schema 2020-12", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(today_in(text), wanted, "{text}");
        }
    }
}
