//! CT106: a mapping or list is printed as Python writes it.

use std::rc::Rc;

use chattpl_render::Origin;
use chattpl_syntax::ast::{Expr, ExprKind, Stmt, StmtKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::index::{Item, NodeId, Nodes};
use crate::probe::locate::{first_line, printer_of};
use crate::probe::trial::{affordable, tried};
use crate::probe::{shapes, Ask, Outcome, Printed};
use crate::reads::{field_of, is_place, is_printed};
use crate::rule::{Checked, NotEvaluated, Rule};

declare_rule! {
    /// ## What it does
    /// Reports lists and mappings of the caller, and literals of the template, that are printed without `tojson`. Contents
    /// are left to CT102 and the arguments of a call to CT103.
    ///
    /// ## Why
    /// Python writes `{'exact': True, 'town': None}`, which is no JSON: with other quotes, `True` and `None`. A model that is
    /// shown it writes it, and no parser of calls reads it.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if reasoning_effort is defined -%}{{- {'effort': reasoning_effort} -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if reasoning_effort is defined -%}{{- {'effort': reasoning_effort} | tojson -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT106",
    name: "repr-of-container",
    family: Correctness,
    kind: Probe,
    profiles: [Serve, Sft, Rl],
    fix: Sometimes,
    since: "0.1.0",
    check: check,
}

/// Places at most tried one by one for one kind of value.
const MAX_TRIALS: usize = 60;

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let nodes = context.nodes()?;
    let literals = nodes.exprs().filter(|(id, expr)| is_literal(expr) && becomes_text(nodes, *id));
    let mut found: Vec<Finding> = literals.map(|(_, expr)| of_literal(rule, context, expr)).collect();
    let probes = context.probes()?;
    let mut known: Vec<String> = Vec::new();
    for shape in shapes() {
        let outcome = probes.natural(shape);
        let Ok(printed) = &*outcome else {
            continue;
        };
        for (kind, index) in leaks(printed) {
            if known.contains(&kind) {
                continue;
            }
            let place = culprit(context, Ask::natural(shape), &kind)?;
            let finding = of_data(rule, context, printed, (&kind, index), place).on_shape(shape.name);
            if !found.iter().any(|known| known.span == finding.span) {
                found.push(finding);
            }
            known.push(kind);
        }
    }
    Ok(found)
}

fn is_literal(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::List(_) | ExprKind::Dict(_))
}

/// Whether a literal is written out where it stands: printed, joined with `~`, or made a text.
fn becomes_text(nodes: &Nodes<'_>, id: NodeId) -> bool {
    let parent = nodes.get(id).parent.map(|parent| nodes.get(parent).item);
    match parent {
        Some(Item::Stmt(Stmt { kind: StmtKind::Output(_), .. })) => true,
        Some(Item::Expr(parent)) => match &parent.kind {
            ExprKind::Concat(_) => true,
            ExprKind::Filter { name, .. } => &*name.text == "string",
            _ => false,
        },
        _ => false,
    }
}

fn of_literal(rule: &Rule, context: &Context<'_>, expr: &Expr) -> Finding {
    let text = context.slice(expr.span);
    let edit = Edit::insert(expr.span.end, " | tojson");
    let message = format!("`{text}` is printed as Python writes it, not as JSON");
    Finding::new(rule, expr.span, message).with_fix(Fix::changing("print JSON", vec![edit]))
}

fn of_data(
    rule: &Rule,
    context: &Context<'_>,
    printed: &Printed,
    (kind, index): (&str, usize),
    place: Option<Edit>,
) -> Finding {
    let at = printed.range(index).start;
    let shown: String = printed.text[at..].chars().take_while(|c| *c != '\n').take(32).collect();
    let nearest = || printer_of(context, printed, at).unwrap_or_else(|| first_line(context));
    let span = place.as_ref().map_or_else(nearest, |edit| edit.span);
    let message = match &place {
        Some(_) => format!("`{}` is printed as Python writes it, not as JSON: `{shown}...`", context.slice(span)),
        None => format!("`{kind}` is printed as Python writes it, not as JSON: `{shown}...`"),
    };
    let finding = Finding::new(rule, span, message);
    match place {
        Some(edit) => finding.with_fix(Fix::changing("print JSON", vec![edit])),
        None => finding,
    }
}

