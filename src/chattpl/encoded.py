"""Conversations as arrays: ids, masks, and where each token came from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chattpl.arrays import array
from chattpl.location import Location
from chattpl.report import RowsReport

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from chattpl import _core

# B conversations, T tokens of one, N tokens of all


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoded:
    """One conversation."""

    input_ids: NDArray[np.int32]
    """int32[T]."""
    loss_mask: NDArray[np.uint8]
    """uint8[T], 1 where the token is trained: where its weight is not 0."""
    message_index: NDArray[np.int32]
    """int32[T]: the message that the token belongs to; -1 for none."""
    origin: NDArray[np.uint8]
    """uint8[T]: code of the `Origin` of the token's first byte."""
    loss_weight: NDArray[np.float32] | None = None
    """float32[T]: how much the token counts; None where every trained token counts 1, so that the mask says it all."""
    text: str | None = None
    """The rendered text; None for a conversation of a batch."""
    unprinted: tuple[tuple[str | int, ...], ...] | None = None
    """Paths of the strings of messages, tools and documents of which the template printed nothing, such as
    `("messages", 0, "content", 0, "text")`; blank strings do not count. None for a conversation of a batch, whose
    `report` has the counts."""

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """A row that could not be encoded."""

    row: int
    """Its number in the source, from 1; blank lines are no rows."""
    code: str
    """The error's code."""
    message: str
    """What was wrong."""
    location: Location
    """Where: the source, the line, the row, and the place in the row or the template."""
    data: Any = None
    """The row itself: the Python value that was given, or the JSON text of the row."""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        where = self.location
        record = {"row": self.row, "source": where.source, "line": where.line}
        return {**record, "code": self.code, "message": self.message, "location": where.path, "data": _plain(self.data)}


def _plain(data: Any) -> Any:
    """A row as JSON holds it: the value that its text stands for, where it is text of one."""
    if not isinstance(data, str):
        return data
    try:
        return json.loads(data)
    except ValueError:
        return data


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedBatch:
    """Many conversations, one after the other in the same arrays."""

    input_ids: NDArray[np.int32]
    """int32[N]."""
    loss_mask: NDArray[np.uint8]
    """uint8[N]."""
    message_index: NDArray[np.int32]
    """int32[N]."""
    origin: NDArray[np.uint8]
    """uint8[N]."""
    offsets: NDArray[np.int64]
    """int64[B + 1]: where each conversation begins, and where the last ends."""
    loss_weight: NDArray[np.float32] | None = None
    """float32[N], or None; see `Encoded`."""
    rows: NDArray[np.int64]
    """int64[B]: the number of each conversation's row in the source, from 1; rows that were left out are counted."""
    lines: NDArray[np.int64] | None = None
    """int64[B]: the line of each row, from 1; None where the source has no lines."""
    source: str | None = None
    """The name of the source; None for data in memory."""
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Fields that travel with the rows: `id` where rows have one, and those that `keep` names; B values each."""
    quarantine: tuple[QuarantinedRow, ...] = ()
    """The rows that were left out, in order; the conversations here are the others."""
    report: RowsReport = field(default_factory=RowsReport)
    """What the rows held that is worth a word."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Encoded:
        if not -len(self) <= index < len(self):
            raise IndexError(f"conversation {index} of {len(self)}")
        index %= len(self)
        part = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return Encoded(
            input_ids=self.input_ids[part],
            loss_mask=self.loss_mask[part],
            message_index=self.message_index[part],
            origin=self.origin[part],
            loss_weight=None if self.loss_weight is None else self.loss_weight[part],
        )

    def __iter__(self) -> Iterator[Encoded]:
        return (self[index] for index in range(len(self)))

    def with_weights(self) -> EncodedBatch:
        """The same batch with `loss_weight`, which is the mask where every trained token counts 1."""
        if self.loss_weight is not None:
            return self
        return replace(self, loss_weight=self.loss_mask.astype("float32"))

    def to_arrow(self) -> pa.Table:
        """The batch as an Arrow table: a list column for each array, without a copy, and what travels along.

        Columns: `input_ids`, `loss_mask`, `message_index`, `origin`, `loss_weight` where there are weights, `row`,
        `line` where the source has lines, and those of `columns`.

        Raises:
            ImportError: `pyarrow` is not installed.
        """
        import pyarrow as pa

        offsets = pa.array(self.offsets)
        names = ["input_ids", "loss_mask", "message_index", "origin"]
        if self.loss_weight is not None:
            names.append("loss_weight")
        columns = [pa.LargeListArray.from_arrays(offsets, pa.array(getattr(self, name))) for name in names]
        names.append("row")
        columns.append(pa.array(self.rows))
        if self.lines is not None:
            names.append("line")
            columns.append(pa.array(self.lines))
        for name, values in self.columns.items():
            names.append(name if name not in names else f"source_{name}")
            columns.append(_column(values))
        return pa.table(columns, names=names)


