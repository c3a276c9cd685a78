"""Findings of the linter as text: for people, for programs, and for the pages where code is reviewed."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from chattpl.cli import console
from chattpl.linter import Diagnostic, LintReport
from chattpl.linter.baseline import fingerprints

# As the templates' own lines are counted, unlike `str.splitlines`.
LINE_END = re.compile("\r\n|\r|\n")
_MAX_SHOWN = 100


class Found(NamedTuple):
    """What was found in one template."""

    report: LintReport
    source: str
    """The text of the template."""


class Printer:
    """Turns what is found in one template after the other into text; what it gives ends with a line end or is empty."""

    def add(self, found: Found) -> str:
        """What to print now that a template is done."""
        raise NotImplementedError

    def complain(self, message: str) -> None:
        """Takes note of what could not be linted."""

    def end(self) -> str:
        """What to print at the end."""
        return ""


def printer(output_format: str, *, statistics: bool = False) -> Printer:
    """Chooses a printer.

    Args:
        output_format: One of `chattpl.linter.config.OUTPUT_FORMATS`.
        statistics: Whether to count the faults of each rule instead of showing them.
    """
    if statistics:
        return _Statistics(as_json=output_format == "json")
    match output_format:
        case "json":
            return _Json(lambda report: [diagnostic.as_json() for diagnostic in report.diagnostics])
        case "gitlab":
            return _Json(_code_quality)
        case "sarif":
            from chattpl.cli.sarif import Sarif

            return Sarif()
        case "github":
            return _Lines(_command)
        case "concise":
            return _Lines(_heading)
    return _Full()


def full(found: Found) -> str:
    """Findings with the lines that they are about."""
    lines = LINE_END.split(found.source)
    return "".join(f"{_heading(each)}\n{_excerpt(each, lines)}" for each in found.report.diagnostics)


def from_here(path: str) -> str:
    """The path as review pages want it: from the folder where the command runs, with `/`."""
    folder, file = Path.cwd(), Path(os.path.abspath(path))
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else path


class JsonList:
    """A JSON list that is written item by item."""

    def __init__(self) -> None:
        self._before = "[\n"

    def add(self, items: Iterable[dict[str, Any]]) -> str:
        """The next items."""
        texts = []
        for item in items:
            text = json.dumps(item, ensure_ascii=False, indent=2).replace("\n", "\n  ")
            texts.append(f"{self._before}  {text}")
            self._before = ",\n"
        return "".join(texts)

    def end(self) -> str:
        """The end of the list."""
        return "[]\n" if self._before == "[\n" else "\n]\n"


class _Full(Printer):
    def add(self, found: Found) -> str:
        return full(found)


class _Lines(Printer):
    """A line for each finding."""

    def __init__(self, line: Callable[[Diagnostic], str]) -> None:
        self._line = line

    def add(self, found: Found) -> str:
        return "".join(f"{self._line(diagnostic)}\n" for diagnostic in found.report.diagnostics)


class _Json(Printer):
    """A list with some objects for each template."""

    def __init__(self, items: Callable[[LintReport], list[dict[str, Any]]]) -> None:
        self._items = items
        self._list = JsonList()

    def add(self, found: Found) -> str:
        return self._list.add(self._items(found.report))

    def end(self) -> str:
        return self._list.end()


class _Statistics(Printer):
    """How often each rule found a fault, most often first."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, found: Found) -> str:
        self._counts.update((diagnostic.code, diagnostic.name) for diagnostic in found.report.diagnostics)
        return ""

    def end(self) -> str:
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        if self._as_json:
            data = [{"code": code, "name": name, "count": count} for (code, name), count in ordered]
            return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
        width = max((len(str(count)) for count in self._counts.values()), default=0)
        return "".join(f"{count:>{width}}  {code}  {name}\n" for (code, name), count in ordered)


def _command(diagnostic: Diagnostic) -> str:
    """A workflow command with which GitHub Actions puts a note beside the line."""
    line, column, end_line, end_column = diagnostic.place
    place = {"file": from_here(diagnostic.path), "line": line, "endLine": end_line}
    if line == end_line:
        # Columns of a note on several lines are refused.
        place |= {"col": column, "endColumn": end_column}
    properties = {"title": f"{diagnostic.code} {diagnostic.name}"} | place
    listed = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in properties.items())
    return f"::error {listed}::{_escaped(diagnostic.message)}"


def _escaped(text: str, besides: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + besides else c for c in text)


def _code_quality(report: LintReport) -> list[dict[str, Any]]:
    """The findings of a template as GitLab reads them; one keeps its fingerprint when its line moves."""
    path, found = from_here(report.path), []
    for diagnostic, fingerprint in zip(report.diagnostics, fingerprints(report.diagnostics, path), strict=True):
        line, column, end_line, end_column = diagnostic.place
        positions = {"begin": {"line": line, "column": column}, "end": {"line": end_line, "column": end_column}}
        found.append(
            {
                "description": f"{diagnostic.code} {diagnostic.message}",
                "check_name": diagnostic.name,
                "fingerprint": fingerprint,
                "severity": "major",
                "location": {"path": path, "positions": positions},
            }
        )
    return found


def _heading(diagnostic: Diagnostic) -> str:
    place = f"{diagnostic.path}:{diagnostic.place.line}:{diagnostic.place.column}"
    return console.harmless(f"{place}: {diagnostic.code} [{diagnostic.name}] {diagnostic.message}")


def _excerpt(diagnostic: Diagnostic, lines: list[str]) -> str:
    """The line of the fault with a mark below it, the conversation that shows it, and the way out."""
    line, column, end_line, end_column = diagnostic.place
    text = lines[line - 1] if line <= len(lines) else ""
    end = end_column if end_line == line else len(text) + 1
    skipped = max(0, column - 1 - _MAX_SHOWN // 2) if len(text) > _MAX_SHOWN else 0
    shown = text[skipped : skipped + _MAX_SHOWN].replace("\t", " ")
    width = max(1, min(end, skipped + _MAX_SHOWN + 1) - column)
    margin = " " * len(str(line))
    parts = [f"{margin} |", f"{line} | {shown}".rstrip(), f"{margin} | {' ' * (column - 1 - skipped)}{'^' * width}"]
    parts += [f"{margin} = {what}: line {place.line}" for place, what in diagnostic.related]
    if diagnostic.shape:
        parts.append(f"{margin} = conversation: {diagnostic.shape}")
    if diagnostic.fix:
        parts.append(f"{margin} = {'fix' if diagnostic.fix.safe else 'unsafe fix'}: {diagnostic.fix.title}")
    return "".join(f"{console.harmless(part)}\n" for part in [*parts, ""])
