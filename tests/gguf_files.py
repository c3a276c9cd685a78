"""Writes small GGUF files, by hand from the format's specification."""

from __future__ import annotations

import struct
from typing import Any

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10
_LAYOUTS = {UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?", UINT64: "Q"}


def gguf(pairs: dict[str, tuple[Any, ...]], version: int = 3, order: str = "<") -> bytes:
    """Writes a file without tensors.

    Args:
        pairs: Key to (type, value), or to (ARRAY, type of the items, items).
        version: The version that the header names.
        order: `<` or `>`, as in `struct`.
    """
    out = b"GGUF" + struct.pack(f"{order}IQQ", version, 0, len(pairs))
    for key, (kind, *value) in pairs.items():
        out += _string(key, order) + struct.pack(f"{order}I", kind) + _value(kind, value, order)
    return out


def chat_model(template: str | None, **more: tuple[Any, ...]) -> bytes:
    """Writes the metadata of a small model with a chat template."""
    pairs: dict[str, tuple[Any, ...]] = {
        "general.architecture": (STRING, "llama"),
        "general.name": (STRING, "Tiny Chat"),
        "llama.rope.freq_base": (FLOAT32, 10000.0),
        "tokenizer.ggml.tokens": (ARRAY, STRING, ["<unk>", "<s>", "</s>", "a", "<|end|>", b"\xff"]),
        "tokenizer.ggml.scores": (ARRAY, FLOAT32, [0.0] * 6),
        "tokenizer.ggml.token_type": (ARRAY, INT32, [2, 3, 3, 1, 3, 6]),
        "tokenizer.ggml.merges": (ARRAY, STRING, ["a b", "b c"]),
        "tokenizer.ggml.bos_token_id": (UINT32, 1),
        "tokenizer.ggml.eos_token_id": (UINT32, 2),
        "tokenizer.ggml.eot_token_id": (UINT32, 4),
        "tokenizer.ggml.padding_token_id": (UINT32, 99),
        "tokenizer.ggml.add_bos_token": (BOOL, True),
    }
    if template is not None:
        pairs["tokenizer.chat_template"] = (STRING, template)
    return gguf({**pairs, **more})


def _string(text: str | bytes, order: str) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(f"{order}Q", len(data)) + data


def _value(kind: int, value: list[Any], order: str) -> bytes:
    if kind == STRING:
        return _string(value[0], order)
    if kind == ARRAY:
        item_kind, items = value
        head = struct.pack(f"{order}IQ", item_kind, len(items))
        nested = item_kind == ARRAY
        return head + b"".join(_value(item_kind, list(item) if nested else [item], order) for item in items)
    return struct.pack(f"{order}{_LAYOUTS[kind]}", value[0])
