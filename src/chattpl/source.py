"""What a file, a folder or the registry says about chatting with a model, before anything is compiled."""

from __future__ import annotations

import os
from typing import NamedTuple

from chattpl.errors import SourceError

_MAX_CHARACTERS = 64 * 2**20


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
    return text
