"""The filter `parse_json`, which the registry's templates use where a vendor's encoder reads JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chattpl import LimitError, Origin, Template
from strategies import json_values, texts

PRINT = Template("{{ messages[0].content | parse_json | tojson }}")


def _printed(value: Any) -> str:
    return PRINT.render([{"role": "user", "content": value}], null_fields="keep").text


def _expected(text: str) -> str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "{", "{}", " [ 1 ,2.50 ]\n", "-0", "-0.0", "1e5", "1E400", "01", "1.", "NaN", "-Infinity", "nan"),
        *("true", "True", '"a', '"\\u00e9\\ud83e\\udd86"', '"\t"', '{"a":1,"a":2}', '{"a":1,}', "\ufeff1", "1 2"),
        *("9" * 50, "null", "[[[[]]]]"),
    ],
)
def test_text_is_read_as_python_reads_it(text: str) -> None:
    assert _printed(text) == _expected(text)


@given(text=texts | json_values.map(json.dumps) | json_values.map(lambda value: json.dumps(value, indent=1)))
def test_any_text_is_read_as_python_reads_it(text: str) -> None:
    assert _printed(text) == _expected(text)


@given(value=json_values.filter(lambda value: not isinstance(value, str)))
def test_what_is_no_text_stays_as_it_is(value: Any) -> None:
    assert _printed(value) == json.dumps(value, ensure_ascii=False)


@given(value=st.dictionaries(st.text("ab", min_size=1), st.text("cd", min_size=1) | st.integers(), min_size=1))
def test_all_that_is_read_has_the_path_of_the_text(value: dict[str, Any]) -> None:
    rendered = PRINT.render([{"role": "user", "content": json.dumps(value)}])
    for segment in rendered.segments:
        if segment.origin is Origin.MESSAGE:
            assert (segment.path, segment.message) == (("messages", 0, "content"), 0)
        else:
            assert not set(rendered.text[segment.start : segment.end]) - set('{}":, -')


def test_deep_text_is_left_alone_and_long_text_is_limited() -> None:
    deep = "[" * 2000 + "]" * 2000
    assert _printed(deep) == json.dumps(deep)
    with pytest.raises(LimitError):
        Template("{% for i in range(99999) %}{% set x = messages[0].content | parse_json %}{% endfor %}").render(
            [{"role": "user", "content": "[" + "1," * 2_000_000 + "1]"}]
        )


def test_template_can_ask_whether_the_filter_is_there() -> None:
    assert Template("{{ 'parse_json' is filter }}").render([]).text == "True"
