"""Rows of data sets, whichever dialect they are written in, read as `encode` and `encode_batch` read them.

`docs/rows.md` lists the dialects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chattpl import _core
from chattpl.errors import ChatTemplateError, place_in_row
from chattpl.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: the conversation that it holds, and what steers it."""

    messages: list[Any]
    """The conversation, as messages with `role` and `content`."""
    tools: list[Any] | None = None
    """The tools that the row declares, as JSON schemas; None if it declares none."""
    documents: list[Any] | None = None
    """The documents of the row."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Template arguments of the row: its `chat_template_kwargs`."""
    dialect: str = "messages"
    """How the row says its conversation: `messages`, `anthropic`, `sharegpt`, `alternating`, `prompt`, `preference`,
    `instruction` or `question`."""
    answer_start: int | None = None
    """Index of the message at which the answer begins, where the dialect tells prompt and answer apart."""
    alternatives: tuple[list[Any], ...] = ()
    """Further answers, the best first (`rejected`, lower ranks): messages in place of those from `answer_start` on."""
    weight: float | None = None
    """How much the row counts; None where it does not say."""
    unused: tuple[str, ...] = ()
    """Names of fields with a value that the reader does not use."""
    flag_like: tuple[str, ...] = ()
    """Names of fields that look like training flags, and are none that is honoured."""

    def keywords(self) -> dict[str, Any]:
        """The row as keyword arguments of `ChatFormat.render` and `.encode`, without the messages."""
        own = {key: value for key in ("tools", "documents") if (value := getattr(self, key)) is not None}
        return {**self.arguments, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedRow:
    """A row of a file as it stands there."""

    location: Location
    """The file, the line where it has lines, and the number of the row, from 1."""
    value: Any
    """The JSON text of the row as bytes, or the Python value of a row of a table; `ChatFormat.encode` takes both."""

    def read(self) -> Row:
        """Reads the row.

        Raises:
            ChatTemplateError: The row cannot be read; `location` says where it stands.
        """
        try:
            return read_row(self.value)
        except ChatTemplateError as error:
            raise self.located(error) from error.__cause__

    def located(self, error: ChatTemplateError) -> ChatTemplateError:
        """Says in an error that it happened in this row."""
        assert self.location.row is not None
        place_in_row(error, self.location.row, self.location.line, self.location.source)
        return error


def read_row(row: Mapping[str, Any] | Sequence[Any] | bytes) -> Row:
    """Reads one row.

    Args:
        row: A mapping with the fields of the row, a list of messages, or the JSON text of one of them.

    Returns:
        The conversation and what steers it. Values are copies.

    Raises:
        InputError: There is no conversation in the row, or fields of it disagree; the message names the fields.

    Example:
        >>> read_row({"conversations": [{"from": "human", "value": "Hi"}]}).messages
        [{'role': 'user', 'content': 'Hi'}]
    """
    fields = _core.read_row(row)
    fields["unused"] = tuple(fields["unused"])
    fields["flag_like"] = tuple(fields["flag_like"])
    fields["alternatives"] = tuple(fields["alternatives"])
    return Row(**fields)


def read_rows(source: str | os.PathLike[str] | bytes | Any) -> Iterator[LocatedRow]:
    """Reads the rows of a file: JSON Lines, a JSON array, Parquet or Arrow, compressed or not.

    Args:
        source: A path, the bytes of a file, or a file that is open for reading bytes.

    Yields:
        Each row, not read yet: one that cannot be read does not end the others.

    Raises:
        SourceError: The file cannot be read, or is of a kind that holds no rows.
    """
    from chattpl.sources import open_source

    opened = open_source(source)
    name = opened.name
    if opened.kind == "arrow":
        number = 0
        for batch in opened.table_batches():
            for value in batch.to_pylist():
                number += 1
                yield LocatedRow(location=Location(source=name, row=number), value=value)
        return
    for block in opened.blocks():
        for number, (start, end, line) in enumerate(_parts(block), block.first_row + 1):
            location = Location(source=name, line=line, row=number)
            yield LocatedRow(location=location, value=bytes(block.data[start:end]))


def _parts(block: Any) -> Iterator[tuple[int, int, int]]:
    """Start, end and line of each row in a block."""
    if block.spans is not None:
        yield from ((int(start), int(end), int(line)) for start, end, line in block.spans)
        return
    start, line, data = 0, block.first_line, block.data
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if data[start:end].strip():
            yield start, end, line
        start, line = end + 1, line + 1
