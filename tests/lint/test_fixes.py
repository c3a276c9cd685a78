"""Repairs of templates of others: safe ones change no render, all of them settle and compile."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from chattpl import Template, linter
from compare import TOKENS, Outcome, ours
from paths import CONFORMANCE, NO_CONFORMANCE

NAMES = sorted(path.name for path in (CONFORMANCE / "templates").glob("*.jinja"))
pytestmark = pytest.mark.skipif(not NAMES, reason=NO_CONFORMANCE)
SETTINGS = linter.LintSettings(profile="all", ignore=["CT504"])
"""CT504 runs another engine and repairs nothing."""


@cache
def _probes() -> list[dict[str, Any]]:
    probes: list[dict[str, Any]] = json.loads((CONFORMANCE / "probes.json").read_text("utf-8"))
    return probes


def _source(name: str) -> str:
    with open(CONFORMANCE / "templates" / name, encoding="utf-8", newline="") as file:
        return file.read()


def _renders(source: str, name: str) -> list[Outcome]:
    template = Template(source, name)
    found = [ours(template, probe["messages"], **{**TOKENS, **probe["kwargs"]}) for probe in _probes()]
    return [Outcome(outcome.text, outcome.error, outcome.message) for outcome in found]


def test_safe_fixes_change_no_render() -> None:
    """The renders are of conversations that the linter does not know."""
    changed, repaired = [], 0
    for name in NAMES:
        source = _source(name)
        fixed, count = linter.fix(source, SETTINGS)
        repaired += count
        if count and _renders(source, name) != _renders(fixed, name):
            changed.append(name)
    assert changed == []
    assert repaired > 100


def test_fixes_settle_and_compile() -> None:
    broken, restless = [], []
    for name in NAMES:
        source = _source(name)
        fixed, count = linter.fix(source, SETTINGS, unsafe=True)
        if not count:
            continue
        try:
            Template(fixed, name)
        except Exception:
            broken.append(name)
        if linter.fix(fixed, SETTINGS, unsafe=True) != (fixed, 0):
            restless.append(name)
    assert (broken, restless) == ([], [])
