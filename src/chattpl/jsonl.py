"""Lines of JSON from files and memory, in blocks that end with a line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from chattpl.errors import SourceError

BLOCK_BYTES = 4 << 20

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def whole(source: str | os.PathLike[str] | bytes) -> Any:
    """All lines at once: the bytes themselves, a mapped file, or None for a compressed file, which is read in blocks.

    Raises:
        SourceError: The file cannot be read.
    """
    if isinstance(source, bytes):
        return source
    path = Path(source)
    if path.suffix in (*_OPENERS, ".zst"):
        return None
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def blocks(source: str | os.PathLike[str] | IO[bytes], block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Reads a file, compressed (`.gz`, `.bz2`, `.xz`, `.zst`) or not, in blocks of whole lines.

    Args:
        source: The file: its path, or open for reading bytes; an open file is taken as it is and left open.
        block_bytes: How much is read at a time; a block is longer where a line is.

    Raises:
        SourceError: The file cannot be read, or is damaged.
    """
    path = Path(source) if isinstance(source, str | os.PathLike) else Path("<stdin>")
    try:
        with _open(path) if isinstance(source, str | os.PathLike) else nullcontext(source) as file:
            rest: list[bytes] = []
            while piece := file.read(block_bytes):
                end = piece.rfind(b"\n") + 1
                if end:
                    yield b"".join((*rest, piece[:end]))
                    rest = []
                if end < len(piece):
                    rest.append(piece[end:])
            if rest:
                yield b"".join(rest)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise _unreadable(path, error) from error


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".zst":
        try:
            from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14
        except ImportError:
            try:
                import zstandard as zstd  # type: ignore[import-not-found, unused-ignore]
            except ImportError as error:
                raise SourceError(
                    "reading .zst needs Python 3.14 or the package `zstandard`",
                    location=str(path),
                    hint="pip install zstandard",
                ) from error
        opened: IO[bytes] = zstd.open(path, "rb")
    else:
        opened = _OPENERS.get(path.suffix, open)(path, "rb")
    return opened


def _unreadable(path: Path, error: Exception) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SourceError(f"cannot be read: {reason}", location=str(path))
