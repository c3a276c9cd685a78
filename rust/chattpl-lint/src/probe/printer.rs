//! Which output printed a byte. Data has no place of its own, so a second render numbers the outputs of the template.

use chattpl_syntax::ast::{BinaryOp, Branch, Expr, ExprKind, Stmt, StmtKind};
use chattpl_syntax::Span;

use super::locate::printer_of;
use super::trial::tried;
use super::{Ask, Printed};
use crate::context::Context;
use crate::fix::Edit;
use crate::index::{Item, NodeId, Nodes};
use crate::reads::{field_of, is_used, lies_in};
use crate::rule::NotEvaluated;

/// The first of the characters that number outputs; no conversation has any of them.
const FIRST_MARK: u32 = 0xF_0000;
const LAST_MARK: u32 = 0xF_FFFD;

/// The place that printed the byte at `offset` of a render: its literal, or the expression whose value it is.
///
/// # Errors
/// The template does not compile.
pub fn place_of(context: &Context<'_>, ask: Ask, offset: usize) -> Result<Option<Span>, NotEvaluated> {
    let outcome = context.probes()?.get(ask);
    let Ok(printed) = &*outcome else {
        return Ok(None);
    };
    let nearest = printer_of(context, printed, offset);
    let index = printed.segments.index_at(offset);
    if index >= printed.segments.len() || printed.segments.get(index).template_span.is_some() {
        return Ok(nearest);
    }
    Ok(expression_at(context, ask, offset)?.or(nearest))
}

/// As [`place_of`], but what stands in an assignment is reported where it is printed.
///
/// # Errors
/// The template does not compile.
pub fn print_of(context: &Context<'_>, ask: Ask, offset: usize) -> Result<Option<Span>, NotEvaluated> {
    let nodes = context.nodes()?;
    let place = place_of(context, ask, offset)?;
    let is_assigned = place
        .and_then(|place| nodes.stmt_at(place.start))
        .is_some_and(|(_, stmt)| !matches!(stmt.kind, StmtKind::Text(_) | StmtKind::Output(_)));
    if is_assigned {
        return Ok(expression_at(context, ask, offset)?.or(place));
    }
    Ok(place)
}

/// The part of an output that printed the byte at `offset` of a render.
fn expression_at(context: &Context<'_>, ask: Ask, offset: usize) -> Result<Option<Span>, NotEvaluated> {
    let outcome = context.probes()?.get(ask);
    let (Ok(printed), Some((id, output))) = (&*outcome, output_at(context, ask, offset)?) else {
        return Ok(None);
    };
    let index = printed.segments.index_at(offset);
    Ok(Some(narrowed(context, context.nodes()?, (id, output), printed, index)))
}

/// The output that printed the byte at `offset` of a render, with what it prints; `None` for bare text, and where numbering
/// the outputs changes what is printed.
///
/// # Errors
/// The template does not compile.
pub fn output_at<'s>(
    context: &Context<'s>,
    ask: Ask,
    offset: usize,
) -> Result<Option<(NodeId, &'s Expr)>, NotEvaluated> {
    let outcome = context.probes()?.get(ask);
    let Ok(printed) = &*outcome else {
        return Ok(None);
    };
    let nodes = context.nodes()?;
    let all: Vec<(NodeId, &'s Stmt, &'s Expr)> = nodes
        .stmts()
        .filter_map(|(id, stmt)| match &stmt.kind {
            StmtKind::Output(expr) => Some((id, stmt, expr)),
            _ => None,
        })
        .collect();
    // What a capture holds may be asked about or cut, so that marks in it change it.
    let outer = all.iter().copied().filter(|(id, ..)| !is_captured(nodes, *id)).collect();
    for outputs in [all, outer] {
        let marked = tried(context, &marks(context, &outputs), ask);
        if let Some(Ok(marked)) = marked.as_deref() {
            if let Some(mark) = mark_before(&marked.text, &printed.text, offset) {
                return Ok(mark.and_then(|mark| outputs.get(mark)).map(|(id, _, expr)| (*id, *expr)));
            }
        }
    }
    Ok(None)
}

fn is_captured(nodes: &Nodes<'_>, id: NodeId) -> bool {
    nodes.around(id).any(|(_, node)| match node.item {
        Item::Stmt(stmt) => {
            matches!(
                stmt.kind,
                StmtKind::SetBlock(_) | StmtKind::Macro(_) | StmtKind::CallBlock(_) | StmtKind::FilterBlock(_)
            )
        }
        _ => false,
    })
}

