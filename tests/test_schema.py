"""Schemas of tool functions: the same results and the same errors as `transformers.utils.get_json_schema`."""

from __future__ import annotations

import enum
import functools
import typing
from collections.abc import Callable
from typing import Any, Literal, Optional, Union

import pytest
from transformers.utils import chat_template_utils as theirs
from transformers.utils import get_json_schema

import chattpl
from chattpl import tool_schema


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Mixed(enum.Enum):
    ONE = 1
    HALF = 0.5
    NONE = None
    YES = True


class Empty(enum.Enum):
    pass


class Objects(enum.Enum):
    LIST = (1, 2)


class Custom:
    pass


HINTS = [
    int, float, str, bool, None, list, tuple, dict, Any,
    list[int], list[list[str]], list[Any], typing.List, typing.Dict, typing.Tuple, typing.List[int],
    dict[str, int], dict[str, list[float]], dict[str, Any], typing.Dict[str, int],
    tuple[int, str], tuple[int], tuple[int, ...], tuple[()], typing.Tuple[int, str],
    int | str, int | None, Optional[str], Union[int, str, None], list | tuple, list[int] | str, dict | list | None,
    Literal["a", "b"], Literal[1, "a", None, True], Literal[b"bytes"], Literal["only"], Literal[1.5] if False else int,
    Optional[Literal["a", "b"]], Literal["a"] | int, Literal["a", 1] | None, list[Literal["x", "y"]],
    Colour, Mixed, Empty, Objects, Colour | None, list[Colour], Custom, Custom | int, list[Custom], set, set[int],
    frozenset[str], bytes, object, complex, Callable, Callable[[int], str], type, type[int], range, typing.Sequence[int],
    typing.Iterable, typing.TypeVar("T"), Union[int, None], Union[None, None], None | Colour, ..., "int", "list[str] | None",
    typing.Annotated[int, "unit"], typing.NewType("Id", int), typing.Annotated[list[str], 1],
]  # fmt: skip


def _with_hint(hint: Any) -> Callable[..., object]:
    def tool(value: Any) -> str:
        """Does something.

        Args:
            value: The value.
        """
        return ""

    tool.__annotations__ = {"value": hint, "return": str}
    return tool


def _with_return(hint: Any) -> Callable[..., object]:
    def tool(value: int) -> Any:
        """Does something.

        Args:
            value: The value.

        Returns:
            What came of it.
        """

    tool.__annotations__ = {"value": int, "return": hint}
    return tool


def _with_doc(doc: str | None) -> Callable[..., object]:
    def tool(city: str, unit: str = "C") -> str:
        return ""

    tool.__doc__ = doc
    tool.__annotations__ = {"city": str, "unit": str, "return": str}
    return tool


DOCS = [
    None,
    "",
    "   \n ",
    "Only a description.",
    "Does.\n\nArgs:\n    city: A.\n    unit: B.\n",
    "Does.\n\n    Args:\n        city: A.\n        unit: B.\n\n    Returns:\n        C.\n",
    "Does.\n\nMore text\nover lines.\n\nArgs:\n    city: A\n        and on,\n\n        after a gap.\n    unit: B.\nReturns:\n    C\n    D.",
    "Does.\nArgs:\n city: A.\n unit: B.\n",
    "Does.\n\nArgs:\n    city: A.\n",
    "Does.\n\nArgs:\n    city (str): A.\n    unit (str, optional): B.\n",
    'Does.\n\nArgs:\n    city: A.\n    unit: B. (choices: ["C", " F "])\n',
    'Does.\n\nArgs:\n    city: A.\n    unit: B (Choices:["C"])  \n\nRaises:\n    ValueError: never.\n',
    'Does.\n\nArgs:\n    city: A.\n    unit: B (choices: ["C"]) and more.\n',
    "Does.\n\nArgs:\n    city: A.\n    unit: B (choices: [C, F])\n",
    "Does.\n\nArgs:\n    city: A.\n    unit: B (choices: 5)\n",
    "Does.\n\nArgs:\n    city: A.\n    unit: B (choices: [1, 2])\n",
    "Does.\n\nArgs:\n    city: A: with a colon\n    unit: note: B\n",
    "Does.\n\nArgs:\n    city: A.\n      nested: not an argument.\n    unit: B.\n    other: unknown.\n",
    "Does.\n\nArgs:\n\tcity: A.\n\tunit: B.\n",
    "Args:\n    city: A.\n    unit: B.\n",
    "\n\nArgs:\n    city: A.\n    unit: B.\n",
    "Does.\n\nReturns:\n    C.\n\nArgs:\n    city: A.\n    unit: B.\n",
    "Does.\n\nArgs:\n    city:\n        A on its own line.\n    unit: B.\n",
    "Does.\r\n\r\nArgs:\r\n    city: A.\r\n    unit: B.\r\n",
    "Grüße & <b>.\n\nArgs:\n    city: Où?\n    unit: °C.\n\nReturns:\n    Ça.",
    "Does. Returns: inline.\n\nArgs:\n    city: A.\n    unit: B.\n",
]


