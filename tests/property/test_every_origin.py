"""Data is data and a literal is a literal, whatever a template does: all templates at hand, and generated ones."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chattpl
from chattpl import Template
from compare import CLOCK, TOKENS
from fetch_oracles import trl_templates
from paths import CONFORMANCE
from spelling import CUNEIFORM, SpeltTemplates, SpeltValues, as_data, check, check_derivations, spelt
from strategies import probes

EXAMPLES = int(os.environ.get("CHATTPL_EXAMPLES", "600"))
FILES = sorted((CONFORMANCE / "templates").glob("*.jinja"))
SPECIAL = ("tools", "documents", "add_generation_prompt", "continue_final_message")

# `L` stands for a literal, `x` for data: a string, a list, a mapping.
MIXES = [
    "{% filter upper %}L{{ x }}L{% endfilter %}", "{% filter title %}{{ x }}L{% endfilter %}", "{{ ('L' ~ x)|capitalize }}",
    "{% filter striptags %}L <i>{{ x }}</i>L &lt; L{% endfilter %}", "{{ ('L' ~ x)|safe|urlencode }}", "{{ {'L': x}|urlencode }}",
    "{{ ('L' ~ x).swapcase() }}", "{{ (('L' ~ x)|safe).unescape() }}", "{{ '%a L'|format(a=x) }}", "{{ '%r' % ([x, 'L'],) }}",
    "{{ '%99.9r' % ([x, 'L'],) }}", "{{ '{!r:>99}L'.format(['L', x]) }}", "{{ '{!a}'.format(('L', x)) }}", "{{ ('%r'|safe) % [x] }}",
    "{{ {'L': x, 'LL': [x]}|pprint }}", "{{ {'L': x}|xmlattr }}", "{{ ('L ' ~ x ~ ' L')|wordwrap(4) }}", "{{ ('L ' ~ x)|truncate(5, end='L') }}",
    "{{ ('L\\n' ~ x)|indent('L'|safe, true) }}", "{{ ('L' ~ x)|urlize }}", "{{ ('L' ~ x ~ 'L').translate({32: 'L', 9: none}) }}",
    "{% filter upper %}{% generation %}L{{ x }}{% endgeneration %}{% endfilter %}", "{{ ('L' ~ x)|list }}", "{{ ('L ' ~ x)|reverse }}",
    "{{ ['L', x]|tojson(indent='L') }}", "{{ ['L', x]|tojson(ensure_ascii=true) }}", "{{ ('L' ~ x)|center(99) }}", "{{ ['L', x]|join('L') }}",
    "{{ ('L' ~ x)|replace('L', x) }}", "{{ ('L' ~ x)|e ~ 'L' }}", "{{ namespace(L=x) }}", "{{ dict(L=x).items() }}", "{{ ('LxL' % x)[::2] }}",
]  # fmt: skip
VALUES = ["a <b> &amp;\tc d", ["a", {"b": "it's"}], {"k": ["é", None, 1.5], "l": "\n"}, "", [], {}]


@cache
def _sources() -> dict[str, str]:
    found = {f"trl: {name}": source for name, source in trl_templates().items()}
    for path in FILES:
        with open(path, encoding="utf-8", newline="") as file:
            found[path.name] = file.read()
    found |= {info.name: chattpl.load(info.name).template.source for info in chattpl.models()}
    return found


@cache
def _spelt_probes() -> list[tuple[list[Any], dict[str, Any], dict[str, Any]]]:
    spelt = []
    for probe in probes():
        messages, options = as_data(probe.messages), as_data({**TOKENS, **probe.options})
        arguments = {name: value for name, value in options.items() if name not in SPECIAL}
        roots = {"messages": messages, "arguments": {**arguments, "add_generation_prompt": False}}
        roots |= {name: options.get(name) for name in ("tools", "documents")}
        spelt.append((messages, options, roots))
    return spelt


@pytest.mark.parametrize("name", sorted(_sources()))
def test_every_character_has_its_origin(name: str) -> None:
    template = Template(_sources()[name], name)
    for messages, options, roots in _spelt_probes():
        try:
            rendered = template.render(messages, now=CLOCK, **options)
        except chattpl.ChatTemplateError:
            continue
        check(rendered)
        check_derivations(rendered, roots)


@pytest.mark.parametrize("mix", MIXES)
def test_data_and_literals_stay_apart_where_they_are_mixed(mix: str) -> None:
    template = Template(mix.replace("L", spelt("L", CUNEIFORM)))
    for value in VALUES:
        try:
            rendered = template.render([], x=as_data({"arguments": value})["arguments"])
        except chattpl.ChatTemplateError:
            continue
        check(rendered)


@st.composite
def _spelt_cases(draw: st.DrawFn) -> tuple[str, list[Any], dict[str, Any]]:
    def pick(below: int) -> int:
        return draw(st.integers(0, below - 1))

    values = SpeltValues(pick)
    return SpeltTemplates(pick).template(), values.messages(), values.options()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="CHATTPL_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(case=_spelt_cases())
def test_every_character_of_a_generated_template_has_its_origin(case: tuple[str, list[Any], dict[str, Any]]) -> None:
    source, messages, options = case
    try:
        rendered = Template(source).render(messages, now=CLOCK, **options)
    except chattpl.ChatTemplateError:
        return
    check(rendered)
