//! Whether a gap that depends on the data matters to a template: its effect is imitated, and the renders compared.

use chattpl_syntax::ast::ExprKind;
use chattpl_syntax::Span;

use super::Construct;
use crate::context::Context;
use crate::fix::Edit;
use crate::probe::trial::tried;
use crate::probe::{shape, Ask, Outcome};
use crate::rule::NotEvaluated;

/// Conversations in which values are null or left out.
const WITH_NULLS: [&str; 6] =
    ["null-content", "missing-content", "tool-call-null-content", "typed-arguments", "single-user", "tool-answer"];

/// Whether a construct at a place is known to change a render, or cannot be asked.
///
/// # Errors
/// The template does not compile.
pub fn matters(context: &Context<'_>, construct: Construct<'_>, place: Span) -> Result<bool, NotEvaluated> {
    if construct != Construct::Test("iterable") {
        return Ok(true);
    }
    let input = context.nodes()?.exprs().find_map(|(_, expr)| match &expr.kind {
        ExprKind::Test { input, name, .. } if name.span == place => Some(input.span),
        _ => None,
    });
    let Some(input) = input else {
        return Ok(true);
    };
    // An engine in which `none` is iterable answers as for a text.
    let text = context.slice(input);
    let edit = [Edit::replace(input, format!("('' if {text} is none else {text})"))];
    let probes = context.probes()?;
    Ok(WITH_NULLS.map(shape).into_iter().any(|shape| {
        let ask = Ask::natural(shape);
        tried(context, &edit, ask).is_some_and(|changed| !alike(&probes.get(ask), &changed))
    }))
}

fn alike(before: &Outcome, after: &Outcome) -> bool {
    match (before, after) {
        (Ok(before), Ok(after)) => before.text == after.text,
        (Err(before), Err(after)) => before.message() == after.message(),
        _ => false,
    }
}
