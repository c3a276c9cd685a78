"""The page of `chattpl lint --report`: what templates can do and demand, and what the findings leave out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from chattpl.cli import console
from chattpl.cli.findings import JsonList
from chattpl.errors import SourceError
from chattpl.linter import LintReport, LintSettings, profile


class ReportPage:
    """Writes the page template by template.

    Args:
        where: A file, `-` for standard output, or None for no page.
        as_json: Whether to write a list of objects; it is also written to files whose name ends in `.json`.
    """

    def __init__(self, where: str | None, *, as_json: bool) -> None:
        self._where = where
        self._list = JsonList() if as_json or (where or "").endswith(".json") else None
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._where not in (None, "-"):
            try:
                self._file = open(Path(self._where or ""), "w", encoding="utf-8", newline="\n")
            except OSError as error:
                raise SourceError(f"cannot be written: {error.strerror}", location=self._where) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._where and self._list and error is None:
            self._write(self._list.end())
        if self._file:
            self._file.close()

    def add(self, source: str, settings: LintSettings, report: LintReport, known: int) -> None:
        """Adds a template.

        Args:
            source: Its text.
            settings: What it was linted with.
            report: What was found in it that is not in a baseline.
            known: How many findings are in a baseline.
        """
        if not self._where:
            return
        facts = _facts(source, settings, report, known)
        self._write(self._list.add([facts]) if self._list else "".join(f"{line}\n" for line in _lines(facts)))

    def _write(self, text: str) -> None:
        if self._file:
            self._file.write(text)
        else:
            console.write_data(text)


def _facts(source: str, settings: LintSettings, report: LintReport, known: int) -> dict[str, Any]:
    silenced = [
        {key: value for key, value in each.diagnostic.as_json().items() if key not in ("path", "fix")}
        | {"reason": each.reason}
        for each in report.suppressed
    ]
    return {
        "path": report.path,
        "profile": _profile(source, settings, report.path),
        "faults": dict(Counter(diagnostic.code for diagnostic in report.diagnostics)),
        "in_baseline": known,
        "suppressed": silenced,
        "not_evaluated": [rule._asdict() for rule in report.not_evaluated],
    }


def _profile(source: str, settings: LintSettings, path: str) -> dict[str, Any]:
    """What the template takes and prints, or why nobody knows."""
    try:
        return profile(source, settings, name=path)
    except ValueError as error:
        return {"not_evaluated": str(error)}


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield console.harmless(facts["path"])
    counts = ", ".join(f"{code} x{count}" if count > 1 else code for code, count in facts["faults"].items())
    baseline = f"; {facts['in_baseline']} known from the baseline" if facts["in_baseline"] else ""
    yield f"  faults: {counts or 'none'}{baseline}"
    if facts["suppressed"]:
        yield "  silenced:"
    for each in facts["suppressed"]:
        fault = f"{each['line']}:{each['column']} {each['code']} [{each['name']}] {each['message']}"
        yield console.harmless(f"    {fault}: {each['reason'] or 'no reason is given'}")
    yield from _not_evaluated(facts)
    yield from _named("profile", facts["profile"], "  ")
    yield ""


def _not_evaluated(facts: dict[str, Any]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for rule in facts["not_evaluated"]:
        reasons.setdefault(rule["reason"], []).append(rule["code"])
    if reasons:
        yield "  not evaluated:"
    for reason, codes in reasons.items():
        yield console.harmless(f"    {', '.join(codes)}: {reason}")


def _named(name: str, value: Any, indent: str) -> Iterator[str]:
    """A value of JSON data with its name: in one line if it is plain, else with what it holds below."""
    heading = f"{indent}{name.replace('_', ' ')}:"
    if isinstance(value, dict) and value.keys() <= {"state", "reason"}:
        yield console.harmless(f"{heading} {': '.join(map(_text, value.values()))}")
    elif isinstance(value, dict) and value:
        yield heading
        for key, item in value.items():
            yield from _named(key, item, f"{indent}  ")
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield heading
        for item in value:
            yield from _item(item, f"{indent}  ")
    else:
        yield console.harmless(f"{heading} {_text(value)}")


def _item(item: dict[str, Any], indent: str) -> Iterator[str]:
    """An object in a list: a dash before its first line."""
    lines = [line for key, value in item.items() for line in _named(key, value, f"{indent}  ")]
    for index, line in enumerate(lines):
        yield line if index else f"{indent}- {line.lstrip()}"


def _text(value: Any) -> str:
    match value:
        case True | False:
            return "yes" if value else "no"
        case None | [] | {}:
            return "none"
        case list():
            return ", ".join(map(_text, value))
        case str() if value != value.strip() or not value.isprintable() or not value:
            return json.dumps(value, ensure_ascii=False)  # what would not be seen, or runs over lines
    return str(value)
