"""Generated templates and conversations: the same text, or the same error, as in `transformers`.

`CHATTPL_EXAMPLES=20000` makes a long run with fresh examples; without it the same examples are tried each time.
"""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chattpl import ChatTemplateError, Template
from compare import Outcome, ours, reference
from differences import unexcused
from strategies import Case, cases

EXAMPLES = int(os.environ.get("CHATTPL_EXAMPLES", "1500"))

MESSAGES = [
    {"role": "system", "content": "Be <brief> & 'kind'"},
    {"role": "user", "content": [{"type": "text", "text": "é 1"}, {"type": "image"}]},
    {"role": "assistant", "content": None, "n": 2.675, 3: True},
]
OPTIONS = {
    "xs": [3, "b", None], "ts": ["b", "A", "a"], "d": {"b": 1, "a": "x", 3: None}, "nan": float("nan"), "s": "a b",
    "deep": [{"b": [{"b": []}]}], "part": 1.5, "long": ["word " * 30, {"key": "x" * 70, "an other": [1, 2]}],
}  # fmt: skip

CASES = {
    "arguments of filters are bound as Python binds them": [
        "{{ 1|abs(2) }}", "{{ 1|abs(a=2) }}", "{{ xs|first(1, 2) }}", "{{ xs|join(nosuch=1) }}", "{{ xs|list(1) }}",
        "{{ xs|groupby }}", "{{ s|forceescape(1) }}", "{{ s|upper(1, nosuch=2) }}", "{{ s|tojson(nosuch=1) }}",
        "{{ raise_exception() }}", "{{ strftime_now(1, 2) }}", "{{ cycler(a=1) }}", "{{ dict.fromkeys(a=1) }}",
        "{{ s|truncate(1, 2, 3, 4, 5, 6) }}", "{{ s is filter(1) }}", "{{ s is callable(1) }}", "{{ s|length(**[1]) }}",
        "{{ range(**[1]) }}", "{{ range(**absent) }}", "{{ dict(a=1, **{'a': 2}) }}", "{{ dict(a=1, a=2) }}",
        "{% macro m(a) %}{% endmacro %}{{ m(**{'x y': 1}) }}",
        "{% macro m(a) %}{{ caller() }}{% endmacro %}{% call m(caller=1) %}{% endcall %}",
    ],
    "arguments of methods are bound as Python binds them": [
        "{{ s.upper(1) }}", "{{ s.split(1, 2, 3) }}", "{{ s.split(nosuch=1) }}", "{{ s.split('a', sep='b') }}",
        "{{ s.find() }}", "{{ s.find('a', x=1) }}", "{{ s.find(none) }}", "{{ s.count(1, 'x') }}", "{{ s.center() }}",
        "{{ s.expandtabs(1, 2) }}", "{{ s.splitlines(keepends='x') }}", "{{ s.join(1) }}", "{{ s.replace('a') }}",
        "{{ (s|safe).replace('a') }}", "{{ (s|safe).join([1, '<']) }}", "{{ (s|safe).zfill(width=3) }}",
        "{{ (s|safe).striptags(1) }}", "{{ (s|safe).ljust(9, '<') }}", "{{ (s|safe).replace('a', none) }}",
        "{{ s.partition('a'|safe) }}", "{{ xs.index(1, 'a') }}", "{{ xs.index('b', -9, 9) }}", "{{ d.get() }}",
        "{{ d.items(1) }}", "{{ range(3).index('a') }}", "{{ s.translate({97: 'X', 98: none, 32: 45}) }}",
        "{% for x in xs %}{{ loop.cycle(a=1) }}{% endfor %}", "{{ cycler(1).next(2) }}",
    ],
    "what cannot be sorted is compared in Python's order": [
        "{{ xs|sort }}", "{{ [1, 'a', 2.5]|sort }}", "{{ d|dictsort }}", "{{ d|dictsort(reverse='x') }}",
        "{{ xs|sort(reverse=none) }}", "{{ d|tojson(sort_keys=true) }}", "{{ [3, nan, 1, nan, 2]|sort }}",
        "{{ [{'a': 1}, {'a': 'b'}]|groupby('a') }}", "{{ ts|sort(reverse=1) }}", "{{ d.items() <= d.items() }}",
        "{{ (range(100)|list + ['x'])|sort }}", "{{ d.items()|sort }}", "{{ {'a': 1}.keys() < {'a': 1, 'b': 2}.keys() }}",
    ],
    "functions and objects are printed as Python prints them": [
        "{{ range }}{{ dict }}{{ namespace }}{{ cycler }}{{ joiner(s) }}{{ cycler(1) }}{{ self }}{{ raise_exception }}",
        "{{ s.upper }}{{ (s|safe).upper }}{{ s.format }}{{ d.items }}{{ dict.fromkeys }}{{ d.fromkeys }}{{ lipsum }}",
        "{% macro m() %}{{ caller }}{% endmacro %}{{ m }}{% call m() %}{% endcall %}", "{{ xs|select }}{{ xs|map('e') }}",
        "{% for x in xs if x %}{{ loop }}{% endfor %}", "{{ dict.nosuch() }}", "{{ namespace(d) }}", "{{ s.upper.x() }}",
        "{{ s|string }}{{ namespace(a=1)|xmlattr }}", "{{ cycler(1)|dictsort }}", "{{ namespace|dictsort }}", "{{ 5|items|reverse }}", "{{ (1.5).__and__() }}", "{{ self[0] }}",
        "{{ xs|batch(2)|first|first }}{{ (messages|groupby('role'))[0].grouper }}{{ messages|groupby('role')|map(attribute='list')|list }}",
    ],
    "filters look at their arguments when Python does": [
        "{{ 5|batch(1) }}", "{{ 5|batch(1)|list }}", "{{ xs|slice(0) }}", "{{ xs|slice('a')|list }}", "{{ xs|batch(2, 0)|list }}",
        "{{ 1|round('a') }}", "{{ 1.5|round(none) }}", "{{ 1.26|round(1.5, 'floor') }}", "{{ s|round(1, 'ceil') }}",
        "{{ 1|round(1, [1]) }}", "{{ 5|indent }}", "{{ xs|indent }}", "{{ (1, 2)|indent }}", "{{ 5|truncate }}",
        "{{ s|truncate(true) }}", "{{ s|truncate(2.5) }}", "{{ s|truncate('a') }}", "{{ xs|truncate(2, end='') }}",
        "{{ s|truncate(3, end='…'|safe, leeway=-1) }}", "{{ 5|wordwrap('a') }}", "{{ s|wordwrap('a') }}", "{{ ''|wordwrap(0) }}",
        "{{ s|wordwrap(3, wrapstring=1) }}", "{{ s|urlize('a') }}", "{{ 'www.a.org'|urlize('a') }}", "{{ s|urlize(rel=1) }}",
        "{{ s|filesizeformat }}", "{{ xs|urlencode }}", "{{ [1]|urlencode }}", "{{ {1: 2}|xmlattr }}", "{{ s|attr([1]) }}",
        "{{ 5|sum(start='a') }}", "{{ xs|map([1])|list }}", "{{ xs|map(absent)|list }}", "{{ xs|select(1)|list }}",
        "{{ s|tojson(indent=[1]) }}", "{{ xs|tojson(indent=[1]) }}", "{{ xs|tojson(separators=(1, 2)) }}", "{{ dict(absent) }}",
        "{{ s|replace('a', 'b'|safe) }}{% autoescape true %}{{ s|replace('a', '<'|safe) ~ '<' }}{% endautoescape %}",
        "{{ [] is filter }}", "{{ range(10**20) }}", "{{ namespace([(1, 2)]) }}", "{{ d.keys() in d }}",
    ],
    "markup is put into text, and taken out of it, as markupsafe does it": [
        "{{ 'a<!-- b --> <i>c</i>d\\t&lt;e&gt; &#x41;&notit; x < y'|striptags }}", "{{ '<a><b>'|striptags }}", "{{ [s|safe|last, s|safe|first, s|safe|reverse, s|safe|list] }}", "{{ '&amp;lt;'|safe|striptags }}",
        "{{ ('&amp;lt; &eacute &x'|safe).unescape() }}", "{{ '<i\\n\\n<b>\\r'|indent('<'|safe) }}", "{{ '<i\\n\\n<b>'|indent('<'|safe, true) }}",
        "{{ '<i\\n\\n<b>\\r'|indent('<'|safe, true, true) }}", "{{ '<i\\n<b>'|indent('<'|safe, blank=true) }}", "{{ '<i\\n<b>'|safe|indent('<', true) }}",
    ],
    "formats are filled as Python fills them": [
        "{{ '{}'.format() }}", "{{ '{a}'.format_map(1) }}", "{{ '{a}'.format_map('x') }}", "{{ '{a}'.format_map(namespace(a=1)) }}",
        "{{ 'x' % absent }}", "{{ 'x' is divisibleby(absent) }}", "{{ '%(a)s' % (1,) }}", "{{ '%(a)s' % range(2) }}",
        "{{ ('%d'|safe) % '12' }}", "{{ ('%d'|safe) % 'x' }}", "{{ ('%f'|safe) % none }}", "{{ ('%x'|safe) % 12 }}",
        "{{ ('%c'|safe) % 'a' }}", "{{ ('%r %s'|safe) % ('<', '<') }}", "{{ ('%*d'|safe) % (5, 1) }}", "{{ ('{:5}'|safe).format('<'|safe) }}",
        "{{ ('{!s}'|safe).format('<'|safe) }}", "{{ 'a' * ('b'|safe) }}", "{{ ('b'|safe) * 2.5 }}", "{{ absent * ('b'|safe) }}",
    ],
    "values are laid out as pprint lays them out": [
        "{{ d|pprint }}", "{{ long|pprint }}", "{{ {'z': long, 'a': (1,), none: 2}|pprint }}", "{{ (s * 50)|pprint }}",
        "{{ [s * 50, ('x\\ny z' * 30,)]|pprint }}", "{{ range(60)|list|pprint }}", "{{ ('é 日 ' * 30 ~ '\\n\\'')|pprint }}",
    ],
    "templates are refused as Jinja2 and Python's compiler refuse them": [
        "{{ d|one|two }}", "{% filter one|two %}{% endfilter %}", "{{ s is one|two }}", "{% break %}{{ s|nosuch }}", "{% continue %}",
        "{% for x in xs if x is nosuch %}{% set loop = 1 %}{% endfor %}", "{% for x in xs %}{% autoescape true %}{% set loop = 1 %}{% endautoescape %}{% endfor %}",
        "{% autoescape absent %}{{ s }}{% endautoescape %}",
        "{% autoescape true %}{% for x in deep recursive %}<{% if x %}{{ loop(x.b) }}{% endif %}{% endfor %}{% endautoescape %}",
        "{{ '12' or s|nosuch }}{{ 0 and s is nosuch }}", "{{ s or s|nosuch }}", "{% autoescape true %}{% set s = '<' %}{{ s }}{% endautoescape %}{{ s }}",
    ],
    "generation blocks are macros of their own": [
        "{% macro m() %}{% generation %}{{ caller() }}{% endgeneration %}{% endmacro %}{% call m() %}x{% endcall %}",
        "{% generation %}{{ kwargs }}{{ varargs }}{{ caller }}{% endgeneration %}{{ kwargs }}",
    ],
}  # fmt: skip

