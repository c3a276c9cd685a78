"""Temporary: JSON Lines alone, until the real module lands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chattpl import jsonl

BLOCK_BYTES = jsonl.BLOCK_BYTES


@dataclass
class RowBlock:
    data: Any
    spans: Any
    first_line: int
    first_row: int


class Source:
    kind = "json_lines"

    def __init__(self, source: Any, block_bytes: int) -> None:
        self.name = str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else None
        self._source, self._block = source, block_bytes

    def blocks(self) -> Any:
        line, row = 1, 0
        blocks = [bytes(self._source)] if isinstance(self._source, bytes | bytearray | memoryview) else jsonl.blocks(self._source, self._block)
        for block in blocks:
            yield RowBlock(block, None, line, row)
            lines = block.split(b"\n")
            line += block.count(b"\n")
            row += sum(1 for text in lines if text.strip())


def open_source(source: Any, *, block_bytes: int = BLOCK_BYTES) -> Source:
    return Source(source, block_bytes)
