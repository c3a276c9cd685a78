//! `|` filters.

use super::collections;
use super::formatting;
use super::functions::{local, Function};
use super::text::{self, wrap};
use super::tojson::tojson;
use chattpl_syntax::ast::CompareOp;

use crate::error::{type_error, ErrorClass, RenderError, Result};
use crate::input::{Input, Place};
use crate::json;
use crate::meter;
use crate::origin::{is_data, Tag, COMPUTED, UNUSED};
use crate::pytext::{self, CaseOp, IndentOptions, Piece, Side, Toward, UrlPart, UrlizeOptions, WrapOptions};
use crate::value::build::StrBuilder;
use crate::value::dict::DictBuilder;
use crate::value::{Str, Value};
use crate::vm::call::Args;
use crate::vm::{ops, Vm};

pub(crate) use super::collections::{Callback, Rows};

macro_rules! filters {
    ($($variant:ident: $($name:literal)|+,)*) => {
        /// A filter by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub(crate) enum Filter { $($variant),* }

        impl Filter {
            /// Every name.
            pub const NAMES: &[&str] = &[$($($name),+),*];

            /// The filter that Jinja2 and `transformers` know under `name`; `parse_json` is ours alone.
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
    ParseJson: "parse_json",
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
pub(crate) fn apply<'r>(vm: &mut Vm<'r>, filter: Filter, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    vm.charge(2)?;
    match filter {
        Filter::Default => default(input, args),
        Filter::ToJson => tojson(vm, input, args),
        Filter::ParseJson => parse_json(vm, input, args),
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
            Ok(Value::Str(text::from_pieces(vm, str, &stripped, str)))
        }
        Filter::UrlEncode => urlencode(vm, input, args),
        Filter::Urlize => urlize(vm, input, args),
        Filter::XmlAttr => xmlattr(vm, input, args),
        Filter::PPrint => {
            let [] = args.bind("do_pprint", [], 0, 1)?;
            super::pprint::pprint(vm, input).map(Value::Str)
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

/// The function behind a filter, as Python names it where `**` is given no mapping.
pub(crate) fn function_name(filter: Filter) -> String {
    match filter {
        Filter::Abs => "abs()".to_owned(),
        Filter::Length => "len()".to_owned(),
        Filter::Escape => "markupsafe.escape()".to_owned(),
        Filter::String => "markupsafe.soft_str()".to_owned(),
        Filter::Safe => "jinja2.filters.do_mark_safe()".to_owned(),
        Filter::ToJson => format!("transformers.utils.chat_template_utils.{}()", local("tojson")),
        _ => format!("jinja2.filters.do_{}()", format!("{filter:?}").to_lowercase()),
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
    Ok(if replaced { value.unwrap_or(Value::str("")) } else { input })
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

/// `value|parse_json`: what a text holds as JSON; the value itself where it is no text or no JSON.
///
/// Vendors' encoders read arguments and results so. A template that must run in `transformers`, too, asks
/// `'parse_json' is filter` first.
fn parse_json<'r>(vm: &mut Vm<'r>, value: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [] = args.bind(&local("parse_json"), [], 0, 1)?;
    let Value::Str(str) = value else { return Ok(value) };
    vm.charge(str.len() as u64 / 8)?;
    vm.reserve(str.len() * 2)?;
    let text = str.flat(vm.arena);
    let source = str.data_source(vm.arena);
    let place = Place { source, message: vm.nodes.message(source) };
    let mut input = Input::with_nodes(vm.arena, vm.nodes);
    let read = if text.starts_with('\u{feff}') { None } else { json::read_text_of_value(&mut input, place, text).ok() };
    Ok(read.map_or(value, |data| data.0))
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
        other => return type_error(format!("object of type '{}' has no len()", other.type_name())),
    })
}

/// Refuses any further argument, as built-in functions of one argument do.
pub(crate) fn c_function(name: &str, args: Args<'_>) -> Result<()> {
    if !args.values.is_empty() {
        return type_error(format!("{name}() takes no keyword arguments"));
    }
    if !args.positional.is_empty() {
        let given = args.positional.len() + 1;
        return type_error(format!("{name}() takes exactly one argument ({given} given)"));
    }
    Ok(())
}

fn length<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    c_function("len", args)?;
    let count = len(vm, input)?;
    Ok(Value::Int(count, input.source(vm.arena)))
}

fn case<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>, name: &str, op: CaseOp) -> Result<Value<'r>> {
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
            return type_error(format!("'{name}' object cannot be interpreted as an integer"));
        }
    };
    let escape = vm.escaping() && (is_markup(old) || is_markup(new) && !is_markup(input));
    let markup = vm.escaping() && (escape || is_markup(input));
    let str = if escape { escaped(vm, input) } else { input.to_str(vm.arena) };
    let new = if markup { escaped(vm, new) } else { new.to_str(vm.arena) };
    let (old, new) = (old.to_str(vm.arena), vm.used(new));
    Ok(wrap(markup, text::replace(vm, str, old, new, count)?))
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
            // `list += "\n"` works; what comes then does not.
            Value::List(_) => Err(no_method(vm, input, "splitlines")),
            Value::Tuple(_) => ops::add(vm, input, Value::str("\n")),
            other => {
                let name = other.type_name();
                type_error(format!("unsupported operand type(s) for +=: '{name}' and 'str'"))
            }
        };
    };
    let options = IndentOptions {
        first: first.is_some_and(|value| value.truthy()),
        blank: blank.is_some_and(|value| value.truthy()),
    };
    if let (Some(Value::Markup(width)), Value::Str(_)) = (width, input) {
        return indent_as_markup(vm, str, width, options);
    }
    let flat = str.flat(vm.arena);
    let lines = memchr::memchr_iter(b'\n', flat.as_bytes()).count() + 1;
    vm.reserve(flat.len().saturating_add(lines.saturating_mul(indention.len() + 64)))?;
    let pieces = pytext::indent(flat, indention.flat(vm.arena), options);
    Ok(wrap(is_markup(input), text::from_pieces(vm, str, &pieces, indention)))
}