SOURCES = [(claim, source) for claim, sources in CASES.items() for source in sources]


@pytest.mark.parametrize(("claim", "source"), SOURCES)
def test_case_renders_as_in_transformers(claim: str, source: str) -> None:
    assert _difference(source, MESSAGES, OPTIONS) is None, claim


@pytest.mark.parametrize(
    "content", [["text"], [{"text": "a "}, {}], [{"text": 1}], [1.5], [None], [["text"]], {"text": "a"}, 1, ""]
)
def test_any_content_is_continued_or_refused_as_in_transformers(content: Any) -> None:
    source = "{% for m in messages %}{{ m.content }}{% endfor %}"
    assert _difference(source, [{"role": "assistant", "content": content}], {"continue_final_message": True}) is None


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="CHATTPL_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(case=cases())
def test_generated_template_renders_as_in_transformers(case: Case) -> None:
    assert _difference(*case) is None


def _difference(source: str, messages: Any, options: dict[str, Any]) -> str | None:
    expected = reference(source, copy.deepcopy(messages), **copy.deepcopy(options))
    return unexcused(expected, _ours(source, messages, options))


def _ours(source: str, messages: Any, options: dict[str, Any]) -> Outcome:
    """Compiles and renders: `transformers` does both in one call."""
    try:
        template = Template(source)
    except ChatTemplateError as error:
        return Outcome(error=type(error).__name__, message=error.message, raised=error)
    return ours(template, messages, **options)
