"""Text that came from data is never said to be the template's, whatever the template does with it.

Every data string is spelt in characters that no template holds: a private area of Unicode, one character for each of
the original. Strings that templates compare with (roles, types) keep their spelling. Whatever of the private area comes
out is data, and so must its origin be.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chattpl
from chattpl import Origin, Rendered, Template
from compare import CLOCK, TOKENS
from fetch_oracles import NO_TRL, trl_templates
from strategies import conversations, json_values, probes

FIRST, LAST = 0xE000, 0xF8FF
KEPT_KEYS = {"role", "type", "enable_thinking", "thinking", "reasoning_effort", "builtin_tools"}
USES = [
    "{{ x }}", "{{ x | tojson }}", "{{ x | tojson(indent=2) }}", "{{ [x] }}", "{{ {'k': x} }}",
    "{{ x | string | upper }}",
    "{{ x | string | replace('a', 'b') }}", "{{ '%s|%r' % (x, x) }}", "{{ '%s' | format(x) }}", "{{ '{}'.format(x) }}",
    "{{ (x | string)[1:3] }}", "{{ (x | string).split() }}", "{{ (x | string) * 2 }}",
    "{{ x | string | title | trim }}",
    "{{ [x, x] | join(', ') }}", "{{ x | list | first }}", "{{ x | length }}", "{% set y %}{{ x }}{% endset %}{{ y }}",
    "{% macro m(v) %}{{ v }}{% endmacro %}{{ m(x) }}", "{{ x ~ x }}", "{% for k in x %}{{ k }}{{ x[k] }}{% endfor %}",
    "{% filter upper %}{{ x }}{% endfilter %}", "{{ x | string | indent(2) }}", "{{ x | string | center(40) }}",
    "{{ x | e }}", "{{ x | string | safe }}", "{{ x | default('') | string | wordcount }}",
]  # fmt: skip


def private(value: Any, key: str = "", keys: bool = False) -> Any:
    """Spells the strings of a value in the private area, and the keys of mappings too if `keys` says so."""
    if isinstance(value, str):
        return value if key in KEPT_KEYS else "".join(chr(FIRST + ord(c) % (LAST - FIRST)) for c in value)
    if isinstance(value, list):
        return [private(item, key, keys) for item in value]
    if isinstance(value, dict):
        return {private(name) if keys else name: private(item, name, keys) for name, item in value.items()}
    return value


def spelt_privately(text: str) -> list[bool]:
    """Tells of each character whether it lies in the private area."""
    return [FIRST <= ord(character) <= LAST for character in text]


def check(rendered: Rendered) -> None:
    """Checks that no private character is the template's."""
    for segment in rendered.segments:
        if segment.origin is Origin.TEMPLATE:
            text = rendered.text[segment.start : segment.end]
            assert not any(spelt_privately(text)), (text, segment.template_span)


def _check_all(source: str) -> None:
    template = Template(source)
    for probe in probes():
        options = private({**TOKENS, **probe.options})
        try:
            rendered = template.render(private(probe.messages), now=CLOCK, **options)
        except chattpl.ChatTemplateError:
            continue
        check(rendered)


@pytest.mark.skipif(not trl_templates(), reason=NO_TRL)
@pytest.mark.parametrize("name", sorted(trl_templates()))
def test_data_is_never_the_templates_in_trl_templates(name: str) -> None:
    _check_all(trl_templates()[name])


@pytest.mark.parametrize("info", chattpl.models(), ids=lambda info: info.name)
def test_data_is_never_the_templates_in_the_registry(info: chattpl.ModelInfo) -> None:
    _check_all(chattpl.load(info.name).template.source)


@pytest.mark.parametrize("use", USES)
@settings(max_examples=40, deadline=None)
@given(value=json_values)
def test_data_is_never_the_templates_after_any_operation(use: str, value: Any) -> None:
    try:
        rendered = Template(use).render([], x=private(value, keys=True))
    except chattpl.ChatTemplateError:
        return
    check(rendered)


@pytest.mark.parametrize("use", [use for use in USES if "length" not in use and "count" not in use])
@given(number=st.integers() | st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=40, deadline=None)
def test_digits_of_data_are_never_the_templates(use: str, number: float) -> None:
    try:
        rendered = Template(use).render([], x=number)
    except chattpl.ChatTemplateError:
        return
    for segment in rendered.segments:
        text = rendered.text[segment.start : segment.end]
        assert segment.origin is not Origin.TEMPLATE or not any(character.isdigit() for character in text)


@pytest.mark.parametrize("use", USES)
def test_text_of_the_template_alone_is_the_templates(use: str) -> None:
    try:
        rendered = Template("{% set x = ['a', 'b c'] %}" + use).render([])
    except chattpl.ChatTemplateError:
        return
    assert {segment.origin for segment in rendered.segments} <= {Origin.TEMPLATE}


@settings(max_examples=100, deadline=None)
@given(messages=conversations, end=st.text(max_size=5))
def test_segments_join_to_the_text(messages: list[Any], end: str) -> None:
    source = (
        "{{ messages }}{% for m in messages %}<{{ m.role }}>{{ m | tojson }}{{ m.content }}{% endfor %}"
        + end.replace("{", "")
    )
    rendered = Template(source).render(messages)
    position = 0
    for segment in rendered.segments:
        assert segment.start == position
        assert segment.end > position
        position = segment.end
    assert position == len(rendered.text)
