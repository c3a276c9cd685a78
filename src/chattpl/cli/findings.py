"""Findings of the linter as text: for people, for programs, and for the pages where code is reviewed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chattpl.cli import console
from chattpl.linter import Diagnostic, LintReport

FORMATS = ("full", "concise", "json", "github", "gitlab")

# As the templates' own lines are counted, unlike `str.splitlines`.
_LINE_END = re.compile("\r\n|\r|\n")
_MAX_SHOWN = 100


def to_text(
    output_format: str, reports: Sequence[LintReport], sources: Mapping[str, str], *, statistics: bool = False
) -> str:
    """What a run found.

    Args:
        output_format: One of `FORMATS`.
        reports: A report for each template.
        sources: The text of each template by its path.
        statistics: Whether to count the faults of each rule instead of showing them.

    Returns:
        The text to print; it ends with a line end or is empty.
    """
    diagnostics = [diagnostic for report in reports for diagnostic in report.diagnostics]
    if statistics:
        return _statistics(diagnostics, as_json=output_format == "json")
    match output_format:
        case "json":
            return _as_json([diagnostic.as_json() for diagnostic in diagnostics])
        case "gitlab":
            return _as_json(_code_quality(diagnostics))
        case "github":
            return "".join(f"{_command(diagnostic)}\n" for diagnostic in diagnostics)
        case "concise":
            return "".join(f"{_heading(diagnostic)}\n" for diagnostic in diagnostics)
    lines = {path: _LINE_END.split(source) for path, source in sources.items()}
    return "".join(f"{_heading(each)}\n{_excerpt(each, lines[each.path])}" for each in diagnostics)


def _as_json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _statistics(diagnostics: Iterable[Diagnostic], *, as_json: bool) -> str:
    """How often each rule found a fault, most often first."""
    counts = Counter((diagnostic.code, diagnostic.name) for diagnostic in diagnostics)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if as_json:
        return _as_json([{"code": code, "name": name, "count": count} for (code, name), count in ordered])
    width = max((len(str(count)) for count in counts.values()), default=0)
    return "".join(f"{count:>{width}}  {code}  {name}\n" for (code, name), count in ordered)


def _command(diagnostic: Diagnostic) -> str:
    """A workflow command with which GitHub Actions puts a note beside the line."""
    line, column, end_line, end_column = diagnostic.place
    place = {"file": _from_here(diagnostic.path), "line": line, "endLine": end_line}
    if line == end_line:
        # Columns of a note on several lines are refused.
        place |= {"col": column, "endColumn": end_column}
    properties = {"title": f"{diagnostic.code} {diagnostic.name}"} | place
    listed = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in properties.items())
    return f"::error {listed}::{_escaped(diagnostic.message)}"


def _from_here(path: str) -> str:
    """The path as review pages want it: from the folder where the command runs, with `/`."""
    folder, file = Path.cwd(), Path(os.path.abspath(path))
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else path


def _escaped(text: str, besides: str = "") -> str:
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + besides else c for c in text)


def _code_quality(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """A code quality report as GitLab reads it; a finding keeps its fingerprint when its line moves."""
    seen: Counter[str] = Counter()
    found = []
    for diagnostic in diagnostics:
        path = _from_here(diagnostic.path)
        identity = "\0".join((path, diagnostic.code, diagnostic.message))
        seen[identity] += 1
        fingerprint = hashlib.sha256(f"{identity}\0{seen[identity]}".encode("utf-8", "surrogatepass")).hexdigest()
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
