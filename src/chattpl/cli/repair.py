"""Writes repaired templates, or shows what a repair would change."""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import replace

from chattpl.cli import console
from chattpl.cli.targets import Target
from chattpl.errors import SourceError
from chattpl.linter import fix
from chattpl.linter.subjects import Subject

# As the templates' own lines are counted, unlike `str.splitlines`.
_LINE = re.compile("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def fixed(target: Target, unsafe: bool) -> tuple[Subject, int]:
    """Repairs a template, in its file where it has one; one inside of another file is left as it is.

    Args:
        target: The template.
        unsafe: Whether to apply also fixes that change what some conversation renders to.

    Returns:
        What there is now, and how many fixes it took.

    Raises:
        SourceError: The file cannot be written.
    """
    subject = target.subject
    if subject.inside:
        return subject, 0
    text, applied = fix(subject.source, target.settings, unsafe=unsafe)
    if subject.file is not None and text != subject.source:
        try:
            with open(subject.file, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise SourceError(f"cannot be written: {error.strerror}", location=subject.path) from error
    return replace(subject, source=text), applied


def show_diff(target: Target, unsafe: bool) -> int:
    """Prints what a repair would change; how many fixes it takes."""
    subject = target.subject
    text, applied = fix(subject.source, target.settings, unsafe=unsafe)
    before, after = _LINE.findall(subject.source), _LINE.findall(text)
    clean = console.harmless if console.is_terminal(sys.stdout) else str
    for line in difflib.unified_diff(before, after, subject.path, subject.path):
        ends = line.endswith(("\n", "\r"))
        console.write_data(clean(line if ends else f"{line}\n\\ No newline at end of file\n"))
    return applied
