"""Lines of JSON from files and memory, in blocks that end with a line. Callers move to `chattpl.sources`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from chattpl.sources import BLOCK_BYTES as BLOCK_BYTES
from chattpl.sources import RowBlock, open_source


def whole(source: str | os.PathLike[str] | bytes) -> bytes | None:
    """All lines at once: the bytes themselves; None for a file, which is read in blocks."""
    if not isinstance(source, bytes):
        return None
    with open_source(source) as opened:
        return b"".join(map(_lines_of, opened.blocks()))


def blocks(source: str | os.PathLike[str] | IO[bytes], block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Reads rows of JSON, of any form that `open_source` knows but tables, in blocks of whole lines.

    Raises:
        SourceError: The file cannot be read, is damaged, or is of a kind that holds no rows.
    """
    with open_source(source, block_bytes=block_bytes) as opened:
        yield from map(_lines_of, opened.blocks())


def _lines_of(block: RowBlock) -> bytes:
    """The rows of a block, one a line."""
    if block.spans is None:
        return block.data
    rows = (block.data[start:end] for start, end, _ in block.spans.tolist())
    return b"".join(row.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" for row in rows)
