//! `|` filters.

use super::collections;
use super::formatting;
use super::text::{self, wrap};
use super::tojson::tojson;
use crate::error::{type_error, ErrorClass, RenderError, Result};
use crate::meter;
use crate::origin::{is_data, Tag, COMPUTED, UNUSED};
use crate::pytext::{
    self, CaseOp, Cut, IndentOptions, Piece, Side, Toward, UrlPart, UrlizeOptions, WrapOptions,
};
use crate::value::build::StrBuilder;
use crate::value::dict::DictBuilder;
use crate::value::{Str, Value};
use crate::vm::call::Args;
use crate::vm::{ops, Vm};

pub(crate) use super::collections::Callback;

macro_rules! filters {
    ($($variant:ident: $($name:literal)|+,)*) => {
        /// A filter by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub(crate) enum Filter { $($variant),* }

        impl Filter {
            /// The filter that Jinja2 and `transformers` know under `name`.
            pub fn by_name(name: &str) -> Option<Filter> {
                match name {
                    $($($name)|+ => Some(Filter::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

filters! {
    Abs: "abs",
    Attr: "attr",
    Batch: "batch",
    Capitalize: "capitalize",
    Center: "center",
    Default: "d" | "default",
    DictSort: "dictsort",
    Escape: "e" | "escape",
    FileSizeFormat: "filesizeformat",
    First: "first",
    Float: "float",
    ForceEscape: "forceescape",
    Format: "format",
    GroupBy: "groupby",
    Indent: "indent",
    Int: "int",
    Items: "items",
    Join: "join",
    Last: "last",
    Length: "count" | "length",
    List: "list",
    Lower: "lower",
    Map: "map",
    Max: "max",
    Min: "min",
    PPrint: "pprint",
    Random: "random",
    Reject: "reject",
    RejectAttr: "rejectattr",
    Replace: "replace",
    Reverse: "reverse",
    Round: "round",
    Safe: "safe",
    Select: "select",
    SelectAttr: "selectattr",
    Slice: "slice",
    Sort: "sort",
    String: "string",
    StripTags: "striptags",
    Sum: "sum",
    Title: "title",
    ToJson: "tojson",
    Trim: "trim",
    Truncate: "truncate",
    Unique: "unique",
    Upper: "upper",
    UrlEncode: "urlencode",
    Urlize: "urlize",
    WordCount: "wordcount",
    WordWrap: "wordwrap",
    XmlAttr: "xmlattr",
}

/// `input|filter(args)`.
pub(crate) fn apply<'r>(
    vm: &mut Vm<'r>,
    filter: Filter,
    input: Value<'r>,
    args: Args<'r>,
) -> Result<Value<'r>> {
    vm.charge(2)?;
    match filter {
        Filter::Default => default(input, args),
        Filter::ToJson => tojson(vm, input, args),
        Filter::Trim => trim(vm, input, args),
        Filter::Length => length(vm, input, args),
        Filter::String => {
            let [] = args.bind("soft_str", [], 0, 1)?;
            Ok(soft_str(vm, input))
        }
        Filter::Safe => {
            let [] = args.bind("do_mark_safe", [], 0, 1)?;
            Ok(Value::Markup(input.to_str(vm.arena)))
        }
        Filter::Upper => case(vm, input, args, "do_upper", CaseOp::Upper),
        Filter::Lower => case(vm, input, args, "do_lower", CaseOp::Lower),
        Filter::Capitalize => case(vm, input, args, "do_capitalize", CaseOp::Capitalize),
        Filter::Title => title(vm, input, args),
        Filter::Replace => replace(vm, input, args),
        Filter::Indent => indent(vm, input, args),
        Filter::Escape | Filter::ForceEscape => escape(vm, filter, input, args),
        Filter::Format => format(vm, input, args),
        Filter::Center => center(vm, input, args),
        Filter::Truncate => truncate(vm, input, args),
        Filter::WordWrap => wordwrap(vm, input, args),
        Filter::WordCount => {
            let [] = args.bind("do_wordcount", [], 0, 1)?;
            let str = input.to_str(vm.arena);
            vm.charge(str.len() as u64 / 8)?;
            let count = pytext::wordcount(str.flat(vm.arena)) as i64;
            Ok(Value::Int(count, str.data_source(vm.arena)))
        }
        Filter::StripTags => {
            let [] = args.bind("do_striptags", [], 0, 1)?;
            let str = input.to_str(vm.arena);
            vm.reserve(str.len() * 2)?;
            let stripped = pytext::striptags(str.flat(vm.arena));
            text::derived_text(vm, str, &stripped).map(Value::Str)
        }
        Filter::UrlEncode => urlencode(vm, input, args),
        Filter::Urlize => urlize(vm, input, args),
        Filter::XmlAttr => xmlattr(vm, input, args),
        Filter::PPrint => {
            let [] = args.bind("do_pprint", [], 0, 1)?;
            Ok(Value::Str(input.to_repr(vm.arena)))
        }
        Filter::FileSizeFormat => filesizeformat(vm, input, args),
        Filter::Int => int(vm, input, args),
        Filter::Float => float(vm, input, args),
        Filter::Round => round(vm, input, args),
        Filter::Abs => abs(vm, input, args),
        Filter::Attr => attr(vm, input, args),
        _ => collections::apply(vm, filter, input, args),
    }
}

/// `str(value)`, with markup left as it is.
fn soft_str<'r>(vm: &Vm<'r>, value: Value<'r>) -> Value<'r> {
    match value {
        Value::Str(_) | Value::Markup(_) => value,
        other => Value::Str(other.to_str(vm.arena)),
    }
}

fn is_markup(value: Value<'_>) -> bool {
    matches!(value, Value::Markup(_))
}

pub(crate) fn filter_argument_error<T>(message: impl Into<String>) -> Result<T> {
    Err(RenderError::new(ErrorClass::FilterArgumentError, message))
}

fn default<'r>(input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [value, boolean] = args.bind("do_default", ["default_value", "boolean"], 0, 1)?;
    let replaced = input.is_undefined() || boolean.is_some_and(|value| value.truthy()) && !input.truthy();
    Ok(if replaced {
        value.unwrap_or(Value::str(""))
    } else {
        input
    })
}

fn trim<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [chars] = args.bind("do_trim", ["chars"], 0, 1)?;
    let chars = match chars {
        None | Some(Value::None(_)) => None,
        Some(Value::Str(str) | Value::Markup(str)) => Some(str.flat(vm.arena)),
        Some(_) => return type_error("strip arg must be None or str"),
    };
    let str = input.to_str(vm.arena);
    let range = text::strip(vm, str, chars, Side::Both)?;
    Ok(wrap(is_markup(input), str.slice(vm.arena, range)))
}

/// How many elements `len(value)` counts.
pub(crate) fn len<'r>(vm: &mut Vm<'r>, value: Value<'r>) -> Result<i64> {
    Ok(match value {
        Value::Str(str) | Value::Markup(str) => {
            vm.charge(str.len() as u64 / 256)?;
            pytext::char_count(str.flat(vm.arena)) as i64
        }
        Value::List(seq) | Value::Tuple(seq) => seq.items.len() as i64,
        Value::Dict(dict) => dict.entries.len() as i64,
        Value::View(view) => view.dict.entries.len() as i64,
        Value::Range(range) => range.len(),
        Value::Undefined(_) | Value::Missing => 0,
        Value::Loop(this) => this.len(vm)?,
        other => {
            return type_error(format!(
                "object of type '{}' has no len()",
                other.type_name()
            ))
        }
    })
}

fn length<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if !args.is_empty() {
        if !args.values.is_empty() {
            return type_error("len() takes no keyword arguments");
        }
        return type_error(format!(
            "len() takes exactly one argument ({} given)",
            args.positional.len() + 1
        ));
    }
    let count = len(vm, input)?;
    Ok(Value::Int(count, input.source(vm.arena)))
}

fn case<'r>(
    vm: &mut Vm<'r>,
    input: Value<'r>,
    args: Args<'r>,
    name: &str,
    op: CaseOp,
) -> Result<Value<'r>> {
    let [] = args.bind(name, [], 0, 1)?;
    let str = input.to_str(vm.arena);
    Ok(wrap(is_markup(input), text::change_case(vm, str, op)?))
}

