"""Files in the user's cache folder: `CHATTPL_CACHE`, else `chattpl` in the platform's cache folder."""

from __future__ import annotations

import contextlib
import os
import sys


def folder() -> str | None:
    """The cache folder, which need not exist; None where the user has no home."""
    if given := os.environ.get("CHATTPL_CACHE") or _platform_folder():
        return given
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    return os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache", "chattpl")


def _platform_folder() -> str | None:
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return os.path.join(xdg, "chattpl")
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return os.path.join(local, "chattpl", "cache")
    return None


def keep(path: str, data: bytes) -> bool:
    """Puts a whole file in place at once: another process sees all of it or nothing, and what it has mapped stays.

    Args:
        path: The file; its folder is made.
        data: What it holds from now on.

    Returns:
        Whether that could be done.
    """
    part = f"{path}.{os.urandom(8).hex()}.part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "xb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)
        return False
    return True
