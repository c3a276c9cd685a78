"""`Template`: what a render returns, and what it refuses."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chattpl import (
    ChatTemplateError,
    InputError,
    LimitError,
    Origin,
    SourceError,
    Template,
    TemplateSyntaxError,
)

SOURCE = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
MESSAGES = [{"role": "user", "content": "Hé"}, {"role": "assistant", "content": "2"}]


def test_segments_tell_where_text_came_from() -> None:
    rendered = Template(SOURCE).render(MESSAGES, bos_token="^")
    assert rendered.text == "^<user>Hé\n<assistant>2\n"
    found = [
        (rendered.text[s.start : s.end], s.origin, s.path, s.message)
        for s in rendered.segments
        if s.origin is not Origin.TEMPLATE
    ]
    assert found == [
        ("^", Origin.ARGUMENT, ("arguments", "bos_token"), None),
        ("user", Origin.MESSAGE, ("messages", 0, "role"), 0),
        ("Hé", Origin.MESSAGE, ("messages", 0, "content"), 0),
        ("assistant", Origin.MESSAGE, ("messages", 1, "role"), 1),
        ("2", Origin.MESSAGE, ("messages", 1, "content"), 1),
    ]


def test_template_spans_point_into_the_source() -> None:
    rendered = Template(SOURCE).render(MESSAGES)
    literals = [s for s in rendered.segments if s.origin is Origin.TEMPLATE]
    for segment in literals:
        assert segment.template_span is not None
        start, end = segment.template_span
        assert rendered.text[segment.start : segment.end] in SOURCE.encode()[start:end].decode()


def test_json_text_renders_as_objects_do() -> None:
    data = b'{"messages": [{"role": "user", "content": "H\\u00e9"}, {"role": "assistant", "content": "2"}]}'
    from_json, from_objects = Template(SOURCE).render_json(data), Template(SOURCE).render(MESSAGES)
    assert from_json.text == from_objects.text

    def facts(rendered: Any) -> list[tuple[Any, ...]]:
        return [(s.start, s.end, s.origin, s.path, s.message, s.template_span) for s in rendered.segments]

    assert facts(from_json) == facts(from_objects)


def test_origin_has_a_name_and_a_code() -> None:
    names = ["template", "message", "tools", "documents", "argument", "clock"]
    assert [str(origin) for origin in Origin] == names
    assert [origin.code for origin in Origin] == list(range(6))


def test_template_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "chat.jinja"
    path.write_bytes(SOURCE.encode())
    template = Template.from_file(path)
    assert (template.source, template.name) == (SOURCE, str(path))
    with pytest.raises(SourceError):
        Template.from_file(tmp_path / "absent.jinja")


def test_template_survives_pickling() -> None:
    template = pickle.loads(pickle.dumps(Template(SOURCE, "mine", max_output_bytes=10)))
    assert (template.source, template.name) == (SOURCE, "mine")
    with pytest.raises(LimitError):
        template.render(MESSAGES)


def test_syntax_error_has_its_place() -> None:
    with pytest.raises(TemplateSyntaxError) as raised:
        Template("one\n{% if x %}\n", "mine")
    assert (raised.value.location or "").startswith("mine:")
    assert raised.value.code.startswith("CE00")


def _cyclic() -> list[Any]:
    message: dict[str, Any] = {"role": "user"}
    message["content"] = [message]
    return [message]


def _deep() -> list[Any]:
    value: Any = "x"
    for _ in range(10_000):
        value = [value]
    return [{"role": "user", "content": value}]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (5, "CE030"),
        ("text", "CE030"),
        (None, "CE030"),
        ([5], "CE030"),
        (_cyclic(), "CE031"),
        (_deep(), "CE022"),
        ([{"role": "user", "content": "\ud800"}], "CE032"),
    ],
    ids=["number", "string", "none", "number-as-message", "cyclic", "deep", "surrogate"],
)
def test_unreadable_messages_are_refused(messages: Any, code: str) -> None:
    with pytest.raises(ChatTemplateError) as raised:
        Template(SOURCE).render(messages)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"{", "CE033"), (b"\xff", "CE032"), (b"5", "CE030"), (b"{}", "CE030"), (b"[" * 100_000, "CE022")],
)
def test_unreadable_json_is_refused(data: bytes, code: str) -> None:
    with pytest.raises((InputError, LimitError)) as raised:
        Template(SOURCE).render_json(data)
    assert raised.value.code == code


_DOUBLING = "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**12) %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 'x' * 10**12 }}",
        "{{ 'x' | center(10**12) }}",
        "{{ [1] * 10**12 }}",
        "{{ '%1000000000000d' % 1 }}",
        "{{ messages | tojson(indent=10**12) }}",
        _DOUBLING + "{{ ns.s }}",
        _DOUBLING + "{{ ns.s ~ 'x' }}",
        _DOUBLING + "{{ ns.s | upper }}",
        _DOUBLING + "{{ ns.s | tojson }}",
        _DOUBLING + "{{ ns.s[5:] }}",
        _DOUBLING + "{{ 'y' in ns.s }}",
    ],
    ids=lambda source: source.removeprefix(_DOUBLING),
)
def test_runaway_template_is_stopped(source: str) -> None:
    script = """if True:
        import resource, sys, chattpl
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
        try:
            chattpl.Template(sys.argv[1]).render([{"role": "user"}])
        except chattpl.ChatTemplateError as error:
            print(error.code)
    """
    done = subprocess.run(
        [sys.executable, "-c", script, source], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("CE")


@pytest.mark.parametrize(
    "filter_", ["upper", "center(9)", "replace('a', 'b')", "trim", "tojson", "indent(1, true)", "string"]
)
def test_generation_mark_is_no_source_of_text(filter_: str) -> None:
    body = "{% generation %}12{% endgeneration %}"
    for source in (
        f"{{% filter {filter_} %}}{body}{{% endfilter %}}",
        f"{{% filter {filter_} %}}{{% generation %}}{{% endgeneration %}}{{% endfilter %}}",
    ):
        rendered = Template(source).render([])
        assert "".join(rendered.text[s.start : s.end] for s in rendered.segments) == rendered.text
