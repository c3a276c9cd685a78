"""Opens files and memory that hold rows, whatever their form, and gives the rows in blocks.

The content decides the format, not the file name: JSON Lines and JSON documents, both also compressed with gzip, bzip2,
xz or zstd; Parquet and Arrow files. Everything else is refused with what was found.

    with open_source(path) as source:          # a path, an open binary file (standard input), bytes
        if source.kind == "arrow":
            for batch in source.table_batches():   # pyarrow.RecordBatch, validated
                ...
        else:
            for block in source.blocks():          # RowBlock
                ...
                source.location(block.line_of(3))  # "data.jsonl:17", for an error in the block's fourth row

A `RowBlock` is what Rust gets. With `spans` None its `data` is JSON Lines: whole lines, of which those that are white
space only are no rows (`encode_lines` skips them). `data` begins at line `first_line` of the file, and its first row
is row `first_row` of the source, from 0. With `spans`, an int64 array [rows, 3], row `i` is
`data[spans[i, 0]:spans[i, 1]]` and begins in line `spans[i, 2]` of the file; what lies between the spans is no row.
Lines count from 1, blank ones too; a byte order mark is no part of any block.

Every failure is a `SourceError` whose location is the file with the line, or with the byte for damaged compression.
It can come after blocks that are good: a damaged file gives what stands before the damage, then the error.

Files are read, never mapped: a file that is cut while it is read gives an error, not a crash.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal

from chattpl import _core
from chattpl.arrays import array
from chattpl.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_BYTES = 4 << 20

_HEAD_BYTES = 64 << 10
_PACKED_BYTES = 256 << 10
# zstandard has no bound on what a piece unpacks to, which is up to 32 KiB for each byte of it.
_ZSTD_PACKED_BYTES = 4 << 10
_XZ_MEMORY_BYTES = 1 << 30
_SPACE = b" \t\r\n"
_BLANK = b" \t\r\n\x0c"
_BOM = b"\xef\xbb\xbf"
_JSON_LINES = 'write one JSON object a line, such as {"messages": [{"role": "user", "content": "..."}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlock:
    """Whole rows of a source."""

    data: bytes
    """JSON text; with `spans` None whole lines, each a row or blank."""
    spans: NDArray[np.int64] | None
    """Start and end of each row in `data`, and its line in the file: int64[rows, 3]. None for JSON Lines."""
    first_line: int
    """The line of the file in which `data` begins, from 1."""
    first_row: int
    """The number of the first row in the source, from 0."""

    def line_of(self, index: int) -> int:
        """The line in the file of the block's row `index`, from 0. For messages: it searches JSON Lines from the start.

        Raises:
            IndexError: The block has fewer rows.
        """
        if self.spans is not None:
            return int(self.spans[index, 2])
        seen = -1
        for number, line in enumerate(io.BytesIO(self.data), self.first_line):
            seen += bool(line.strip(_BLANK))
            if seen == index:
                return number
        raise IndexError(index)


class Source:
    """Rows that have been opened: see the module. Made by `open_source`; a context manager that closes its file."""

    name: str
    """The path, `<stdin>` or `<bytes>`, for messages."""
    kind: Literal["json_lines", "json", "arrow"]
    """Whether there are `blocks` (JSON Lines, JSON documents) or `table_batches` (Parquet, Arrow)."""

    def __init__(self, reader: _Reader, block_bytes: int) -> None:
        self.name = reader.name
        self._reader = reader
        self._block_bytes = block_bytes
        self._table = ""
        self.kind = self._told_kind()

    def blocks(self) -> Iterator[RowBlock]:
        """The rows in blocks, once; for an empty source none. Closes the file at the end.

        Raises:
            SourceError: The file cannot be read to its end, or the JSON of a document does not match up.
        """
        if self.kind == "arrow":
            raise TypeError(f"{self.name} is a table; use `table_batches`")
        try:
            yield from self._line_blocks() if self.kind == "json_lines" else self._document_blocks()
        finally:
            self.close()

    def table_batches(self, batch_rows: int | None = None) -> Iterator[Any]:
        """The rows as record batches of `pyarrow`, once, checked so that their memory can be trusted.

        Args:
            batch_rows: Rows of a batch of Parquet at most; by default as many as are about a block of bytes.

        Raises:
            SourceError: The file cannot be read, or `pyarrow` is not installed.
        """
        if self.kind != "arrow":
            raise TypeError(f"{self.name} is no table; use `blocks`")
        try:
            yield from self._record_batches(batch_rows)
        finally:
            self.close()

    def location(self, line: int) -> str:
        """The name with a line, as errors give it."""
        return f"{self.name}:{line}"

    def close(self) -> None:
        """Closes the file, unless it was handed in open."""
        self._reader.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _told_kind(self) -> Literal["json_lines", "json", "arrow"]:
        head = self._reader.peek(_HEAD_BYTES)
        packing = _packing_of(head)
        if packing is not None:
            self._reader = _Reader(self.name, _Unpacker(packing, self._reader), self._reader.close)
            head = self._reader.peek(_HEAD_BYTES)
        inside = f" inside {packing}" if packing else ""
        self._table = _table_of(head)
        if self._table and not inside:
            return "arrow"
        found, hint = _refusal(head)
        if found:
            raise SourceError(f"the file is {found}{inside}", location=self.name, hint=hint)
        self._reader.skip(len(_BOM) if head.startswith(_BOM) else 0)
        return self._json_kind()

    def _json_kind(self) -> Literal["json_lines", "json"]:
        """Tells JSON Lines from a document by the first line that is not blank, and whether more text follows it."""
        wanted = _HEAD_BYTES
        while True:
            head = self._reader.peek(wanted)
            is_whole = len(head) < wanted
            text = head.lstrip(_SPACE)
            line, _, behind = text.partition(b"\n")
            if is_whole or behind.strip(_SPACE) or (text and wanted >= self._block_bytes):
                break
            wanted *= 4
        if not text:
            return "json_lines"
        if text[:1] not in (b"{", b"["):
            raise _no_json(self.location(1 + head.count(b"\n", 0, len(head) - len(text))), line)
        if not is_whole and len(line) == len(text):
            # Longer than a block. A document of one object begins with a short line; an array may stand on one line.
            return "json" if text.startswith(b"[") else "json_lines"
        return _json_kind(line, is_last=is_whole and not behind.strip(_SPACE))

    def _line_blocks(self) -> Iterator[RowBlock]:
        line, row = 1, 0
        for data in self._whole_lines():
            yield RowBlock(data=data, spans=None, first_line=line, first_row=row)
            lines, rows = _core.count_lines(data)
            line, row = line + lines, row + rows

    def _whole_lines(self) -> Iterator[bytes]:
        rest: list[bytes] = []
        while piece := self._reader.read(self._block_bytes):
            # Memory is one piece, which stays as it is.
            end = len(piece) if self._reader.is_memory else piece.rfind(b"\n") + 1
            if end:
                yield b"".join((*rest, memoryview(piece)[:end])) if rest or end < len(piece) else piece
                rest = []
            if end < len(piece):
                rest.append(piece[end:])
        if rest:
            yield b"".join(rest)

    def _document_blocks(self) -> Iterator[RowBlock]:
        splitter, row = _core.JsonSplitter(), 0
        while piece := self._reader.read(self._block_bytes):
            split = self._split(lambda: splitter.push(piece))
            if split is not None:
                data, numbers, line = split
                spans = array(numbers, "int64").reshape(-1, 3)
                yield RowBlock(data=data, spans=spans, first_line=line, first_row=row)
                row += len(spans)
        self._split(splitter.finish)

    def _split(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except ValueError as error:
            message, line = error.args
            raise SourceError(
                f"the JSON cannot be split into rows: {message}",
                location=self.location(line),
                hint="the first line is no complete value, so that the file is read as JSON over several lines; "
                "mend it, or write one JSON object a line",
            ) from None

    def _record_batches(self, batch_rows: int | None) -> Iterator[Any]:
        try:
            import pyarrow
        except ImportError as error:
            raise SourceError(
                f"reading {self._table} needs pyarrow", location=self.name, hint='pip install "chattpl[arrow]"'
            ) from error
        try:
            for batch in _batches(self._table, self._reader, batch_rows, self._block_bytes):
                batch.validate(full=True)
                yield batch
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise SourceError(
                f"the {self._table} data cannot be read: {_reason(error)}",
                location=self.name,
                hint="it is damaged or incomplete; write or download it again",
            ) from error


def open_source(
    source: str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview, *, block_bytes: int = BLOCK_BYTES
) -> Source:
    """Opens a file or memory with rows, and tells its kind by its first bytes.

    Args:
        source: A path; a file that is open for reading bytes, such as `sys.stdin.buffer`, which is read from where it
            stands and left open; or what such a file holds.
        block_bytes: How much is read at a time, in bytes; a block is longer where a row is. JSON Lines in memory are
            one block.

    Returns:
        The source, open. Its blocks or batches can be taken once.

    Raises:
        SourceError: The file cannot be read, or is of a kind that holds no rows; the error says what it is.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        reader = _memory_reader(bytes(source))
    elif isinstance(source, str | os.PathLike):
        reader = _path_reader(os.fspath(source))
    else:
        reader = _file_reader(source)
    try:
        return Source(reader, max(block_bytes, 1))
    except BaseException:
        reader.close()
        raise


