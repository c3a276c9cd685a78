//! CT113: a value that nobody may have supplied is tested for truth.

use chattpl_syntax::ast::{Expr, ExprKind, Stmt, StmtKind, UnaryOp};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::finding::Finding;
use crate::fix::{Edit, Fix};
use crate::index::{Item, NodeId, Nodes};
use crate::reads::{field_of, lies_in, text_of};
use crate::rule::{Checked, Rule};
use crate::scope::Scopes;

declare_rule! {
    /// ## What it does
    /// Reports names and fields that are tested for truth, or looped over, without a test that they are defined. One finding
    /// stands for all places of a name.
    ///
    /// ## Why
    /// Jinja2's default undefined value is false and empty. Engines and servers that are strict about undefined values fail
    /// there, and a misspelt name is never found.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- if style -%}{{- 'style: ' + style + ';' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message['content'] if message['content'] is string else '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- if style is defined and style -%}{{- 'style: ' + style + ';' -}}{%- endif -%}
    /// {%- for message in messages -%}{{- message.role + ': ' + (message['content'] if message['content'] is string else '') + ';' -}}{%- endfor -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT113",
    name: "undefined-reliance",
    family: Correctness,
    kind: Static,
    profiles: [Portability],
    fix: Always,
    since: "0.1.0",
    check: check,
}

/// What every caller supplies.
const SUPPLIED: [&str; 5] = ["messages", "add_generation_prompt", "bos_token", "eos_token", "loop"];

/// What every message has.
const ALWAYS: [&str; 1] = ["role"];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let (nodes, scopes) = (context.nodes()?, context.scopes()?);
    let mut found: Vec<(&str, Vec<(Span, Position)>)> = Vec::new();
    for (id, expr) in nodes.exprs() {
        let Some(position) = position(nodes, id).filter(|_| may_be_missing(scopes, expr)) else {
            continue;
        };
        let text = context.slice(expr.span);
        if is_guarded(context, nodes, id, text) {
            continue;
        }
        match found.iter_mut().find(|(known, _)| *known == text) {
            Some((_, places)) => places.push((expr.span, position)),
            None => found.push((text, vec![(expr.span, position)])),
        }
    }
    Ok(found.into_iter().map(|(text, places)| finding(rule, text, &places)).collect())
}

fn finding(rule: &Rule, text: &str, places: &[(Span, Position)]) -> Finding {
    let edits = places.iter().map(|(span, position)| Edit::replace(*span, position.guarded(text))).collect();
    let more = if places.len() > 1 { format!(" ({} places)", places.len()) } else { String::new() };
    let message = format!("`{text}` is asked for though it may be undefined, which fails where undefined values are strict{more}");
    Finding::new(rule, places[0].0, message).with_fix(Fix::safe("ask first whether it is defined", edits))
}

/// Where a value is asked for its truth or its elements.
#[derive(Clone, Copy)]
enum Position {
    /// All of a condition, or one of its `and`ed parts.
    Condition,
    /// Beside other operators.
    Operand,
    /// What a loop runs over.
    Loop,
}

impl Position {
    fn guarded(self, text: &str) -> String {
        match self {
            Position::Condition => format!("{text} is defined and {text}"),
            Position::Operand => format!("({text} is defined and {text})"),
            Position::Loop => format!("({text} if {text} is defined else [])"),
        }
    }
}

