"""Live comparison with the installed `tokenizers`: small tokenizers of every build, and real ones where they are.

`CHATTPL_EXAMPLES=20000` makes a long run with fresh examples; without it the same examples are tried each time.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny_tokenizers as tiny
from chattpl import ChatTemplateError
from chattpl.tokenizer import Tokenizer
from encoders import (
    CONVERSATIONS,
    EXAMPLES,
    NO_ORACLES,
    Pair,
    conversation_texts,
    long_run,
    oracle,
    unicode_texts,
    written_texts,
)
from other_models import KINDS, other_model

NAMED = tiny.named()
SHIPPED = {
    "qwen3": "qwen", "gptoss": "o200k_harmony", "gpt4o": "o200k", "gpt4": "cl100k", "llama3_1": "llama3",
    "mistral_v1": "mistral-v1", "mistral_v2": "mistral-v2", "mistral_v3": "mistral-v3", "mistral_v7": "mistral-v7",
}  # fmt: skip
"""Shipped vocabularies by the folder of their oracle."""
NOT_IN_THE_PACKAGE = {"llama3"}
"""For its licence; an extra brings it."""
VOCABULARIES = ["qwen2_5", "qwen3", "gptoss", "gpt4o", "gpt4", "llama3_1", "deepseek_v3", "gemma3", "llama2",
                "mistral_v1", "mistral_v2", "mistral_v3", "mistral_v7"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokenizers")


class Named(dict[str, Pair]):
    """The named tokenizers, each written and read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> Pair:
        self[name] = Pair.write(NAMED[name].json(), self.folder)
        return self[name]


@pytest.fixture(scope="module")
def named(folder: Path) -> Named:
    return Named(folder)


# ---- small tokenizers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMED)
def test_named_tokenizer_agrees_on_its_own_corpus(name: str, named: Named) -> None:
    for text in ["", *tiny.CORPUS, "\n".join(tiny.CORPUS), *tiny.FRAGMENTS, "".join(tiny.FRAGMENTS)]:
        named[name].check(text)


@pytest.mark.parametrize("name", NAMED)
@long_run
@given(text=tiny.texts)
def test_named_tokenizer_agrees_on_any_text(name: str, named: Named, text: str) -> None:
    named[name].check(text)


@long_run
@given(config=tiny.byte_level_configs, texts=st.lists(tiny.texts, min_size=1, max_size=8))
def test_any_byte_level_tokenizer_agrees(folder: Path, config: tiny.Config, texts: list[str]) -> None:
    _check_config(folder, config, texts)


@long_run
@given(config=tiny.sentencepiece_configs, texts=st.lists(tiny.texts, min_size=1, max_size=8))
def test_any_sentencepiece_tokenizer_agrees(folder: Path, config: tiny.Config, texts: list[str]) -> None:
    _check_config(folder, config, texts)


@pytest.mark.parametrize("name", NAMED)
@long_run
@given(ids=st.lists(st.integers(0, 2**16), max_size=20))
def test_any_ids_decode_alike(name: str, named: Named, ids: list[int]) -> None:
    """Also what no text encodes to: halves of characters, bytes out of order.

    With byte fallback, a byte that is no part of a character spoils those before it, so that no stream can have
    emitted them rightly.
    """
    size = named[name].theirs.get_vocab_size()
    named[name].check_decoded([i % size for i in ids], stream=not NAMED[name].sentencepiece)


@pytest.mark.parametrize("name", NAMED)
def test_long_repeated_text_agrees(name: str, named: Named) -> None:
    """Merges far apart in one piece: each unit many times, so that a piece is thousands of tokens."""
    for unit in ["a", "ab", "aab", " ", "\n", "é", "日", "🦆", "e\u0301", "the", ".", "1", "\u0301", "aA"]:
        named[name].check(unit * 3000, stream=False)
        named[name].check(f"x{unit * 777} {unit * 778}\n", stream=False)


@pytest.mark.parametrize("threads", [None, 1, 2, 7])
@pytest.mark.parametrize("name", NAMED)
def test_batch_is_its_texts_one_by_one(name: str, threads: int | None, named: Named) -> None:
    named[name].check_batch([], threads)
    named[name].check_batch([""], threads)
    named[name].check_batch(["", *tiny.CORPUS, *tiny.FRAGMENTS, ""] * 3, threads)


@pytest.mark.parametrize("name", NAMED)
def test_ids_do_not_depend_on_what_came_before(name: str, named: Named, folder: Path) -> None:
    """A cache that fills up, or answers for another piece, would show."""
    pair = named[name]
    texts = list(written_texts(40 + EXAMPLES // 4, [token.content for token in NAMED[name].added]))
    expected = [encoding.ids for encoding in pair.theirs.encode_batch(texts, add_special_tokens=False)]
    forth = [pair.ours.encode(text).tolist() for text in texts]
    back = [pair.ours.encode(text).tolist() for text in reversed(texts)][::-1]
    fresh = Pair.write(NAMED[name].json(), folder).ours
    assert forth == expected
    assert back == expected
    assert [fresh.encode(text).tolist() for text in reversed(texts)][::-1] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_other_models_run_on_another_engine_with_the_same_results(kind: str, folder: Path) -> None:
    pair = Pair.write(other_model(kind).to_str(), folder)
    for text in ["", *tiny.CORPUS, *tiny.FRAGMENTS]:
        pair.check(text)


@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "NFKC"},
        {"type": "NFD"},
        {"type": "Lowercase"},
        {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
        tiny.sequence("normalizers", [{"type": "NFC"}, {"type": "Lowercase"}, {"type": "StripAccents"}]),
    ],
    ids=lambda part: part["type"],
)
def test_other_normalizers_agree(normalizer: dict[str, object], folder: Path) -> None:
    config = tiny.Config(normalizer=normalizer, pre_tokenizer=tiny.byte_level(regex=True), decoder=tiny.byte_level())
    _check_config(folder, config, ["", *tiny.CORPUS, *tiny.FRAGMENTS])


