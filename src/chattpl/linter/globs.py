"""Patterns that name files, as in a configuration: `*.jinja`, `templates/old`, `templates/**/chat.jinja`."""

from __future__ import annotations

import re
from pathlib import PurePath, PurePosixPath

_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|[^*?\[]+|\[")


class Glob:
    """A pattern. One without `/` is held against names, any other against paths from a folder.

    `*` and `?` stop at `/`; `**` does not. A pattern that names a folder covers all that is in it.

    Args:
        pattern: The pattern, with `/` on every system.
    """

    __slots__ = ("_absolute", "_anywhere", "_expression", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        plain = pattern.removeprefix("./").rstrip("/")
        self._anywhere = "/" not in plain
        self._absolute = PurePosixPath(plain).is_absolute()
        self._expression = re.compile("".join(map(_translated, _PIECE.findall(plain))), re.DOTALL)

    def names(self, path: PurePath, folder: PurePath) -> bool:
        """Tells whether the pattern names this very file or folder.

        Args:
            path: The file or folder, absolute.
            folder: What the pattern is relative to, absolute.
        """
        if self._anywhere:
            return bool(self._expression.fullmatch(path.name))
        inside = path.relative_to(folder) if path.is_relative_to(folder) and not self._absolute else path
        return bool(self._expression.fullmatch(inside.as_posix()))

    def covers(self, path: PurePath, folder: PurePath) -> bool:
        """Tells whether the pattern names a file, or a folder below `folder` that it is in.

        Args:
            path: The file, absolute.
            folder: What the pattern is relative to, absolute.
        """
        above = [each for each in path.parents if self._absolute or (each != folder and each.is_relative_to(folder))]
        return any(self.names(each, folder) for each in (path, *above))

    def __repr__(self) -> str:
        return f"Glob({self.pattern!r})"


def is_glob(text: str) -> bool:
    """Tells whether a text has what makes it a pattern."""
    return any(character in text for character in "*?[")


def _translated(piece: str) -> str:
    match piece:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if len(piece) > 2 and piece[0] == "[" and piece[-1] == "]":
        negated = piece[1] == "!"
        members = re.sub(r"([\\\[^&~|])", r"\\\1", piece[2:-1] if negated else piece[1:-1])
        return f"[{'^' if negated else ''}{members}]"
    return re.escape(piece)
