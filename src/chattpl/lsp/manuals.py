"""Manuals of rules as files that an editor can open."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from chattpl import __version__
from chattpl.linter import rules
from chattpl.vocabularies.cached import folder as cache_folder


@cache
def manuals() -> dict[str, str]:
    """The manual of each rule by code, in Markdown."""
    return {rule.code: rule.manual for rule in rules()}


@cache
def manual_uri(code: str) -> str | None:
    """The URI of a file with the manual of a rule; None where none can be written."""
    folder = cache_folder()
    if folder is None or code not in manuals():
        return None
    file = folder / "manuals" / __version__ / f"{code}.md"
    try:
        if not file.exists() or file.read_text("utf-8") != manuals()[code]:
            _write(file, manuals()[code])
    except OSError:
        return None
    return Path(os.path.abspath(file)).as_uri()


def _write(file: Path, text: str) -> None:
    """Writes a file in one step, so that nobody reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent)
    with open(handle, "w", encoding="utf-8", newline="\n") as opened:
        opened.write(text)
    os.replace(temporary, file)
