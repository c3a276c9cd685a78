"""Finds the line of each key of a TOML text, which `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[Path, int]:
    """Finds where keys and the items of lists stand.

    Args:
        text: TOML that `tomllib` accepts.

    Returns:
        The line, from 1, at which each is first named.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Goes through a text once; `at` is always at the start of something."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}
        self._line = 1
        self._counted = 0

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.lines

    def _header(self) -> Path:
        """Reads `[table]` or `[[list of tables]]`: its path, with the position in the list."""
        line = self._line_here()
        repeated = self.text.startswith("[[", self.at)
        self.at += 2 if repeated else 1
        path = self._through_lists((), self._key())
        if repeated:
            self._note(path, line)
            index = self.tables.get(path, 0)
            self.tables[path] = index + 1
            path = (*path, index)
        self._note(path, line)
        self.at += 2 if repeated else 1
        return path

    def _through_lists(self, base: Path, keys: list[str]) -> Path:
        """Joins keys, stepping into the last table wherever one names a list of tables."""
        path = base
        for position, key in enumerate(keys):
            path = (*path, key)
            if path in self.tables and position < len(keys) - 1:
                path = (*path, self.tables[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        """Reads `key = value`."""
        line = self._line_here()
        path = (*table, *self._key())
        self._note(path, line)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self._list(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in "\"'" else _PLAIN)

    def _list(self, path: Path) -> None:
        self.at += 1
        for index in range(len(self.text)):
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            self._note((*path, index), self._line_here())
            self._value((*path, index))
            self._comma()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
            self._skip(_BLANK)
        self.at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1

    def _key(self) -> list[str]:
        """Reads a key with its dots, and the space after it."""
        start = self.at
        while True:
            self._skip(_SPACE)
            self._skip(_KEY_PART)
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        data: Any = tomllib.loads(f"{self.text[start : self.at]}=0")
        keys: list[str] = []
        while isinstance(data, dict):
            ((key, data),) = data.items()
            keys.append(key)
        return keys

    def _note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line
