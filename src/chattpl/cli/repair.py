"""Writes repaired templates, or shows what a repair would change."""

from __future__ import annotations

import difflib
import re
import sys

from chattpl.cli import console
from chattpl.cli.targets import Target
from chattpl.errors import SourceError
from chattpl.linter import fix

# As the templates' own lines are counted, unlike `str.splitlines`.
_LINE = re.compile("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def write_fixed(target: Target, source: str, unsafe: bool) -> tuple[str, int]:
    """Repairs a template, in its file where it has one.

    Args:
        target: The template.
        source: Its text.
        unsafe: Whether to apply also fixes that change what some conversation renders to.

    Returns:
        The new text, and how many fixes it took.

    Raises:
        SourceError: The file cannot be written.
    """
    text, applied = fix(source, target.settings, unsafe=unsafe)
    if target.file is not None and text != source:
        try:
            with open(target.file, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise SourceError(f"cannot be written: {error.strerror}", location=target.path) from error
    return text, applied


def show_diff(target: Target, unsafe: bool) -> int:
    """Prints what a repair would change; how many fixes it takes.

    Raises:
        SourceError: The template cannot be read.
    """
    source = target.read()
    text, applied = fix(source, target.settings, unsafe=unsafe)
    before, after = _LINE.findall(source), _LINE.findall(text)
    clean = console.harmless if console.is_terminal(sys.stdout) else str
    for line in difflib.unified_diff(before, after, target.path, target.path):
        ends = line.endswith(("\n", "\r"))
        console.write_data(clean(line if ends else f"{line}\n\\ No newline at end of file\n"))
    return applied
