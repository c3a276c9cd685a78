"""Findings in SARIF 2.1.0, as code scanning services read them."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chattpl import __version__
from chattpl.cli.findings import LINE_END, Found, Printer, from_here
from chattpl.linter import Diagnostic, Edit, NotEvaluated, Place, RuleInfo, rules
from chattpl.linter.baseline import fingerprints
from chattpl.linter.lock_findings import FINDINGS

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

# A run over thousands of templates says once what it did not look at, with a few examples.
_MAX_EXAMPLES = 10


class Sarif(Printer):
    """Gathers a run; the document is printed at its end."""

    def __init__(self) -> None:
        self._results: list[dict[str, Any]] = []
        self._not_evaluated: dict[NotEvaluated, list[str]] = {}
        self._broken: list[str] = []

    def add(self, found: Found) -> str:
        """Takes in what was found in a template."""
        report = found.report
        starts = [0, *(end.end() for end in LINE_END.finditer(found.source))]
        reasons = [None] * len(report.diagnostics) + [each.reason for each in report.suppressed]
        diagnostics = [*report.diagnostics, *(each.diagnostic for each in report.suppressed)]
        marks = fingerprints(diagnostics, from_here(report.path))
        for diagnostic, mark, reason in zip(diagnostics, marks, reasons, strict=True):
            result = _result(diagnostic, mark, starts)
            if reason is not None:
                result["suppressions"] = [{"kind": "inSource", "justification": reason}]
            self._results.append(result)
        for rule in report.not_evaluated:
            self._not_evaluated.setdefault(rule, []).append(report.path)
        return ""

    def complain(self, message: str) -> None:
        """Takes note of what could not be linted."""
        self._broken.append(message)

    def end(self) -> str:
        """The document."""
        notes = [_note(rule, paths) for rule, paths in self._not_evaluated.items()]
        notes += [{"level": "error", "message": {"text": message}} for message in self._broken]
        named = {result["ruleId"] for result in self._results}
        # What a lock file says is no rule, and described where it is said.
        known = _rules() if any(info.code in named for info in FINDINGS.values()) else rules()
        driver = {"name": "chattpl", "version": __version__, "rules": [_descriptor(rule) for rule in known]}
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": not self._broken, "toolExecutionNotifications": notes}],
            "results": self._results,
        }
        return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _result(diagnostic: Diagnostic, fingerprint: str, starts: list[int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": _index_of(diagnostic.code),
        "level": "error",
        "message": {"text": diagnostic.message},
        "locations": [{"physicalLocation": _location(diagnostic.path, diagnostic.place)}],
        "partialFingerprints": {"chattpl/v1": fingerprint},
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {"message": {"text": what}, "physicalLocation": _location(diagnostic.path, place)}
            for place, what in diagnostic.related
        ]
    if diagnostic.fix:
        change = {
            "artifactLocation": _artifact(diagnostic.path),
            "replacements": [_replacement(edit, starts) for edit in diagnostic.fix.edits],
        }
        title = diagnostic.fix.title if diagnostic.fix.safe else f"{diagnostic.fix.title} (changes what is rendered)"
        result["fixes"] = [{"description": {"text": title}, "artifactChanges": [change]}]
    if diagnostic.shape:
        result["properties"] = {"conversation": diagnostic.shape}
    return result


def _replacement(edit: Edit, starts: list[int]) -> dict[str, Any]:
    """An edit; `starts` are the offsets at which lines begin."""
    line, end_line = bisect_right(starts, edit.start), bisect_right(starts, edit.end)
    place = Place(line, edit.start - starts[line - 1] + 1, end_line, edit.end - starts[end_line - 1] + 1)
    return {"deletedRegion": _region(place), "insertedContent": {"text": edit.replacement}}


def _location(path: str, place: Place) -> dict[str, Any]:
    return {"artifactLocation": _artifact(path), "region": _region(place)}


def _region(place: Place) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _artifact(path: str) -> dict[str, str]:
    """Where a template is: from the folder where the command runs, if it is there."""
    relative = from_here(path)
    if os.path.isabs(relative):
        return {"uri": Path(relative).as_uri()}
    return {"uri": quote(relative), "uriBaseId": "%SRCROOT%"}


def _note(rule: NotEvaluated, paths: list[str]) -> dict[str, Any]:
    """Says that a rule could not look at some templates, which is not to say that they are clean."""
    where = f"{len(paths)} templates" if len(paths) > 1 else "1 template"
    return {
        "level": "note",
        "message": {"text": f"{rule.code} {rule.name} was not evaluated on {where}: {rule.reason}"},
        "associatedRule": {"id": rule.code, "index": _index_of(rule.code)},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(path)}} for path in paths[:_MAX_EXAMPLES]],
    }


def _descriptor(rule: RuleInfo) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": _summary(rule)},
        "help": {"text": rule.manual, "markdown": rule.manual},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [rule.kind, *rule.profiles]},
    }


def _summary(rule: RuleInfo) -> str:
    """What a rule does, in the first words of its manual."""
    text = rule.manual.partition("## What it does\n")[2].partition("\n\n")[0]
    return " ".join(text.split()) or rule.name


@cache
def _rules() -> list[RuleInfo]:
    return [*rules(), *FINDINGS.values()]


@cache
def _index_of(code: str) -> int:
    return next(index for index, rule in enumerate(_rules()) if rule.code == code)