/// What `indent` makes of a string where the indention is markup, which escapes the lines it is put before.
fn indent_as_markup<'r>(vm: &mut Vm<'r>, str: Str<'r>, width: Str<'r>, options: IndentOptions) -> Result<Value<'r>> {
    let flat = str.flat(vm.arena);
    let breaks = flat.chars().filter(|c| pytext::is_linebreak(*c)).count();
    vm.reserve(flat.len() * 6 + breaks * (width.len() + text::BYTES_PER_SLICE))?;
    let mut out = StrBuilder::new(vm.arena);
    let mut last_end = 0;
    for (number, line) in pytext::lines_of(flat).into_iter().enumerate() {
        let line_end = last_end..line.start;
        last_end = line.end;
        let mut line = str.slice(vm.arena, line);
        let indented = number > 0 && (options.blank || !line.is_empty());
        if number > 0 {
            out.push("\n", text::range_tag(vm, str, line_end));
        }
        if indented || options.blank {
            line = escape_str(vm, line);
        }
        if indented {
            out.push_str(width);
        }
        out.push_str(line);
    }
    let mut done = out.finish();
    if options.first {
        if !options.blank {
            done = escape_str(vm, done);
        }
        done = width.concat(vm.arena, done);
    }
    Ok(wrap(options.first || options.blank, done))
}

/// A string with HTML's special characters escaped.
pub(crate) fn escape_str<'r>(vm: &Vm<'r>, str: Str<'r>) -> Str<'r> {
    let flat = str.flat(vm.arena);
    meter::read(flat.len());
    if !flat.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')) {
        return str;
    }
    let mut out = StrBuilder::new(vm.arena);
    for piece in pytext::escape_html(flat) {
        text::push_piece(vm, &mut out, str, &piece, str);
    }
    out.finish()
}

