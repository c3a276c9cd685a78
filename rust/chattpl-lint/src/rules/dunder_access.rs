//! CT601: a template reaches for Python's internals.

use chattpl_syntax::ast::{Expr, ExprKind};
use chattpl_syntax::Span;

use crate::context::Context;
use crate::declare_rule;
use crate::expr;
use crate::finding::Finding;
use crate::rule::{Checked, Rule};

declare_rule! {
    /// ## What it does
    /// Reports reads of `__class__`, `__globals__`, `gi_frame` and other internals of Python objects: as an attribute or key,
    /// by name in `attr`, `map(attribute=...)` and the like, or inside a format string.
    ///
    /// ## Why
    /// No prompt needs them. They are the way from a template to running code, and a template comes with every model that
    /// is downloaded; not every server runs it in a sandbox.
    ///
    /// ## Bad
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if debug -%}{{- messages.__class__ -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    ///
    /// ## Good
    /// ```jinja
    /// {%- for message in messages -%}{{- message.role + ': ' + (message.content or '') + ';' -}}{%- endfor -%}
    /// {%- if debug -%}{{- 'list' -}}{%- endif -%}
    /// {%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
    /// ```
    code: "CT601",
    name: "dunder-access",
    family: Security,
    kind: Static,
    profiles: [Serve, Security],
    fix: None,
    since: "0.1.0",
    check: check,
}

/// Internals that do not begin with `__`.
const INTERNALS: [&str; 16] = [
    "mro",
    "gi_frame",
    "gi_code",
    "cr_frame",
    "cr_code",
    "ag_frame",
    "ag_code",
    "tb_frame",
    "f_globals",
    "f_locals",
    "f_builtins",
    "f_code",
    "co_code",
    "co_consts",
    "func_globals",
    "func_code",
];

/// Filters whose arguments name attributes.
const TAKE_ATTRIBUTES: [&str; 11] =
    ["attr", "map", "selectattr", "rejectattr", "groupby", "sort", "unique", "sum", "min", "max", "join"];

fn check(rule: &Rule, context: &Context<'_>) -> Checked {
    let mut found = Vec::new();
    for (_, inner) in context.nodes()?.exprs() {
        for (name, span) in reached(inner) {
            let message = format!("`{name}` is an internal of Python, a way out of the template, which no prompt needs");
            found.push(Finding::new(rule, span, message));
        }
    }
    Ok(found)
}

/// The first internal that a text names as a whole word.
pub(super) fn internal_in(text: &str) -> Option<&str> {
    let words = text.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.into_iter().find(|word| is_internal(word))
}

/// Whether an attribute of that name is an internal.
pub(super) fn is_internal(name: &str) -> bool {
    let bare = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
    let is_word = |bare: &str| bare.starts_with(|letter: char| letter.is_ascii_lowercase());
    bare.is_some_and(is_word) || INTERNALS.contains(&name)
}

/// The internals that an expression itself reads, each with its place.
fn reached(inner: &Expr) -> Vec<(&str, Span)> {
    match &inner.kind {
        ExprKind::Getattr(object, name) if is_internal(&name.text) || is_private(object, &name.text) => {
            vec![(&name.text, name.span)]
        }
        ExprKind::Getitem(_, index) => expr::text(index).filter(|name| is_internal(name)).map(|name| (name, index.span)).into_iter().collect(),
        ExprKind::Filter { name, args, .. } if TAKE_ATTRIBUTES.contains(&&*name.text) => {
            let named = args.keywords.iter().filter(|(key, _)| &*key.text == "attribute").map(|(_, value)| value);
            let texts = args.positional.iter().chain(named).filter_map(|arg| Some((expr::text(arg)?, arg.span)));
            // Paths are split at dots: `map(attribute='a.__class__')`.
            texts.filter_map(|(text, span)| Some((text.split('.').find(|part| is_internal(part))?, span))).collect()
        }
        ExprKind::Call(..) => match expr::method_call(inner) {
            Some((object, "format" | "format_map", _)) => format_field(object).into_iter().collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Whether the name is a private attribute of what Jinja2 itself supplies.
fn is_private(object: &Expr, name: &str) -> bool {
    let supplied = ["self", "loop", "caller", "cycler", "joiner", "namespace", "range", "dict", "lipsum"];
    name.starts_with('_') && expr::name(object).is_some_and(|object| supplied.contains(&object))
}

/// An internal that a format string looks up: `'{0.__class__}'.format(x)`.
fn format_field(format: &Expr) -> Option<(&str, Span)> {
    let fields = expr::text(format)?.split('{').skip(1).filter_map(|field| field.split('}').next());
    fields.filter_map(internal_in).next().map(|name| (name, format.span))
}
