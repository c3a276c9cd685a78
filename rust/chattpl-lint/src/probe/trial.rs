//! Trials: what becomes of a conversation once the template is edited. An edit that repairs a fault shows what caused it.

use std::rc::Rc;

use super::{Ask, Outcome};
use crate::context::{Context, Subject};
use crate::fix::{edited, Edit};

/// Bytes of source and output that the trials of one fault may take together: far more than templates of models need.
const ROOM: usize = 4 << 20;

/// How many trials with a render a fault is worth: `most`, or fewer of them where the template or what it prints is huge.
pub fn affordable(context: &Context<'_>, ask: Ask, most: usize) -> usize {
    let printed = context.probes().map(|probes| probes.get(ask));
    let output = printed.map_or(0, |outcome| outcome.as_ref().as_ref().map_or(0, |printed| printed.text.len()));
    most.min(ROOM / (context.text().len() + output).max(1)).max(1)
}

/// What an edited template makes of a conversation, in the form that the unedited one takes; `None` where the edited one
/// does not compile.
///
/// `edits` do not overlap.
pub fn tried(context: &Context<'_>, edits: &[Edit], ask: Ask) -> Option<Rc<Outcome>> {
    let subject = context.subject;
    let form = match ask.form {
        Some(form) => form,
        None => context.probes().ok()?.form(),
    };
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| edit.span.start);
    let text = edited(&subject.original, &subject.source, &sorted);
    let changed = Subject::new(text, subject.name.as_deref(), subject.supplied.clone());
    let changed = Context::new(&changed);
    let outcome = changed.probes().ok()?.get(ask.written(form));
    Some(outcome)
}
