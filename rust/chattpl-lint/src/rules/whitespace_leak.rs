//! CT105: white space of the source's layout reaches the model.

use std::collections::HashSet;

use chattpl_syntax::{Span, Token, TokenKind};

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::probe::{shapes, Probes};
use crate::rule::{Checked, Rule};
use crate::seams::separators;

declare_rule! {
    /// ## What it does
    /// Reports indents before `{{`, and blank lines between block tags, that are printed because a `-` is missing.
    ///
    /// White space that the prompt needs is left alone: the newline that alone parts two texts, the one that is all of a
    /// branch, and the indent of the lines of a bracketed list.
    ///
    /// ## Why
    /// `trim_blocks` and `lstrip_blocks` remove one newline after a block tag and the indent before one, and nothing else.
    /// What remains of the source's layout becomes tokens that the model was not trained on.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages %}
    ///     {{ message.role + ': ' + (message.content or '') + ';' }}
    /// {%- endfor %}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages %}
    ///     {{- message.role + ': ' + (message.content or '') + ';' }}
    /// {%- endfor %}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT105",
    name: "whitespace-leak",
    family: Correctness,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl],
    fix: Always,
    since: "0.1.0",
    check: check,
}

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let tokens = &context.parsed()?.tokens;
    let (mut found, mut meant) = (Vec::new(), None);
    for (index, token) in tokens.iter().enumerate() {
        let text = context.slice(token.span);
        if token.kind != TokenKind::Text || !text.bytes().all(|byte| byte.is_ascii_whitespace()) {
            continue;
        }
        let (Some(before), Some(after)) = (visible(tokens[..index].iter().rev()), visible(tokens[index + 1..].iter())) else {
            continue;
        };
        let alone = || tokens[..index].iter().rev().take_while(|token| on_line_of(context, token, before)).all(is_layout);
        let what = match leak(context, before, text, after) {
            Some(Leak::Indent) => "the indent before this tag",
            Some(Leak::BlankLine) if alone() => "a blank line between block tags",
            _ => continue,
        };
        // Only what is printed by a conversation is a leak; the rest stands in captured or dead text.
        if !context.printed_places()?.contains(&token.span) {
            continue;
        }
        if meant.is_none() {
            let mut places = separators(context.parsed()?);
            places.extend(indents_in_lists(context, context.probes()?));
            meant = Some(places);
        }
        if meant.as_ref().is_some_and(|meant| !meant.contains(&token.span)) {
            let fix = Fix::changing("add `-` to the tag", vec![dash(after)]);
            found.push(Finding::new(rule, token.span, format!("{what} is printed")).with_fix(fix));
        }
    }
    Ok(found)
}

/// The next token that is not removed white space.
fn visible<'a>(mut tokens: impl Iterator<Item = &'a Token>) -> Option<&'a Token> {
    tokens.find(|token| token.kind != TokenKind::Trimmed)
}

/// Whether a token stands on the line on which `tag` ends.
fn on_line_of(context: &Context<'_>, token: &Token, tag: &Token) -> bool {
    !context.text()[token.span.start as usize..tag.span.end as usize].contains('\n')
}

/// Whether a token prints nothing: beside one that does, the layout may be part of the text.
fn is_layout(token: &Token) -> bool {
    !matches!(token.kind, TokenKind::Text | TokenKind::RawText | TokenKind::VariableBegin(_))
}

/// What kind of layout is printed.
enum Leak {
    Indent,
    BlankLine,
}

/// What leaks between two tags, if anything does.
fn leak(context: &Context<'_>, before: &Token, text: &str, after: &Token) -> Option<Leak> {
    let closes_block = matches!(before.kind, TokenKind::BlockEnd(_) | TokenKind::CommentEnd(_));
    let opens_block = matches!(after.kind, TokenKind::BlockBegin(_) | TokenKind::CommentBegin(_));
    let prints = matches!(after.kind, TokenKind::VariableBegin(_));
    let line_start = context.text()[..after.span.start as usize].trim_end_matches([' ', '\t']).ends_with('\n');
    if closes_block && prints && line_start && !text.contains('\n') {
        return Some(Leak::Indent);
    }
    if closes_block && opens_block && text.contains('\n') {
        return Some(Leak::BlankLine);
    }
    None
}

/// The places that are printed only at the start of a line that goes on with a bracketed list: its indent is the list's.
fn indents_in_lists(context: &Context<'_>, probes: &Probes<'_>) -> HashSet<Span> {
    let (mut inside, mut outside) = (HashSet::new(), HashSet::new());
    for outcome in shapes().iter().map(|shape| probes.natural(shape)) {
        let Ok(printed) = &*outcome else {
            continue;
        };
        for (index, segment) in printed.segments.iter().enumerate() {
            let Some(place) = segment.template_span else {
                continue;
            };
            let before = &printed.text[..printed.range(index).start];
            let line = before.trim_end();
            let goes_on = line.ends_with(['[', '{', '(', ',']) && before[line.len()..].contains('\n');
            if goes_on { inside.insert(place) } else { outside.insert(place) };
        }
    }
    inside.difference(&outside).map(|place| context.normalized(*place)).collect()
}

/// A `-` in the opening delimiter of a tag, in place of a `+` where there is one.
fn dash(tag: &Token) -> Edit {
    Edit::replace(Span::new(tag.span.start + 2, tag.span.end), "-")
}
