"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fetch_oracles import NO_TRL, trl_templates
from paths import CONFORMANCE, NO_CONFORMANCE

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