fn title<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("do_title", [], 0, 1)?;
    let str = input.to_str(vm.arena);
    let op = CaseOp::JinjaTitle;
    text::change_case(vm, str, op).map(Value::Str)
}

fn replace<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [old, new, count] = args.bind("do_replace", ["old", "new", "count"], 2, 2)?;
    let (old, new) = (old.expect("required"), new.expect("required"));
    let count = match count {
        None | Some(Value::None(_)) => None,
        Some(Value::Int(count, _)) => usize::try_from(count).ok(),
        Some(Value::Bool(count, _)) => Some(count.into()),
        Some(other) => {
            let name = other.type_name();
            return type_error(format!(
                "'{name}' object cannot be interpreted as an integer"
            ));
        }
    };
    let (str, old, new) = (
        input.to_str(vm.arena),
        old.to_str(vm.arena),
        new.to_str(vm.arena),
    );
    let new = vm.used(new);
    Ok(Value::Str(text::replace(vm, str, old, new, count)?))
}

fn indent<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [width, first, blank] = args.bind("do_indent", ["width", "first", "blank"], 0, 1)?;
    let indention = match width {
        None => Str::computed("    "),
        Some(Value::Str(str) | Value::Markup(str)) => str,
        Some(width) => {
            let spaces = ops::mul(vm, Value::str(" "), width)?;
            spaces.as_str().expect("a repeated string is a string")
        }
    };
    let Some(str) = input.as_str() else {
        return match input {
            Value::Undefined(undefined) => Err(undefined.error(vm.arena)),
            other => ops::add(vm, other, Value::str("\n")),
        };
    };
    let options = IndentOptions {
        first: first.is_some_and(|value| value.truthy()),
        blank: blank.is_some_and(|value| value.truthy()),
    };
    let flat = str.flat(vm.arena);
    let lines = memchr::memchr_iter(b'\n', flat.as_bytes()).count() + 1;
    vm.reserve(
        flat.len()
            .saturating_add(lines.saturating_mul(indention.len() + 64)),
    )?;
    let pieces = pytext::indent(flat, indention.flat(vm.arena), options);
    Ok(wrap(
        is_markup(input),
        text::from_pieces(vm, str, &pieces, indention),
    ))
}

