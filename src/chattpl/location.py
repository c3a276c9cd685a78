"""Where something is: in a file, in a row, in a value of the row."""

from __future__ import annotations

from typing import Self


class Location(str):
    """A place, as one line of text for people, with its parts as attributes.

    The one printer of places: `train.jsonl:75 (row 71): messages[0].content`, `row 71: messages[0]`, `chat.jinja:3:14`.

    Args:
        source: A file, a template, or whatever else the place is in.
        line: The line in it, from 1.
        column: The column in the line, from 1, in characters.
        row: The row of a data set, from 1; blank lines are no rows.
        path: The path of a value, such as `messages[3].content`.
    """

    __slots__ = ("column", "line", "path", "row", "source")

    source: str | None
    line: int | None
    column: int | None
    row: int | None
    path: str | None

    def __new__(
        cls,
        *,
        source: str | None = None,
        line: int | None = None,
        column: int | None = None,
        row: int | None = None,
        path: str | None = None,
    ) -> Self:
        where = ":".join(str(part) for part in (source, line, column) if part is not None)
        if source is None and line is not None:
            where = f"line {where}"
        if row is not None:
            where = f"{where} (row {row})" if where else f"row {row}"
        self = super().__new__(cls, ": ".join(part for part in (where, path) if part))
        self.source, self.line, self.column, self.row, self.path = source, line, column, row, path
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.source, self.line, self.column, self.row, self.path)


def _rebuild(source: str | None, line: int | None, column: int | None, row: int | None, path: str | None) -> Location:
    return Location(source=source, line=line, column=column, row=row, path=path)
