"""Compiled formats: a template, its tokens and its vocabulary in one file that depends on nothing else.

    magic "chattplF", version u32, bytes of the description u64, bytes of the vocabulary u64 (all little-endian),
    SHA-256 of the three numbers and the description, the description (JSON), the vocabulary (a pack, see `Tokenizer`)

The vocabulary has a checksum of its own, which is looked at when it is read. The description also holds the tokens of
the templates' literals, as far as they are sure whatever stands beside them; without those, they are made when needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

from chattpl.errors import SourceError
from chattpl.source import NOT_ARGUMENTS, ChatSource

SUFFIX = ".chattpl"
MAGIC = b"chattplF"
VERSION = 1

_NUMBERS = struct.Struct("<IQQ")
_HEADER_BYTES = len(MAGIC) + _NUMBERS.size + hashlib.sha256().digest_size
_AGAIN = "make it again with `chattpl compile`"


class Compiled(NamedTuple):
    """What a compiled format says of itself."""

    info: dict[str, Any]
    """The fields of its `ModelInfo`."""
    source: ChatSource
    """Its templates and tokens."""


def is_compiled(path: Path) -> bool:
    """Tells a compiled format by its name or its first bytes."""
    if path.suffix == SUFFIX:
        return path.is_file()
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def write(path: Path, info: dict[str, Any], source: ChatSource, pack: bytes) -> int:
    """Writes a compiled format, all of it or nothing.

    Args:
        path: The file.
        info: The fields of its `ModelInfo`; they are plain data.
        source: Its templates and tokens.
        pack: Its vocabulary.

    Returns:
        The number of bytes.

    Raises:
        OSError: The file cannot be written.
    """
    given = source._asdict()
    said = {"info": info, "literals": given.pop("literals"), "source": given}
    description = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    numbers = _NUMBERS.pack(VERSION, len(description), len(pack))
    checksum = hashlib.sha256(numbers + description).digest()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            size = sum(map(file.write, (MAGIC, numbers, checksum, description, pack)))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size


def read(path: Path) -> Compiled:
    """Reads all of a compiled format but its vocabulary.

    Raises:
        SourceError: The file cannot be read, is damaged, or of another version.
    """
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_BYTES)
            start, _ = _places(header, os.fstat(file.fileno()).st_size, str(path))
            description = file.read(start - _HEADER_BYTES)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", location=str(path)) from error
    numbers, checksum = header[len(MAGIC) :][: _NUMBERS.size], header[len(MAGIC) + _NUMBERS.size :]
    if hashlib.sha256(numbers + description).digest() != checksum:
        raise _damaged("its checksum is wrong", str(path))
    try:
        said = json.loads(description.decode("utf-8", "surrogatepass"))
        source = _source(said["source"])
        return Compiled(dict(said["info"]), source._replace(literals=_literals(said.get("literals"))))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(f"its description is not one of ours ({error})", str(path)) from error


def vocabulary_of(data: Any, path: str) -> memoryview:
    """The pack in a compiled format that is mapped or in memory.

    Raises:
        SourceError: The file is damaged, or of another version.
    """
    start, end = _places(bytes(data[:_HEADER_BYTES]), len(data), path)
    return memoryview(data)[start:end]


def _source(said: dict[str, Any]) -> ChatSource:
    """The templates and tokens of a description, every value of its type."""
    source = ChatSource(**said)._replace(stop_tokens=tuple(said["stop_tokens"]))
    if not all(isinstance(value, str | None) for value in (source.name, source.file)):
        raise TypeError("names are text")
    texts = [*source.templates.values(), *source.arguments.values(), *source.stop_tokens]
    if isinstance(said["stop_tokens"], str) or not all(isinstance(text, str) for text in texts):
        raise TypeError("templates, arguments and stop tokens are text")
    for text in filter(None, [source.name, source.file, *texts, *source.arguments, *source.special_tokens]):
        text.encode()  # a lone surrogate is in no file
    if taken := NOT_ARGUMENTS & source.arguments.keys():
        raise TypeError(f"no argument is called {min(taken)}")
    if not all(token_id is None or type(token_id) is int for token_id in source.special_tokens.values()):
        raise TypeError("ids are whole numbers")
    return source


def _literals(said: object) -> dict[str, str] | None:
    if said is None:
        return None
    if not isinstance(said, dict) or not all(isinstance(tokens, str) for tokens in said.values()):
        raise TypeError("tokens of literals are text, by template")
    for tokens in said.values():
        tokens.encode()
    return said


def _places(header: bytes, size: int, path: str) -> tuple[int, int]:
    """Where the vocabulary begins and ends."""
    if not header.startswith(MAGIC):
        raise _damaged("it does not begin like a compiled format", path)
    if len(header) < _HEADER_BYTES:
        raise _damaged(f"it has {size} bytes, and the header alone {_HEADER_BYTES}", path)
    version, described, packed = _NUMBERS.unpack_from(header, len(MAGIC))
    if version != VERSION:
        raise SourceError(
            f"a compiled format of version {version}; this chattpl reads version {VERSION}", location=path, hint=_AGAIN
        )
    start = _HEADER_BYTES + described
    if start + packed != size:
        raise _damaged(f"it has {size} bytes of {start + packed}", path)
    return start, start + packed


def _damaged(how: str, path: str) -> SourceError:
    return SourceError(f"the compiled format is damaged: {how}", location=path, hint=_AGAIN)
