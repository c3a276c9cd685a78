"""Live comparison with the installed `transformers`, over the templates that `trl` ships and odd ones of our own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from chattpl import Template
from compare import TOKENS, difference, ours, reference
from fetch_oracles import NO_TRL, trl_templates
from strategies import conversations, probes

NAMES = sorted(trl_templates())

ODD_TEMPLATES = {
    "repr": "{{ messages }}{{ tools }}{{ messages[0] }}",
    "json": "{{ messages | tojson }}\n{{ messages | tojson(indent=2) }}{{ tools | tojson(ensure_ascii=True) }}",
    "undefined": "{{ nothing }}{{ nothing.more }}",
    "missing": "{% for m in messages %}{{ m['absent'] ~ m.content.absent }}{% endfor %}",
    "raises": "{{ raise_exception('no: ' + messages[0]['role']) }}",
    "adds": "{{ messages[0].content + 1 }}",
    "clock": "{{ strftime_now('%d %b %Y %H:%M') }}",
    "mutates": "{{ messages.append(1) }}",
    "loops": "{% for m in messages %}{{ loop.index0 }}{{ loop.last }}{% break %}{% endfor %}{{ m }}",
    "namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "macro": "{% macro s(m) %}{{ m.role }}:{{ m.content }}{% endmacro %}{% for m in messages %}{{ s(m) }}{% endfor %}",
}


@pytest.mark.skipif(not NAMES, reason=NO_TRL)
@pytest.mark.parametrize("name", NAMES)
def test_trl_template_renders_as_in_transformers(name: str) -> None:
    _check_all(trl_templates()[name], name)


@pytest.mark.parametrize("name", ODD_TEMPLATES)
def test_odd_template_renders_as_in_transformers(name: str) -> None:
    _check_all(ODD_TEMPLATES[name], name)


@pytest.mark.parametrize("name", ODD_TEMPLATES)
@settings(max_examples=50, deadline=None)
@given(messages=conversations)
def test_any_conversation_renders_as_in_transformers(name: str, messages: list[Any]) -> None:
    source = ODD_TEMPLATES[name]
    assert difference(reference(source, messages), ours(Template(source, name), messages)) is None


def _check_all(source: str, name: str) -> None:
    template = Template(source, name)
    different = {}
    for probe in probes():
        options = {**TOKENS, **probe.options}
        expected = reference(source, probe.messages, **options)
        if (how := difference(expected, ours(template, probe.messages, **options))) is not None:
            different[probe.name] = how
    assert not different
