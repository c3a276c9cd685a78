"""Plain data from odd objects, conversations from rows of data sets, and what looks wrong in them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, UserDict
from typing import Any

import numpy
import pydantic
import pytest

from chattpl.messages import oddities, plain

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
