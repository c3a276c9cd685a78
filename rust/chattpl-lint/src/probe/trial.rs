//! Trials: what becomes of a conversation once the template is edited. An edit that repairs a fault shows what caused it.

use std::rc::Rc;

use super::{Ask, Outcome};
use crate::context::{Context, Subject};
use crate::fix::{edited, Edit};

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