fn escape<'r>(vm: &mut Vm<'r>, filter: Filter, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let name = match filter {
        Filter::Escape => "escape",
        _ => "do_forceescape",
    };
    let [] = args.bind(name, [], 0, 1)?;
    if is_markup(input) && filter == Filter::Escape {
        return Ok(input);
    }
    let str = input.to_str(vm.arena);
    vm.reserve(str.len() * 2)?;
    Ok(Value::Markup(escape_str(vm, str)))
}

fn format<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    if !args.positional.is_empty() && !args.values.is_empty() {
        return filter_argument_error("can't handle positional and keyword arguments at the same time");
    }
    let operand = if args.values.is_empty() {
        Value::tuple(vm.arena, args.positional, COMPUTED)
    } else {
        let mut dict = DictBuilder::new(vm.arena, args.names.len());
        args.keywords().for_each(|(name, value)| dict.insert(Value::str(name), value));
        Value::Dict(dict.finish(COMPUTED))
    };
    let format = soft_str(vm, input);
    formatting::percent(vm, format, operand)
}

pub(crate) fn index(value: Value<'_>) -> Result<i64> {
    match value {
        Value::BigInt(..) => {
            Err(RenderError::new(ErrorClass::OverflowError, "Python int too large to convert to C ssize_t"))
        }
        Value::Int(value, _) => Ok(value),
        Value::Bool(value, _) => Ok(value.into()),
        other => type_error(format!("'{}' object cannot be interpreted as an integer", other.type_name())),
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
    let [length, killwords, end, leeway] = args.bind("do_truncate", params, 0, 2)?;
    let killwords = killwords.is_some_and(|value| value.truthy());
    let length = length.unwrap_or(Value::int(255));
    let end = end.unwrap_or(Value::str("..."));
    let leeway = leeway.filter(|value| !value.is_none()).unwrap_or(Value::int(5));
    let end_length = Value::int(len(vm, end)?);
    for (name, value, least) in [("length", length, end_length), ("leeway", leeway, Value::int(0))] {
        if !vm.compare(CompareOp::Ge, value, least)? {
            let (least, value) = (least.to_str(vm.arena), value.to_str(vm.arena));
            let (least, value) = (least.flat(vm.arena), value.flat(vm.arena));
            return Err(RenderError::new(
                ErrorClass::AssertionError,
                format!("expected {name} >= {least}, got {value}"),
            ));
        }
    }
    vm.charge(input.as_str().map_or(0, |str| str.len()) as u64 / 32)?;
    let size = Value::int(len(vm, input)?);
    let most = ops::add(vm, length, leeway)?;
    if vm.compare(CompareOp::Le, size, most)? {
        return Ok(input);
    }
    let kept = ops::sub(vm, length, end_length)?;
    let mut kept = vm.get_slice(input, Value::NONE, kept, Value::NONE)?;
    if !killwords {
        let Some(str) = kept.as_str() else {
            return Err(no_method(vm, kept, "rsplit"));
        };
        let cut = memchr::memrchr(b' ', str.flat(vm.arena).as_bytes());
        let cut = cut.unwrap_or(str.len());
        kept = wrap(is_markup(kept), str.slice(vm.arena, 0..cut));
    }
    ops::add(vm, kept, end)
}

fn wordwrap<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let params = ["width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let [width, break_long_words, wrapstring, break_on_hyphens] = args.bind("do_wordwrap", params, 0, 2)?;
    let wrapstring = wrapstring.filter(|value| !value.is_none()).unwrap_or(Value::str("\n"));
    let Some(separator) = wrapstring.as_str() else {
        return Err(no_method(vm, wrapstring, "join"));
    };
    let Some(str) = input.as_str() else {
        return Err(no_method(vm, input, "splitlines"));
    };
    let str = if is_markup(wrapstring) && !is_markup(input) { escape_str(vm, str) } else { str };
    if str.is_empty() {
        return Ok(wrap(is_markup(wrapstring), str));
    }
    let options = WrapOptions {
        width: width.map_or(Ok(79), |width| wrap_width(vm, width))?,
        break_long_words: break_long_words.is_none_or(|value| value.truthy()),
        break_on_hyphens: break_on_hyphens.is_none_or(|value| value.truthy()),
    };
    let words = pytext::wordcount(str.flat(vm.arena));
    vm.reserve(str.len() * 4 + words * 512)?;
    let pieces = pytext::wordwrap(str.flat(vm.arena), options, separator.flat(vm.arena))?;
    Ok(wrap(is_markup(wrapstring), text::from_pieces(vm, str, &pieces, separator)))
}

/// The width of a line, which need not be a whole number.
fn wrap_width<'r>(vm: &mut Vm<'r>, width: Value<'r>) -> Result<i64> {
    if vm.compare(CompareOp::Le, width, Value::int(0))? {
        let width = width.repr_text(vm.arena);
        return crate::error::value_error(format!("invalid width {width} (must be > 0)"));
    }
    Ok(match width {
        Value::Float(width, _) => width.floor() as i64,
        Value::BigInt(..) => i64::MAX,
        _ => index(width)?,
    })
}

