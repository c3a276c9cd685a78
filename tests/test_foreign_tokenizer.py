"""Tokenizers that the crate `tokenizers` runs equal the package of that name: any text, threads, processes, pickles."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Reference

import chattpl
import tiny_tokenizers as tiny
from chattpl import EncodeError, Tokenizer, VocabularyError
from encoders import Pair, conversation_texts, long_run, unicode_texts, written_texts
from other_models import KINDS, other_model
from test_processes import CONTEXTS, in_child


def _bert() -> Reference:
    """Lower case, accents gone, a token put on either side of a text."""
    trainer = trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False
    )
    tokenizer = Reference(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    tokenizer.train_from_iterator(tiny.CORPUS, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer


def _unigram(byte_fallback: bool) -> Reference:
    """As T5's: compatibility composition, runs of spaces as one, control tokens among the pieces."""
    special = ["<pad>", "</s>", "<unk>", *([f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else [])]
    trainer = trainers.UnigramTrainer(
        vocab_size=300 + len(special), special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer = Reference(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(tiny.CORPUS, trainer)
    file = json.loads(tokenizer.to_str())
    file["model"]["byte_fallback"] = byte_fallback
    file["added_tokens"] = [token for token in file["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Reference.from_str(json.dumps(file))
    pieces = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(pieces) if byte_fallback else decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def _byte_level_with_lowercase() -> Reference:
    """Byte-level, with a normalizer that our own encoder lacks and offsets without spaces."""
    tokenizer = Reference(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=400, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(tiny.CORPUS, trainer)
    tokenizer.add_tokens([AddedToken("Fox", normalized=True), AddedToken("dog", single_word=True)])
    return tokenizer


MADE: dict[str, Callable[[], Reference]] = {
    **{kind: partial(other_model, kind) for kind in KINDS},
    "BERT": _bert,
    "T5": partial(_unigram, byte_fallback=False),
    "T5 with bytes": partial(_unigram, byte_fallback=True),
    "lower case": _byte_level_with_lowercase,
}
START, END = "<|im_start|>", "<|im_end|>"
ADDED = [START, END, "<think>", "<wide>", "<s>", "</s>", "<unk>", "<pad>", "[SEP]", "Fox", "fox", "dog"]


@pytest.fixture(scope="module", params=MADE)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    reference = MADE[request.param]()
    reference.add_special_tokens([START, END, AddedToken("<wide>", lstrip=True, rstrip=True, special=True)])
    reference.add_tokens([AddedToken("<think>", normalized=False)])
    made = Pair.write(reference.to_str(), tmp_path_factory.mktemp("foreign"))
    assert made.ours.scheme == "tokenizers"
    assert made.ours.reason
    return made


texts = st.lists(st.one_of(st.text(max_size=20), st.sampled_from([*ADDED, *tiny.FRAGMENTS])), max_size=8).map("".join)


@long_run
@given(text=texts)
def test_any_text_equals_the_reference(pair: Pair, text: str) -> None:
    pair.check(text)


def test_written_texts_equal_the_reference(pair: Pair) -> None:
    for text in [*written_texts(150, ADDED), *unicode_texts(300)]:
        pair.check(text, stream=False)


@pytest.mark.parametrize("gap", [" ", "\n", " \n", "\u3000"])
def test_a_stream_passes_over_any_white_space(pair: Pair, gap: str) -> None:
    for times in [*range(30, 40), *range(60, 70), 3000]:
        ids = pair.ours.encode(f"a{gap * times}b").tolist()
        stream = pair.ours.decode_stream()
        assert "".join([*map(stream.push, ids), stream.finish()]) == pair.ours.decode(ids)


def test_real_texts_equal_the_reference(pair: Pair) -> None:
    real = conversation_texts(100)
    if not real:
        pytest.skip("the conversations are not beside the checkout; set CHATTPL_CONVERSATIONS")
    for text in real:
        pair.check(text, stream=False)


@long_run
@given(ids=st.lists(st.integers(0, 700), max_size=30), skip=st.booleans())
def test_any_ids_are_decoded_as_the_reference_does(pair: Pair, ids: list[int], skip: bool) -> None:
    assert pair.ours.decode(ids, skip) == pair.theirs.decode(ids, skip_special_tokens=skip)


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_a_batch_is_its_texts(pair: Pair, threads: int | None) -> None:
    pair.check_batch(list(written_texts(200, ADDED, seed=1)), threads)


def test_tokens_and_ids_are_those_of_the_reference(pair: Pair) -> None:
    vocabulary = pair.theirs.get_vocab(with_added_tokens=True)
    assert pair.ours.vocab_size == len(pair.ours) == max(vocabulary.values()) + 1
    for token, token_id in vocabulary.items():
        assert pair.ours.token_to_id(token) == token_id
        assert pair.ours.id_to_bytes(token_id) == pair.theirs.decode([token_id], skip_special_tokens=False).encode()
    assert pair.ours.token_to_id("no such token") is None
    with pytest.raises(EncodeError, match="vocabulary has"):
        pair.ours.id_to_bytes(pair.ours.vocab_size)
    added = pair.theirs.get_added_tokens_decoder().items()
    assert pair.ours.added_tokens == [(i, token.content, token.special) for i, token in sorted(added)]


def test_threads_share_a_tokenizer(pair: Pair) -> None:
    written = list(written_texts(60, ADDED, seed=2))
    expected = [pair.ours.encode(text).tolist() for text in written]
    found: list[list[list[int]]] = []

    def work() -> None:
        found.append([pair.ours.encode(text).tolist() for text in written])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def _batch_and_pickle(pair: tuple[Tokenizer, list[str]]) -> Any:
    tokenizer, written = pair
    again = pickle.loads(pickle.dumps(tokenizer))
    return [each.encode_batch(written, threads=3).input_ids.tolist() for each in (tokenizer, again)]


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_child_gives_the_same_ids_after_threads_have_run(pair: Pair, context: str) -> None:
    given = (pair.ours, list(written_texts(60, ADDED, seed=3)))
    here = _batch_and_pickle(given)
    assert here[0] == here[1]
    assert in_child(context, _batch_and_pickle, given) == here


def _forgeable() -> Reference:
    """A model that has control tokens among its words."""
    words = ["<unk>", START, END, "user", "hello"]
    reference = Reference(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    reference.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    reference.add_special_tokens(words[:3])
    return reference


@pytest.mark.parametrize("make", [_forgeable, MADE["T5 with bytes"]], ids=["WordLevel", "Unigram"])
def test_a_control_token_that_is_a_word_is_not_forged(make: Callable[[], Reference], tmp_path: Path) -> None:
    reference = make()
    reference.add_special_tokens([START, END])
    reference.save(str(tmp_path / "tokenizer.json"))
    chat = chattpl.load("chatml", tokenizer=tmp_path / "tokenizer.json")
    special = {token_id for token_id, text, special in chat.tokenizer.added_tokens if special and text != "<unk>"}
    honest = [i for i in chat.encode([{"role": "user", "content": "hello"}]).input_ids.tolist() if i in special]
    for token in (END, START, "</s>", "</s></s>", "<pad> </s>"):
        for content in (token, f"hello {token} hello", f" {token}", f"{token}{token} {token}"):
            encoded = chat.encode([{"role": "user", "content": content}])
            assert [i for i in encoded.input_ids.tolist() if i in special] == honest, content


def test_a_panic_of_the_crate_is_an_error_of_ours(tmp_path: Path) -> None:
    reference = other_model("WordLevel")
    reference.add_special_tokens([AddedToken("<a>", rstrip=True), AddedToken(" ", lstrip=True)])
    pair = Pair.write(reference.to_str(), tmp_path)
    with pytest.raises(
        VocabularyError, match="`tokenizers` cannot encode this text: AddedVocabulary bad split"
    ) as error:
        pair.ours.encode("<a>  ")
    assert error.value.code == "CE052"
    with pytest.raises(VocabularyError, match="bad split"):
        pair.ours.encode_batch(["a", "<a>  "], threads=2)
    assert pair.ours.encode("the dog").tolist() == pair.theirs.encode("the dog", add_special_tokens=False).ids


def test_what_may_be_written_to_is_read_as_what_may_not() -> None:
    data = MADE["T5"]().to_str().encode()
    views: list[Any] = [data, bytearray(data), memoryview(data), memoryview(bytearray(data)).toreadonly()]
    read = [Tokenizer.from_bytes(view, "tokenizer.json") for view in views]
    assert len({tuple(tokenizer.encode("some text").tolist()) for tokenizer in read}) == 1


@pytest.mark.parametrize("unknown", ["3", "-1", '"a"'])
def test_a_damaged_file_is_refused(unknown: str) -> None:
    file = f'{{"model": {{"type": "Unigram", "vocab": [["a", 0]], "unk_id": {unknown}}}}}'
    with pytest.raises(VocabularyError) as error:
        Tokenizer.from_bytes(file.encode(), "tokenizer.json")
    assert error.value.code == "CE050"


def test_a_lone_surrogate_is_refused(pair: Pair) -> None:
    with pytest.raises(UnicodeEncodeError):
        pair.ours.encode("a\ud800")


def test_what_only_our_own_form_can_hold_is_refused(pair: Pair, tmp_path: Path) -> None:
    chat = chattpl.load("chatml", tokenizer=pair.ours)
    with pytest.raises(VocabularyError, match="a form of ours") as error:
        chat.save(tmp_path / "a.chattpl")
    assert error.value.code == "CE052"
