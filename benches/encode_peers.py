"""Drives each tokenizer library at its fastest: a list of str in, NumPy arrays out, one thread unless told.

A peer that is not installed, or does not read a vocabulary, raises `Unavailable` with the reason. Imports stand inside
the functions, so that a process holds one library only and its memory can be told.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Unavailable(Exception):
    """Why a library cannot take part."""


class Ragged(NamedTuple):
    """Ids of a batch, one document after the other."""

    input_ids: NDArray[Any]
    """Of all documents, in order."""
    offsets: NDArray[Any]
    """Where each document begins, and one past the last."""


class Encoder(NamedTuple):
    """What is timed: a whole batch, and one text on its own."""

    batch: Callable[[list[str]], Ragged]
    one: Callable[[str], Any]
    """One text to whatever the library's shortest way to ids gives: an array or a list."""


def load(library: str, path: Path, threads: int = 1) -> Encoder:
    """Loads a tokenizer.json into a library.

    Raises:
        Unavailable: it is not installed, or refuses the file.
    """
    try:
        return LIBRARIES[library](path, threads)
    except ImportError as error:
        raise Unavailable(f"not installed: {error}") from error
    except Exception as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


def _chattpl(path: Path, threads: int) -> Encoder:
    from chattpl.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_file(path)

    def batch(texts: list[str]) -> Ragged:
        encoded = tokenizer.encode_batch(texts, threads=threads)
        return Ragged(np.asarray(encoded.input_ids), np.asarray(encoded.offsets))

    return Encoder(batch, tokenizer.encode)


def _gigatoken(path: Path, threads: int) -> Encoder:
    import gigatoken

    tokenizer = gigatoken.Tokenizer(path)

    def batch(texts: list[str]) -> Ragged:
        layout = tokenizer.encode_batch(texts, parallel=threads > 1).layout
        return Ragged(layout.content.data, layout.offsets.data)

    return Encoder(batch, tokenizer.encode)


def _fastokens(path: Path, _threads: int) -> Encoder:
    from fastokens import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))

    def batch(texts: list[str]) -> Ragged:
        input_ids, offsets = tokenizer.encode_batch_flat(texts)
        return Ragged(np.frombuffer(input_ids, np.uint32), np.frombuffer(offsets, np.uint64))

    return Encoder(batch, lambda text: tokenizer.encode(text).ids)


def _tokenizers(path: Path, _threads: int) -> Encoder:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))

    def batch(texts: list[str]) -> Ragged:
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return _ragged([encoding.ids for encoding in encodings])

    return Encoder(batch, lambda text: tokenizer.encode(text, add_special_tokens=False).ids)


def _kitoken(path: Path, _threads: int) -> Encoder:
    from kitoken import Kitoken

    tokenizer = Kitoken.from_tokenizers_file(str(path))
    return Encoder(lambda texts: _ragged(tokenizer.encode_all(texts, True)), lambda text: tokenizer.encode(text, True))


def _tiktoken(path: Path, _threads: int) -> Encoder:
    import tiktoken

    encoding = tiktoken.Encoding(path.parent.name, **tiktoken_arguments(json.loads(path.read_text("utf-8"))))

    def one(text: str) -> NDArray[Any]:
        return encoding.encode_to_numpy(text, allowed_special="all")

    def batch(texts: list[str]) -> Ragged:
        return _ragged([one(text) for text in texts])

    return Encoder(batch, one)


LIBRARIES: dict[str, Callable[[Path, int], Encoder]] = {
    "chattpl": _chattpl,
    "gigatoken": _gigatoken,
    "fastokens": _fastokens,
    "tiktoken": _tiktoken,
    "kitoken": _kitoken,
    "tokenizers": _tokenizers,
}


def tiktoken_arguments(tokenizer_json: dict[str, Any]) -> dict[str, Any]:
    """Reads what `tiktoken.Encoding` needs off a byte-level tokenizer.json with one split and ids that are ranks."""
    steps = tokenizer_json["pre_tokenizer"]["pretokenizers"]
    patterns = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split"]
    if len(patterns) != 1:
        raise Unavailable(f"{len(patterns)} splits; it does one")
    byte_of = _bytes_of_characters()
    ranks = {bytes(byte_of[c] for c in token): i for token, i in tokenizer_json["model"]["vocab"].items()}
    added = {token["content"]: token["id"] for token in tokenizer_json["added_tokens"]}
    return {"pat_str": patterns[0], "mergeable_ranks": ranks, "special_tokens": added}


def _bytes_of_characters() -> dict[str, int]:
    """The characters that GPT-2's byte-level vocabularies write bytes as."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _ragged(rows: list[Any]) -> Ragged:
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    arrays = [np.asarray(row, np.int32) for row in rows]
    return Ragged(np.concatenate(arrays) if arrays else np.zeros(0, np.int32), offsets)
