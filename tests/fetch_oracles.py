"""Fetches official templates that other packages ship, into a folder that git ignores.

`trl` carries the vendors' own texts. Installing it would bring torch along, so only its wheel is downloaded.
Run as a script to fetch ahead of the tests: `python tests/fetch_oracles.py`.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRL = "trl==1.16.0"
_FOLDER = ROOT / ".cache" / "oracles" / TRL.replace("==", "-")
_TIMEOUT_SECONDS = 120

NO_TRL = f"the templates of {TRL} are neither in .cache/oracles nor could its wheel be downloaded"


@cache
def trl_templates() -> dict[str, str]:
    """Reads trl's chat templates by file name, downloading its wheel at the first call.

    Returns:
        Nothing if the wheel cannot be had.
    """
    if not list(_FOLDER.glob("*.jinja")):
        _download()
    return {path.name: path.read_text("utf-8") for path in sorted(_FOLDER.glob("*.jinja"))}


def _download() -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]
    try:
        subprocess.run(
            [*command, str(_FOLDER), TRL], check=True, capture_output=True, timeout=_TIMEOUT_SECONDS, text=True
        )
    except (subprocess.SubprocessError, OSError):
        return
    for wheel in _FOLDER.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith("trl/chat_templates/") and name.endswith(".jinja"):
                    (_FOLDER / Path(name).name).write_bytes(archive.read(name))
        wheel.unlink()


if __name__ == "__main__":
    print(f"{len(trl_templates())} templates of {TRL}")  # noqa: T201
    sys.exit(0 if trl_templates() else 1)