/// A string with HTML's special characters escaped.
pub(crate) fn escape_str<'r>(vm: &Vm<'r>, str: Str<'r>) -> Str<'r> {
    let flat = str.flat(vm.arena);
    meter::read(flat.len());
    if !flat
        .bytes()
        .any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\''))
    {
        return str;
    }
    let mut out = StrBuilder::new(vm.arena);
    for piece in pytext::escape_html(flat) {
        text::push_piece(vm, &mut out, str, &piece, str);
    }
    out.finish()
}

fn escape<'r>(
    vm: &mut Vm<'r>,
    filter: Filter,
    input: Value<'r>,
    args: Args<'r>,
) -> Result<Value<'r>> {
    let [] = args.bind("escape", [], 0, 1)?;
    if is_markup(input) && filter == Filter::Escape {
        return Ok(input);
    }
    let str = input.to_str(vm.arena);
    vm.reserve(str.len() * 2)?;
    Ok(Value::Markup(escape_str(vm, str)))
}

fn format<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if !args.positional.is_empty() && !args.values.is_empty() {
        return filter_argument_error(
            "can't handle positional and keyword arguments at the same time",
        );
    }
    let operand = if args.values.is_empty() {
        Value::tuple(vm.arena, args.positional, COMPUTED)
    } else {
        let mut dict = DictBuilder::new(vm.arena, args.names.len());
        args.keywords()
            .for_each(|(name, value)| dict.insert(Value::str(name), value));
        Value::Dict(dict.finish(COMPUTED))
    };
    let format = soft_str(vm, input);
    formatting::percent(vm, format, operand)
}

fn index(value: Value<'_>) -> Result<i64> {
    match value {
        Value::Int(value, _) => Ok(value),
        Value::Bool(value, _) => Ok(value.into()),
        other => type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            other.type_name()
        )),
    }
}

fn center<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [width] = args.bind("do_center", ["width"], 0, 1)?;
    let width = width.map_or(Ok(80), index)?;
    let str = input.to_str(vm.arena);
    let padding = pytext::center(str.flat(vm.arena), width)?;
    let fill = Str::tagged(" ", text::whole_tag(vm, str));
    Ok(wrap(is_markup(input), text::pad(vm, str, padding, fill)?))
}