class _Reader:
    """Bytes that come in pieces, with a look ahead."""

    def __init__(
        self,
        name: str,
        pieces: Callable[[int], bytes],
        close: Callable[[], None] = lambda: None,
        file: IO[bytes] | None = None,
        *,
        is_memory: bool = False,
    ) -> None:
        self.name = name
        self.close = close
        self.file = file
        """The file, where it can be read at any offset."""
        self.is_memory = is_memory
        """Whether the first piece is all there is."""
        self.offset = 0
        """How many bytes were read, less those that are ahead."""
        self._pieces = pieces
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer than `size` only at the end; they stay."""
        if len(self._ahead) < size:
            pieces, length = [self._ahead] if self._ahead else [], len(self._ahead)
            while length < size and (piece := self._pieces(min(size - length, BLOCK_BYTES))):
                pieces.append(piece)
                length += len(piece)
            self._ahead = b"".join(pieces)
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """The next bytes, at least one except at the end; all that is ahead, where the source is memory."""
        if self._ahead and not self.is_memory:
            piece = self.peek(size)
            self._ahead = self._ahead[len(piece) :]
        else:
            piece, self._ahead = self._ahead or self._pieces(size), b""
        self.offset += len(piece)
        return piece

    def skip(self, size: int) -> None:
        """Passes over bytes that were looked at."""
        self._ahead = self._ahead[size:]
        self.offset += size


def _memory_reader(data: bytes) -> _Reader:
    pieces = iter((data,))
    return _Reader("<bytes>", lambda _: next(pieces, b""), is_memory=True)


def _path_reader(name: str) -> _Reader:
    try:
        file = open(name, "rb", buffering=0)  # noqa: SIM115  # `Source.close` closes it
    except (OSError, ValueError) as error:
        hint = "name a file" if isinstance(error, IsADirectoryError) else None
        raise SourceError(f"cannot be read: {_reason(error)}", location=name, hint=hint) from error
    found = os.fstat(file.fileno())
    is_regular = stat.S_ISREG(found.st_mode)
    taken = 0

    def pieces(size: int) -> bytes:
        nonlocal taken
        piece = _read(name, file, size)
        taken += len(piece)
        if not piece and is_regular and taken < found.st_size:
            raise SourceError(
                f"the file became shorter while it was read: {found.st_size} bytes at first, then {taken}",
                location=f"{name}: byte {taken}",
                hint="read it when nothing writes to it any more",
            )
        return piece

    return _Reader(name, pieces, file.close, file if is_regular else None)


def _file_reader(file: IO[bytes]) -> _Reader:
    name = getattr(file, "name", None)
    if not isinstance(name, str) or not name or file is getattr(sys.stdin, "buffer", None):
        name = "<stdin>" if name in (0, "<stdin>") else "<file>"
    try:
        is_at_start = file.seekable() and file.tell() == 0
    except (AttributeError, OSError, ValueError):
        is_at_start = False
    return _Reader(name, lambda size: _read(name, file, size), file=file if is_at_start else None)


def _read(name: str, file: Any, size: int) -> bytes:
    """Reads from a file; what others make of files may raise anything."""
    try:
        piece = file.read(size)
    except Exception as error:
        raise SourceError(f"cannot be read: {_reason(error)}", location=name) from error
    if not isinstance(piece, bytes):
        message = f"cannot be read: it gives {type(piece).__name__}, not bytes"
        raise SourceError(message, location=name, hint='open it with mode "rb"')
    return piece


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return reason or type(error).__name__


# Compression

_PACKINGS = {"gzip": (b"\x1f\x8b",), "bzip2": (b"BZh",), "xz": (b"\xfd7zXZ\x00",), "zstd": (b"\x28\xb5\x2f\xfd",)}
_SKIPPED_FRAMES = tuple(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))


def _packing_of(head: bytes) -> str | None:
    if head.startswith(b"BZh") and head[4:10] not in (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"):
        return None
    starts = {**_PACKINGS, "zstd": (*_PACKINGS["zstd"], *_SKIPPED_FRAMES)}
    return next((packing for packing, magics in starts.items() if head.startswith(magics)), None)


class _Unpacker:
    """Unpacks one member (gzip), stream (bzip2, xz) or frame (zstd) after another, and raises where one is damaged."""

    def __init__(self, packing: str, packed: _Reader) -> None:
        self._packing = packing
        self._packed = packed
        self._rest = b""
        self._decoder: Any = _decoder(packing, packed.name)

    def __call__(self, size: int) -> bytes:
        """The next bytes, about `size` at most; none at the end."""
        while self._decoder is not None:
            at = self._offset()
            if not self._rest and self._decoder.needs_input:
                self._rest = self._packed.read(_PACKED_BYTES)
                if not self._rest:
                    raise self._error(f"the {self._packing} data ends before it is complete", at)
            piece, self._rest = self._rest, b""
            try:
                unpacked: bytes = self._decoder.decompress(piece, size)
            except Exception as error:
                raise self._error(f"the {self._packing} data is damaged: {_reason(error)}", at) from error
            if self._decoder.eof:
                self._rest = self._decoder.unused_data
                self._decoder = self._next_decoder()
            if unpacked:
                return unpacked
        return b""

    def _next_decoder(self) -> Any:
        """The decoder of the next member; None where the file ends, or ends in padding."""
        padding = 0
        if self._packing in ("gzip", "xz"):
            while not (behind := self._rest.lstrip(b"\x00")) and (more := self._packed.read(_PACKED_BYTES)):
                padding += len(self._rest)
                self._rest = more
            padding += len(self._rest) - len(behind)
            self._rest = behind
        while len(self._rest) < 6 and (more := self._packed.read(_PACKED_BYTES)):
            self._rest += more
        if self._packing == "xz" and padding % 4:
            raise self._error(
                f"{padding} bytes of padding after the xz data, which is no multiple of 4", self._offset()
            )
        if not self._rest:
            return None
        magics = (*_PACKINGS["zstd"], *_SKIPPED_FRAMES) if self._packing == "zstd" else _PACKINGS[self._packing]
        if self._rest.startswith(magics):
            return _decoder(self._packing, self._packed.name)
        if any(magic.startswith(self._rest) for magic in magics):
            raise self._error(f"the {self._packing} data ends before it is complete", self._offset() + len(self._rest))
        shown = self._rest[:8].hex(" ")
        raise self._error(
            f"the {self._packing} data is followed by bytes that are no part of it: {shown}", self._offset()
        )

    def _offset(self) -> int:
        """How much of the file the decoders have been given."""
        return self._packed.offset - len(self._rest)

    def _error(self, message: str, offset: int) -> SourceError:
        return SourceError(
            message,
            location=f"{self._packed.name}: byte {offset}",
            hint="write or download the file again; rows before that byte were read",
        )


def _decoder(packing: str, name: str) -> Any:
    """A decoder with the interface of `bz2.BZ2Decompressor`."""
    try:
        if packing == "gzip":
            return _GzipDecoder()
        if packing == "bzip2":
            import bz2

            return bz2.BZ2Decompressor()
        if packing == "xz":
            import lzma

            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
        try:
            from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14

            return zstd.ZstdDecompressor()
        except ImportError:
            return _ZstdDecoder()
    except ImportError as error:
        need = "Python 3.14 or the package `zstandard`" if packing == "zstd" else f"a Python that has `{error.name}`"
        hint = "pip install zstandard" if packing == "zstd" else f"unpack the file first ({packing} -d)"
        raise SourceError(f"reading {packing} data needs {need}", location=name, hint=hint) from error


class _GzipDecoder:
    """One gzip member."""

    def __init__(self) -> None:
        import zlib

        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._is_full = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        rest = self._inflate.unconsumed_tail
        unpacked = self._inflate.decompress(rest + data if rest else data, max_length)
        self._is_full = len(unpacked) == max_length
        return unpacked

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._is_full and not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data


class _ZstdDecoder:
    """One zstd frame, with the package `zstandard`; that has no bound for its output, hence small pieces of input."""

    def __init__(self) -> None:
        import zstandard

        self._frame: Any = zstandard.ZstdDecompressor().decompressobj()
        self._data = memoryview(b"")

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._data = memoryview(bytes(self._data) + data) if self._data else memoryview(data)
        unpacked, length = [], 0
        while self._data and length < max_length and not self._frame.eof:
            piece, self._data = self._data[:_ZSTD_PACKED_BYTES], self._data[_ZSTD_PACKED_BYTES:]
            unpacked.append(self._frame.decompress(piece))
            length += len(unpacked[-1])
        return b"".join(unpacked)

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def needs_input(self) -> bool:
        return not self._data

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data) + bytes(self._data)


# Tables

_TABLES = {b"PAR1": "Parquet", b"ARROW1\x00\x00": "Arrow file", b"\xff\xff\xff\xff": "Arrow stream"}


def _table_of(head: bytes) -> str:
    return next((table for magic, table in _TABLES.items() if head.startswith(magic)), "")


def _batches(table: str, reader: _Reader, batch_rows: int | None, block_bytes: int) -> Iterator[Any]:
    """The record batches of a file, not checked."""
    from pyarrow import PythonFile, ipc

    if table == "Arrow stream":
        yield from ipc.open_stream(PythonFile(_Stream(reader), mode="r"))
        return
    file = _seekable(reader)
    if table == "Arrow file":
        batches = ipc.open_file(file)
        for index in range(batches.num_record_batches):
            yield batches.get_batch(index)
        return
    from pyarrow import parquet

    groups = parquet.ParquetFile(file)
    rows = groups.metadata.num_rows
    size = sum(groups.metadata.row_group(index).total_byte_size for index in range(groups.metadata.num_row_groups))
    default = max(1, min(block_bytes * max(rows, 1) // max(size, 1), 1 << 16))
    yield from groups.iter_batches(batch_size=batch_rows or default)


def _seekable(reader: _Reader) -> Any:
    """What pyarrow reads at any offset: the file, or all bytes where there is none."""
    import pyarrow

    if reader.file is None:
        pieces = iter(lambda: reader.read(BLOCK_BYTES), b"")
        return pyarrow.BufferReader(b"".join(pieces))
    reader.file.seek(0)
    return pyarrow.PythonFile(reader.file, mode="r")


class _Stream(io.RawIOBase):
    """A reader as the file that pyarrow reads a stream from."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # Not a byte more: pyarrow copies what it gets into memory of that size.
        piece = self._reader.peek(size if size >= 0 else sys.maxsize)
        self._reader.skip(len(piece))
        return piece