/// An output of its number before each output, with the same white space control.
fn marks(context: &Context<'_>, outputs: &[(NodeId, &Stmt, &Expr)]) -> Vec<Edit> {
    let numbers = (FIRST_MARK..LAST_MARK).filter_map(char::from_u32);
    let mark = |((_, stmt, _), number): (&(NodeId, &Stmt, &Expr), char)| {
        let opening = context.slice(stmt.span).get(2..3).filter(|sign| matches!(*sign, "-" | "+")).unwrap_or_default();
        Edit::insert(stmt.span.start, format!("{{{{{opening} '{number}' }}}}"))
    };
    outputs.iter().zip(numbers).map(mark).collect()
}

/// The last number before a byte of the unmarked text; the outer `None` where the texts differ by more than numbers.
fn mark_before(marked: &str, plain: &str, offset: usize) -> Option<Option<usize>> {
    let mark_of =
        |c: char| (FIRST_MARK..LAST_MARK).contains(&u32::from(c)).then(|| (u32::from(c) - FIRST_MARK) as usize);
    let (mut rest, mut found, mut at) = (plain.chars(), None, 0);
    for c in marked.chars() {
        match mark_of(c) {
            Some(mark) if at <= offset => found = Some(mark),
            Some(_) => {}
            None if rest.next() == Some(c) => at += c.len_utf8(),
            None => return None,
        }
    }
    rest.next().is_none().then_some(found)
}

/// The part of an output that holds a segment's value: what reads its field or its name, else what stands behind the literal
/// before it.
fn narrowed(
    context: &Context<'_>,
    nodes: &Nodes<'_>,
    (id, output): (NodeId, &Expr),
    printed: &Printed,
    index: usize,
) -> Span {
    let before = (0..index).rev().find_map(|index| printed.segments.get(index).template_span);
    let before = before.map(|span| context.normalized(span)).filter(|span| lies_in(*span, output.span));
    let is_behind = |span: &Span| before.is_none_or(|literal| literal.end <= span.start);
    let path = printed.path(index);
    let field = path.rsplit('/').find(|step| step.parse::<usize>().is_err()).unwrap_or_default();
    let reads_it = |expr: &Expr| match &expr.kind {
        ExprKind::Name(name) => **name == *field,
        _ => field_of(expr).is_some_and(|(_, read)| read == field),
    };
    let mut reads = nodes.inside(id).filter_map(|(id, node)| match node.item {
        Item::Expr(expr) if reads_it(expr) && is_used(nodes, id) && is_behind(&expr.span) => Some(expr.span),
        _ => None,
    });
    let mut parts = Vec::new();
    operands(output, &mut parts);
    let part = || parts.iter().map(|part| part.span).find(|span| is_behind(span));
    let only = || (parts.len() == 1).then(|| parts[0].span);
    reads.next().or_else(part).or_else(only).unwrap_or(output.span)
}

/// The parts that are joined to one text, without its literals.
fn operands<'t>(expr: &'t Expr, parts: &mut Vec<&'t Expr>) {
    match &expr.kind {
        ExprKind::Binary(BinaryOp::Add, left, right) => {
            [left, right].into_iter().for_each(|side| operands(side, parts))
        }
        ExprKind::Concat(items) => items.iter().for_each(|item| operands(item, parts)),
        ExprKind::Const(_) => {}
        _ => parts.push(expr),
    }
}

/// The condition for which one place is reached and not another: the test of the innermost branch around it that does not
/// hold the other, or the place itself behind an `else`.
///
/// # Errors
/// The template does not parse.
pub fn condition_between(context: &Context<'_>, place: Span, other: Span) -> Result<Option<Span>, NotEvaluated> {
    let nodes = context.nodes()?;
    let Some((id, _)) = nodes.stmt_at(place.start).filter(|(id, _)| !is_captured(nodes, *id)) else {
        return Ok(None);
    };
    let test = nodes.around(id).find_map(|(_, node)| match node.item {
        Item::Stmt(Stmt { kind: StmtKind::If(branches), span }) if !lies_in(other, *span) => {
            let own = |branch: &&Branch| branch.body.iter().any(|stmt| lies_in(place, stmt.span));
            Some(branches.branches.iter().find(own).map_or(place, |branch| branch.test.span))
        }
        _ => None,
    });
    Ok(test)
}

/// What answers for two renders that part at a byte: the literal that the first prints there, else the condition for which
/// the second does not print it, else what the first prints.
///
/// # Errors
/// The template does not compile.
pub fn place_where_they_part(
    context: &Context<'_>,
    (first, second): (Ask, Ask),
    at: usize,
) -> Result<Option<Span>, NotEvaluated> {
    let probes = context.probes()?;
    let place = place_of(context, first, at)?;
    if let (Ok(printed), Some(place)) = (&*probes.get(first), place) {
        let index = printed.segments.index_at(at);
        let is_data = index < printed.segments.len() && printed.segments.get(index).template_span.is_none();
        if let Some(other) = is_data.then(|| place_of(context, second, at)).transpose()?.flatten() {
            return Ok(condition_between(context, place, other)?.or(Some(place)));
        }
    }
    Ok(place)
}
