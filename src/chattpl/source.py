"""What a file, a folder or the registry says about chatting with a model, before anything is compiled."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from chattpl.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

_MAX_CHARACTERS = 64 * 2**20

LFS_POINTER = "version https://git-lfs.github.com/spec/v1"
"""How a file begins that Git LFS has put in the place of another."""
LFS_HINT = "run `git lfs pull` in its folder, or download the file itself"

NOT_ARGUMENTS = frozenset(
    {
        *("messages", "tools", "documents", "add_generation_prompt", "continue_final_message", "conversations"),
        *("chat_template", "return_assistant_tokens_mask", "now", "train", "special_tokens", "threads", "errors"),
        "source",
    }
)
"""Names that templates get something else by, or that are options of `ChatFormat.encode`: no token is called so."""


class ChatSource(NamedTuple):
    """Template texts and the tokens that go with them."""

    name: str | None
    """The model's or format's own name for itself."""
    templates: dict[str, str]
    """The template texts by name; the one that is used unless another is asked for is `default`."""
    arguments: dict[str, str]
    """Tokens that templates read as arguments: `bos_token` and the like, as text."""
    special_tokens: dict[str, int | None]
    """Text to id of each control token; None where the source does not tell the id."""
    stop_tokens: tuple[str, ...]
    """The tokens that end a turn of the assistant."""
    file: str | None = None
    """The file that holds the template's text and nothing else: lines in errors are then lines of it."""
    literals: dict[str, str] | None = None
    """Tokens of the literals in the source's own vocabulary, by template, as `ChatEncoder.literals` gives them."""


def read_text(path: str | os.PathLike[str]) -> str:
    """Reads a template or configuration file, its line ends untouched.

    Raises:
        SourceError: The file cannot be read, is not UTF-8, or is far larger than such files are.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read(_MAX_CHARACTERS + 1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", location=str(path)) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8 text: {error.reason}", location=str(path)) from error
    if len(text) > _MAX_CHARACTERS:
        raise SourceError(f"longer than {_MAX_CHARACTERS} characters", location=str(path))
    if text.startswith(LFS_POINTER):
        raise SourceError("a Git LFS pointer, not the file itself", location=str(path), hint=LFS_HINT)
    return text


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        SourceError: The file cannot be read or holds something else.
    """
    import json

    try:
        value = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceError(f"not JSON: {error}", location=str(path)) from error
    except ValueError as error:  # a number of more digits than Python reads
        raise SourceError(f"not JSON that can be read: {error}", location=str(path)) from error
    if not isinstance(value, dict):
        raise SourceError("not a JSON object", location=str(path))
    return value
