"""Runs the command line as a user does: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def chattpl(*words: object, stdin: str | bytes | None = "", cwd: Path | None = None, **environment: str) -> Result:
    """Runs `chattpl` with the given words, text for its standard input, a folder to run in, and environment
    variables on top."""
    names = ("NO_COLOR", "FORCE_COLOR", "TERM")
    kept = {key: value for key, value in os.environ.items() if key not in names}
    done = subprocess.run(
        [sys.executable, "-m", "chattpl", *map(str, words)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        cwd=cwd,
        env={**kept, "PYTHONWARNINGS": "error", **environment},
        timeout=60,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
