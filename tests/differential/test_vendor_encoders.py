"""Live comparison with the vendors' own encoders: `mistral-common` for Mistral, `openai-harmony` for gpt-oss.

Mistral's vocabularies are in their package. Harmony reads o200k's ranks from CHATTPL_ORACLES (o200k/ranks.tiktoken) or
from the package `bpe_openai`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from chattpl import ChatTemplateError
from chattpl.tokenizer import Tokenizer
from encoders import EXAMPLES, conversation_texts, unicode_texts, written_texts
from tiny_tokenizers import CORPUS, FRAGMENTS
from vendor_packages import MISTRAL_FILES, harmony_encoding, package_file


class Vendor(NamedTuple):
    """A vendor's encoder."""

    encode: Callable[[str], list[int]]
    """Control tokens in the text are text."""
    decode: Callable[[list[int]], str]
    token_id: Callable[[str], int]
    """Of a control token."""
    bos: str
    special: list[int]


def _texts() -> Iterator[str]:
    yield from ["", *CORPUS, *FRAGMENTS, "".join(FRAGMENTS), "a" * 5000, " " * 5000, "\n" * 500, "日" * 999]
    yield "<s>[INST] hi [/INST]</s> <|start|>user<|message|>hi<|end|> <unk> <0x0A>"
    yield from written_texts(EXAMPLES, ["[INST]", "<s>", "<|start|>", "[TOOL_CALLS]", "<unk>"], seed=EXAMPLES)
    yield from unicode_texts(EXAMPLES, seed=EXAMPLES)
    yield from conversation_texts(EXAMPLES)


@cache
def _mistral(name: str) -> Vendor:
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    path = package_file("mistral_common", f"data/{MISTRAL_FILES[name]}")
    if path is None:
        pytest.skip(f"this mistral-common has no {MISTRAL_FILES[name]}")
    tokenizer: Any
    if path.suffix == ".json":
        tokenizer = Tekkenizer.from_file(path)
    else:
        pytest.importorskip(
            "sentencepiece", reason="sentencepiece, which mistral-common reads this file with, is not installed"
        )
        tokenizer = SentencePieceTokenizer(path)
    return Vendor(
        encode=lambda text: tokenizer.encode(text, bos=False, eos=False),
        decode=lambda ids: tokenizer.decode(ids, special_token_policy=SpecialTokenPolicy.IGNORE),
        token_id=tokenizer.get_special_token,
        bos="<s>",
        special=sorted(tokenizer.special_ids),
    )


@cache
def _harmony() -> Vendor:
    encoding = harmony_encoding()
    return Vendor(
        encode=lambda text: encoding.encode(text, disallowed_special=()),
        decode=encoding.decode,
        token_id=lambda token: encoding.encode(token, allowed_special="all")[0],
        bos="<|start|>",
        special=sorted(encoding.encode(token, allowed_special="all")[0] for token in encoding.special_tokens_set),
    )


@pytest.mark.parametrize("name", [*MISTRAL_FILES, "o200k_harmony"])
def test_vendor_encodes_text_alike(name: str) -> None:
    vendor, ours = _vendor(name), Tokenizer.load(name)
    for text in _texts():
        ids = vendor.encode(text)
        assert ours.encode(text, special_tokens="text").tolist() == ids, repr(text[:300])


@pytest.mark.parametrize("name", [*MISTRAL_FILES, "o200k_harmony"])
def test_vendor_decodes_alike(name: str) -> None:
    vendor, ours = _vendor(name), Tokenizer.load(name)
    for text in _texts():
        ids = vendor.encode(text)
        expected = vendor.decode(ids)
        stream = ours.decode_stream()
        assert ours.decode(ids) == expected, repr(text[:300])
        assert "".join(map(stream.push, ids)) + stream.finish() == expected, repr(text[:300])


@pytest.mark.parametrize("name", [*MISTRAL_FILES, "o200k_harmony"])
def test_vendor_has_the_same_control_tokens(name: str) -> None:
    vendor, ours = _vendor(name), Tokenizer.load(name)
    begin = vendor.token_id(vendor.bos)
    assert ours.token_to_id(vendor.bos) == begin
    assert ours.encode(vendor.bos).tolist() == [begin]
    assert begin not in ours.encode(f"a{vendor.bos}b", special_tokens="text").tolist()
    with pytest.raises(ChatTemplateError):
        ours.encode(f"a{vendor.bos}b", special_tokens="error")


@pytest.mark.parametrize("name", [name for name in MISTRAL_FILES if name != "mistral-v1"])
def test_mistral_control_token_ids_agree(name: str) -> None:
    vendor, ours = _vendor(name), Tokenizer.load(name)
    for token in ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[TOOL_RESULTS]"]:
        assert ours.token_to_id(token) == vendor.token_id(token)


def test_harmony_parity_mode_takes_control_tokens_from_anywhere() -> None:
    vendor, ours = _vendor("o200k_harmony"), Tokenizer.load("o200k_harmony")
    text = "<|start|>assistant<|channel|>analysis<|message|>a<|end|><|start|>x<|return|><|call|>"
    ids = ours.encode(text).tolist()
    assert [i for i in ids if i in vendor.special] == [vendor.token_id(t) for t in
        ["<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>", "<|call|>"]]  # fmt: skip
    assert ours.decode(ids) == text


def _vendor(name: str) -> Vendor:
    return _harmony() if name == "o200k_harmony" else _mistral(name)
