//! A template for each construct of the tables, which needs no variables and renders under `transformers`.

use super::{Construct, Syntax};

/// The template of a construct; `None` for one that stands in no table.
pub fn sample(construct: Construct<'_>) -> Option<String> {
    let text = match construct {
        Construct::Filter(name) => return filter(name),
        Construct::Method(name) => return method(name),
        Construct::FilterArgument("tojson", "ensure_ascii") => "{{ 'a'|tojson(ensure_ascii=false) }}",
        Construct::FilterArgument("tojson", "separators") => "{{ [1, 2]|tojson(separators=(',', ':')) }}",
        Construct::FilterArgument("tojson", "sort_keys") => "{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}",
        Construct::FilterArgument("default", "boolean") => "{{ ''|default('x', boolean=true) }}",
        Construct::FilterArgument("join", "attribute") => "{{ [{'k': 'x'}, {'k': 'y'}]|join(',', attribute='k') }}",
        Construct::FilterPositional("truncate") => "{{ 'one two three four'|truncate(9) }}",
        Construct::FilterPositional("wordwrap") => "{{ 'one two three four'|wordwrap(7) }}",
        Construct::FilterPositional("trim") => "{{ 'xax'|trim('x') }}",
        Construct::Test("iterable") => "{{ none is iterable }}",
        Construct::Test("callable") => "{{ range is callable }}",
        Construct::Test("escaped") => "{{ 'a' is escaped }}",
        Construct::Test("filter") => "{{ 'upper' is filter }}",
        Construct::Test("float") => "{{ 'y' if 2.5 is float else 'n' }}",
        Construct::Test("le") => "{{ 'y' if 1 is le(2) else 'n' }}",
        Construct::Test("sameas") => "{{ 'y' if true is sameas(true) else 'n' }}",
        Construct::Function("cycler") => "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}",
        Construct::Function("dict") => "{{ dict(a=1)['a'] }}",
        Construct::Function("joiner") => "{% set j = joiner(',') %}{{ j() }}a{{ j() }}b",
        Construct::Function("lipsum") => "{{ 'y' if lipsum(n=1)|length > 0 else 'n' }}",
        Construct::LoopAttribute("changed") => "{% for x in [1, 1] %}{{ 'y' if loop.changed(x) else 'n' }}{% endfor %}",
        Construct::LoopAttribute("cycle") => "{% for x in [1, 1] %}{{ loop.cycle('a', 'b') }}{% endfor %}",
        Construct::LoopAttribute("depth") => "{% for x in [1] %}{{ loop.depth }}{% endfor %}",
        Construct::LoopAttribute("depth0") => "{% for x in [1] %}{{ loop.depth0 }}{% endfor %}",
        Construct::Syntax(syntax) => of_syntax(syntax)?,
        _ => return None,
    };
    Some(text.to_owned())
}

fn filter(name: &str) -> Option<String> {
    let text = match name {
        "attr" => "{{ 'y' if {'a': 1}|attr('keys') is defined else 'n' }}",
        "batch" => "{% for row in [1, 2, 3]|batch(2) %}{{ row|length }}{% endfor %}",
        "center" => "[{{ 'a'|center(5) }}]",
        "count" => "{{ [1, 2]|count }}",
        "d" => "{{ missing|d('x') }}",
        "e" | "escape" | "forceescape" => return Some(format!("{{{{ '<\"a\">'|{name} }}}}")),
        "filesizeformat" => "{{ 1500|filesizeformat }}",
        "format" => "{{ '%s-%s'|format('a', 'b') }}",
        "groupby" => "{% for key, rows in [{'v': 1}, {'v': 2}]|groupby('v') %}{{ key }}{% endfor %}",
        "max" | "min" | "sum" => return Some(format!("{{{{ [3, 1, 2]|{name} }}}}")),
        "pprint" => "{{ {'b': 1, 'a': 2}|pprint }}",
        "random" => "{{ ['a']|random }}",
        "reject" => "{{ [1, 2]|reject('equalto', 1)|list|length }}",
        "round" => "{{ 2.567|round(1) }}",
        "select" => "{{ [1, 2]|select('odd')|list|length }}",
        "slice" => "{% for row in [1, 2, 3]|slice(2) %}{{ row|length }}{% endfor %}",
        "striptags" => "{{ '<b>a</b>'|striptags }}",
        "tojson" => "{{ \"<it's>\"|tojson }}",
        "truncate" => "{{ 'one two three four'|truncate(length=9) }}",
        "unique" => "{{ [1, 1, 2]|unique|list|length }}",
        "urlencode" => "{{ 'a b'|urlencode }}",
        "urlize" => "{{ 'http://a.example'|urlize }}",
        "wordcount" => "{{ 'one two'|wordcount }}",
        "wordwrap" => "{{ 'one two three four'|wordwrap(width=7) }}",
        "xmlattr" => "{{ {'a': 1}|xmlattr }}",
        _ => return None,
    };
    Some(text.to_owned())
}

