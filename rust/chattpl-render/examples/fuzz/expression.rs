//! Writes random statements and expressions of the dialect.

use fastrand::Rng;

const NAMES: &[&str] = &[
    "messages",
    "message",
    "m",
    "tools",
    "documents",
    "bos_token",
    "add_generation_prompt",
    "loop",
    "ns",
    "x",
    "y",
    "i",
    "nothing",
    "range",
    "namespace",
    "dict",
    "cycler('a', 1)",
    "joiner()",
    "f",
    "strftime_now",
    "caller",
    "none",
    "true",
];
const KEYS: &[&str] = &[
    "role",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "type",
    "text",
    "v",
    "first",
    "last",
    "index0",
    "previtem",
    "nextitem",
    "length",
    "__class__",
    "_x",
    "gi_frame",
    "items",
    "é",
];
const SCALARS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "255",
    "9223372036854775807",
    "-9223372036854775808",
    "2**63",
    "10**30",
    "0.5",
    "-0.0",
    "1e308",
    "2.5",
    "''",
    "'a'",
    "' a b\\n'",
    "'Aé😀ß'",
    "'{0} {x!r:>5}'",
    "'%s %(role)s %5.1f'",
    "'<a&b>'",
    "','",
    "'\\t\\r\\n\\x0b'",
    "'ǅﬁ'",
    "'12'",
    "'nan'",
    "'a.b.0'",
    "'www.x.org (http://y.z)'",
    "true",
    "none",
    "[]",
    "{}",
    "()",
];
const TEXT: &[&str] = &[
    "''",
    "'a'",
    "' a b\\n'",
    "'Aé😀ß ﬁ'",
    "'a,b,,c'",
    "'<a&b>'",
    "'www.x.org (http://y.z)'",
    "'12'",
    "'a\\tb\\r\\n'",
    "messages[0].role",
    "messages[-1].content|string",
    "bos_token|string",
    "messages|string",
    "strftime_now('%Y %b %-d %j%%')",
    "'😀'|safe",
    "$s ~ $e",
    "$s + $s",
    "$s * 3",
    "$s[$n:]",
    "$s[:$n]",
    "$s[::-1]",
    "$s[$n:$n:2]",
    "$s|upper",
    "$s|title",
    "$s|capitalize",
    "$s|trim",
    "$s|trim($s)",
    "$s|replace($s, $s)",
    "$s|indent(2, true)",
    "$s|indent($s, blank=true)",
    "$s|escape",
    "$s|forceescape",
    "$s|center(9)",
    "$s|truncate(5, $e, $s, 1)",
    "$s|wordwrap(4, $e, $s)",
    "$s|striptags",
    "$s|urlencode",
    "$s|urlize(7, $e)",
    "$e|string",
    "$e|tojson",
    "$e|tojson(indent=1)",
    "$e|pprint",
    "$l|join($s)",
    "$l|join",
    "$s.strip($s)",
    "$s.lstrip()",
    "$s.replace($s, $s, 2)",
    "$s.join($s)",
    "$s.center(8, 'é')",
    "$s.ljust(6)",
    "$s.zfill(7)",
    "$s.expandtabs(3)",
    "$s.swapcase()",
    "$s.casefold()",
    "$s.title()",
    "$s.removeprefix($s)",
    "'%s|%5.2f|%-4r|%x' % ($e, $n, $e, 10)",
    "'%(a)s%%' % {'a': $e}",
    "'{:>5}{!r:.3}{2:{1}}'.format($s, $n, $e)",
    "'{a}{a.role}{b[0]}'.format(a=messages[0], b=$l)",
    "'{x}'.format_map({'x': $e})",
    "$d|xmlattr",
    "$n|filesizeformat",
    "$s if $e else $s",
    "$s or $s",
    "$s.partition($s)|join",
    "$l|map('string')|join('|')",
    "$l|first|string",
    "$l|last|string",
    "($s|safe) + $s",
    "($s|safe).striptags()",
    "($s|safe) % $e",
    "$s|format($e)",
    "f($e)|string",
];
const NUMBER: &[&str] = &[
    "0",
    "1",
    "-1",
    "3",
    "7",
    "2.5",
    "-0.0",
    "1e16",
    "true",
    "9223372036854775807",
    "2**70",
    "messages|length",
    "'12'|int",
    "'x1f'|int(5, 16)",
    "$n + $n",
    "$n - $n",
    "$n * $n",
    "$n / 3",
    "$n // 3",
    "$n % 5",
    "-$n",
    "$n|abs",
    "$n|round(1)",
    "$n|round(0, 'floor')",
    "$n|int",
    "$n|float",
    "$s|length",
    "$s.find($s)",
    "$s.count($s)",
    "$l|length",
    "$s|wordcount",
    "$l|map('length')|sum",
    "[$n, $n]|min",
    "[$n, $n]|max",
    "$e == $e",
    "$s < $s",
    "$s in $s",
    "$e in $l",
    "not $e",
    "$e is string",
    "$e is defined",
    "$e is mapping",
    "$n is odd",
];
const LIST: &[&str] = &[
    "[]",
    "[1, 2]",
    "['b', 'A', 'a']",
    "messages",
    "(1, 'x')",
    "range(3)",
    "range(9, 0, -2)",
    "messages|map(attribute='role')",
    "[$e, $e]",
    "($e, $e)",
    "$l + $l",
    "$l|list",
    "$l|sort",
    "$l|reverse",
    "$l|unique",
    "$l|batch(2, $e)",
    "$l|slice(2, $e)",
    "$l[$n:]",
    "$l[::-1]",
    "$l|map('string')",
    "$l|map('upper')",
    "$l|select",
    "$l|reject('none')",
    "$l|select('string')",
    "messages|selectattr('role', 'equalto', $s)",
    "messages|rejectattr('tool_calls')",
    "messages|groupby('role')",
    "$d|dictsort",
    "$d.items()",
    "$d.keys()",
    "$d.values()|list",
    "$d|items",
    "$s.split($s)",
    "$s.split()",
    "$s.rsplit(None, 1)",
    "$s.splitlines($e)",
    "$s.rpartition('a')",
    "$s|list",
    "$l * 2",
    "$l if $e else $l",
    "$l or $l",
    "messages|map(attribute='content', default=$e)",
];
const MAPPING: &[&str] = &[
    "{}",
    "{'a': 1}",
    "messages[0]",
    "dict(b=2, a=[1])",
    "{1: 2, 'é': none}",
    "{'a': $e}",
    "{$s: $e, $n: $e}",
    "dict($d, x=$e)",
    "messages[-1]",
    "dict.fromkeys($s, $e)",
    "dict($d.items())",
    "$d.copy()",
    "$d or $d",
];
const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "default",
    "dictsort",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap",
    "xmlattr",
];
const METHODS: &[&str] = &[
    "append",
    "capitalize",
    "casefold",
    "center",
    "changed",
    "copy",
    "count",
    "cycle",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "fromkeys",
    "get",
    "index",
    "isalnum",
    "isdigit",
    "isidentifier",
    "istitle",
    "items",
    "join",
    "keys",
    "ljust",
    "lower",
    "lstrip",
    "next",
    "partition",
    "pop",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "striptags",
    "swapcase",
    "title",
    "unescape",
    "upper",
    "values",
    "zfill",
    "bit_length",
    "as_integer_ratio",
    "is_integer",
];
const TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "string",
    "mapping",
    "sequence",
    "iterable",
    "number",
    "integer",
    "float",
    "boolean",
    "callable",
    "odd",
    "even",
    "lower",
    "upper",
    "escaped",
    "true",
    "false",
    "divisibleby(3)",
    "sameas(none)",
    "in([1])",
    "eq('a')",
    "lt(2)",
    "filter",
    "test",
];
const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"];
const KEYWORDS: &[&str] = &[
    "attribute",
    "default",
    "width",
    "first",
    "blank",
    "indent",
    "ensure_ascii",
    "separators",
    "sort_keys",
    "reverse",
    "case_sensitive",
    "start",
    "by",
    "sep",
    "maxsplit",
    "boolean",
    "fill_with",
    "precision",
    "x",
    "killwords",
    "end",
];

