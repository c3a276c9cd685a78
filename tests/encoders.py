"""Puts a tokenizer beside a reference: ids, offsets, decoded text, streamed text and refusals.

Reference vocabularies are looked for in the folder that the environment variable CHATTPL_ORACLES names, laid out as
NAME/tokenizer.json.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from tokenizers import Encoding
from tokenizers import Tokenizer as Reference
from tokenizers.decoders import DecodeStream

from chattpl import ChatTemplateError
from chattpl.tokenizer import Tokenizer
from paths import CONFORMANCE
from tiny_tokenizers import FRAGMENTS

EXAMPLES = int(os.environ.get("CHATTPL_EXAMPLES", "300"))
CONVERSATIONS = Path(os.environ.get("CHATTPL_CONVERSATIONS") or CONFORMANCE.parent / "data" / "conversations")
ORACLES = Path(os.environ.get("CHATTPL_ORACLES") or "/nonexistent")
NO_ORACLES = "set CHATTPL_ORACLES to a folder that holds {name}/tokenizer.json"

long_run = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="CHATTPL_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Settings of the tests over generated texts: CHATTPL_EXAMPLES says how many, and makes them fresh ones."""


class Pair:
    """One tokenizer.json in both libraries."""

    def __init__(self, ours: Tokenizer, theirs: Reference, plain: Reference) -> None:
        self.ours = ours
        self.theirs = theirs
        self.plain = plain
        """Encodes the text of special tokens as text."""
        added = theirs.get_added_tokens_decoder().items()
        self.special_ids = {i for i, token in added if token.special}

    @classmethod
    def read(cls, path: Path) -> Pair:
        """Reads a tokenizer.json into both."""
        theirs, plain = Reference.from_file(str(path)), Reference.from_file(str(path))
        plain.encode_special_tokens = True
        return cls(Tokenizer.from_file(path), theirs, plain)

    @classmethod
    def write(cls, tokenizer_json: str, folder: Path) -> Pair:
        """Reads the text of a tokenizer.json into both, by way of a file."""
        path = folder / "tokenizer.json"
        path.write_text(tokenizer_json, "utf-8")
        return cls.read(path)

    def check(self, text: str, *, stream: bool = True) -> None:
        """Asserts every law for one text; streamed decoding takes the reference quadratic time on some."""
        try:
            expected = self.theirs.encode(text, add_special_tokens=False)
        except BaseException as error:
            # The reference itself gives up where white space that one added token takes belongs to another.
            if "AddedVocabulary bad split" not in str(error):
                raise
            return
        self.check_ids(text, expected)
        self.check_offsets(text, expected)
        self.check_special_tokens(text, expected)
        self.check_decoded(expected.ids, stream=stream)

    def check_ids(self, text: str, expected: Encoding) -> None:
        found = self.ours.encode(text)
        assert found.dtype.name == "int32"
        assert found.tolist() == expected.ids, self.show(text, found.tolist(), expected.ids)
        assert self.ours.count(text) == len(expected.ids)
        with_more = self.theirs.encode(text, add_special_tokens=True).ids
        assert self.ours.encode(text, add_special_tokens=True).tolist() == with_more

    def check_offsets(self, text: str, expected: Encoding) -> None:
        found = self.ours.offsets(text)
        assert found.dtype.name == "int32"
        assert found.shape == (len(expected.ids), 2)
        assert [tuple(pair) for pair in found.tolist()] == expected.offsets, repr(text)

    def check_special_tokens(self, text: str, expected: Encoding) -> None:
        """`"text"` is `tokenizers`' `encode_special_tokens`; `"error"` refuses exactly what `"text"` would change."""
        plain = self.plain.encode(text, add_special_tokens=False).ids
        found = self.ours.encode(text, special_tokens="text").tolist()
        assert found == plain, self.show(text, found, plain)
        try:
            strict = self.ours.encode(text, special_tokens="error").tolist()
        except ChatTemplateError as error:
            assert self.special_ids.intersection(expected.ids), repr(text)
            assert error.code
            assert error.hint
        else:
            assert strict == expected.ids
            assert plain == expected.ids, repr(text)

    def check_decoded(self, ids: list[int], *, stream: bool = True) -> None:
        """Decoding whole, and one token after the other: nothing is taken back, and nothing comes later than there."""
        expected = self.theirs.decode(ids, skip_special_tokens=False)
        assert self.ours.decode(ids) == expected, ids
        if stream:
            self._check_stream(ids, expected)

    def _check_stream(self, ids: list[int], expected: str) -> None:
        stream = self.ours.decode_stream()
        reference = DecodeStream(skip_special_tokens=False)
        found, awaited = "", ""
        for i in ids:
            found += stream.push(i)
            awaited += reference.step(self.theirs, i) or ""
            assert expected.startswith(found), (ids, i)
            assert found.startswith(awaited), (ids, i)
        assert found + stream.finish() == expected, ids

    def check_batch(self, texts: list[str], threads: int | None) -> None:
        """A batch is its texts one by one, whatever the threads."""
        batch = self.ours.encode_batch(texts, threads=threads)
        offsets = batch.offsets.tolist()
        rows = [batch.input_ids[a:b].tolist() for a, b in pairwise(offsets)]
        assert (batch.input_ids.dtype.name, batch.offsets.dtype.name) == ("int32", "int64")
        assert (offsets[0], offsets[-1]) == (0, len(batch.input_ids))
        assert rows == [encoding.ids for encoding in self.theirs.encode_batch(texts, add_special_tokens=False)]

    def show(self, text: str, found: list[int], expected: list[int]) -> str:
        """The text, and both token sequences from where they part."""
        same = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), None)
        start = max(0, (min(len(found), len(expected)) if same is None else same) - 2)
        ours, theirs = ([self.theirs.id_to_token(i) for i in ids[start : start + 12]] for ids in (found, expected))
        return f"{text[:300]!r}: from token {start} on, ours {ours}, theirs {theirs}"