/// The position of an expression, if only its truth or its elements count there.
fn position(nodes: &Nodes<'_>, id: NodeId) -> Option<Position> {
    let span = nodes.get(id).span();
    let parent = nodes.get(id).parent?;
    match nodes.get(parent).item {
        Item::Stmt(Stmt { kind: StmtKind::If(_), .. }) => Some(Position::Condition),
        Item::Stmt(Stmt { kind: StmtKind::For(node), .. }) if node.iter.span == span => Some(Position::Loop),
        Item::Expr(around) => match &around.kind {
            ExprKind::Unary(UnaryOp::Not, _) => Some(Position::Operand),
            ExprKind::Conditional { test, .. } if test.span == span => Some(Position::Operand),
            ExprKind::And(..) => position(nodes, parent),
            ExprKind::Or(left, _) if left.span == span => Some(Position::Operand),
            ExprKind::Or(..) => position(nodes, parent).map(|_| Position::Operand),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression is a name that the template does not bind, or a field of something.
fn may_be_missing(scopes: &Scopes<'_>, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(name) => {
            let bound = || {
                let reads = scopes.uses().iter().filter(|read| read.span == expr.span);
                reads.into_iter().any(|read| !scopes.seen_by(read).is_empty())
            };
            !SUPPLIED.contains(&&**name) && !bound()
        }
        ExprKind::Getattr(..) | ExprKind::Getitem(..) => {
            field_of(expr).is_some_and(|(object, field)| !ALWAYS.contains(&field) && !is_own(scopes, object))
        }
        _ => false,
    }
}

/// Whether an object is the template's own: `loop`, or a namespace.
fn is_own(scopes: &Scopes<'_>, object: &Expr) -> bool {
    let ExprKind::Name(name) = &object.kind else {
        return false;
    };
    let is_namespace = |value: &Expr| match &value.kind {
        ExprKind::Call(callee, _) => matches!(&callee.kind, ExprKind::Name(name) if &**name == "namespace"),
        _ => false,
    };
    &**name == "loop"
        || scopes.bindings().iter().any(|binding| *binding.name == **name && binding.value.is_some_and(is_namespace))
}

/// Whether a test around, or before in the same condition, makes sure that the value is defined.
fn is_guarded(context: &Context<'_>, nodes: &Nodes<'_>, id: NodeId, text: &str) -> bool {
    let span = nodes.get(id).span();
    nodes.around(id).any(|(_, node)| match node.item {
        Item::Expr(around) => match &around.kind {
            ExprKind::And(left, _) | ExprKind::Or(left, _) => !lies_in(span, left.span) && asks(context, left, text),
            ExprKind::Conditional { test, .. } => !lies_in(span, test.span) && asks(context, test, text),
            _ => false,
        },
        Item::Stmt(Stmt { kind: StmtKind::If(node), .. }) => {
            let at = node.branches.iter().position(|branch| branch.body.iter().any(|stmt| lies_in(span, stmt.span)));
            let seen = at.map_or(node.branches.len(), |at| at + 1);
            let tests = node.branches[..seen].iter().filter(|branch| !lies_in(span, branch.test.span));
            tests.into_iter().any(|branch| branch.test.span.end <= span.start && asks(context, &branch.test, text))
        }
        Item::Stmt(Stmt { kind: StmtKind::For(node), .. }) => {
            node.filter.as_ref().is_some_and(|filter| filter.span.end <= span.start && asks(context, filter, text))
        }
        _ => false,
    })
}

/// Whether an expression asks if the value is defined, in one of the ways that fail on no engine, or asks for its truth:
/// then that is the place to report.
fn asks(context: &Context<'_>, expr: &Expr, text: &str) -> bool {
    let same = |expr: &Expr| context.slice(expr.span) == text;
    match &expr.kind {
        ExprKind::And(left, right) | ExprKind::Or(left, right) => {
            asks(context, left, text) || asks(context, right, text)
        }
        ExprKind::Unary(UnaryOp::Not, operand) => asks(context, operand, text),
        ExprKind::Test { input, .. } => same(input),
        ExprKind::Compare(left, rest) => rest.iter().any(|(_, right)| {
            let (Some(field), Some((object, wanted))) = (text_of(left), field_of_text(text)) else {
                return false;
            };
            field == wanted && context.slice(right.span) == object
        }),
        _ => same(expr),
    }
}

/// The object and the field of `x.field` or `x['field']` as text.
fn field_of_text(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_suffix(']') {
        let (object, field) = inner.rsplit_once('[')?;
        return Some((object, field.trim_matches(['\'', '"'])));
    }
    text.rsplit_once('.')
}
