//! Switches: arguments of a template's own that a caller may turn on, such as `keep_past_thinking`.

use super::{Ask, Printed, THINKING_FLAGS};
use crate::context::Context;
use crate::profile::reads::arguments_of;
use crate::rule::NotEvaluated;

/// Arguments that a template may read for a switch; more are not tried.
const MAX_SWITCHES: usize = 16;

/// The argument that, set to `true`, makes a render be as `wanted`: then what is missing without it is the author's
/// declared choice. `enable_thinking` is none of them: probes have it as it has to be.
///
/// # Errors
/// The template does not compile.
pub fn switch_for<'c>(
    context: &'c Context<'_>,
    ask: Ask,
    wanted: impl Fn(&Printed) -> bool,
) -> Result<Option<&'c str>, NotEvaluated> {
    let probes = context.probes()?;
    let names = arguments_of(context)?.into_iter().filter(|name| !THINKING_FLAGS.contains(name));
    Ok(names.take(MAX_SWITCHES).find(|name| probes.switched(ask, name).is_ok_and(|printed| wanted(&printed))))
}
