"""Reads conversations from JSON and JSON Lines files or standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from chattpl.cli import console
from chattpl.errors import ChatTemplateError, InputError, LimitError, SourceError
from chattpl.messages import Conversation, conversation_from_row

_ROW_KEYS = ("messages", "conversations", "conversation", "prompt", "instruction", "question")
_WAIT_SECONDS = 1.0


class Row(NamedTuple):
    """One row of a file."""

    place: str
    """The file, and the line or the row where it holds several."""
    number: int | None
    """Counted from 1; None where the file is one conversation."""
    conversation: Conversation | None
    """None if the row could not be read."""
    error: ChatTemplateError | None = None
    """Why it could not be read."""


def read_rows(path: str | None) -> Iterator[Row] | None:
    """Reads the conversations of a file, or of standard input.

    Args:
        path: A `.json` or `.jsonl` file; `-` for standard input; None for standard input if something comes from there.

    Returns:
        The rows; None if no path was given and nothing came from standard input.

    Raises:
        SourceError: The file cannot be read.
    """
    if path is None and (sys.stdin is None or console.is_terminal(sys.stdin)):
        return None
    if path is None or path == "-":
        data = _read_stdin()
        return _rows_of(data, "<stdin>") if path == "-" or data.strip() else None
    try:
        if path.lower().endswith((".jsonl", ".ndjson")):
            return _lines(path, open(path, "rb"))  # the generator closes it
        with open(path, "rb") as file:
            return _rows_of(file.read(), path)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", location=path) from error


def read_json_file(path: str, key: str) -> list[Any]:
    """Reads a JSON file that holds a list, alone or under a key of an object.

    Raises:
        SourceError: The file cannot be read.
        InputError: It holds something else.
    """
    try:
        with open(path, "rb") as file:
            value = parse(file.read(), path)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", location=path) from error
    if isinstance(value, dict) and isinstance(value.get(key), list):
        value = value[key]
    if isinstance(value, dict) and key == "tools":
        value = [value]
    if not isinstance(value, list):
        raise InputError(f"a file of {key} holds a list, or an object with the key `{key}`", location=path)
    return value


def parse(data: bytes, path: str, line: int | None = None) -> Any:
    """Parses JSON text: a whole file, or one line of it.

    Raises:
        InputError: It is not JSON, or not UTF-8.
        LimitError: It is nested too deeply.
    """
    place = path if line is None else f"{path}:{line}"
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: invalid byte at offset {error.start}", code="CE032", location=place) from error
    except json.JSONDecodeError as error:
        where = f"{path}:{line or error.lineno}:{error.colno}"
        raise InputError(f"not JSON: {error.msg}", code="CE033", location=where) from error
    except ValueError as error:  # a number with too many digits
        raise InputError(f"not readable JSON: {error}", code="CE033", location=place) from error
    except RecursionError as error:
        raise LimitError("the JSON is nested too deeply", code="CE022", location=place) from error


def _read_stdin() -> bytes:
    """Reads standard input to its end, and says so if it takes a while."""
    import select

    try:
        ready, _, _ = select.select([sys.stdin.buffer], [], [], _WAIT_SECONDS)
    except (OSError, ValueError):
        ready = [sys.stdin]  # not something that can be waited for
    if not ready:
        console.talk("chattpl: waiting for a conversation on standard input (name a file to read that instead)")
    return sys.stdin.buffer.read()


def _rows_of(data: bytes, place: str) -> Iterator[Row]:
    try:
        value = parse(data, place)
    except InputError as error:
        if "Extra data" in error.message and b"\n" in data.strip():
            return _lines(place, data.splitlines())
        raise
    if _holds_rows(value):
        return _rows([(f"{place}[{index}]", row) for index, row in enumerate(value)])
    return iter([Row(place, None, _conversation(value, place))])


def _holds_rows(value: object) -> bool:
    """Tells a list of conversations from a list of messages."""
    if not (isinstance(value, list) and value):
        return False
    first = value[0]
    return isinstance(first, list) or (
        isinstance(first, dict) and "role" not in first and any(key in first for key in _ROW_KEYS)
    )


def _lines(path: str, lines: Iterable[bytes]) -> Iterator[Row]:
    number = 0
    try:
        for line_number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            number += 1
            place = f"{path}:{line_number}"
            try:
                row = Row(place, number, _conversation(parse(line, path, line_number), place))
            except ChatTemplateError as error:
                row = Row(place, number, None, error)
            yield row
    finally:
        if hasattr(lines, "close"):
            lines.close()


def _rows(placed: list[tuple[str, Any]]) -> Iterator[Row]:
    for number, (place, value) in enumerate(placed, 1):
        try:
            row = Row(place, number, _conversation(value, place))
        except ChatTemplateError as error:
            row = Row(place, number, None, error)
        yield row


def _conversation(value: object, place: str) -> Conversation:
    try:
        return conversation_from_row(value)
    except ChatTemplateError as error:
        error.location = error.location or place
        raise