/// The values whose own braces or brackets were printed, each kind once: `tojson`'s are the template's.
fn leaks(printed: &Printed) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for index in 0..printed.segments.len() {
        let text = &printed.text[printed.range(index)];
        let opens = text.starts_with(['{', '[']);
        let caller = !matches!(printed.segments.origin_at(index), Origin::Template | Origin::Clock);
        let is_first = |kind: &String| !found.iter().any(|(known, _)| kind.starts_with(known.as_str()));
        // `name=['a']` is a call as Python writes it, which is a format of its own.
        let start = printed.range(index).start;
        if opens && caller && looks_like_python(&printed.text[start..]) && !printed.text[..start].ends_with('=') {
            found.extend(kind_of(&printed.path(index)).filter(is_first).map(|kind| (kind, index)));
        }
    }
    found
}

/// Whether a text begins as `repr` of a list or mapping does: what follows the bracket is no key of JSON.
fn looks_like_python(text: &str) -> bool {
    match text.as_bytes() {
        [b'{', next, ..] => *next == b'\'',
        [b'[', next, ..] => matches!(next, b'\'' | b'{' | b'['),
        _ => false,
    }
}

/// A path without its indices, such as `tools/*/function`; `None` for values of other rules.
fn kind_of(path: &str) -> Option<String> {
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    let is_index = |step: &&str| step.bytes().all(|byte| byte.is_ascii_digit());
    let names: Vec<&str> = steps.iter().map(|step| if is_index(step) { "*" } else { step }).collect();
    let last = names.iter().rev().find(|step| **step != "*")?;
    let in_content = names.first() == Some(&"messages") && names.get(2) == Some(&"content");
    (!in_content && *last != "arguments").then(|| names.join("/"))
}

/// The edit of one expression after which values of a kind are not printed so any more.
fn culprit(context: &Context<'_>, ask: Ask, kind: &str) -> Result<Option<Edit>, NotEvaluated> {
    let nodes = context.nodes()?;
    let last = kind.rsplit('/').find(|step| *step != "*").unwrap_or_default();
    let mut places: Vec<&Expr> =
        nodes.exprs().filter(|(id, expr)| may_print(nodes, *id, expr)).map(|(_, expr)| expr).collect();
    places.sort_by_key(|expr| field_of(expr).is_none_or(|(_, field)| field != last));
    let argument = kind.contains("/arguments/");
    let mends = |outcome: Rc<Outcome>| match &*outcome {
        Ok(printed) => !leaks(printed).iter().any(|(known, _)| kind.starts_with(known.as_str())),
        Err(_) => false,
    };
    let edits = places.into_iter().take(affordable(context, ask, MAX_TRIALS)).map(|place| json_of(context, place.span, argument));
    let mut fitting =
        edits.filter(|edit| tried(context, std::slice::from_ref(edit), ask).is_some_and(&mends));
    Ok(fitting.next())
}

fn may_print(nodes: &Nodes<'_>, id: NodeId, expr: &Expr) -> bool {
    is_printed(nodes, id) && (is_place(expr) || matches!(expr.kind, ExprKind::Call(..)))
}

/// JSON of a value; of an argument only where it is no text, which is printed as it stands.
fn json_of(context: &Context<'_>, span: Span, argument: bool) -> Edit {
    let text = context.slice(span);
    match argument {
        true => Edit::replace(span, format!("({text} if {text} is string else {text} | tojson)")),
        false => Edit::replace(span, format!("{text} | tojson")),
    }
}