# JSON, and what is none

# First bytes, name, and what to do. "" for files that nothing but a program of their own opens.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the data", "run `git lfs pull` in its repository"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", "save it as UTF-8, such as with `iconv -f UTF-32 -t UTF-8`"),
    (b"\x00\x00\xfe\xff", "UTF-32 text", "save it as UTF-8, such as with `iconv -f UTF-32 -t UTF-8`"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8, such as with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8, such as with `iconv -f UTF-16 -t UTF-8`"),
    (b"PK", "a zip archive", "unpack it, and name a file of it"),
    (b"SQLite format 3\x00", "an SQLite database", ""),
    (b"%PDF-", "a PDF document", ""),
    (b"\x89PNG\r\n", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.xls, .doc)", "save it as CSV, then convert it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name a file of it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, and name a file of it"),
    (b"\x04\x22\x4d\x18", "lz4 data", "unpack it with `lz4 -d`, or pack it with zstd"),
    (b"\x1f\x9d", "data packed with `compress` (.Z)", "unpack it with `gzip -d`"),
    (b"PARE", "Parquet with an encrypted footer", "decrypt it"),
    (b"FEA1", "a Feather file of version 1", "write it as version 2 (`pyarrow.feather.write_feather`)"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"GGUF", "a GGUF model", ""),
    (b"\x93NUMPY", "a NumPy array", ""),
    (b"\x89HDF\r\n", "an HDF5 file", ""),
    (b"\x7fELF", "a program", ""),
    (b"<!DOCTYPE html", "an HTML page", "download the file itself rather than the page that shows it"),
    (b"<html", "an HTML page", "download the file itself rather than the page that shows it"),
)


