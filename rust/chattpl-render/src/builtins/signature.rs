//! How the methods of Python's types take their arguments, and what Python says where they are called otherwise.

use super::methods::Method;
use crate::error::{type_error, Result};
use crate::value::Value;
use crate::vm::call::Args;

/// The arguments of a method in the order of its parameters.
pub(crate) type Bound<'r> = [Option<Value<'r>>; 3];

/// A way of taking arguments; each words its errors in its own way.
enum Convention {
    Nothing,
    One,
    /// At least and at most so many, none by name.
    Positional(usize, usize),
    /// As `find` takes them.
    Search,
    /// Any of these, also by name.
    Keywords(&'static [&'static str]),
    /// A function written in Python: its parameters, how many are required, and whether names are refused.
    Python(&'static [&'static str], usize, bool),
}

/// Binds the arguments of a method of a string.
///
/// # Errors
/// Python's `TypeError` for missing, unexpected or repeated arguments.
pub(crate) fn bind_str<'r>(method: Method, markup: bool, args: Args<'r>) -> Result<Bound<'r>> {
    let convention = if markup { of_markup(method).unwrap_or_else(|| of_str(method)) } else { of_str(method) };
    bind(if markup { "Markup" } else { "str" }, method, &convention, args)
}

/// Binds the arguments of a method of any other type.
///
/// # Errors
/// Python's `TypeError` for missing, unexpected or repeated arguments.
pub(crate) fn bind_other<'r>(object: Value<'r>, method: Method, args: Args<'r>) -> Result<Bound<'r>> {
    use Method as M;
    let convention = match (object, method) {
        (Value::List(_) | Value::Tuple(_), M::Index) => Convention::Positional(1, 3),
        (_, M::Count | M::Index) => Convention::One,
        (_, M::Get | M::FromKeys) => Convention::Positional(1, 2),
        (_, M::Next | M::Reset) => Convention::Python(&[], 0, false),
        _ => Convention::Nothing,
    };
    let type_name = match method {
        M::FromKeys => "dict",
        _ => object.type_name(),
    };
    bind(type_name, method, &convention, args)
}

/// Whether `markupsafe.Markup` has a method of its own instead of that of `str`.
pub(crate) fn is_markups_own(method: Method) -> bool {
    of_markup(method).is_some()
}

fn of_str(method: Method) -> Convention {
    use Method as M;
    match method {
        M::Join | M::Partition | M::Rpartition | M::RemovePrefix | M::RemoveSuffix | M::Zfill | M::Translate => {
            Convention::One
        }
        M::Center | M::Ljust | M::Rjust => Convention::Positional(1, 2),
        M::Replace => Convention::Positional(2, 3),
        M::Strip | M::Lstrip | M::Rstrip => Convention::Positional(0, 1),
        M::Find | M::Rfind | M::Index | M::Rindex | M::Count | M::StartsWith | M::EndsWith => Convention::Search,
        M::Split | M::Rsplit => Convention::Keywords(&["sep", "maxsplit"]),
        M::SplitLines => Convention::Keywords(&["keepends"]),
        M::ExpandTabs => Convention::Keywords(&["tabsize"]),
        _ => Convention::Nothing,
    }
}

/// Those that `markupsafe.Markup` defines itself.
fn of_markup(method: Method) -> Option<Convention> {
    use Method as M;
    Some(match method {
        M::Join => Convention::Python(&["iterable"], 1, true),
        M::Split | M::Rsplit => Convention::Python(&["sep", "maxsplit"], 0, false),
        M::SplitLines => Convention::Python(&["keepends"], 0, false),
        M::ExpandTabs => Convention::Python(&["tabsize"], 0, false),
        M::Replace => Convention::Python(&["old", "new", "count"], 2, true),
        M::Center | M::Ljust | M::Rjust => Convention::Python(&["width", "fillchar"], 1, true),
        M::Strip | M::Lstrip | M::Rstrip => Convention::Python(&["chars"], 0, true),
        M::Translate => Convention::Python(&["table"], 1, true),
        M::Zfill => Convention::Python(&["width"], 1, true),
        M::RemovePrefix => Convention::Python(&["prefix"], 1, true),
        M::RemoveSuffix => Convention::Python(&["suffix"], 1, false),
        M::Partition | M::Rpartition => Convention::Python(&["sep"], 1, true),
        M::Capitalize | M::Casefold | M::Lower | M::StripTags | M::SwapCase | M::Title | M::Unescape | M::Upper => {
            Convention::Python(&[], 0, false)
        }
        _ => return None,
    })
}