fn truncate<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = ["length", "killwords", "end", "leeway"];
    let [length, killwords, end, leeway] = args.bind("do_truncate", params, 0, 1)?;
    let length = length.map_or(Ok(255), index)?;
    let cut = if killwords.is_some_and(|value| value.truthy()) {
        Cut::Anywhere
    } else {
        Cut::Words
    };
    let end = end.map_or(Str::computed("..."), |value| value.to_str(vm.arena));
    let leeway = match leeway {
        None | Some(Value::None(_)) => 5,
        Some(value) => index(value)?,
    };
    let str = input.to_str(vm.arena);
    vm.charge(str.len() as u64 / 32)?;
    let pieces = pytext::truncate(str.flat(vm.arena), length, cut, end.flat(vm.arena), leeway)?;
    Ok(wrap(
        is_markup(input),
        text::from_pieces(vm, str, &pieces, end),
    ))
}

fn wordwrap<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = [
        "width",
        "break_long_words",
        "wrapstring",
        "break_on_hyphens",
    ];
    let [width, break_long_words, wrapstring, break_on_hyphens] =
        args.bind("do_wordwrap", params, 0, 2)?;
    let wrapstring = match wrapstring {
        None | Some(Value::None(_)) => Str::computed("\n"),
        Some(value) => value.to_str(vm.arena),
    };
    let options = WrapOptions {
        width: width.map_or(Ok(79), index)?,
        break_long_words: break_long_words.is_none_or(|value| value.truthy()),
        break_on_hyphens: break_on_hyphens.is_none_or(|value| value.truthy()),
    };
    let Some(str) = input.as_str() else {
        return Err(no_attribute(vm, input, "splitlines"));
    };
    let words = pytext::wordcount(str.flat(vm.arena));
    vm.reserve(str.len() * 4 + words * 512)?;
    let pieces = pytext::wordwrap(str.flat(vm.arena), options, wrapstring.flat(vm.arena))?;
    Ok(Value::Str(text::from_pieces(vm, str, &pieces, wrapstring)))
}

fn no_attribute<'r>(vm: &Vm<'r>, value: Value<'r>, name: &str) -> RenderError {
    match value {
        Value::Undefined(undefined) => undefined.error(vm.arena),
        other => RenderError::new(
            ErrorClass::AttributeError,
            format!("'{}' object has no attribute '{name}'", other.type_name()),
        ),
    }
}

fn urlencode<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("do_urlencode", [], 0, 1)?;
    let quote = |vm: &mut Vm<'r>, value: Value<'r>, part| {
        let str = value.to_str(vm.arena);
        vm.reserve(str.len() * 3)?;
        let quoted = pytext::url_quote(str.flat(vm.arena), part);
        text::derived_text(vm, str, &quoted)
    };
    if input.as_str().is_some() || input.iterate().is_err() {
        return quote(vm, input, UrlPart::Path).map(Value::Str);
    }
    let pairs = match input {
        Value::Dict(dict) => {
            let pairs = dict.entries.iter().map(|(key, value)| (*key, *value));
            pairs.collect::<Vec<_>>()
        }
        _ => {
            let mut pairs = Vec::new();
            for item in input.iterate()?.collect(vm)? {
                let pair = item.iterate()?.collect(vm)?;
                let [key, value] = pair[..] else {
                    return type_error("urlencode needs pairs of key and value");
                };
                pairs.push((key, value));
            }
            pairs
        }
    };
    let mut parts = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let key = quote(vm, key, UrlPart::Query)?;
        let value = quote(vm, value, UrlPart::Query)?;
        let pair = [key, value];
        parts.push(text::join(vm, Str::computed("="), &pair)?);
    }
    text::join(vm, Str::computed("&"), &parts).map(Value::Str)
}

