"""Metadata of GGUF files: the chat templates and special tokens that a quantized model carries.

The layout is that of the GGUF specification, versions 2 and 3: a magic number, counts, then typed key-value pairs. Only
the part before the tensors is read, through a memory map. Every length is checked before it is followed, so that a
broken file ends in a `SourceError` and costs no more than its own size.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from array import array
from collections import deque
from typing import Any, NoReturn

from chattpl.errors import SourceError
from chattpl.source import ChatSource

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
# Value types by their number, as `struct` formats.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_OWN_ORDER = "<" if sys.byteorder == "little" else ">"
_CONTROL_TOKEN = 3
_MAX_ARRAY_DEPTH = 4

_TEMPLATE = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"
_TOKEN_TYPES = "tokenizer.ggml.token_type"
_NAMED_IDS = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "eos_token": "tokenizer.ggml.eos_token_id",
    "unk_token": "tokenizer.ggml.unknown_token_id",
    "sep_token": "tokenizer.ggml.seperator_token_id",  # spelt so in the specification
    "pad_token": "tokenizer.ggml.padding_token_id",
    "mask_token": "tokenizer.ggml.mask_token_id",
}
_STOP_IDS = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")

_WANTED = frozenset({_TEMPLATE, _TOKENS, _TOKEN_TYPES, "general.name", *_NAMED_IDS.values(), *_STOP_IDS})
"""The keys that matter for chatting; what others hold is passed over, however much it is."""


def read_chat(path: str | os.PathLike[str]) -> ChatSource:
    """Reads the chat templates and special tokens of a GGUF file.

    Raises:
        SourceError: The file is damaged, of another version, or cannot be read. A file without a template is no error.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < 24:
                raise SourceError("not a GGUF file: shorter than its header")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _chat(_Reader(data).metadata())
    except OSError as error:
        raise SourceError(f"cannot read the GGUF file: {error.strerror}", location=str(path)) from error
    except SourceError as error:
        raise SourceError(error.message, location=str(path), hint=error.hint) from None


def _chat(metadata: dict[str, Any]) -> ChatSource:
    templates = {}
    for key, value in metadata.items():
        if key == _TEMPLATE or key.startswith(f"{_TEMPLATE}."):
            templates[key.removeprefix(_TEMPLATE).removeprefix(".") or "default"] = value
    if any(not isinstance(template, str) for template in templates.values()):
        raise SourceError("damaged GGUF metadata: a chat template is not a string")
    tokens = metadata.get(_TOKENS)
    tokens = tokens if isinstance(tokens, list) else []
    ids = {key: _token_id(metadata, id_key, tokens) for key, id_key in _NAMED_IDS.items()}
    types = metadata.get(_TOKEN_TYPES)
    types = types if isinstance(types, array) else ()
    control = {token_id for token_id, kind in enumerate(types[: len(tokens)]) if kind == _CONTROL_TOKEN}
    control.update(token_id for token_id in ids.values() if token_id is not None)
    stops = [_token_id(metadata, key, tokens) for key in _STOP_IDS]
    name = metadata.get("general.name")
    return ChatSource(
        name if isinstance(name, str) else None,
        templates,
        {key: _text(tokens[token_id]) for key, token_id in ids.items() if token_id is not None},
        {_text(tokens[token_id]): token_id for token_id in sorted(control)},
        tuple(dict.fromkeys(_text(tokens[token_id]) for token_id in stops if token_id is not None)),
    )


def _text(token: object) -> str:
    """Decodes a token. A byte token need not be UTF-8 by itself; a control token is."""
    return token.decode(errors="replace") if isinstance(token, bytes) else str(token)


def _token_id(metadata: dict[str, Any], key: str, tokens: list[Any]) -> int | None:
    value = metadata.get(key)
    return value if isinstance(value, int) and 0 <= value < len(tokens) else None


class _Reader:
    """Walks the metadata, checking each length against what is left of the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.size = len(data)
        self.at = 0
        self.order = "<"

    def metadata(self) -> dict[str, Any]:
        """Reads the header and all key-value pairs that matter for chatting; others are skipped."""
        if self.data[:4] != _MAGIC:
            raise SourceError("not a GGUF file: it does not start with `GGUF`")
        self.at = 4
        version = self.number("I")
        if version > 0xFFFF:  # written on a machine of the other byte order
            self.order = ">"
            version = struct.unpack(">I", self.data[4:8])[0]
        if version not in (2, 3):
            raise SourceError(f"GGUF version {version} is not supported", hint="versions 2 and 3 are")
        self.number("Q")  # how many tensors
        pairs = {}
        for _ in range(self.count(self.number("Q"), 13)):
            key = self.string()
            kind = self.number("I")
            wanted = key in _WANTED or key.startswith(f"{_TEMPLATE}.")
            value = self.value(kind, wanted, 0)
            if wanted:
                pairs[key] = value
        return pairs

    def value(self, kind: int, wanted: bool, depth: int) -> Any:
        """Reads one value; one that is not wanted is only stepped over where that is quicker."""
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.string() if wanted else self.skip(self.number("Q"))
        if kind == _ARRAY and depth < _MAX_ARRAY_DEPTH:
            return self.array(wanted, depth)
        raise SourceError(f"damaged GGUF metadata: no value has type {kind} at byte {self.at - 4}")

    def array(self, wanted: bool, depth: int) -> Any:
        kind, length = self.number("I"), self.number("Q")
        if kind == _STRING:
            return self.strings(self.count(length, 8), wanted)
        if kind not in _SCALARS:
            values = (self.value(kind, wanted, depth + 1) for _ in range(self.count(length, 12)))
            if wanted:
                return list(values)
            deque(values, maxlen=0)
            return None
        width = struct.calcsize(f"={_SCALARS[kind]}")
        start = self.at
        self.skip(self.count(length, width) * width)
        if not wanted:
            return None
        numbers = array(_SCALARS[kind].replace("?", "B"), self.data[start : self.at])
        if self.order != _OWN_ORDER:
            numbers.byteswap()
        return numbers

    def strings(self, length: int, wanted: bool) -> list[bytes]:
        """Reads an array of strings, undecoded: a vocabulary has a hundred thousand, and three of them matter."""
        texts = []
        at, data, unpack = self.at, self.data, struct.Struct(f"{self.order}Q").unpack_from
        for _ in range(length):
            if at + 8 > self.size:
                self.cut(1)
            (width,) = unpack(data, at)
            at += 8 + width
            if at > self.size:
                self.cut(1)
            if wanted:
                texts.append(data[at - width : at])
        self.at = at
        return texts

    def string(self) -> str:
        start = self.at + 8
        self.skip(self.number("Q"))
        try:
            return self.data[start : self.at].decode()
        except UnicodeDecodeError as error:
            raise SourceError(f"damaged GGUF metadata: the string at byte {start} is not UTF-8") from error

    def number(self, code: str) -> int:
        """Reads one scalar. Floats are read too, and come back as such; nobody here computes with them."""
        start = self.at
        layout = self.order + code
        self.skip(struct.calcsize(layout))
        number: int = struct.unpack_from(layout, self.data, start)[0]
        return number

    def count(self, count: int, width: int) -> int:
        """Checks that `count` items of at least `width` bytes fit into the rest of the file."""
        if count * width > self.size - self.at:
            self.cut(count)
        return count

    def cut(self, count: int) -> NoReturn:
        raise SourceError(
            f"damaged or cut GGUF file: {count} more items do not fit after byte {self.at} of {self.size}",
            hint="download the file again",
        )

    def skip(self, length: int) -> None:
        self.count(length, 1)
        self.at += length