/// The error where a filter calls a method that its input does not have.
pub(crate) fn no_method<'r>(vm: &Vm<'r>, value: Value<'r>, name: &str) -> RenderError {
    match value {
        Value::Undefined(undefined) => undefined.error(vm.arena),
        Value::Cycler(_) if name == "items" => {
            RenderError::new(ErrorClass::TypeError, "'tuple' object is not callable")
        }
        Value::Function(class @ (Function::Namespace | Function::Cycler | Function::Joiner)) => {
            let class = match class {
                Function::Namespace => "TemplateNamespace",
                Function::Cycler => "Cycler",
                _ => "Joiner",
            };
            let message = format!("type object '{class}' has no attribute '{name}'");
            RenderError::new(ErrorClass::AttributeError, message)
        }
        // Namespaces raise with the name alone.
        Value::Namespace(namespace) => match namespace.get(vm.arena, name) {
            None => RenderError::new(ErrorClass::AttributeError, name),
            Some(value) => {
                RenderError::new(ErrorClass::TypeError, format!("'{}' object is not callable", value.type_name()))
            }
        },
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
        let mut out = StrBuilder::new(vm.arena);
        str.for_each_run(|run| out.push(&pytext::url_quote(run.text, part), run.tag));
        Ok(out.finish())
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
                pairs.push(vm.unpack_pair(item)?);
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
    let params = ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"];
    let [limit, nofollow, target, rel, extra] = args.bind("do_urlize", params, 0, 2)?;
    let mut rels: Vec<String> = match rel {
        None | Some(Value::None(_)) => Vec::new(),
        Some(value) if !value.truthy() => Vec::new(),
        Some(value) => {
            let Some(str) = value.as_str() else {
                return Err(no_method(vm, value, "split"));
            };
            let flat = str.flat(vm.arena);
            let words = pytext::split_whitespace(flat, None, pytext::Direction::FromLeft);
            words.into_iter().map(|word| flat[word].to_owned()).collect()
        }
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
            let scheme = pattern_input(scheme)?.flat(vm.arena);
            if !pytext::is_uri_scheme(scheme) {
                let scheme = pytext::repr_str(scheme);
                return filter_argument_error(format!("{scheme} is not a valid URI scheme prefix."));
            }
            schemes.push(scheme.to_owned());
        }
    }
    // A limit that is no number matters only once there is something to cut.
    let (limit, bad_limit) = match limit {
        None | Some(Value::None(_)) => (None, None),
        Some(value) => match index(value) {
            Ok(limit) => (Some(limit), None),
            Err(_) => (None, Some(value)),
        },
    };
    let target = target.filter(|value| value.truthy()).map(|value| value.to_str(vm.arena).flat(vm.arena));
    let escaped_rel = html_text(&rels.join(" "));
    let escaped_target = html_text(target.unwrap_or(""));
    let schemes: Vec<&str> = schemes.iter().map(String::as_str).collect();
    let options =
        UrlizeOptions { trim_url_limit: limit, rel: &escaped_rel, target: &escaped_target, extra_schemes: &schemes };
    let str = input.to_str(vm.arena);
    let words = pytext::wordcount(str.flat(vm.arena));
    let link = escaped_rel.len() + escaped_target.len() + 64;
    vm.reserve(str.len() * 4 + words.saturating_mul(link))?;
    vm.charge((words as u64).saturating_mul(schemes.len() as u64 + 1))?;
    let escaped = if is_markup(input) { str } else { escape_str(vm, str) };
    let pieces = pytext::urlize(escaped.flat(vm.arena), &options);
    let linked = pieces.iter().any(|piece| matches!(piece, Piece::Inserted(_)));
    if let (Some(limit), true) = (bad_limit, linked) {
        vm.compare(CompareOp::Gt, Value::int(0), limit)?;
    }
    let linked = text::from_pieces(vm, escaped, &pieces, Str::computed(""));
    Ok(wrap(vm.escaping(), linked))
}