fn urlize<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = [
        "trim_url_limit",
        "nofollow",
        "target",
        "rel",
        "extra_schemes",
    ];
    let [limit, nofollow, target, rel, extra] = args.bind("do_urlize", params, 0, 2)?;
    let mut rels: Vec<String> = match rel {
        None | Some(Value::None(_)) => Vec::new(),
        Some(value) => value
            .to_str(vm.arena)
            .flat(vm.arena)
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    };
    rels.push("noopener".to_owned());
    if nofollow.is_some_and(|value| value.truthy()) {
        rels.push("nofollow".to_owned());
    }
    rels.sort();
    rels.dedup();
    let mut schemes: Vec<String> = Vec::new();
    if let Some(extra) = extra.filter(|value| !value.is_none()) {
        for scheme in extra.iterate()?.collect(vm)? {
            let scheme = scheme.to_str(vm.arena).flat(vm.arena);
            if !pytext::is_uri_scheme(scheme) {
                let scheme = pytext::repr_str(scheme);
                return filter_argument_error(format!(
                    "{scheme} is not a valid URI scheme prefix."
                ));
            }
            schemes.push(scheme.to_owned());
        }
    }
    let limit = match limit {
        None | Some(Value::None(_)) => None,
        Some(value) => Some(index(value)?),
    };
    let target = target
        .filter(|value| !value.is_none())
        .map(|value| value.to_str(vm.arena).flat(vm.arena));
    let escaped_rel = html_text(&rels.join(" "));
    let escaped_target = html_text(target.unwrap_or(""));
    let schemes: Vec<&str> = schemes.iter().map(String::as_str).collect();
    let options = UrlizeOptions {
        trim_url_limit: limit,
        rel: &escaped_rel,
        target: &escaped_target,
        extra_schemes: &schemes,
    };
    let str = input.to_str(vm.arena);
    let words = pytext::wordcount(str.flat(vm.arena));
    let link = escaped_rel.len() + escaped_target.len() + 64;
    vm.reserve(str.len() * 4 + words.saturating_mul(link))?;
    vm.charge((words as u64).saturating_mul(schemes.len() as u64 + 1))?;
    let escaped = if is_markup(input) {
        str
    } else {
        escape_str(vm, str)
    };
    let pieces = pytext::urlize(escaped.flat(vm.arena), &options);
    Ok(Value::Str(text::from_pieces(
        vm,
        escaped,
        &pieces,
        Str::computed(""),
    )))
}

fn html_text(text: &str) -> String {
    let pieces: Vec<Piece<'_>> = pytext::escape_html(text).collect();
    pytext::join_pieces(text, &pieces)
}

fn xmlattr<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [autospace] = args.bind("do_xmlattr", ["autospace"], 0, 2)?;
    let Value::Dict(dict) = input else {
        return Err(no_attribute(vm, input, "items"));
    };
    let mut parts = Vec::new();
    for (key, value) in dict.entries {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let name = key.to_str(vm.arena);
        if pytext::is_invalid_attribute_name(name.flat(vm.arena)) {
            let name = key.repr_text(vm.arena);
            return crate::error::value_error(format!(
                "Invalid character in attribute name: {name}"
            ));
        }
        let (name, value) = (escape_str(vm, name), value.to_str(vm.arena));
        let value = escape_str(vm, value);
        let pair = [name, Str::computed("=\""), value, Str::computed("\"")];
        parts.push(text::join(vm, Str::computed(""), &pair)?);
    }
    let mut joined = text::join(vm, Str::computed(" "), &parts)?;
    if !parts.is_empty() && autospace.is_none_or(|value| value.truthy()) {
        joined = text::join(vm, Str::computed(" "), &[Str::computed(""), joined])?;
    }
    Ok(Value::Str(joined))
}

fn filesizeformat<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [binary] = args.bind("do_filesizeformat", ["binary"], 0, 1)?;
    let source = input.source(vm.arena);
    let bytes = to_float(vm, input)?;
    let Some(bytes) = bytes else {
        return type_error(float_message(input));
    };
    let text = pytext::filesizeformat(bytes, binary.is_some_and(|value| value.truthy()))?;
    Ok(Value::Str(Str::tagged(
        vm.arena.alloc_str(&text),
        computed_tag(source),
    )))
}

fn computed_tag(source: u32) -> Tag {
    if is_data(source) {
        Tag {
            source,
            message: UNUSED,
        }
    } else {
        Tag::COMPUTED
    }
}

fn float_message(value: Value<'_>) -> String {
    format!(
        "float() argument must be a string or a real number, not '{}'",
        value.type_name()
    )
}