def oracle(name: str) -> Path | None:
    """The tokenizer.json of a vocabulary, where there is one."""
    path = ORACLES / name / "tokenizer.json"
    return path if path.is_file() else None


def conversation_texts(limit: int) -> list[str]:
    """Some rows of each file of real conversations, and every string in them; at most `limit` texts."""
    texts: list[str] = []
    files = sorted(CONVERSATIONS.glob("*.jsonl"))
    for path in files:
        lines = path.read_text("utf-8").splitlines()
        step = max(1, len(lines) * len(files) * 4 // max(limit, 1))
        for line in lines[::step]:
            texts.append(line)
            texts.extend(_strings(json.loads(line)))
    different = list(dict.fromkeys(texts))
    return different if len(different) <= limit else random.Random(0).sample(different, limit)


def written_texts(count: int, added: list[str], seed: int = 0) -> Iterator[str]:
    """Documents put together from fragments, added tokens and characters from anywhere in Unicode."""
    source = random.Random(seed)
    parts: list[Callable[[], str]] = [
        lambda: source.choice(FRAGMENTS),
        lambda: source.choice(FRAGMENTS) * source.randrange(1, 9),
        lambda: source.choice(added or FRAGMENTS),
        lambda: " " * source.randrange(1, 5) + source.choice("aB1.\n日"),
        lambda: "".join(_character(source) for _ in range(source.randrange(1, 8))),
    ]
    for _ in range(count):
        yield "".join(source.choice(parts)() for _ in range(source.randrange(1, 40)))


def unicode_texts(count: int, seed: int = 0) -> Iterator[str]:
    """Short strings over the whole of Unicode, without surrogates."""
    source = random.Random(seed)
    for _ in range(count):
        yield "".join(_character(source) for _ in range(source.randrange(1, 16)))


def _character(source: random.Random) -> str:
    top = source.choice([0x7F, 0x24F, 0x2FFF, 0xFFFF, 0x1FFFF, 0x10FFFF])
    code = source.randrange(top + 1)
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _strings(inner)
        case list():
            for inner in value:
                yield from _strings(inner)
