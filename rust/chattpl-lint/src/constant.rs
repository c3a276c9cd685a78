//! The text that an expression gives whatever the conversation: the engine works it out.

use std::sync::Arc;

use chattpl_render::{
    read_conversation, render, Buffers, Bump, Clock, DateTime, Input, Limits, NullFields, Options, Program,
};
use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::expr;
use crate::scope::BindingKind;

/// Bytes of source beyond which an expression is not worked out.
const MAX_SOURCE: usize = 4096;

const LIMITS: Limits =
    Limits { max_instructions: 20_000, max_output_bytes: 1 << 16, max_memory_bytes: 1 << 20, max_depth: 20 };

/// Text that does not depend on the conversation, and the literals that it is made from.
#[derive(Debug)]
pub struct Known {
    /// The text.
    pub text: String,
    /// The string literals that the expression, and the names in it, are written with.
    pub literals: Vec<String>,
}

/// The text of an expression, where it is a text made from literals alone, directly or through names set once.
pub fn known_text(context: &Context<'_>, whole: &Expr) -> Option<Known> {
    let mut sources = Sources::default();
    sources.add(context, whole)?;
    let shown = context.slice(whole.span);
    let source = format!("{}{{%- if ({shown}) is string -%}}{{{{- ({shown}) -}}}}{{%- endif -%}}", sources.sets);
    let text = (source.len() <= MAX_SOURCE).then(|| rendered(&source)).flatten()?;
    Some(Known { text, literals: sources.literals })
}

/// The `set` statements that give an expression's names their values.
#[derive(Default)]
struct Sources {
    sets: String,
    names: Vec<String>,
    literals: Vec<String>,
}

impl Sources {
    /// Adds what the names of an expression are set to; `None` where a name is not set once and for all.
    fn add(&mut self, context: &Context<'_>, whole: &Expr) -> Option<()> {
        let mut reads: Vec<(String, Span)> = Vec::new();
        let calls = expr::any(whole, &mut |inner| {
            match &inner.kind {
                ExprKind::Name(name) => reads.push((name.to_string(), inner.span)),
                ExprKind::Const(_) => self.literals.extend(expr::text(inner).map(str::to_owned)),
                _ => {}
            }
            expr::function_call(inner).is_some()
        });
        if calls || self.sets.len() > MAX_SOURCE {
            return None;
        }
        for (name, span) in reads {
            if self.names.contains(&name) {
                continue;
            }
            let [binding] = context.scopes().ok()?.reaching_at(span)[..] else {
                return None;
            };
            let value = binding.value.filter(|_| binding.kind == BindingKind::Set)?;
            // A name that is set from itself has no one value.
            self.names.push(name.clone());
            if expr::mentions(value, &name) {
                return None;
            }
            self.add(context, value)?;
            self.sets += &format!("{{%- set {name} = ({}) -%}}", context.slice(value.span));
        }
        Some(())
    }
}

/// What a template prints without a conversation.
fn rendered(source: &str) -> Option<String> {
    let program = Arc::new(Program::compile(source, None).ok()?);
    let arena = Bump::new();
    let mut input = Input::new(&arena);
    read_conversation(&mut input, br#"{"messages": []}"#).ok()?;
    let now = DateTime { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0, microsecond: 0 };
    let options = Options { limits: LIMITS, clock: Clock { now }, continue_field: None, null_fields: NullFields::Drop };
    let done = render(&program, input, &options, &mut Buffers::default()).ok()?;
    Some(done.into_parts().0)
}
