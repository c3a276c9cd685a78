"""Streams of every engine: for any ids, what is given one by one is what decoding all gives."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models
from tokenizers import Tokenizer as Reference

import chattpl
import tiny_tokenizers as tiny

WORDS = [
    "a",
    "qu",
    "▁the",
    "▁",
    "▁▁",
    "é",
    "😀",
    "\ufffd",
    "##ing",
    "##",
    "it",
    "'s",
    "</w>",
    "x</w>",
    "</",
    "n't",
    " ",
    "Ġ",
    "Ã",
    "©",
    "ĊĊ",
    ".",
    "|",
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SOME_BYTES = [f"<0x{byte:02X}>" for byte in (0x0A, 0x20, 0x41, 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80)]
REPLACE = decoders.Replace("▁", " ")
DECODERS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "llama": lambda: decoders.Sequence([REPLACE, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
    "gemma": lambda: decoders.Sequence([REPLACE, decoders.ByteFallback(), decoders.Fuse()]),
    "bytes, then words": lambda: decoders.Sequence([decoders.ByteFallback(), decoders.WordPiece()]),
    "bytes, then metaspace": lambda: decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]),
    "metaspace, then bytes": lambda: decoders.Sequence([decoders.Metaspace(), decoders.ByteFallback()]),
    "bytes, stripped one by one": lambda: decoders.Sequence([decoders.ByteFallback(), decoders.Strip(" ", 2, 0)]),
    "metaspace": lambda: decoders.Metaspace(),
    "metaspace, never": lambda: decoders.Metaspace(prepend_scheme="never"),
    "byte level": lambda: decoders.ByteLevel(),
    "byte level, replaced": lambda: decoders.Sequence([decoders.ByteLevel(), decoders.Replace("qua", "<>")]),
    "fused, replaced": lambda: decoders.Sequence([decoders.Fuse(), decoders.Replace("aa", "b"), REPLACE]),
    "word piece": lambda: decoders.WordPiece(),
    "word piece, as it is": lambda: decoders.WordPiece(cleanup=False),
    "word piece of all": lambda: decoders.Sequence([decoders.Fuse(), decoders.WordPiece()]),
    "suffix": lambda: decoders.BPEDecoder(),
    "ctc": lambda: decoders.CTC(pad_token="a", word_delimiter_token="|"),
}


def _reference(decoder: str, tokens: list[str]) -> Reference:
    vocabulary = {token: number for number, token in enumerate(["<unk>", *tokens])}
    made = Reference(models.WordPiece(vocabulary, unk_token="<unk>"))  # no engine of our own reads word pieces
    if (part := DECODERS[decoder]()) is not None:
        made.decoder = part
    made.add_tokens([AddedToken("<Norm>", normalized=True), AddedToken("<plain>", normalized=False)])
    return made


def _id(tokenizer: Any, token: str) -> int:
    # Our own encoder has bytes for the names of byte tokens; they come after `<unk>` in each vocabulary here.
    found = 1 + BYTES.index(token) if token in BYTES and tokenizer.token_to_id(token) is None else None
    found = tokenizer.token_to_id(token) if found is None else found
    assert isinstance(found, int)
    return found


def _expected(reference: Reference, ids: list[int]) -> str:
    text: str = reference.decode(ids, skip_special_tokens=False)
    return text


def _streamed(tokenizer: Any, ids: list[int]) -> list[str]:
    stream = tokenizer.decode_stream()
    found = [stream.push(i) for i in ids]
    return [*found, stream.finish()]


def _run_of(token: str | None) -> int | None:
    return int(token[3:5], 16) if token is not None and token in BYTES else None


def _spoils(reference: Reference, ids: list[int]) -> bool:
    """Whether a run of bytes has characters before a byte that spoils it: then those stay in a stream."""
    run = b""
    for i in [*ids, None]:
        byte = _run_of(reference.id_to_token(i)) if i is not None and reference.id_to_token(i) else None
        if i is not None and reference.id_to_token(i) is None:
            continue
        if byte is not None:
            run += bytes([byte])
            continue
        try:
            run.decode()
        except UnicodeDecodeError as error:
            if error.start > 0:
                return True
        run = b""
    return False


@pytest.fixture(scope="module", params=[(d, n) for d in DECODERS for n in ("all bytes", "some bytes")], ids=str)
def pair(request: pytest.FixtureRequest) -> tuple[Reference, Any]:
    name, table = request.param
    reference = _reference(name, [*(BYTES if table == "all bytes" else SOME_BYTES), *WORDS])
    ours = chattpl.Tokenizer.from_bytes(reference.to_str().encode(), "tokenizer.json")
    assert ours.scheme == "tokenizers"
    return reference, ours


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_stream_is_what_decoding_all_gives(pair: tuple[Reference, Any], data: st.DataObject) -> None:
    reference, ours = pair
    size = reference.get_vocab_size()
    some = [_id(reference, token) for token in (*SOME_BYTES, *WORDS)]
    ids = data.draw(st.lists(st.integers(0, size + 2) | st.sampled_from(some), min_size=1, max_size=25))
    try:
        expected = _expected(reference, ids)
    except BaseException:  # `Strip` and `BPEDecoder` panic on some; nothing is defined there
        return
    found = "".join(_streamed(ours, ids))
    if not _spoils(reference, ids):
        assert found == expected
    again = ours.decode_stream()
    for i in ids:
        again.push(i)
    again.finish()
    assert "".join([again.push(ids[0]), again.finish()]) == "".join(_streamed(ours, ids[:1]))


def _law(reference: Reference, tokens: list[str]) -> str:
    """What a stream gives over bytes and words: characters of a run stay, each other byte of a spoilt one is U+FFFD."""
    text, run = "", b""

    def ended() -> str:
        try:
            return run.decode()
        except UnicodeDecodeError as error:
            return run[: error.start].decode() + "\ufffd" * (len(run) - error.start)

    for token in tokens:
        if token in BYTES:
            run += bytes([int(token[3:5], 16)])
        else:
            text, run = text + ended() + token.replace("▁", " "), b""
    return text + ended()


@settings(max_examples=300, deadline=None)
@given(tokens=st.lists(st.sampled_from([*SOME_BYTES, "qu", "▁the", "é"]), max_size=30))
def test_a_spoilt_run_keeps_its_characters_and_nothing_falls_silent(tokens: list[str]) -> None:
    reference = _reference("gemma", [*BYTES, *WORDS])
    foreign = chattpl.Tokenizer.from_bytes(reference.to_str().encode(), "tokenizer.json")
    own = _own()
    for tokenizer in (foreign, own):
        ids = [_id(tokenizer, token) for token in tokens]
        pieces = _streamed(tokenizer, ids)
        assert "".join(pieces) == _law(reference, tokens), tokenizer.scheme
        # Silence lasts for the bytes of one character.
        for start in range(len(pieces) - 5):
            assert any(pieces[start : start + 4]), (pieces, tokenizer.scheme)


def _own() -> Any:
    vocabulary = {token: number for number, token in enumerate(["<unk>", *BYTES, "qu", "▁the", "é"])}
    config = json.loads(tiny.named()["llama2"].json())
    config["model"] |= {"vocab": vocabulary, "merges": []}
    config |= {"added_tokens": [], "post_processor": None, "decoder": tiny.GEMMA_DECODER}
    tokenizer = chattpl.Tokenizer.from_bytes(json.dumps(config).encode(), "tokenizer.json")
    assert tokenizer.scheme != "tokenizers"
    return tokenizer


def test_streams_take_linear_time() -> None:
    """Of white space, of bytes that never make a character, of characters, of what stands for nothing."""
    kinds = [["▁"], ["<0xF0>"], ["<0x0A>"], ["<0xC3>", "<0xA9>"], ["<0x0A>", "<0x9F>"], ["\ufffd"], ["a"], ["</w>"]]
    for name in DECODERS:
        reference = _reference(name, [*BYTES, *WORDS])
        ours = chattpl.Tokenizer.from_bytes(reference.to_str().encode(), "tokenizer.json")
        for kind in kinds:
            ids = [_id(reference, token) for token in kind] * (20_000 // len(kind))
            started = time.process_time()
            _streamed(ours, ids)
            assert time.process_time() - started < 2, (name, kind)
    own = _own()
    for kind in (["<0xF0>"], ["<0x0A>"], ["<0x0A>", "<0x9F>"]):
        ids = [_id(own, token) for token in kind] * (200_000 // len(kind))
        started = time.process_time()
        _streamed(own, ids)
        assert time.process_time() - started < 2, kind


def test_a_normalized_added_token_goes_through_the_decoder() -> None:
    reference = _reference("llama", [*SOME_BYTES, *WORDS])
    ours = chattpl.Tokenizer.from_bytes(reference.to_str().encode(), "tokenizer.json")
    tokens = ["<0x0A>", "<0xF0>", "<0x9F>", "<Norm>", "qu", "▁the", "a"]
    assert _streamed(ours, [_id(reference, token) for token in tokens]) == [
        *("\n", "", "", "\ufffd\ufffd<Norm>", "qu", " the", "a"),
        "",
    ]


def test_sentencepiece_streams_obey_the_law(tmp_path: Any) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    source, prefix = tmp_path / "text", tmp_path / "model"
    source.write_text("\n".join(tiny.CORPUS * 5), "utf-8")
    sentencepiece.SentencePieceTrainer.train(
        *(), input=str(source), model_prefix=str(prefix), model_type="unigram", vocab_size=440, byte_fallback=True,
        character_coverage=0.98, minloglevel=2,
    )  # fmt: skip
    ours = chattpl.Tokenizer.from_file(f"{prefix}.model")
    chooser = random.Random(5)
    for _ in range(2000):
        ids = [chooser.randrange(ours.vocab_size + 2) for _ in range(chooser.randrange(12))]
        assert "".join(_streamed(ours, ids)) == ours.decode(ids), ids
    ids = [_id(ours, "<0xF0>")] * 50_000
    pieces = _streamed(ours, ids)
    assert all(pieces[4:-1])