def _refusal(head: bytes) -> tuple[str, str]:
    """What a file is that holds no rows, and what to do; empty if its first bytes say nothing of the kind."""
    packing = _packing_of(head)
    if packing:
        return f"{packing} data", "unpack it once"
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it, and name a file of it"
    if head.startswith(b"PK\x03\x04") and (b"[Content_Types].xml" in head or b"application/vnd.oasis" in head):
        return (
            "a spreadsheet or another Office document (a zip archive inside)",
            "save the sheet as CSV, then convert it",
        )
    for magic, found, hint in _OTHERS:
        if head.startswith(magic) and (magic != b"PK" or head[2:4] in (b"\x03\x04", b"\x05\x06", b"\x07\x08")):
            return found, hint or _JSON_LINES
    if _table_of(head):
        return f"{_table_of(head)} data", "Parquet and Arrow files are packed inside; unpack this one"
    zeros = "".join("0" if byte == 0 else "x" for byte in head[:4])
    if bits := {"x000": 32, "000x": 32, "x0x0": 16, "0x0x": 16}.get(zeros):
        return f"UTF-{bits} text", f"save it as UTF-8, such as with `iconv -f UTF-{bits} -t UTF-8`"
    return "", ""


def _json_kind(line: bytes, *, is_last: bool) -> Literal["json_lines", "json"]:
    """Tells by the first line whether it is a row. `is_last`: nothing follows it."""
    text = line.decode("utf-8", "replace").strip()
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)  # no limit of digits
    try:
        value, end = decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        # A line that is broken is a row that will be refused; one that is merely not complete begins a document.
        is_cut = error.pos >= len(text)
        return "json" if is_cut and not (is_last and text.startswith("{")) else "json_lines"
    except RecursionError:
        return "json_lines"
    return "json" if is_last and isinstance(value, list) and end == len(text) else "json_lines"


def _no_json(location: str, line: bytes) -> SourceError:
    """The error for a text that does not begin as JSON rows do."""
    shown = line.strip(_SPACE)[:40]
    try:
        text = line[:80].decode("utf-8").strip()
    except UnicodeDecodeError as error:
        text = line[: error.start].decode("utf-8") if error.start > len(line[:80]) - 4 else ""
    if not text or not all(character.isprintable() or character == "\t" for character in text):
        return SourceError(
            f"the file is no JSON: its first bytes are {shown[:16].hex(' ')}", location=location, hint=_JSON_LINES
        )
    guess = _text_kind(text)
    return SourceError(
        f"the file is no JSON: it begins with `{text[:40]}`{guess and f', like {guess}'}",
        location=location,
        hint=f"convert it: {_JSON_LINES}" if guess else _JSON_LINES,
    )


def _text_kind(text: str) -> str:
    if text.startswith("<"):
        return "XML"
    if text.startswith(("---", "- ", "%YAML")) or re.match(r"[\w-]+:(\s|$)", text):
        return "YAML"
    if "\t" in text:
        return "TSV"
    return "CSV" if re.match(r'("[^"]*"|[^,"]*)[,;]', text) else ""
