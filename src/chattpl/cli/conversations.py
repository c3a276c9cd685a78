"""Reads conversations, tools and documents from files or standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from chattpl.cli import console
from chattpl.errors import InputError, LimitError, SourceError
from chattpl.rows import LocatedRow, read_rows

_WAIT_SECONDS = 1.0


def read_conversations(path: str | None) -> Iterator[LocatedRow] | None:
    """Reads the rows of a file, or of standard input.

    Args:
        path: A file of rows (`chattpl.rows.read_rows`); `-` for standard input; None for standard input if something
            comes from there.

    Returns:
        The rows; None if no path was given and nothing came from standard input.

    Raises:
        SourceError: The file cannot be read.
    """
    if path is None and (sys.stdin is None or console.is_terminal(sys.stdin)):
        return None
    if path is None or path == "-":
        data = _read_stdin()
        return read_rows(BytesIO(data)) if path == "-" or data.strip() else None
    return read_rows(path)


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
