"""Manuals of rules as files that an editor can open."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from chattpl import __version__
from chattpl.linter import rules
from chattpl.vocabularies import cached


@cache
def manuals() -> dict[str, str]:
    """The manual of each rule by code, in Markdown."""
    return {rule.code: rule.manual for rule in rules()}


@cache
def manual_uri(code: str) -> str | None:
    """The URI of a file with the manual of a rule; None where none can be written."""
    folder = cached.folder()
    if folder is None or code not in manuals():
        return None
    file = Path(folder, "manuals", __version__, f"{code}.md").absolute()
    data = manuals()[code].encode()
    is_there = file.is_file() and file.read_bytes() == data
    return file.as_uri() if is_there or cached.keep(str(file), data) else None
