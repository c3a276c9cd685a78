"""Conversations to ids, masks and origins, through the shipped vocabularies."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chattpl
from chattpl import EncodeError, InputError, Origin, Train, VocabularyError

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "Sum 1 and 2"},
    {"role": "assistant", "reasoning_content": "easy", "content": "It is 3."},
]
WITH_VOCABULARY = ["qwen2.5", "qwen3", "qwen3.5", "gpt-oss", "mistral-v3", "mistral-v7-tekken", "mistral-v13", "chatml"]


def learnt_text(chat: chattpl.ChatFormat, encoded: chattpl.Encoded) -> list[str]:
    """The stretches of tokens in a row that are learnt, decoded."""
    mask = encoded.loss_mask.astype(bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [chat.tokenizer.decode(encoded.input_ids[a:b]) for a, b in edges.reshape(-1, 2)]


def test_the_mask_has_what_the_model_samples() -> None:
    chat = chattpl.load("qwen3")
    encoded = chat.encode(CHAT)
    assert chat.tokenizer.decode(encoded.input_ids) == encoded.text == chat.render(CHAT).text
    assert learnt_text(chat, encoded) == ["Hello!<|im_end|>", "<think>\neasy\n</think>\n\nIt is 3.<|im_end|>"]


def test_what_the_generation_prompt_supplies_is_not_learnt() -> None:
    chat = chattpl.load("qwen3")
    encoded = chat.encode([*CHAT[:-1], {"role": "assistant", "content": "3"}], enable_thinking=False)
    assert learnt_text(chat, encoded)[-1] == "3<|im_end|>"


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (Train(turns="last"), ["<think>\neasy\n</think>\n\nIt is 3.<|im_end|>"]),
        (Train(turns=[2]), ["Hello!<|im_end|>"]),
        (Train(turns=[-3]), ["Hello!<|im_end|>"]),
        (Train(turns="last", parts=["content"]), ["It is 3."]),
        (Train(turns="last", parts=["reasoning"]), ["<think>\neasy\n</think>\n\n"]),
        (Train(turns="last", parts=["end_of_turn"]), ["<|im_end|>"]),
        (Train.nothing(), []),
    ],
    ids=str,
)
def test_train_chooses_turns_and_parts(train: Train, expected: list[str]) -> None:
    chat = chattpl.load("qwen3")
    assert learnt_text(chat, chat.encode(CHAT, train=train)) == expected


def test_weights_come_beside_the_mask() -> None:
    encoded = chattpl.load("qwen3").encode(CHAT, train=Train(parts={"content": 1.0, "reasoning": 0.25}))
    assert encoded.loss_weight is not None
    assert set(encoded.loss_weight.tolist()) == {0.0, 0.25, 1.0}
    assert ((encoded.loss_weight > 0) == encoded.loss_mask).all()


@pytest.mark.parametrize(
    "wrong", [{"turns": "first"}, {"parts": ["words"]}, {"roles": "user"}, {"parts": {"content": -1}}]
)
def test_wrong_train_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="="):
        Train(**wrong)


def test_arrays_have_their_types_and_lengths() -> None:
    encoded = chattpl.load("qwen3").encode(CHAT)
    kinds = {"input_ids": "int32", "loss_mask": "uint8", "message_index": "int32", "origin": "uint8"}
    for name, kind in kinds.items():
        array = getattr(encoded, name)
        assert (array.dtype, array.shape) == (kind, (len(encoded),))
    assert set(encoded.message_index.tolist()) == {-1, 0, 1, 2, 3, 4}
    assert {Origin.TEMPLATE, Origin.MESSAGE} == {tuple(Origin)[code] for code in encoded.origin.tolist()}


@pytest.mark.parametrize("name", WITH_VOCABULARY)
def test_a_control_token_in_a_message_is_text(name: str) -> None:
    chat = chattpl.load(name)
    special = {token_id: text for token_id, text, is_special in chat.tokenizer.added_tokens if is_special}
    plain = chat.encode([{"role": "user", "content": "x"}])
    forged = chat.encode([{"role": "user", "content": "".join(special.values())}])
    in_plain, in_forged = ([i for i in made.input_ids.tolist() if i in special] for made in (plain, forged))
    assert in_plain == in_forged


def test_error_mode_names_the_place() -> None:
    with pytest.raises(EncodeError) as caught:
        chattpl.load("qwen3").encode([*CHAT, {"role": "user", "content": "a <|im_end|>"}], special_tokens="error")
    assert caught.value.location == "messages[5].content"


def test_strict_mode_keeps_thoughts_to_template_and_assistants() -> None:
    chat = chattpl.load("qwen3")
    think = chat.tokenizer.token_to_id("<think>")
    chat_with = [
        {"role": "user", "content": "<think>"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes"},
    ]
    assert chat.encode(chat_with).input_ids.tolist().count(think) == 2
    assert chat.encode(chat_with, special_tokens="strict").input_ids.tolist().count(think) == 1


def test_parity_mode_encodes_the_text() -> None:
    chat = chattpl.load("qwen3")
    encoded = chat.encode([{"role": "user", "content": "a <|im_end|> b"}], special_tokens="parity")
    assert encoded.text is not None
    assert encoded.input_ids.tolist() == chat.tokenizer.encode(encoded.text).tolist()


def test_a_replaced_token_argument_is_data() -> None:
    chat = chattpl.load("mistral-v3")
    assert chat.encode(CHAT[1:3]).input_ids[0] == chat.tokenizer.token_to_id("<s>")
    assert chat.encode(CHAT[1:3], bos_token="<s>").input_ids[0] != chat.tokenizer.token_to_id("<s>")


def _same(a: chattpl.EncodedBatch, b: chattpl.EncodedBatch) -> None:
    for name in ("input_ids", "loss_mask", "message_index", "origin", "offsets"):
        assert getattr(a, name).tolist() == getattr(b, name).tolist()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_sources_of_a_batch_give_the_same(tmp_path: Path, threads: int) -> None:
    chat = chattpl.load("qwen3")
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    rows = [{"messages": CHAT[: 2 + n % 4], "tools": [tool] if n % 3 == 0 else None} for n in range(200)]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    plain, packed = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    plain.write_bytes(lines + b"\n\n")
    packed.write_bytes(gzip.compress(lines))
    batch = chat.encode_batch(rows, threads=threads)
    assert len(batch) == 200
    for row, encoded in zip(rows, batch, strict=True):
        assert encoded.input_ids.tolist() == chat.encode(row["messages"], tools=row["tools"]).input_ids.tolist()  # type: ignore[arg-type]
    for source in (lines, plain, str(packed)):
        _same(batch, chat.encode_batch(source, threads=threads))
    blocks = list(chat.encode_blocks(plain, block_bytes=1000))
    assert len(blocks) > 10
    assert np.concatenate([block.input_ids for block in blocks]).tolist() == batch.input_ids.tolist()


def test_broken_rows_are_named_or_set_aside() -> None:
    chat = chattpl.load("qwen3")
    good = json.dumps(CHAT)
    lines = f'{good}\n{{"broken\n{good}\n{{"x": 1}}\n'.encode()
    with pytest.raises(InputError, match="row 2") as caught:
        chat.encode_batch(lines)
    assert isinstance(caught.value.location, chattpl.Location)
    assert (caught.value.location.row, caught.value.location.line) == (2, 2)
    batch = chat.encode_batch(lines, errors="quarantine")
    assert [row.row for row in batch.quarantine] == [2, 4]
    assert batch.rows.tolist() == [1, 3]
    assert len(batch) == 2
    rows = [CHAT, {"x": 1}, 5, [{"role": "user", "content": "\ud800"}], CHAT]
    batch = chat.encode_batch(rows, errors="quarantine")
    assert [row.row for row in batch.quarantine] == [2, 3, 4]
    assert [row.data for row in batch.quarantine] == rows[1:4]
    assert batch[0].input_ids.tolist() == batch[1].input_ids.tolist() == chat.encode(CHAT).input_ids.tolist()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("later", [[{"role": "user"}, 3], {"no": "messages"}])
def test_the_first_broken_row_is_the_one_told_of(threads: int, later: Any) -> None:
    """Rows are rendered in blocks before they are encoded, so that a later row may be the first to fail."""
    forged = [{"role": "user", "content": "a <|im_end|>"}]
    rows = [*[CHAT] * 70, forged, *[CHAT] * 3, later, *[CHAT] * 200]
    with pytest.raises(EncodeError) as caught:
        chattpl.load("qwen3").encode_batch(rows, special_tokens="error", threads=threads)
    assert caught.value.location == "row 71: messages[0].content"


def test_an_empty_source_is_an_empty_batch(tmp_path: Path) -> None:
    chat = chattpl.load("qwen3")
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(b""))
    assert [len(block) for block in chat.encode_blocks(packed)] == [0]
    sources: list[list[Any] | bytes | Path] = [[], b"", b"\n \n", packed]
    for source in sources:
        batch = chat.encode_batch(source)
        assert (len(batch), batch.input_ids.size, batch.offsets.tolist()) == (0, 0, [0])


def test_a_format_without_vocabulary_says_what_to_do() -> None:
    with pytest.raises(VocabularyError, match="tokenizer="):
        chattpl.load("plain").encode([{"role": "user", "content": "x"}])
    chat = chattpl.load("zephyr", tokenizer="mistral-v1")
    assert chat.encode(CHAT[1:3]).loss_mask.any()


def test_wrong_options_of_batches_are_refused(tmp_path: Path) -> None:
    chat = chattpl.load("qwen3")
    wrong: list[dict[str, Any]] = [{"threads": 0}, {"errors": "ignore"}]
    for options in wrong:
        with pytest.raises(ValueError, match="="):
            chat.encode_batch([], **options)
        with pytest.raises(ValueError, match="="):
            list(chat.encode_blocks(tmp_path / "x.jsonl", **options))


def test_formats_and_tokenizers_are_pickled() -> None:
    chat = chattpl.load("qwen3")
    expected = chat.encode(CHAT).input_ids.tolist()
    assert pickle.loads(pickle.dumps(chat)).encode(CHAT).input_ids.tolist() == expected
    tokenizer = pickle.loads(pickle.dumps(chat.tokenizer))
    assert tokenizer.encode("Hello").tolist() == chat.tokenizer.encode("Hello").tolist()
