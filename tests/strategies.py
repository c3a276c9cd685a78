"""Conversations to render: a handful by hand, and Hypothesis strategies for any number more."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from paths import CONFORMANCE
from template_writer import TemplateWriter
from value_writer import ValueWriter


class Probe(NamedTuple):
    """A conversation with the arguments it is rendered with."""

    name: str
    messages: list[Any]
    options: dict[str, Any]


TOOL = {
    "type": "function",
    "function": {
        "name": "convert",
        "description": 'Converts <money> & "more" to another currency\'s coin',
        "parameters": {
            "type": "object",
            "properties": {
                "amount": {"type": "number", "description": "How much", "default": 1.0},
                "to": {"type": "string", "enum": ["PLN", "€"]},
                "fees": {"type": "array", "items": {"type": "integer"}, "nullable": True},
            },
            "required": ["amount", "to"],
        },
    },
}

_CALL = {"name": "convert", "arguments": {"amount": 1e-07, "to": "€", "fees": [1, -2, None], "fast": True}}

OWN_PROBES = [
    Probe("question", [{"role": "user", "content": "Grüß Gott\t!"}], {"add_generation_prompt": True}),
    Probe(
        "turns",
        [
            {"role": "system", "content": "  Be brief.\n"},
            {"role": "user", "content": "<b>1 & 2</b>"},
            {"role": "assistant", "content": "It's 'three'"},
            {"role": "user", "content": "\n"},
        ],
        {"add_generation_prompt": True},
    ),
    Probe(
        "call",
        [
            {"role": "user", "content": "How many euros?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "a1B2c3D4e", "type": "function", "function": _CALL}],
            },
            {"role": "tool", "name": "convert", "tool_call_id": "a1B2c3D4e", "content": '{"sum": 12.50}'},
            {"role": "assistant", "content": "12.50", "reasoning_content": "as the tool says"},
        ],
        {"tools": [TOOL]},
    ),
    Probe(
        "thinking",
        [
            {"role": "user", "content": "2+2"},
            {"role": "assistant", "reasoning": "two\n\nand two", "content": "4"},
            {"role": "user", "content": [{"type": "text", "text": "sure?"}]},
        ],
        {"add_generation_prompt": True, "enable_thinking": False},
    ),
    Probe(
        "continued",
        [{"role": "user", "content": "Sing"}, {"role": "assistant", "content": "La la "}],
        {"continue_final_message": True},
    ),
    Probe("nothing", [], {}),
]


def probes() -> list[Probe]:
    """Lists the conversations by hand, and those of the conformance data where it is there."""
    path = CONFORMANCE / "probes.json"
    if not path.is_file():
        return OWN_PROBES
    found = json.loads(path.read_text("utf-8"))
    return [*OWN_PROBES, *(Probe(probe["name"], probe["messages"], probe["kwargs"]) for probe in found)]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

tool_calls = st.fixed_dictionaries(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {"name": texts, "arguments": st.dictionaries(texts, json_values, max_size=3) | texts}
        ),
    },
    optional={"id": texts},
)

messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer"])},
    optional={
        "content": texts
        | st.none()
        | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2),
        "name": texts,
        "tool_calls": st.lists(tool_calls, max_size=2),
        "reasoning_content": texts,
    },
)

conversations = st.lists(messages, max_size=5)


class Case(NamedTuple):
    """A generated template, with a conversation and arguments to render it with."""

    source: str
    messages: list[Any]
    options: dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Templates in the whole dialect with odd conversations and arguments."""

    def pick(below: int) -> int:
        return draw(st.integers(0, below - 1))

    source = TemplateWriter(pick).template()
    values = ValueWriter(pick)
    return Case(source, values.messages(), values.options())
