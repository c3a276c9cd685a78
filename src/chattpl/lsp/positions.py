"""Places in a text as editors count them: lines and columns from 0, columns in UTF-16 units unless agreed otherwise."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from chattpl.linter import Place

_LINE_END = re.compile("\r\n|\r|\n")


class At(NamedTuple):
    """A position as editors count."""

    line: int
    column: int


def utf16_units(text: str) -> int:
    """How many UTF-16 units a text has."""
    return len(text) + sum(character > "\uffff" for character in text)


class Positions:
    """The lines of one text.

    Args:
        text: The text.
        units: How many units a text has as the editor counts.
    """

    def __init__(self, text: str, units: Callable[[str], int] = utf16_units) -> None:
        self.text = text
        self._units = units
        ends = list(_LINE_END.finditer(text))
        self._starts = [0, *(end.end() for end in ends)]
        self._ends = [*(end.start() for end in ends), len(text)]

    def at(self, offset: int) -> At:
        """The position of a character; `offset` counts characters of the text."""
        line = bisect_right(self._starts, offset) - 1
        return At(line, self._units(self.text[self._starts[line] : min(offset, self._ends[line])]))

    def offset(self, at: At) -> int:
        """The character at a position; the end of the line or text for one past it."""
        if at.line >= len(self._starts):
            return len(self.text)
        offset, end, left = self._starts[at.line], self._ends[at.line], at.column
        while offset < end and left > 0:
            left -= self._units(self.text[offset])
            offset += 1
        return offset

    def of_place(self, place: Place) -> tuple[At, At]:
        """Start and end of a finding, whose columns count characters from 1."""
        return self.at(self._of(place.line, place.column)), self.at(self._of(place.end_line, place.end_column))

    def _of(self, line: int, column: int) -> int:
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + column - 1, self._ends[line - 1])