def _column(values: Sequence[Any]) -> Any:
    """An Arrow array of values; JSON text of each where they are of no common type."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.array([None if value is None else json.dumps(value, default=str) for value in values])


class TokenBatch:
    """Ids of many texts, one after the other."""

    __slots__ = ("input_ids", "offsets")

    input_ids: NDArray[np.int32]
    """int32[N]."""
    offsets: NDArray[np.int64]
    """int64[B + 1]: where each text's ids begin, and where the last text's end."""

    def __init__(self, input_ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> None:
        self.input_ids = input_ids
        self.offsets = offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self.input_ids[self.offsets[index] : self.offsets[index + 1]]


def save_quarantine(rows: Sequence[QuarantinedRow], path: str | os.PathLike[str]) -> None:
    """Writes rows that were left out, one JSON object a line, with the rows themselves."""
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row.as_dict(), ensure_ascii=False, default=str) + "\n")


def encoded_of(part: _core.EncodedRows) -> Encoded:
    """The one conversation of a result."""
    return Encoded(
        input_ids=array(part.input_ids, "int32"),
        loss_mask=array(part.loss_mask, "uint8"),
        message_index=array(part.message_index, "int32"),
        origin=array(part.origin, "uint8"),
        loss_weight=None if part.loss_weight is None else array(part.loss_weight, "float32"),
        text=part.text,
        unprinted=tuple(part.unprinted or ()),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What one call of the extension made of a source, and what the source knows of its rows."""

    made: _core.EncodedRows
    """The arrays."""
    data_of: Any = None
    """Gives the row of an index; None where the extension gave its text."""
    columns: Any = None
    """Gives the values of a field for indices of rows; None where the extension gave their JSON texts."""
    first_row: int = 0
    """How many rows came before."""


def batch_of(parts: Sequence[Part], *, source: str | None, keep: Sequence[str], knows: Any) -> EncodedBatch:
    """Puts the results of one or more calls together.

    Args:
        parts: The results, in order; at least one.
        source: The name of the source.
        keep: Names of the fields that travel along.
        knows: Tells of a role whether the format knows it.
    """
    import numpy as np

    made = [part.made for part in parts]

    def joined(name: str, dtype: str) -> Any:
        arrays = [array(getattr(part, name), dtype) for part in made]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    weights = None
    if any(part.loss_weight is not None for part in made):
        weights = np.concatenate([_weights(part) for part in made]) if len(made) > 1 else _weights(made[0])
    offsets = [array(part.offsets, "int64") for part in made]
    bases = np.cumsum([0, *(int(part[-1]) for part in offsets)])
    starts = [part[:-1] + base for part, base in zip(offsets, bases, strict=False)]
    return EncodedBatch(
        input_ids=joined("input_ids", "int32"),
        loss_mask=joined("loss_mask", "uint8"),
        message_index=joined("message_index", "int32"),
        origin=joined("origin", "uint8"),
        loss_weight=weights,
        offsets=offsets[0] if len(made) == 1 else np.concatenate([*starts, bases[-1:]]).astype("int64"),
        rows=joined("rows", "int64"),
        lines=None if any(part.lines is None for part in made) else joined("lines", "int64"),
        source=source,
        columns=_columns(parts, keep),
        quarantine=tuple(_quarantined(row, part, source) for part in parts for row in part.made.left_out),
        report=RowsReport.of((part.notes for part in made), knows),
    )


def _weights(part: _core.EncodedRows) -> Any:
    if part.loss_weight is not None:
        return array(part.loss_weight, "float32")
    return array(part.loss_mask, "uint8").astype("float32")


def _quarantined(row: tuple[int, int | None, str, str, str | None, str | None], part: Part, source: str | None) -> Any:
    index, line, code, message, path, text = row
    number = part.first_row + index + 1
    data = text if part.data_of is None else part.data_of(index)
    location = Location(source=source, line=line, row=number, path=path)
    return QuarantinedRow(row=number, code=code, message=message, location=location, data=data)


def _columns(parts: Sequence[Part], keep: Sequence[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for name in keep:
        values: list[Any] = []
        for part in parts:
            if part.columns is not None:
                values += part.columns(name, array(part.made.rows, "int64") - 1 - part.first_row)
            else:
                texts = part.made.kept.get(name) or [None] * (len(part.made.rows))
                values += [None if text is None else json.loads(text) for text in texts]
        # `id` travels where rows have one; a field that was asked for is there in any case.
        if name != "id" or any(value is not None for value in values):
            columns[name] = values
    return columns