@pytest.mark.parametrize("name", NAMED)
def test_token_to_id_and_bytes_agree(name: str, named: Named) -> None:
    pair = named[name]
    for i, token in pair.theirs.get_added_tokens_decoder().items():
        assert pair.ours.token_to_id(token.content) == i
        if not token.normalized:
            assert pair.ours.id_to_bytes(i) == token.content.encode()
    assert pair.ours.token_to_id("no such token") is None
    assert pair.ours.vocab_size == max(pair.theirs.get_vocab(with_added_tokens=True).values()) + 1


def test_the_comparison_can_fail(named: Named) -> None:
    """A tokenizer that differs in one part does not pass for the other."""
    for one, other, text in [
        ("cl100k", "qwen", "e\u0301"),  # NFC
        ("cl100k", "llama3", "a"),  # what is put first
        ("cl100k", "gpt2", "new\n\n\nlines"),  # the split
        ("cl100k", "gpt2 as shipped", "<|im_start|>"),  # added tokens
        ("llama2", "mistral v3", "[INST] a"),  # where a space mark goes
        ("llama2", "gemma", "a"),
    ]:
        mixed = Pair(named[one].ours, named[other].theirs, named[other].plain)
        with pytest.raises(AssertionError):
            mixed.check(text)


# ---- real vocabularies -----------------------------------------------------------------------------------------------


@cache
def _vocabulary(name: str) -> Pair:
    path = oracle(name)
    if path is None:
        pytest.skip(NO_ORACLES.format(name=name))
    return Pair.read(path)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_vocabulary_agrees_on_real_conversations(name: str) -> None:
    pair = _vocabulary(name)
    if not CONVERSATIONS.is_dir():
        pytest.skip("the conversations are not beside the checkout; set CHATTPL_CONVERSATIONS")
    for text in conversation_texts(EXAMPLES):
        pair.check(text)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_vocabulary_agrees_on_written_documents(name: str) -> None:
    pair = _vocabulary(name)
    added = [token.content for token in pair.theirs.get_added_tokens_decoder().values()]
    for text in written_texts(EXAMPLES, added, seed=EXAMPLES):
        pair.check(text)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_vocabulary_agrees_on_strings_of_the_whole_of_unicode(name: str) -> None:
    pair = _vocabulary(name)
    for text in unicode_texts(EXAMPLES, seed=EXAMPLES):
        pair.check(text)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_vocabulary_agrees_on_every_character(name: str) -> None:
    """Every code point once, in the middle of a word; many to a text."""
    pair = _vocabulary(name)
    points = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    step = 1 if EXAMPLES >= 2000 else 37
    chosen = points[:0x3000] + points[0x3000::step]
    texts = ["".join(f"a{c}b {c}1" for c in chosen[i : i + 500]) for i in range(0, len(chosen), 500)]
    pair.check_batch(texts, None)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_vocabulary_is_the_reference(name: str) -> None:
    """Ids and text of plain text; of added tokens, those that both have agree on their ids."""
    pair = _vocabulary(name)
    try:
        ours = Tokenizer.load(SHIPPED[name])
    except ChatTemplateError as error:
        if SHIPPED[name] not in NOT_IN_THE_PACKAGE:
            raise
        pytest.skip(error.message)
    added = {token.content: i for i, token in pair.theirs.get_added_tokens_decoder().items()}
    texts = [*conversation_texts(EXAMPLES), *unicode_texts(EXAMPLES, seed=EXAMPLES + 1)]
    for text in texts:
        if not any(content in text for content in added):
            expected = pair.theirs.encode(text, add_special_tokens=False)
            found = ours.encode(text).tolist()
            assert found == expected.ids, pair.show(text, found, expected.ids)
            assert ours.decode(expected.ids) == pair.theirs.decode(expected.ids, skip_special_tokens=False)
    known = {content: ours.token_to_id(content) for content in added}
    assert any(i is not None for i in known.values())
    differ = {content: i for content, i in known.items() if i not in (None, added[content])}
    if name == "llama3_1":
        # The names of reserved tokens move along where a model gives one of them a use: the same ids, other names.
        assert all(re.fullmatch(r"<\|reserved_special_token_\d+\|>", content) for content in differ)
        assert set(differ.values()) <= set(added.values())
    else:
        assert differ == {}


# ---- helpers ---------------------------------------------------------------------------------------------------------


def _check_config(folder: Path, config: tiny.Config, texts: list[str]) -> None:
    # Of two added tokens with one normalized text, `tokenizers` takes either, by chance of hashing, anew at each load.
    contents = [unicodedata.normalize("NFC", token.content) for token in config.added]
    if len(set(contents)) != len(contents):
        return
    pair = Pair.write(config.json(), folder)
    for text in texts:
        pair.check(text)


def test_vocabulary_list_has_no_name_twice() -> None:
    assert len(set(VOCABULARIES)) == len(VOCABULARIES)
    assert set(SHIPPED) <= set(VOCABULARIES)
    assert json.loads(NAMED["llama3"].json())["model"]["ignore_merges"] is True
