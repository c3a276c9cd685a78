"""Findings that were there before: they are not reported, and those that are gone are named."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from chattpl.errors import SourceError
from chattpl.linter.diagnostic import Diagnostic, LintReport
from chattpl.source import read_text

_VERSION = 1


class Known(NamedTuple):
    """A finding of a baseline."""

    path: str
    """The template, relative to the folder of the baseline, with `/`."""
    code: str
    name: str
    message: str
    fingerprint: str
    """What the finding is known by; moved lines do not change it."""


def fingerprints(diagnostics: Iterable[Diagnostic], path: str) -> list[str]:
    """What findings are known by when their lines move.

    Args:
        diagnostics: The findings of one template, in order of the text.
        path: What the template is called there.

    Returns:
        A text for each finding, different for each.
    """
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for diagnostic in diagnostics:
        key = diagnostic.code, diagnostic.message
        seen[key] += 1
        identity = "\0".join((path, *key, str(seen[key])))
        found.append(hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest())
    return found


class Baseline:
    """A baseline during one run.

    Args:
        file: Where it is stored.
        known: Its findings.
    """

    def __init__(self, file: Path, known: Sequence[Known] = ()) -> None:
        self.file = file
        self._known = {entry.fingerprint: entry for entry in known}
        self._looked_at: dict[str, frozenset[str]] = {}
        self._met: set[str] = set()

    @classmethod
    def read(cls, file: Path) -> Baseline:
        """Reads a baseline.

        Raises:
            SourceError: It cannot be read, or is no baseline.
        """
        try:
            data = json.loads(read_text(file))
            if data["version"] != _VERSION:
                raise SourceError(f"baseline of version {data['version']}, not {_VERSION}", location=str(file))
            known = [Known(**{key: str(entry[key]) for key in Known._fields}) for entry in data["findings"]]
        except (ValueError, LookupError, TypeError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(
                "not a baseline", location=str(file), hint="`chattpl lint --write-baseline FILE` writes one"
            ) from error
        return cls(file, known)

    def filter(self, report: LintReport, enabled: frozenset[str]) -> tuple[LintReport, int]:
        """Takes what is known out of a report.

        Args:
            report: What was found in a template.
            enabled: The codes of the rules that ran.

        Returns:
            The report with what is new, and how many findings were known.
        """
        path = self._path(report.path)
        marks = fingerprints(report.diagnostics, path)
        self._met.update(marks)
        self._looked_at[path] = enabled - {rule.code for rule in report.not_evaluated}
        new = tuple(each for each, mark in zip(report.diagnostics, marks, strict=True) if mark not in self._known)
        return replace(report, diagnostics=new), len(report.diagnostics) - len(new)

    def gone(self) -> list[Known]:
        """Findings that are no longer there: their rule looked at the template, or the template is gone."""
        return [entry for entry in self._known.values() if entry.fingerprint not in self._met and self._is_over(entry)]

    def add(self, report: LintReport) -> None:
        """Takes the findings of a template in."""
        path = self._path(report.path)
        for each, mark in zip(report.diagnostics, fingerprints(report.diagnostics, path), strict=True):
            self._known[mark] = Known(path, each.code, each.name, each.message, mark)

    def __len__(self) -> int:
        return len(self._known)

    def write(self) -> None:
        """Writes the findings, in an order that makes for small differences.

        Raises:
            SourceError: The file cannot be written.
        """
        data: dict[str, Any] = {
            "version": _VERSION,
            "findings": [entry._asdict() for entry in sorted(self._known.values())],
        }
        try:
            with open(self.file, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
                file.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        except OSError as error:
            raise SourceError(f"cannot be written: {error.strerror}", location=str(self.file)) from error

    def _is_over(self, entry: Known) -> bool:
        looked = self._looked_at.get(entry.path)
        if looked is not None:
            return entry.code in looked
        return not entry.path.startswith("<") and not (self.file.parent / entry.path).exists()

    def _path(self, path: str) -> str:
        """A template's path as the baseline has it: it does not depend on where the command runs."""
        if path.startswith("<"):
            return path
        absolute, folder = Path(os.path.abspath(path)), Path(os.path.abspath(self.file.parent))
        return Path(os.path.relpath(absolute, folder)).as_posix() if absolute.anchor == folder.anchor else path
