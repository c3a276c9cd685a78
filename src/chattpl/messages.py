"""Messages: their types, how odd objects are reduced to plain data, and what looks wrong in them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict


class FunctionCall(TypedDict):
    """The function that a tool call names."""

    name: str
    arguments: str | dict[str, Any]


class ToolCall(TypedDict):
    """One call of a tool, inside an assistant message."""

    id: NotRequired[str]
    type: NotRequired[Literal["function"]]
    function: FunctionCall


class ContentPart(TypedDict, total=False):
    """One part of a message's content: text, or a medium that the template puts a mark in for."""

    type: str
    text: str


class Message(TypedDict, total=False):
    """One message, as OpenAI's API and the Hub's data sets shape it. Templates may read other keys too."""

    role: str
    content: str | list[ContentPart] | None
    name: str
    tool_calls: list[ToolCall]
    tool_call_id: str
    reasoning_content: str


class FunctionSchema(TypedDict, total=False):
    """What a tool does and takes, as a JSON schema."""

    name: str
    description: str | None
    parameters: dict[str, Any]


class Tool(TypedDict):
    """A tool that the model may call."""

    type: Literal["function"]
    function: FunctionSchema


def plain(value: object) -> object:
    """Reduces an object by one level to plain data, as `transformers` does before it renders.

    The extension calls this for a value that is no dict, list, tuple, string, number, boolean or None, and reduces the
    result in turn.

    Returns:
        The entries of a mapping, the fields of a dataclass, the dump of a pydantic model, the Python value of a NumPy
        scalar; for anything else a string that names its type, such as `<Image>`.
    """
    if isinstance(value, Mapping):
        return dict(value.items())
    if isinstance(value, list):
        return list(value)
    if isinstance(value, tuple):
        return tuple(value)
    if isinstance(value, (str, int, float)) or value is None:
        return value
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        item = value.item()
        return item if type(item) is not type(value) else f"<{type(value).__name__}>"
    # Like NumPy, it is loaded already if the value is one of its own.
    dataclasses = sys.modules.get("dataclasses")
    if dataclasses is not None and dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if callable(dump := getattr(value, "model_dump", None)):
        result: object = dump()
        return result
    return f"<{type(value).__name__}>"


def oddities(messages: list[Any], roles: tuple[str, ...] | list[str] | None = None) -> list[tuple[str, str]]:
    """Lists what looks wrong in a conversation that will be rendered all the same.

    Args:
        messages: The conversation.
        roles: The roles that the format knows, when that is known.

    Returns:
        Pairs of a place, such as `messages[2].role`, and what looks wrong there.
    """
    if not messages:
        return [("messages", "the conversation has no messages")]
    found = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        if not isinstance(message, dict):
            found.append((place, f"a message is an object, this is {_kind(message)}"))
            continue
        found.extend((f"{place}{suffix}", text) for suffix, text in _odd_fields(message, roles))
    return found


def _odd_fields(message: dict[str, Any], roles: tuple[str, ...] | list[str] | None) -> list[tuple[str, str]]:
    found = []
    role = message.get("role")
    if "role" not in message:
        found.append(("", "the message has no role"))
    elif not isinstance(role, str):
        found.append((".role", f"the role is {_kind(role)}, not a string"))
    elif roles and role not in roles:
        found.append((".role", f"the format does not know the role `{role}`; it knows {', '.join(roles)}"))
    content = message.get("content")
    if "content" not in message and not message.get("tool_calls"):
        found.append(("", "the message has neither content nor tool calls"))
    elif content is not None and not isinstance(content, (str, list)):
        found.append((".content", f"the content is {_kind(content)}, not a string or a list of parts"))
    elif isinstance(content, list):
        found.extend(
            (f".content[{index}]", f"a part of the content is an object with a `type`, this is {_kind(part)}")
            for index, part in enumerate(content)
            if not (isinstance(part, dict) and "type" in part)
        )
    if "tool_calls" in message and not isinstance(message["tool_calls"], (list, type(None))):
        found.append((".tool_calls", f"the tool calls are {_kind(message['tool_calls'])}, not a list"))
    return found


def _kind(value: object) -> str:
    """Names the type of a value as a reader of JSON would."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