/// `float(value)`; `None` where Python raises `TypeError` or `ValueError`.
fn to_float<'r>(vm: &mut Vm<'r>, value: Value<'r>) -> Result<Option<f64>> {
    Ok(match value {
        Value::Str(str) | Value::Markup(str) => pytext::parse_float(str.flat(vm.arena)),
        Value::Undefined(undefined) => return Err(undefined.error(vm.arena)),
        Value::BigInt(big, _) => Some(pytext::PyInt::from(big.get()).to_f64()?),
        other => crate::value::cmp::as_float(other),
    })
}

fn float<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [default] = args.bind("do_float", ["default"], 0, 1)?;
    let source = input.source(vm.arena);
    match to_float(vm, input)? {
        Some(value) => Ok(Value::Float(value, source)),
        None => Ok(default.unwrap_or(Value::Float(0.0, COMPUTED))),
    }
}

fn int<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [default, base] = args.bind("do_int", ["default", "base"], 0, 1)?;
    let default = default.unwrap_or(Value::int(0));
    let source = input.source(vm.arena);
    let parsed = match input {
        Value::Str(str) | Value::Markup(str) => {
            let base = base.map_or(Ok(10), index);
            base.ok()
                .and_then(|base| pytext::parse_int(str.flat(vm.arena), base).ok())
        }
        Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => {
            let big = crate::value::cmp::as_big(input).expect("an integer");
            return Ok(Value::big(vm.arena, big, source));
        }
        Value::Float(value, _) if value.is_infinite() => {
            return Err(RenderError::new(
                ErrorClass::OverflowError,
                "cannot convert float infinity to integer",
            ));
        }
        Value::Float(value, _) => pytext::PyInt::from_f64(value).ok(),
        _ => None,
    };
    let parsed = match parsed {
        Some(value) => Some(value),
        None => to_float(vm, input)?.and_then(|value| pytext::PyInt::from_f64(value).ok()),
    };
    Ok(match parsed {
        Some(value) => Value::big(vm.arena, value.to_big(), source),
        None => default,
    })
}

fn number(value: Value<'_>) -> Option<pytext::Number> {
    match value {
        Value::Float(value, _) => Some(pytext::Number::Float(value)),
        Value::Bool(value, _) => Some(pytext::Number::Bool(value)),
        _ => crate::value::cmp::as_big(value).map(|big| pytext::Number::Int(big.into())),
    }
}

fn round<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [precision, method] = args.bind("do_round", ["precision", "method"], 0, 1)?;
    let method = method.map_or("common", |value| value.to_str(vm.arena).flat(vm.arena));
    let toward = match method {
        "common" => None,
        "ceil" => Some(Toward::Ceiling),
        "floor" => Some(Toward::Floor),
        _ => return filter_argument_error("method must be common, ceil or floor"),
    };
    let precision = precision.map_or(Ok(0), index)?;
    let source = input.source(vm.arena);
    let Some(value) = number(input) else {
        let name = input.type_name();
        return match input {
            Value::Undefined(undefined) if toward.is_some() => Err(undefined.error(vm.arena)),
            _ => type_error(format!("type {name} doesn't define __round__ method")),
        };
    };
    if let Some(toward) = toward {
        // It works with 10 to the power of the precision.
        vm.charge(precision.unsigned_abs().saturating_mul(2).min(1 << 20))?;
        return Ok(Value::Float(
            pytext::round_toward(&value, precision, toward)?,
            source,
        ));
    }
    Ok(match pytext::round_common(&value, precision)? {
        pytext::Number::Float(value) => Value::Float(value, source),
        pytext::Number::Bool(value) => Value::Int(value.into(), source),
        pytext::Number::Int(value) => Value::big(vm.arena, value.to_big(), source),
    })
}

fn abs<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind("abs", [], 0, 1)?;
    let source = input.source(vm.arena);
    match input {
        Value::Float(value, _) => Ok(Value::Float(value.abs(), source)),
        Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => {
            let big = crate::value::cmp::as_big(input).expect("an integer");
            Ok(Value::big(vm.arena, num_traits::Signed::abs(&big), source))
        }
        other => type_error(format!(
            "bad operand type for abs(): '{}'",
            other.type_name()
        )),
    }
}

fn attr<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [name] = args.bind("do_attr", ["name"], 1, 2)?;
    let name = name.expect("required");
    if name.as_str().is_none() {
        return type_error(
            "attribute name must be string, not '".to_owned() + name.type_name() + "'",
        );
    }
    vm.plain_attr(input, name)
}