fn one<'t>(rng: &mut Rng, table: &[&'t str]) -> &'t str {
    table[rng.usize(..table.len())]
}

/// An expression with at most `depth` levels below it: mostly one that can be evaluated, else any.
pub fn expression(rng: &mut Rng, depth: u32) -> String {
    match rng.u8(..10) {
        0 => wild(rng, depth),
        1 | 2 => produce(rng, NUMBER, depth),
        3 | 4 => produce(rng, LIST, depth),
        5 => produce(rng, MAPPING, depth),
        _ => produce(rng, TEXT, depth),
    }
}

/// One of the productions of a type; `$` and a letter stand for an expression of a type.
fn produce(rng: &mut Rng, productions: &[&str], depth: u32) -> String {
    let usable = if depth == 0 {
        productions.iter().take_while(|production| !production.contains('$')).count()
    } else {
        productions.len()
    };
    let production = productions[rng.usize(..usable)];
    let mut out = String::new();
    let mut parts = production.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let inner = match part.as_bytes().first() {
            Some(b's') => produce(rng, TEXT, depth - 1),
            Some(b'n') => produce(rng, NUMBER, depth - 1),
            Some(b'l') => produce(rng, LIST, depth - 1),
            Some(b'd') => produce(rng, MAPPING, depth - 1),
            _ => expression(rng, depth - 1),
        };
        out.push_str(&inner);
        out.push_str(part.get(1..).unwrap_or_default());
    }
    format!("({out})")
}

