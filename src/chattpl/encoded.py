"""Conversations as arrays: ids, masks, and where each token came from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chattpl.arrays import array

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from chattpl import _core

    _Part = tuple[tuple[_core.Buffer | None, ...], list[tuple[int, str, str, str | None]]]

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

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutRow:
    """A row that could not be encoded."""

    row: int
    """Its number in the source, from 0."""
    code: str
    """The error's code."""
    message: str
    """What was wrong."""
    location: str | None
    """Where: a place in the template or in the row."""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        return {"row": self.row, "code": self.code, "message": self.message, "location": self.location}


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
    quarantine: tuple[LeftOutRow, ...] = ()
    """The rows that were left out, in order; the conversations here are the others."""

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

    def to_arrow(self) -> pa.Table:
        """The batch as an Arrow table with one list column for each array, without a copy.

        Raises:
            ImportError: `pyarrow` is not installed.
        """
        import pyarrow as pa

        offsets = pa.array(self.offsets)
        names = ["input_ids", "loss_mask", "message_index", "origin"]
        if self.loss_weight is not None:
            names.append("loss_weight")
        columns = [pa.LargeListArray.from_arrays(offsets, pa.array(getattr(self, name))) for name in names]
        return pa.table(columns, names=names)


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


def save_quarantine(rows: tuple[LeftOutRow, ...], path: str | os.PathLike[str]) -> None:
    """Writes rows that were left out, one JSON object a line."""
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row.as_dict(), ensure_ascii=False) + "\n")


_DTYPES = ("int32", "uint8", "int32", "uint8", "float32", "int64")


def arrays(buffers: tuple[_core.Buffer | None, ...]) -> list[Any]:
    """What the extension gave, as NumPy arrays over the same memory."""
    return [None if buffer is None else array(buffer, dtype) for buffer, dtype in zip(buffers, _DTYPES, strict=True)]


def batch_of(
    parts: list[tuple[tuple[_core.Buffer | None, ...], list[tuple[int, str, str, str | None]]]],
) -> EncodedBatch:
    """Puts the results of one or more calls together."""
    import numpy as np

    made = [arrays(buffers) for buffers, _ in parts]
    left_out = [LeftOutRow(row=r, code=c, message=m, location=p) for _, rows in parts for r, c, m, p in rows]
    if len(made) == 1:
        ids, mask, index, origin, weight, offsets = made[0]
    else:
        ids, mask, index, origin = (np.concatenate([part[at] for part in made]) for at in range(4))
        weights = [part[1].astype("float32") if part[4] is None else part[4] for part in made]
        weight = None if all(part[4] is None for part in made) else np.concatenate(weights)
        bases = np.cumsum([0, *(int(part[5][-1]) for part in made)])
        starts = [part[5][:-1] + base for part, base in zip(made, bases, strict=False)]
        offsets = np.concatenate([*starts, bases[-1:]]).astype("int64")
    return EncodedBatch(
        input_ids=ids,
        loss_mask=mask,
        message_index=index,
        origin=origin,
        loss_weight=weight,
        offsets=offsets,
        quarantine=tuple(left_out),
    )