/// What a regular expression is matched against.
fn pattern_input<'r>(value: Value<'r>) -> Result<Str<'r>> {
    match value.as_str() {
        Some(str) => Ok(str),
        None => type_error(format!("expected string or bytes-like object, got '{}'", value.type_name())),
    }
}

/// What `escape` makes of any value.
fn escaped<'r>(vm: &Vm<'r>, value: Value<'r>) -> Str<'r> {
    match value {
        Value::Markup(str) => str,
        other => escape_str(vm, other.to_str(vm.arena)),
    }
}

pub(crate) fn html_text(text: &str) -> String {
    let pieces: Vec<Piece<'_>> = pytext::escape_html(text).collect();
    pytext::join_pieces(text, &pieces)
}

fn xmlattr<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [autospace] = args.bind("do_xmlattr", ["autospace"], 0, 2)?;
    let Value::Dict(dict) = input else {
        return Err(no_method(vm, input, "items"));
    };
    let mut parts = Vec::new();
    for (key, value) in dict.entries {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let name = pattern_input(*key)?;
        if pytext::is_invalid_attribute_name(name.flat(vm.arena)) {
            let name = key.repr_text(vm.arena);
            return crate::error::value_error(format!("Invalid character in attribute name: {name}"));
        }
        let (name, value) = (escaped(vm, *key), escaped(vm, *value));
        let pair = [name, Str::computed("=\""), value, Str::computed("\"")];
        parts.push(text::join(vm, Str::computed(""), &pair)?);
    }
    let mut joined = text::join(vm, Str::computed(" "), &parts)?;
    if !parts.is_empty() && autospace.is_none_or(|value| value.truthy()) {
        joined = text::join(vm, Str::computed(" "), &[Str::computed(""), joined])?;
    }
    Ok(wrap(vm.escaping(), joined))
}

fn filesizeformat<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [binary] = args.bind("do_filesizeformat", ["binary"], 0, 1)?;
    let source = input.source(vm.arena);
    let bytes = to_float(vm, input)?;
    let Some(bytes) = bytes else {
        if input.as_str().is_some() {
            let text = input.repr_text(vm.arena);
            return crate::error::value_error(format!("could not convert string to float: {text}"));
        }
        return type_error(float_message(input));
    };
    let text = pytext::filesizeformat(bytes, binary.is_some_and(|value| value.truthy()))?;
    Ok(Value::Str(Str::tagged(vm.arena.alloc_str(&text), computed_tag(source))))
}

fn computed_tag(source: u32) -> Tag {
    if is_data(source) {
        Tag { source, message: UNUSED }
    } else {
        Tag::COMPUTED
    }
}