/// An expression that is not likely to make sense.
fn wild(rng: &mut Rng, depth: u32) -> String {
    if depth == 0 {
        return if rng.bool() { one(rng, SCALARS) } else { one(rng, NAMES) }.to_owned();
    }
    let deeper = depth - 1;
    let left = expression(rng, deeper);
    match rng.u8(..16) {
        0..=2 => format!("{left}|{}", filter(rng, deeper)),
        3 | 4 => format!("({left}).{}({})", one(rng, METHODS), arguments(rng, deeper)),
        5 => format!("{left}.{}", one(rng, KEYS)),
        6 => format!("{left}[{}]", expression(rng, deeper)),
        7 => format!("({left})[{}:{}:{}]", bound(rng), bound(rng), bound(rng)),
        8..=10 => format!("({left} {} {})", one(rng, OPERATORS), expression(rng, deeper)),
        11 => format!("({left} is {}{})", if rng.bool() { "not " } else { "" }, one(rng, TESTS)),
        12 => format!("[{left}, {}]", expression(rng, deeper)),
        13 => format!("{{{left}: {}, 'v': 1}}", expression(rng, deeper)),
        14 => format!("({left} if {} else {})", expression(rng, deeper), expression(rng, deeper)),
        _ => format!("{}({})", one(rng, NAMES), arguments(rng, deeper)),
    }
}

/// A filter with arguments.
pub fn filter(rng: &mut Rng, depth: u32) -> String {
    let name = one(rng, FILTERS);
    match rng.u8(..4) {
        0 => format!("{name}({})", arguments(rng, depth)),
        1 if matches!(name, "map" | "select" | "reject") => {
            format!("{name}('{}')", one(rng, FILTERS))
        }
        2 if matches!(name, "selectattr" | "rejectattr") => {
            format!("{name}('{}', '{}', {})", one(rng, KEYS), one(rng, TESTS), expression(rng, 0))
        }
        _ => name.to_owned(),
    }
}

fn arguments(rng: &mut Rng, depth: u32) -> String {
    let mut parts: Vec<String> = (0..rng.usize(..3)).map(|_| expression(rng, depth)).collect();
    if rng.u8(..4) == 0 {
        parts.push(format!("{}={}", one(rng, KEYWORDS), expression(rng, 0)));
    }
    if rng.u8(..12) == 0 {
        parts.push(format!("*{}", expression(rng, 0)));
    }
    if rng.u8(..12) == 0 {
        parts.push(format!("**{}", expression(rng, 0)));
    }
    parts.join(", ")
}

fn bound(rng: &mut Rng) -> &'static str {
    one(rng, &["", "", "0", "1", "-1", "2", "-3", "100", "9223372036854775807", "-9223372036854775808", "none"])
}

/// A statement, closed, with statements inside.
pub fn statement(rng: &mut Rng, depth: u32) -> String {
    let depth_of_value = rng.u32(..3);
    let value = expression(rng, depth_of_value);
    let name = one(rng, &["x", "y", "m", "ns", "message", "f"]);
    let body = if depth == 0 { "-".to_owned() } else { body(rng, depth - 1) };
    match rng.u8(..12) {
        0 => format!("{{% set {name} = {value} %}}"),
        1 => format!("{{% set ns = namespace(v={value}) %}}{{% set ns.v = {} %}}{body}", expression(rng, 2)),
        2 => format!("{{% set {name} %}}{body}{{% endset %}}"),
        3 => format!("{{% if {value} %}}{body}{{% elif {name} %}}{body}{{% else %}}-{{% endif %}}"),
        4 => format!("{{% for m in {} %}}{body}{{{{ loop.{} }}}}{{% endfor %}}", produce(rng, LIST, 2), one(rng, KEYS)),
        5 => format!(
            "{{% for i, x in {}.items() if {} recursive %}}{body}{{% else %}}e{{% endfor %}}",
            produce(rng, MAPPING, 2),
            expression(rng, 1)
        ),
        6 => format!("{{% for m in messages %}}{body}{{% if {value} %}}{{% break %}}{{% endif %}}{{% endfor %}}"),
        7 => {
            format!("{{% macro f(x, y={value}) %}}{body}{{{{ x }}}}{{% endmacro %}}{{{{ f({}) }}}}", arguments(rng, 1))
        }
        8 => format!("{{% call(x) f({}) %}}{body}{{% endcall %}}", arguments(rng, 1)),
        9 => format!("{{% filter {} %}}{body}{{% endfilter %}}", filter(rng, 1)),
        10 => format!("{{% generation %}}{body}{{% endgeneration %}}"),
        _ => format!("{{% with {name} = {value} %}}{body}{{% endwith %}}"),
    }
}

fn body(rng: &mut Rng, depth: u32) -> String {
    let mut out = String::new();
    for _ in 0..rng.usize(1..4) {
        match rng.u8(..3) {
            0 => out.push_str(" <|im|>é\n"),
            1 => out.push_str(&format!("{{{{ {} }}}}", expression(rng, 3))),
            _ => out.push_str(&statement(rng, depth)),
        }
    }
    out
}
