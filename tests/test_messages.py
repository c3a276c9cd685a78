"""Plain data from odd objects, conversations from rows of data sets, and what looks wrong in them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, UserDict
from typing import Any

import numpy
import pydantic
import pytest

from chattpl import InputError
from chattpl.messages import conversation_from_row, oddities, plain

USER = {"role": "user", "content": "Q"}
ASSISTANT = {"role": "assistant", "content": "A"}


@dataclasses.dataclass
class Point:
    x: int
    y: list[int]


class Model(pydantic.BaseModel):
    name: str
    part: dict[str, int]


class Plain:
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (UserDict(a=1), {"a": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (numpy.bool_(False), False),
        (numpy.int64(5), 5),
        (numpy.float32(0.5), 0.5),
        (numpy.zeros(2), "<ndarray>"),
        (Point(1, [2]), {"x": 1, "y": [2]}),
        (Point, "<type>"),
        (Model(name="n", part={"a": 1}), {"name": "n", "part": {"a": 1}}),
        (Plain(), "<Plain>"),
        ({1, 2}, "<set>"),
        (b"x", "<bytes>"),
        (1j, "<complex>"),
        (len, "<builtin_function_or_method>"),
    ],
)
def test_odd_object_becomes_plain_data(value: object, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "row",
    [
        [USER, ASSISTANT],
        {"messages": [USER, ASSISTANT]},
        {"conversation": [USER, ASSISTANT]},
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
        {"prompt": "Q", "response": "A"},
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"prompt": [USER], "chosen": [ASSISTANT], "rejected": [USER]},
        {"prompt": "Q", "chosen": ASSISTANT},
        {"instruction": "Q", "input": "", "output": "A"},
        {"question": "Q", "answer": "A"},
    ],
)
def test_usual_shapes_are_read(row: object) -> None:
    assert conversation_from_row(row).messages == [USER, ASSISTANT]


def test_sharegpt_calls_and_observations_are_read() -> None:
    row = {
        "system": "S",
        "conversations": [
            {"from": "human", "value": "Q"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
            {"from": "observation", "value": "5"},
            {"from": "gpt", "value": "A"},
        ],
        "tools": '[{"name": "f"}]',
    }
    found = conversation_from_row(row)
    assert [message["role"] for message in found.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert found.messages[2]["tool_calls"] == [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]
    assert found.tools == [{"name": "f"}]


def test_alpaca_input_follows_the_instruction() -> None:
    row = {"instruction": "I", "input": "X", "output": "A", "system": "S"}
    assert [message["content"] for message in conversation_from_row(row).messages] == ["S", "I\n\nX", "A"]


@pytest.mark.parametrize("row", [5, None, "text", {}, {"text": "x"}, {"prompt": 5}, {"messages": [], "tools": "{"}])
def test_other_shapes_are_refused(row: object) -> None:
    with pytest.raises(InputError):
        conversation_from_row(row)


@pytest.mark.parametrize(
    ("messages", "places"),
    [
        ([], ["messages"]),
        ([USER, ASSISTANT], []),
        ([5], ["messages[0]"]),
        ([{"content": "x"}], ["messages[0]"]),
        ([{"role": 5, "content": "x"}], ["messages[0].role"]),
        ([{"role": "judge", "content": "x"}], ["messages[0].role"]),
        ([USER, {"role": "user", "content": 5}], ["messages[1].content"]),
        ([{"role": "user"}], ["messages[0]"]),
        ([{"role": "assistant", "content": None, "tool_calls": [{}]}], []),
        ([{"role": "assistant", "tool_calls": [{}]}], []),
        ([{"role": "assistant", "content": "", "tool_calls": {}}], ["messages[0].tool_calls"]),
        ([{"role": "user", "content": [{"type": "text", "text": "x"}, "y"]}], ["messages[0].content[1]"]),
    ],
)
def test_odd_messages_are_named(messages: list[Any], places: list[str]) -> None:
    assert [place for place, _ in oddities(messages, ("user", "assistant"))] == places
