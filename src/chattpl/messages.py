"""Messages: their types, how odd objects are reduced to plain data, and how rows of data sets become conversations."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from chattpl.errors import InputError


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


class Conversation(NamedTuple):
    """A row of a data set, ready to render."""

    messages: list[Any]
    tools: list[Any] | None = None
    documents: list[Any] | None = None


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


def conversation_from_row(row: object) -> Conversation:
    """Reads a conversation out of a JSON value, whichever of the usual shapes it has.

    Args:
        row: A list of messages, or an object with one of: `messages`; `conversations` (ShareGPT's `from` and `value`);
            `prompt` with `chosen`, `completion` or `response` (lists of messages or strings); `instruction`, `input`
            and `output` (Alpaca); `question` and `answer`. Tools and documents are taken along.

    Raises:
        InputError: The row has none of these shapes.
    """
    if isinstance(row, list):
        return Conversation(row)
    if not isinstance(row, dict):
        raise InputError(
            f"a conversation is a list of messages or an object that holds one, not {_kind(row)}",
            hint='write [{"role": "user", "content": "..."}]',
        )
    tools = _json_list(row.get("tools", row.get("functions")), "tools")
    documents = _json_list(row.get("documents"), "documents")
    return Conversation(_messages_of(row), tools, documents)


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


def _messages_of(row: dict[str, Any]) -> list[Any]:
    if isinstance(row.get("messages"), list):
        return list(row["messages"])
    for key in ("conversations", "conversation"):
        if isinstance(row.get(key), list):
            return _from_sharegpt(row[key], row.get("system"))
    if (prompt := row.get("prompt")) is not None:
        key = next((key for key in ("chosen", "completion", "response") if row.get(key) is not None), "response")
        return [*_turn(prompt, "user", "prompt"), *_turn(row.get(key), "assistant", key)]
    if isinstance(row.get("instruction"), str):
        question = "\n\n".join(text for text in (row["instruction"], row.get("input")) if text)
        system = _turn(row["system"], "system", "system") if row.get("system") else []
        return [*system, *_turn(question, "user", "instruction"), *_turn(row.get("output"), "assistant", "output")]
    if isinstance(row.get("question"), str):
        return [*_turn(row["question"], "user", "question"), *_turn(row.get("answer"), "assistant", "answer")]
    raise InputError(
        f"no conversation among the keys {', '.join(f'`{key}`' for key in row) or '(none)'}",
        hint="a row holds `messages`, `conversations`, `prompt` with a response, or `instruction` with `output`",
    )


_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "observation": "tool",
    "function_response": "tool",
}


def _from_sharegpt(turns: list[Any], system: object) -> list[Any]:
    """Turns `{"from": "human", "value": ...}` into messages; turns of another shape stay as they are."""
    messages: list[Any] = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
    for turn in turns:
        if not (isinstance(turn, dict) and "from" in turn and "value" in turn):
            messages.append(turn)
        elif turn["from"] == "function_call":
            messages.append({"role": "assistant", "content": "", "tool_calls": _calls(turn["value"])})
        else:
            role = turn["from"]
            known = _SHAREGPT_ROLES.get(role, role) if isinstance(role, str) else role
            messages.append({"role": known, "content": turn["value"]})
    return messages


def _calls(value: object) -> list[Any]:
    """Reads ShareGPT's function calls: JSON text of one `{"name", "arguments"}`, or of a list of them."""
    calls = value if isinstance(value, list) else [value]
    if isinstance(value, str):
        parsed = _parse_json(value, "function_call")
        calls = parsed if isinstance(parsed, list) else [parsed]
    return [{"type": "function", "function": call} for call in calls]


def _turn(value: object, role: str, key: str) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    raise InputError(f"`{key}` is {_kind(value)}, not a string or a list of messages")


def _json_list(value: object, key: str) -> list[Any] | None:
    """Takes a list, or the JSON text of one, as data sets that are tables keep it."""
    if isinstance(value, str):
        value = _parse_json(value, key) if value.strip() else None
    if isinstance(value, dict):
        return [value]
    if value is None or isinstance(value, list):
        return value
    raise InputError(f"`{key}` is {_kind(value)}, not a list")


def _parse_json(text: str, key: str) -> object:
    import json

    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise InputError(f"the text of `{key}` is not JSON: {error}", code="CE033") from error
    return value


def _kind(value: object) -> str:
    """Names the type of a value as a reader of JSON would."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
