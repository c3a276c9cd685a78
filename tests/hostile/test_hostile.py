"""Hostile templates: nothing escapes, nothing changes the input, and every bomb ends in its documented error."""

from __future__ import annotations

import copy
import re

import pytest

from chattpl import ChatTemplateError, Rendered, Template
from hostile.cases import CASES, MESSAGES, Hostile

INTERNALS = re.compile(r"<class |<module|<frame|<code|site-packages|/usr/lib|object at 0x(?!7f0000000000>)")
"""What the text of a Python object of the interpreter would hold; the engine's own addresses are all one constant."""


def _end(case: Hostile) -> tuple[str, str]:
    """Renders; returns code and class of the error, or `renders`, and the text or message."""
    try:
        rendered: Rendered = Template(case.template).render(MESSAGES)
    except ChatTemplateError as error:
        classes = " ".join(cls.__name__ for cls in type(error).__mro__)
        return f"{error.code} {classes}", error.message
    return "renders", rendered.text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_template_ends_as_documented(case: Hostile) -> None:
    before = copy.deepcopy(MESSAGES)
    ends, text = _end(case)
    assert set(case.ends.split()) <= set(ends.split()), text[:200]
    if case.text is None:
        assert not INTERNALS.search(text[:10_000])
    else:
        assert case.text == text
    assert before == MESSAGES


def test_names_of_cases_differ() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_limits_are_arguments() -> None:
    source = "{% for i in range(10000) %}{{ 'x' * 100 }}{% endfor %}"
    assert len(Template(source).render([]).text) == 1_000_000
    limited = [(Template(source, max_instructions=1000), "CE020"), (Template(source, max_output_bytes=1000), "CE021")]
    for template, code in limited:
        with pytest.raises(ChatTemplateError) as raised:
            template.render([])
        assert raised.value.code == code
        assert (raised.value.location or "").startswith("<template>:1:")


def test_a_limit_leaves_the_next_render_unharmed() -> None:
    template = Template("{% if messages %}{{ 'x' * 10**10 }}{% endif %}ok")
    for _ in range(3):
        with pytest.raises(ChatTemplateError):
            template.render(MESSAGES)
        assert template.render([]).text == "ok"