pub(crate) fn float_message(value: Value<'_>) -> String {
    format!("float() argument must be a string or a real number, not '{}'", value.type_name())
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
            base.ok().and_then(|base| pytext::parse_int(str.flat(vm.arena), base).ok())
        }
        Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => {
            let big = crate::value::cmp::as_big(input).expect("an integer");
            return Ok(Value::big(vm.arena, big, source));
        }
        Value::Float(value, _) if value.is_infinite() => {
            return Err(RenderError::new(ErrorClass::OverflowError, "cannot convert float infinity to integer"));
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
    let method = method.unwrap_or(Value::str("common"));
    vm.check_hashable(method)?;
    let toward = match method.as_str().map(|str| str.flat(vm.arena)) {
        Some("common") => None,
        Some("ceil") => Some(Toward::Ceiling),
        Some("floor") => Some(Toward::Floor),
        _ => return filter_argument_error("method must be common, ceil or floor"),
    };
    match toward {
        None => round_common(vm, input, precision),
        Some(toward) => round_toward(vm, input, precision.unwrap_or(Value::int(0)), toward),
    }
}

/// `round(value, precision)`.
fn round_common<'r>(vm: &mut Vm<'r>, input: Value<'r>, precision: Option<Value<'r>>) -> Result<Value<'r>> {
    let source = input.source(vm.arena);
    let Some(value) = number(input) else {
        let name = input.type_name();
        return type_error(format!("type {name} doesn't define __round__ method"));
    };
    let rounded = match precision {
        Some(Value::None(_)) => pytext::Number::Int(match value {
            pytext::Number::Float(value) => pytext::PyInt::from_f64(rounded_half_even(value))?,
            other => other.as_int().unwrap_or(pytext::PyInt::Small(0)),
        }),
        None => pytext::round_common(&value, 0)?,
        Some(Value::BigInt(big, _)) => {
            let negative = big.get().sign() == num_bigint::Sign::Minus;
            pytext::round_common(&value, if negative { -5000 } else { 5000 })?
        }
        Some(precision) => pytext::round_common(&value, index(precision)?)?,
    };
    Ok(match rounded {
        pytext::Number::Float(value) => Value::Float(value, source),
        pytext::Number::Bool(value) => Value::Int(value.into(), source),
        pytext::Number::Int(value) => Value::big(vm.arena, value.to_big(), source),
    })
}

fn rounded_half_even(value: f64) -> f64 {
    value.round_ties_even()
}

/// `ceil(value * 10**precision) / 10**precision`, or `floor`.
fn round_toward<'r>(vm: &mut Vm<'r>, input: Value<'r>, precision: Value<'r>, toward: Toward) -> Result<Value<'r>> {
    let source = input.source(vm.arena);
    if let (Some(value), Ok(precision)) = (number(input), index(precision)) {
        // It works with 10 to the power of the precision.
        vm.charge(precision.unsigned_abs().saturating_mul(2).min(1 << 20))?;
        let rounded = pytext::round_toward(&value, precision, toward)?;
        return Ok(Value::Float(rounded, source));
    }
    let factor = ops::pow(vm, Value::int(10), precision)?;
    let scaled = ops::mul(vm, input, factor)?;
    let Some(scaled) = number(scaled) else {
        let name = scaled.type_name();
        return type_error(format!("must be real number, not {name}"));
    };
    let whole = pytext::round_toward(&scaled, 0, toward)?;
    ops::div(vm, Value::Float(whole, source), factor)
}

fn abs<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    c_function("abs", args)?;
    let source = input.source(vm.arena);
    match input {
        Value::Float(value, _) => Ok(Value::Float(value.abs(), source)),
        Value::Int(..) | Value::Bool(..) | Value::BigInt(..) => {
            let big = crate::value::cmp::as_big(input).expect("an integer");
            Ok(Value::big(vm.arena, num_traits::Signed::abs(&big), source))
        }
        other => type_error(format!("bad operand type for abs(): '{}'", other.type_name())),
    }
}

fn attr<'r>(vm: &mut Vm<'r>, input: Value<'r>, args: Args<'r>) -> Result<Value<'r>> {
    let [name] = args.bind("do_attr", ["name"], 1, 2)?;
    let name = name.expect("required");
    vm.check_hashable(name)?;
    if name.as_str().is_none() {
        return type_error("attribute name must be string, not '".to_owned() + name.type_name() + "'");
    }
    vm.plain_attr(input, name)
}
