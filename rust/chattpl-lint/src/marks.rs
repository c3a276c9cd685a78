//! Adds `{% generation %}` blocks to a template, so that they mark what a model samples.
//!
//! ```text
//! pieces ─► trace ─► plan ─► check ─► Fix
//! ```
//!
//! A piece is what prints by itself: text, an output, an operand of an output that joins texts. The template is rendered
//! once for each shape with marks around its pieces, which tells for each piece whether what it prints is sampled. The plan
//! wraps pieces that print nothing else, tests the role where a piece serves all roles, or a condition that the template asks
//! before where it is sampled at some times only, and splits literals and outputs where what is sampled begins or ends inside. The result is offered only if it prints the same as before and its blocks
//! are exactly what is sampled, on every shape.

mod check;
mod conditions;
mod pieces;
mod plan;
mod trace;

use crate::context::Context;
use crate::fix::Fix;
use crate::probe::shape;
use crate::rule::NotEvaluated;

/// The longest template that is looked at, in bytes: more than twice the longest public one.
const MAX_BYTES: usize = 256 << 10;

/// The longest text of a few turns that is looked at, in bytes: several times what any public template makes of them.
const MAX_OUTPUT: usize = 64 << 10;

/// The repair of a template without `{% generation %}` blocks; `None` where none is found that keeps its promise.
///
/// # Errors
/// The template does not parse or compile.
pub fn fix(context: &Context<'_>) -> Result<Option<Fix>, NotEvaluated> {
    let printed = context.probes()?.natural(shape("multi-turn"));
    let output = printed.as_ref().as_ref().map_or(0, |printed| printed.text.len());
    if context.text().len() > MAX_BYTES || output > MAX_OUTPUT {
        return Ok(None);
    }
    let Some(trace) = trace::trace(context)? else {
        return Ok(None);
    };
    for guard in [plan::Guard::None, plan::Guard::Text] {
        let Some(edits) = plan::plan(context, &trace, guard)? else {
            return Ok(None);
        };
        if check::keeps_its_promise(context, &edits)? {
            return Ok(Some(Fix::changing("mark what the assistant generates", edits)));
        }
    }
    Ok(None)
}
