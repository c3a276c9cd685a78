"""Literals that are encoded once give what they give where they stand: ids, masks, messages and origins."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import pytest

import chattpl
from byte_tokenizers import byte_tokenizer, control_tokens
from chattpl import Tokenizer, _core
from chattpl.train import Train
from encoders import ORACLES
from real_rows import real_rows
from strategies import OWN_PROBES

FORMATS = [info.name for info in chattpl.models()]
VOCABULARIES = ["bytes", *sorted(path.parent.name for path in ORACLES.glob("*/tokenizer.json"))]
MODES = ["template", "strict", "parity", "error"]
EDGES = [
    *("\u212a", "\u212b", "\n\u212b", "q\u0301\u0323", "\u037e"),
    *("", " ", "\n", "\n\n", " \n", "\n ", "\r", "\r\n", "\t", "\u00a0", "\u2028", "/", "/\n", "\n/", "'s", "1", "\n1"),
    *("\u0301", "\n\u0301", "e\u0301", "\u1161", "\u2581", "\u2581a", "\u3000", "中", "\n中", "\u200d", "\0", "a", "A"),
    *("<", "<|", "<|im_", "<|im_start|", "start|>", "|>", ">", "im_end|>", "nk>", "<thi", "<think>", "</think>"),
    *("<|im_end|>", "<|im_start|>", "[INST]", "<s>", "</s>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<0x0A>"),
]
"""What may stand beside a literal: white space, marks, halves of control tokens, and control tokens."""
EXAMPLES = 400


@cache
def _vocabulary(name: str) -> Any:
    return Tokenizer.from_file(ORACLES / name / "tokenizer.json")


def _row(draw: random.Random) -> dict[str, Any]:
    """A conversation of contents that begin and end with something awkward."""

    def text() -> str:
        return "".join(draw.choice(EDGES) for _ in range(draw.choice([0, 1, 1, 2, 3])))

    def message(role: str) -> dict[str, Any]:
        found: dict[str, Any] = {"role": role, "content": text()}
        if role == "assistant" and draw.random() < 0.3:
            found["reasoning_content"] = text()
        if role == "assistant" and draw.random() < 0.3:
            arguments = {text() or "k": text()}
            found["tool_calls"] = [
                {"id": "a1B2c3D4e", "type": "function", "function": {"name": text(), "arguments": arguments}}
            ]
        return found

    system = ["system"] if draw.random() < 0.5 else []
    turns = draw.choice([1, 2, 3]) * ["user", "assistant"]
    tool = ["tool"] if draw.random() < 0.2 else []
    function = {"name": text(), "description": text(), "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "function", "function": function}] if draw.random() < 0.2 else None
    return {"messages": [message(role) for role in [*system, *turns, *tool]], "tools": tools}


@cache
def _rows() -> list[dict[str, Any]]:
    draw = random.Random(3)
    known = [{"messages": probe.messages, "tools": probe.options.get("tools")} for probe in [*OWN_PROBES, *real_rows()]]
    return [*known, *(_row(draw) for _ in range(EXAMPLES))]


def _encoded(encoder: _core.ChatEncoder, mode: str, arguments: dict[str, Any]) -> Any:
    train = Train(parts={"end_of_turn": 0.5}).as_tuple()
    options = _core.EncodeOptions(_core.RenderOptions(tokens=arguments), train, mode)
    made = encoder.encode_rows(_rows(), options, threads=1, quarantine=True)
    names = ("input_ids", "loss_mask", "message_index", "origin", "loss_weight", "offsets")
    columns = [getattr(made, name) for name in names]
    return [None if column is None else bytes(column) for column in columns], made.left_out


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("name", FORMATS)
def test_known_literals_change_nothing(name: str, vocabulary: str) -> None:
    chat = chattpl.load(name)
    template = chat.template
    tokens = sorted({*control_tokens(template.source), *chat.special_tokens, *chat.token_arguments.values()})
    tokenizer = byte_tokenizer(tuple(tokens)) if vocabulary == "bytes" else _vocabulary(vocabulary)
    stops = [1, 5, 151645]
    declared = list(chat.token_arguments)
    known = _core.ChatEncoder(template, tokenizer, stops, declared)
    again = _core.ChatEncoder(template, tokenizer, stops, declared, known.literals())
    plain = _core.ChatEncoder(template, tokenizer, stops, declared, "[]")
    assert json.loads(again.literals()) == json.loads(known.literals())
    assert plain.literals() == "[]"
    for mode in MODES:
        expected = _encoded(plain, mode, dict(chat.token_arguments))
        assert _encoded(known, mode, dict(chat.token_arguments)) == expected, mode
        assert _encoded(again, mode, dict(chat.token_arguments)) == expected, mode


def test_literals_of_the_format_are_known() -> None:
    chat = chattpl.load("qwen3")
    found = _core.ChatEncoder(chat.template, chat.tokenizer, [], []).literals()
    kept = {literal["text"]: literal["joints"] for literal in json.loads(found)}
    assert kept["<|im_start|>assistant\n"] == [0, 12]
    assert kept["<|im_end|>\n"] == [0, 10]
    assert kept["\n"] is None


def _change(literals: list[Any], wrong: str) -> None:
    """Makes literals ones that cannot have been made of their texts."""
    turn = next(literal for literal in literals if literal["text"] == "<|im_start|>assistant\n")
    _, core, tail = turn["parts"]
    match wrong:
        case "text":
            turn["text"] += "x"
        case "joints":
            turn["joints"] = [1 << 40, 1 << 40]
        case "id":
            tail["ids"][0] = 1 << 30
        case "other id":
            tail["ids"][0] += 1
        case "other control token":
            core["ids"][0] += 1
        case "more ids":
            tail["ids"].append(tail["ids"][-1])
        case "table":
            tail["regions"][0]["coordinates"] = {"Table": 1}
        case "region":
            tail["regions"][0]["first_token"] = 1
        case "part":
            head = turn["parts"][0]
            head["start_byte"], head["end_byte"] = 4, 8


CHANGES = ["text", "joints", "id", "other id", "other control token", "more ids", "table", "region", "part"]


@pytest.mark.parametrize("wrong", ["", "{}", "[0]", '[{"text": "a", "joints": null, "parts": []}]', "cut", *CHANGES])
def test_damaged_literals_are_refused(wrong: str) -> None:
    chat = chattpl.load("qwen3")
    good = _core.ChatEncoder(chat.template, chat.tokenizer, [], []).literals()
    changed = json.loads(good)
    if wrong in CHANGES:
        _change(changed, wrong)
        assert changed != json.loads(good)
    text = good[: len(good) // 2] if wrong == "cut" else json.dumps(changed) if wrong in CHANGES else wrong
    with pytest.raises(chattpl.ChatTemplateError):
        _core.ChatEncoder(chat.template, chat.tokenizer, [], [], text)
