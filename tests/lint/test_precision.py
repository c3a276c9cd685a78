"""How often the linter is right on templates of others: a sample judged by reading, and a table of all findings.

`labels.jsonl` has a line for each judged finding: where it stands, what it says, the verdict (`right`, `wrong` or
`arguable`) and why. The table in `docs/lint-findings.md` counts what every rule finds on the same templates.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chattpl import linter
from page_tables import check_table
from paths import CONFORMANCE, NO_CONFORMANCE

TEMPLATES = sorted((CONFORMANCE / "templates").glob("*.jinja"))
pytestmark = pytest.mark.skipif(not TEMPLATES, reason=NO_CONFORMANCE)

LABELS = [json.loads(line) for line in Path(__file__).with_name("labels.jsonl").read_text("utf-8").splitlines()]
PAGE = "lint-findings.md"

Place = tuple[str, str, int]
"""Template, code and line."""


@cache
def _found(profile: str) -> tuple[tuple[str, linter.Diagnostic], ...]:
    settings = linter.LintSettings(profile=profile)
    found: list[tuple[str, linter.Diagnostic]] = []
    for path in TEMPLATES:
        with path.open(encoding="utf-8", newline="") as file:
            report = linter.report(file.read(), settings, name=path.name)
        found.extend((path.name, diagnostic) for diagnostic in report.diagnostics)
    return tuple(found)


def _places(profile: str) -> set[Place]:
    return {(template, fault.code, fault.place.line) for template, fault in _found(profile)}


def _place(label: dict[str, Any]) -> Place:
    return label["template"], label["code"], label["line"]


def test_every_finding_of_the_default_profile_is_judged_and_nearly_all_are_right() -> None:
    verdicts = {_place(label): label["verdict"] for label in LABELS}
    places = _places("default")
    assert sorted(places - verdicts.keys()) == []
    right = sum(verdicts[place] == "right" for place in places)
    assert right >= 0.97 * len(places), f"{right} of {len(places)}"


def test_the_sample_is_of_all_rules_that_find_something() -> None:
    assert len(LABELS) >= 150
    unjudged = {fault.code for _, fault in _found("all")} - {label["code"] for label in LABELS}
    assert unjudged == set()


def test_what_was_judged_right_is_still_found_and_what_was_judged_wrong_is_not() -> None:
    places = _places("all")
    lost = [_place(label) for label in LABELS if label["verdict"] == "right" and _place(label) not in places]
    wrong = [_place(label) for label in LABELS if label["verdict"] == "wrong" and _place(label) in places]
    assert (lost, wrong) == ([], [])


def test_the_table_of_findings_is_current() -> None:
    default = Counter(fault.code for _, fault in _found("default"))
    every = Counter(fault.code for _, fault in _found("all"))
    templates = Counter(code for code, _ in {(fault.code, template) for template, fault in _found("all")})
    verdicts = Counter((label["code"], label["verdict"]) for label in LABELS)
    rows = ["| Rule | | Templates | Findings | in the default profile | judged right | wrong | arguable |"]
    rows.append("|---|---|---:|---:|---:|---:|---:|---:|")
    for rule in linter.rules():
        judged = [verdicts[rule.code, verdict] for verdict in ("right", "wrong", "arguable")]
        counts = [templates[rule.code], every[rule.code], default[rule.code], *judged]
        rows.append(f"| {rule.code} | `{rule.name}` | {' | '.join(str(count or '') for count in counts)} |")
    totals = [len({template for template, _ in _found("all")}), every.total(), default.total()]
    judged = [sum(label["verdict"] == verdict for label in LABELS) for verdict in ("right", "wrong", "arguable")]
    rows.append(f"| all | | {' | '.join(map(str, totals + judged))} |")
    check_table("findings", "\n".join(rows), PAGE)
