//! CT004: a name that nothing can give a value.

use std::collections::HashSet;

use chattpl_render::names;
use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::edit_distance;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::index::Nodes;
use crate::rule::{Checked, Rule};
use crate::scope::{Binding, BindingKind, ScopeKind, Scopes, Use};

declare_rule! {
    /// ## What it does
    /// Reports names that are undefined whatever the caller passes: calls of functions that no runtime has, variables of
    /// a loop read outside it, words of other languages, and names one letter away from a name that the template or every
    /// runtime has.
    ///
    /// ## Why
    /// An undefined name is false in a test and empty when printed, so the mistake is silent; called or looked into, it fails.
    /// A name that is tested with `is defined`, or has a `default`, is taken to be the caller's, unless it is one letter away
    /// from what every runtime passes.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_promt -%}{{- 'now: ' -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT004",
    name: "unknown-name",
    family: Dialect,
    kind: Static,
    profiles: [Default, Serve, Sft, Rl, Portability],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// What every runtime passes, or many do, under names long enough to be misspelled.
pub(crate) const SUPPLIED: [&str; 15] = [
    "messages",
    "tools",
    "documents",
    "add_generation_prompt",
    "continue_final_message",
    "enable_thinking",
    "reasoning_effort",
    "bos_token",
    "eos_token",
    "pad_token",
    "unk_token",
    "date_string",
    "custom_tools",
    "raise_exception",
    "strftime_now",
];

/// Words of other languages, and what they are here.
const OTHERWISE: [(&str, &str); 16] = [
    ("null", "none"),
    ("NULL", "none"),
    ("nil", "none"),
    ("TRUE", "true"),
    ("FALSE", "false"),
    ("len", "|length"),
    ("str", "|string"),
    ("int", "|int"),
    ("float", "|float"),
    ("list", "|list"),
    ("sorted", "|sort"),
    ("reversed", "|reverse"),
    ("enumerate", "loop.index0"),
    ("isinstance", "is string"),
    ("now", "strftime_now"),
    ("raise", "raise_exception"),
];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let doubted = doubted(nodes);
    let called: HashSet<u32> = nodes.exprs().filter_map(|(_, expr)| called_at(expr)).collect();
    let mut found: Vec<Finding> = Vec::new();
    for read in scopes.uses() {
        if names::functions().contains(&read.name) || !scopes.reaching(read).is_empty() {
            continue;
        }
        let reason = match doubted.contains(read.name) {
            // So near to what every runtime passes, even a tested name is a slip.
            true => misspelled(scopes, read, &[]).filter(|known| SUPPLIED.contains(known)).map(slip),
            false => why_unknown(scopes, read, called.contains(&read.span.start)),
        };
        // A misspelling is made once and copied; the first place stands for all.
        if let Some(reason) = reason.filter(|_| found.iter().all(|finding| context.slice(finding.span) != read.name)) {
            found.push(Finding::new(rule, read.span, format!("`{}` {reason}", read.name)));
        }
    }
    Ok(found)
}

/// Where a name stands that the expression calls.
fn called_at(expr: &Expr) -> Option<u32> {
    match &expr.kind {
        ExprKind::Call(callee, _) => expr::name(callee).map(|_| callee.span.start),
        _ => None,
    }
}

/// Names that the template itself takes to be missing now and then: `x is defined`, `x|default(...)`.
fn doubted<'t>(nodes: &Nodes<'t>) -> HashSet<&'t str> {
    let asked = nodes.exprs().filter_map(|(_, expr)| match &expr.kind {
        ExprKind::Test { input, name, .. } if matches!(&*name.text, "defined" | "undefined") => Some(&**input),
        ExprKind::Filter { input: Some(input), name, .. } if matches!(&*name.text, "default" | "d") => Some(&**input),
        _ => None,
    });
    asked.filter_map(expr::name).collect()
}

/// Why nothing gives the name a value here, if that is sure.
fn why_unknown(scopes: &Scopes<'_>, read: &Use<'_>, called: bool) -> Option<String> {
    let has = |kind| scopes.enclosing(read.scope, kind).is_some();
    match read.name {
        "loop" => return (!has(ScopeKind::For)).then(|| "is undefined outside a loop".to_owned()),
        "caller" | "varargs" | "kwargs" => {
            return (!has(ScopeKind::Macro)).then(|| "is undefined outside a macro".to_owned());
        }
        "super" if has(ScopeKind::Block) => return None,
        _ => {}
    }
    if let Some(binding) = bound_elsewhere(scopes, read) {
        let what = if binding.kind == BindingKind::LoopVariable { "loop that" } else { "`with` that" };
        return Some(format!("is undefined here: it lives only in the {what} binds it"));
    }
    let otherwise = OTHERWISE.iter().find(|(other, _)| *other == read.name).map(|(_, known)| *known);
    if called {
        let hint = otherwise.or_else(|| misspelled(scopes, read, names::functions()));
        let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        return Some(format!("is no function that a runtime has: rendering fails where it is called{hint}"));
    }
    let word = otherwise.filter(|known| matches!(*known, "none" | "true" | "false"));
    let known = word.or_else(|| misspelled(scopes, read, &[]))?;
    Some(slip(known))
}

fn slip(known: &str) -> String {
    format!("is undefined whatever the caller passes; did you mean `{known}`?")
}

/// The binding, where the name is bound only in loops and `with` blocks that the read does not stand in.
fn bound_elsewhere<'a, 't>(scopes: &'a Scopes<'t>, read: &Use<'t>) -> Option<&'a Binding<'t>> {
    let all: Vec<&Binding<'t>> = scopes.named(read.name).collect();
    let local = |binding: &&Binding<'_>| {
        // A parameter often has the name of the caller's argument that is passed for it.
        let kind = matches!(binding.kind, BindingKind::LoopVariable | BindingKind::With);
        kind && !scopes.is_inside(read.scope, binding.scope)
    };
    // Well-known names may be the caller's and be bound again in a loop.
    let own = !SUPPLIED.contains(&read.name);
    (own && all.iter().all(local)).then(|| all.first().copied()).flatten()
}

/// The known name of which this one is a misspelling: one that runtimes pass, or the template binds, or one of `more`.
fn misspelled<'a>(scopes: &'a Scopes<'_>, read: &Use<'_>, more: &[&'static str]) -> Option<&'a str> {
    let is_own = scopes.named(read.name).next().is_some();
    if is_own || read.name.len() < 4 || SUPPLIED.contains(&read.name) {
        return None;
    }
    let seen = scopes.bindings().iter().filter(|binding| scopes.is_inside(read.scope, binding.scope));
    let bound = seen.map(|binding| binding.name);
    let known = SUPPLIED.iter().chain(more).copied().chain(bound);
    known.filter(|known| is_slip(read.name, known)).min()
}

/// Whether one word is a slip of the other: one edit, which is no plural, number or prefix of its own.
fn is_slip(name: &str, known: &str) -> bool {
    let plural = |one: &str, other: &str| one.strip_suffix('s') == Some(other);
    let numbered = |word: &str| word.ends_with(|last: char| last.is_ascii_digit());
    // `cls_token` is no slip of `bos_token`: tokenizers have tokens of many names.
    let token = |word: &str| word.len() == "bos_token".len() && word.ends_with("_token");
    let own_kind = plural(name, known) || plural(known, name) || numbered(name) || numbered(known);
    let other_token = token(name) && token(known);
    known.len() >= 5 && edit_distance(name, known) == 1 && !own_kind && !other_token
}
