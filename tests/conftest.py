"""Fixtures that several test modules share, and the check that nothing is skipped but for a reason on the list."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from allowed_skips import is_allowed, is_for_data
from fetch_oracles import NO_TRL, trl_templates
from paths import CONFORMANCE, NO_CONFORMANCE, ROOT

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of the conformance data."""
    if not CONFORMANCE.is_dir():
        pytest.skip(NO_CONFORMANCE)
    return CONFORMANCE


@pytest.fixture(scope="session")
def trl() -> dict[str, str]:
    """The templates that `trl` ships, by file name."""
    templates = trl_templates()
    if not templates:
        pytest.skip(NO_TRL)
    return templates


STRICT = os.environ.get("CHATTPL_STRICT_SKIPS")
"""`bare`: the data beside the checkout is hidden; `data`: it is there. Then skips have to be on the list."""
NEED_DATA = ROOT / ".cache" / "tests_that_need_data.txt"
"""Where a bare run writes the modules that were skipped for want of data."""

_skipped: dict[str, set[str]] = {}


def _note_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.setdefault(report.longrepr[2].removeprefix("Skipped: "), set()).add(report.nodeid.split("::")[0])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes why a test is skipped."""
    _note_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Notes why a module is skipped."""
    _note_skip(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a strict run that skipped something for a reason that is not on the list."""
    if STRICT not in ("bare", "data"):
        return
    unexpected = {
        reason: files for reason, files in _skipped.items() if not is_allowed(reason, has_data=STRICT == "data")
    }
    for reason, files in sorted(unexpected.items()):
        where = ", ".join(sorted(files))
        sys.stderr.write(f"\nskipped for a reason that is not in tests/allowed_skips.py: {reason}: {where}\n")
    if unexpected:
        session.exitstatus = 1
    if STRICT == "bare":
        NEED_DATA.parent.mkdir(exist_ok=True)
        modules = sorted({file for reason, files in _skipped.items() if is_for_data(reason) for file in files})
        NEED_DATA.write_text("".join(f"{module}\n" for module in modules))