fn method(name: &str) -> Option<String> {
    let call = match name {
        "casefold" => "'Ab'.casefold()",
        "center" => "'ab'.center(6)",
        "count" => "'aaa'.count('a')",
        "encode" => "'ab'.encode()",
        "expandtabs" => "'a\\tb'.expandtabs(4)",
        "find" => "'abc'.find('c')",
        "format" => "'{}-{}'.format('a', 'b')",
        "index" => "'abc'.index('c')",
        "isalnum" | "isalpha" | "isascii" | "isidentifier" | "islower" | "isprintable" => {
            return Some(asked(&format!("'ab'.{name}()")))
        }
        "isdecimal" | "isdigit" | "isnumeric" => return Some(asked(&format!("'42'.{name}()"))),
        "isspace" => return Some(asked("' '.isspace()")),
        "isupper" => return Some(asked("'AB'.isupper()")),
        "istitle" => return Some(asked("'Ab Cd'.istitle()")),
        "join" => "','.join(['a', 'b'])",
        "ljust" => "'42'.ljust(5)",
        "partition" => "'a b c'.partition(' ')|first",
        "removeprefix" => "'abcd'.removeprefix('ab')",
        "removesuffix" => "'abcd'.removesuffix('cd')",
        "rfind" => "'abc'.rfind('c')",
        "rjust" => "'42'.rjust(5)",
        "rpartition" => "'a b c'.rpartition(' ')|last",
        "rsplit" => "'a b c'.rsplit(' ', 1)|first",
        "splitlines" => "'a\\nb'.splitlines()|length",
        "swapcase" => "'Ab'.swapcase()",
        "translate" => "'ab'.translate({})",
        "zfill" => "'42'.zfill(5)",
        _ => return None,
    };
    Some(format!("{{{{ {call} }}}}"))
}

/// A question, answered in a way that all engines print alike.
fn asked(question: &str) -> String {
    format!("{{{{ 'y' if {question} else 'n' }}}}")
}

fn of_syntax(syntax: Syntax) -> Option<&'static str> {
    Some(match syntax {
        Syntax::Generation => "{% generation %}a{% endgeneration %}",
        Syntax::With => "{% with a = 1 %}{{ a }}{% endwith %}",
        Syntax::Block => "{% block b %}a{% endblock %}",
        Syntax::Autoescape => "{% autoescape true %}{{ '<' }}{% endautoescape %}",
        Syntax::Raw => "{% raw %}{{ a }}{% endraw %}",
        // No chat template can load another one, under `transformers` either.
        Syntax::Load => return None,
        Syntax::RecursiveLoop => "{% for x in [[1], [2]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}",
        Syntax::FilterChainBlock => "{% filter upper|trim %} ab {% endfilter %}",
        Syntax::FilteredSetBlock => "{% set x | upper %}ab{% endset %}{{ x }}",
        Syntax::PlusControl => "{%+ if true %}a{% endif %}",
        Syntax::TestArgument => "{{ 'y' if 4 is divisibleby(2) else 'n' }}",
        Syntax::BareTestArgument => "{{ 'y' if 4 is divisibleby 2 else 'n' }}",
        Syntax::StringFormatting => "{{ '%s and %s' % ('a', 'b') }}",
        Syntax::StringRepetition => "{{ 'ab' * 2 }}",
        Syntax::Power => "{{ 2 ** 3 }}",
        Syntax::FloorDivision => "{{ 7 // 2 }}",
        Syntax::UnaryPlus => "{{ +3 }}",
        Syntax::ChainedComparison => "{{ 'y' if 1 < 2 < 3 else 'n' }}",
        Syntax::NumberForm => "{{ 1_000 }}",
        Syntax::StringEscape => "{{ '\\x41\\u0042' }}",
        Syntax::LoopOverText => "{% for c in 'abc' %}{{ c }},{% endfor %}",
        Syntax::NestedUnpacking => "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
        Syntax::NumberKey => "{{ {1: 'a'}[1] }}",
        Syntax::ConditionalSetInLoop => {
            "{% for x in [1, 2] %}{% if x == 1 %}{% set y = 'a' %}{% endif %}[{{ y }}]{% endfor %}"
        }
        Syntax::VarArguments => "{% macro m() %}{{ varargs|length }}{% endmacro %}{{ m(1, 2) }}",
        Syntax::DoubleStar => "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(**{'a': 1, 'b': 2}) }}",
        Syntax::DefaultReadsParameter => "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(1) }}",
        Syntax::CrlfSource => "a\r\nb",
        Syntax::MapFilter => "{{ ['a', 'b']|map('upper')|join }}",
        Syntax::SelectTest => "{{ [1, 2]|select('odd')|list|length }}",
        Syntax::SelectTruth => "{{ [1, 0]|select|list|length }}",
        Syntax::SelectAttrTest => "{{ [{'a': 1}, {'b': 1}]|selectattr('a', 'defined')|list|length }}",
        Syntax::StripCharacters => "{{ 'xax'.strip('x') }}",
        Syntax::TextOrder => "{{ 'y' if 'a' < 'b' else 'n' }}",
        Syntax::AsciiJson => "{{ 'é'|tojson(ensure_ascii=true) }}",
        Syntax::SortedJson => "{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}",
    })
}
