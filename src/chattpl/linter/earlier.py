"""The text that a template had when it was locked, where git still has it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

_MAX_COMMITS = 50
_MAX_SECONDS = 10


def earlier_source(file: Path, sha256: str) -> str | None:
    """Looks through the last commits that changed a file for the text with a checksum.

    Args:
        file: The file as it is now.
        sha256: Of the text that is wanted.

    Returns:
        The text; None where there is no git, no repository, or no such text.
    """
    listed = _git(file, "log", f"--max-count={_MAX_COMMITS}", "--format=%H", "--", f"./{file.name}")
    for commit in (listed or b"").decode("ascii", "replace").split():
        # `cat-file` runs no filter that a repository may name.
        text = _git(file, "cat-file", "blob", f"{commit}:./{file.name}")
        if text is not None and hashlib.sha256(text).hexdigest() == sha256:
            return text.decode("utf-8")
    return None


def _git(file: Path, *words: str) -> bytes | None:
    command = ["git", "-C", str(file.parent.resolve()), *words]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_MAX_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