fn bind<'r>(type_name: &str, method: Method, convention: &Convention, args: Args<'r>) -> Result<Bound<'r>> {
    let name = method.name();
    match *convention {
        Convention::Keywords(params) => return by_keyword(name, params, args),
        Convention::Python(params, required, positional_only) => {
            let function = format!("{type_name}.{name}");
            return in_python(&function, params, required, positional_only, args);
        }
        _ => {}
    }
    let owner = match convention {
        Convention::Search => String::new(),
        _ => format!("{type_name}."),
    };
    if !args.values.is_empty() {
        return type_error(format!("{owner}{name}() takes no keyword arguments"));
    }
    let given = args.positional.len();
    match *convention {
        Convention::Nothing if given != 0 => type_error(format!("{owner}{name}() takes no arguments ({given} given)")),
        Convention::One if given != 1 => {
            type_error(format!("{owner}{name}() takes exactly one argument ({given} given)"))
        }
        Convention::Positional(least, most) if !(least..=most).contains(&given) => {
            let (bound, count) = if given < least { ("least", least) } else { ("most", most) };
            let plural = plural(count);
            type_error(format!("{name} expected at {bound} {count} argument{plural}, got {given}"))
        }
        Convention::Search if given == 0 => type_error(format!("{name}() takes at least 1 argument (0 given)")),
        Convention::Search if given > 3 => type_error(format!("{name}() takes at most 3 arguments ({given} given)")),
        _ => Ok(positional(args)),
    }
}

fn positional<'r>(args: Args<'r>) -> Bound<'r> {
    let mut bound = [None; 3];
    for (slot, value) in bound.iter_mut().zip(args.positional) {
        *slot = Some(*value);
    }
    bound
}

fn plural(count: usize) -> &'static str {
    if count == 1 {
        ""
    } else {
        "s"
    }
}

/// Binds as functions written in C do that take keywords.
fn by_keyword<'r>(name: &str, params: &[&str], args: Args<'r>) -> Result<Bound<'r>> {
    let (given, most) = (args.positional.len() + args.values.len(), params.len());
    if given > most {
        let kind = if args.positional.is_empty() { "keyword " } else { "" };
        let plural = plural(most);
        return type_error(format!("{name}() takes at most {most} {kind}argument{plural} ({given} given)"));
    }
    let mut bound = positional(args);
    for (keyword, value) in args.keywords() {
        let Some(at) = params.iter().position(|param| *param == keyword) else {
            return type_error(format!("'{keyword}' is an invalid keyword argument for {name}()"));
        };
        if at < args.positional.len() {
            let position = at + 1;
            return type_error(format!("argument for {name}() given by name ('{keyword}') and position ({position})"));
        }
        bound[at] = Some(value);
    }
    Ok(bound)
}

/// Binds as functions written in Python do.
fn in_python<'r>(
    function: &str,
    params: &'static [&'static str],
    required: usize,
    positional_only: bool,
    args: Args<'r>,
) -> Result<Bound<'r>> {
    let misnamed: Vec<&str> =
        args.names.iter().copied().filter(|name| positional_only && params.contains(name)).collect();
    if !misnamed.is_empty() {
        let misnamed = misnamed.join(", ");
        return type_error(format!(
            "{function}() got some positional-only arguments passed as keyword arguments: '{misnamed}'"
        ));
    }
    match params.len() {
        0 => args.bind(function, [], required, 1).map(|[]| [None; 3]),
        1 => args.bind(function, [params[0]], required, 1).map(|[a]| [a, None, None]),
        2 => args.bind(function, [params[0], params[1]], required, 1).map(|[a, b]| [a, b, None]),
        _ => args.bind(function, [params[0], params[1], params[2]], required, 1),
    }
}
