"""Runs something again whenever files change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from chattpl.cli import console
from chattpl.errors import ChatTemplateError

_INTERVAL_SECONDS = 0.5
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"


def watch(run: Callable[[], int], files: Callable[[], Iterable[Path]]) -> int:
    """Runs until it is interrupted.

    Args:
        run: What to run; it gives an exit code.
        files: The files to watch, asked for again and again, so that new ones count.

    Returns:
        The exit code of the last run.
    """
    code = 0
    try:
        while True:
            seen = _stamps(files)
            code = _run_once(run)
            console.talk("watching; Ctrl-C ends")
            while _stamps(files) == seen:
                time.sleep(_INTERVAL_SECONDS)
    except KeyboardInterrupt:
        return code


def _run_once(run: Callable[[], int]) -> int:
    if console.is_terminal(sys.stdout):
        console.write_data(_CLEAR)
    try:
        return run()
    except ChatTemplateError as error:  # a configuration that is broken for now
        console.complain(error)
        return 2
    finally:
        sys.stdout.flush()


def _stamps(files: Callable[[], Iterable[Path]]) -> dict[Path, tuple[int, int] | None]:
    """When each file was changed, and its size; None for one that is not there."""
    try:
        return {file: _stamp(file) for file in files()}
    except (ChatTemplateError, OSError) as error:
        # Whatever is said of a configuration that is broken for now: another fault calls for another run.
        return {Path(str(error)): None}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
