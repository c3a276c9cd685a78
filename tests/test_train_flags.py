"""Flags of messages: what rows say of their own training."""

from __future__ import annotations

import io
import json
import math
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chattpl
from byte_tokenizers import byte_tokenizer, chat_format
from chattpl import ChatFormat, InputError, Train

MARKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PLAIN = MARKED.replace("{% generation %}", "").replace("{% endgeneration %}", "")
SWITCHES = ["train", "trainable", "training", "loss"]


@cache
def _format(source: str) -> ChatFormat:
    return chat_format(source, byte_tokenizer(("<|im_start|>", "<|im_end|>")), stop_tokens=("<|im_end|>",))


FORMATS = pytest.mark.parametrize("chat", [_format(MARKED), _format(PLAIN)], ids=["marks", "derived"])


def _chat(*flags: dict[str, Any], user: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    turns = []
    for at, flag in enumerate(flags):
        turns += [{"role": "user", "content": "q", **(user or {})}, {"role": "assistant", "content": f"a{at}", **flag}]
    return turns


def _weights(chat: ChatFormat, messages: list[dict[str, Any]], **options: Any) -> list[tuple[str, float]]:
    """Trained text and its weight, stretch by stretch."""
    encoded = chat.encode(messages, **options)
    weight = encoded.loss_mask.astype("float32") if encoded.loss_weight is None else encoded.loss_weight
    assert np.array_equal(encoded.loss_mask, weight != 0)
    found: list[tuple[str, float]] = []
    before = 0.0
    for token_id, each in zip(encoded.input_ids.tolist(), weight.tolist(), strict=True):
        if each != 0:
            text = chat.tokenizer.decode([token_id])
            found = [*found[:-1], (found[-1][0] + text, each)] if each == before else [*found, (text, each)]
        before = each
    return found


@FORMATS
def test_a_weight_multiplies_what_is_trained(chat: ChatFormat) -> None:
    found = _weights(chat, _chat({"weight": 0.5}, {}, {"weight": 0}, {"weight": -2}))
    assert found == [("a0<|im_end|>", 0.5), ("a1<|im_end|>", 1.0), ("a3<|im_end|>", -2.0)]
    parts = Train(parts={"content": 2.0, "end_of_turn": 0.5})
    assert _weights(chat, _chat({"weight": 0.5}, {}), train=parts) == [
        ("a0", 1.0), ("<|im_end|>", 0.25), ("a1", 2.0), ("<|im_end|>", 0.5),
    ]  # fmt: skip


@FORMATS
@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_chooses_messages(chat: ChatFormat, name: str) -> None:
    off, on = [False, 0, 0.0], [True, 1, 1.0, None]
    found = _weights(chat, _chat(*({name: value} for value in [*off, *on])))
    assert [text for text, _ in found] == [f"a{at}<|im_end|>" for at in range(len(off), len(off) + len(on))]


@FORMATS
def test_null_and_absent_are_no_flag(chat: ChatFormat) -> None:
    plain = chat.encode(_chat({}, {}))
    flagged = chat.encode(_chat({"weight": None, "train": None}, {"loss": None}))
    assert plain.loss_weight is None
    assert flagged.loss_weight is None
    assert np.array_equal(plain.loss_mask, flagged.loss_mask)


@FORMATS
def test_no_flag_trains_a_role_that_is_left_out(chat: ChatFormat) -> None:
    flags: list[dict[str, Any]] = [{"weight": 3.0}, {"train": True}, {"loss": 1}]
    for flag in flags:
        assert _weights(chat, _chat({}, user=flag)) == [("a0<|im_end|>", 1.0)]


@FORMATS
def test_a_flag_does_not_move_which_turn_is_the_last(chat: ChatFormat) -> None:
    assert _weights(chat, _chat({}, {"weight": 0}), train=Train(turns="last")) == []


@FORMATS
def test_flags_can_be_ignored(chat: ChatFormat) -> None:
    wrong = _chat({"weight": "much", "train": "no"}, {"weight": 0})
    assert len(_weights(chat, wrong, train=Train(flags="ignore"))) == 2


@pytest.mark.parametrize(
    ("flags", "location", "words"),
    [
        ({"weight": 0, "train": True}, "messages[1]", ["weight", "train"]),
        ({"weight": 2, "loss": False}, "messages[1]", ["weight", "loss"]),
        ({"trainable": 1, "training": 0}, "messages[1]", ["trainable", "training"]),
        ({"weight": math.nan}, "messages[1].weight", ["NaN"]),
        ({"weight": math.inf}, "messages[1].weight", ["inf"]),
        ({"weight": 1e300}, "messages[1].weight", []),
        ({"weight": 10**400}, "messages[1].weight", []),
        ({"weight": "0.5"}, "messages[1].weight", ['"0.5"']),
        ({"weight": [1]}, "messages[1].weight", ["list"]),
        ({"train": "false"}, "messages[1].train", ['"false"']),
        ({"loss": 0.25}, "messages[1].loss", ["0.25"]),
    ],
    ids=str,
)
def test_a_wrong_flag_is_refused_with_its_place(flags: dict[str, Any], location: str, words: list[str]) -> None:
    for chat in (_format(MARKED), _format(PLAIN)):
        with pytest.raises(InputError) as caught:
            chat.encode(_chat(flags))
        assert caught.value.code == "CE030"
        assert caught.value.location == location
        assert all(word in str(caught.value) for word in words)
        assert caught.value.hint is not None
        batch = chat.encode_batch([_chat({}), _chat(flags)], errors="quarantine")
        assert [row.row for row in batch.quarantine] == [2]


@pytest.mark.parametrize("threads", [1, 3])
def test_all_sources_read_the_same_flags(threads: int) -> None:
    chat = _format(PLAIN)
    flags: list[dict[str, Any]] = [{}, {"weight": 0.25}, {"weight": 0.0}, {"train": False}, {"train": True}]
    rows = [{"messages": _chat(flags[at % 5], flags[at // 5 % 5])} for at in range(300)]
    rows[:200] = [{"messages": _chat({}, {})} for _ in range(200)]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    batches = [
        chat.encode_batch(rows, threads=threads),
        chat.encode_batch(lines, threads=threads),
        chat.encode_batch(pa.Table.from_pylist(rows), threads=threads),
    ]
    blocks = list(chat.encode_blocks(io.BytesIO(lines), block_bytes=2000))
    assert blocks[0].loss_weight is None
    assert any(block.loss_weight is not None for block in blocks)
    for batch in batches:
        assert batch.loss_weight is not None
        for row, found in zip(rows, batch, strict=True):
            alone = chat.encode(row["messages"])
            weight = alone.loss_mask.astype("float32") if alone.loss_weight is None else alone.loss_weight
            assert np.array_equal(found.loss_mask, alone.loss_mask)
            assert found.loss_weight is not None
            assert np.array_equal(found.loss_weight, weight)


def test_weights_are_there_where_one_is_not_1() -> None:
    chat = _format(PLAIN)
    assert chat.encode(_chat({"weight": 1.0}, {"weight": 0})).loss_weight is None
    assert chat.encode(_chat({}), train=Train(parts=["content"])).loss_weight is None
    assert chat.encode(_chat({"weight": 2})).loss_weight is not None
    plain, heavy = [_chat({})] * 5, [_chat({"weight": 3})]
    assert chat.encode_batch(plain).loss_weight is None
    for rows in (plain + heavy, heavy + plain):
        batch = chat.encode_batch(rows)
        assert batch.loss_weight is not None
        assert set(batch.loss_weight.tolist()) == {0.0, 1.0, 3.0}
        assert np.array_equal(batch.loss_mask, batch.loss_weight != 0)


def test_a_wrong_choice_of_flags_is_refused() -> None:
    with pytest.raises(ValueError, match="flags="):
        Train(flags="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [info.name for info in chattpl.models()])
def test_every_format_leaves_out_what_counts_nothing(name: str) -> None:
    """All formats, with their marks: a message with weight 0 trains nothing, and the others as before."""
    chat = chattpl.load(name)
    try:
        chat.encode(_chat({}, {}))
    except chattpl.ChatTemplateError:
        pytest.skip("no vocabulary here")
    whole = chat.encode(_chat({}, {}))
    first, second = chat.encode(_chat({}, {"weight": 0})), chat.encode(_chat({"weight": 0}, {}))
    assert np.array_equal(first.loss_mask + second.loss_mask, whole.loss_mask)
    assert first.loss_mask.any()
    assert second.loss_mask.any()