class Tools:
    def method(self, a: int, b: list[int] | None = None) -> dict[str, int]:
        """A method.

        Args:
            a: First.
            b: Second.

        Returns:
            Counts.
        """
        return {}

    @classmethod
    def of_class(cls, a: str) -> None:
        """A class method.

        Args:
            a: First.
        """

    @staticmethod
    def static(a: str) -> None:
        """A static method.

        Args:
            a: First.
        """


def no_hint(a) -> None:  # type: ignore[no-untyped-def]
    """Lacks a hint.

    Args:
        a: First.
    """


def self_first(self, a: int) -> int:  # type: ignore[no-untyped-def]
    """A function whose first argument is called self.

    Args:
        a: First.
    """
    return a


def self_hinted(self: int) -> int:
    """A function whose first argument is called self, with a hint.

    Args:
        self: First.
    """
    return self


def variadic(*args: int, key: str, **kwargs: float) -> None:
    """Takes any number.

    Args:
        args: Numbers.
        key: A key.
        kwargs: More.
    """


def no_return_hint(a: int):  # type: ignore[no-untyped-def]
    """Returns who knows what.

    Args:
        a: First.

    Returns:
        Something.
    """


def no_arguments() -> int:
    """Takes nothing."""
    return 1


def unknown_name(a: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Names a type that does not exist.

    Args:
        a: First.
    """


@functools.wraps(no_arguments)
def wrapped(*args: int) -> int:
    return 1


FUNCTIONS = [
    *map(_with_hint, HINTS),
    *map(_with_return, HINTS),
    *map(_with_doc, DOCS),
    Tools().method, Tools.of_class, Tools.static, Tools.method,
    no_hint, self_first, self_hinted, variadic, no_return_hint, no_arguments, unknown_name, wrapped, lambda: 1,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_schema_or_error_is_that_of_transformers(function: Callable[..., object]) -> None:
    try:
        expected = get_json_schema(function)
    except Exception as error:
        with pytest.raises(type(error)) as raised:
            tool_schema(function)
        found = raised.value
        message = found.message if isinstance(found, chattpl.ChatTemplateError) else str(found)
        assert message == str(error)
    else:
        assert tool_schema(function) == expected
        assert list(tool_schema(function)["function"]) == list(expected["function"])


def test_own_errors_are_in_the_tree() -> None:
    with pytest.raises(chattpl.DocstringParsingException) as docstring:
        tool_schema(_with_doc(None))
    assert isinstance(docstring.value, theirs.DocstringParsingException)
    assert docstring.value.code == "CE030"
    with pytest.raises(chattpl.TypeHintParsingException):
        tool_schema(no_hint)


def test_dict_is_taken_as_a_schema() -> None:
    schema = {"type": "function"}
    assert tool_schema(schema) is schema


@pytest.mark.parametrize("tool", [5, "text", None, print, Custom, Tools()])
def test_other_objects_are_refused_in_the_words_of_transformers(tool: object) -> None:
    with pytest.raises(ValueError, match="^Tools should either be a JSON schema, or a callable function"):
        tool_schema(tool)
