"""One call's way from texts to the `BatchEncoding` that a `transformers` tokenizer would give."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from transformers import BatchEncoding
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy

from chattpl.tokenizer import Tokenizer


class Vocabulary(NamedTuple):
    """What a tokenizer's text is encoded with."""

    backend: Any
    """The `tokenizers.Tokenizer` it was read from."""
    size: int
    """How many tokens that had then."""
    tokenizer: Tokenizer


class Call:
    """What one call of `apply_chat_template` asks for, beyond the texts.

    Args:
        tokenizer: The tokenizer of `transformers`. Its backend is left as `transformers` leaves it.
        vocabulary: What to encode with.
        is_batched: Whether there are several conversations.
        arguments: Those of the call, by name.

    Raises:
        ValueError: What the tokenizer says of its padding and truncation.
    """

    def __init__(self, tokenizer: Any, vocabulary: Vocabulary, is_batched: bool, arguments: dict[str, Any]) -> None:
        self.tokenizer, self.is_batched = tokenizer, is_batched
        self.backend, _, self.encoder = vocabulary
        self.return_tensors = arguments["return_tensors"]
        self.more: dict[str, Any] = arguments["tokenizer_kwargs"] or {}
        self.verbose = self.more.get("verbose", True)
        self.multiple = self.more.get("pad_to_multiple_of")
        self.padding, self.truncation, self.max_length, _ = tokenizer._get_padding_truncation_strategies(
            padding=arguments["padding"],
            truncation=arguments["truncation"],
            max_length=arguments["max_length"],
            pad_to_multiple_of=self.multiple,
            verbose=self.verbose,
        )
        side = self.more.get("padding_side")
        tokenizer.set_truncation_and_padding(self.padding, self.truncation, self.max_length, 0, self.multiple, side)
        self.pads_left = (tokenizer.padding_side if side is None else side) == "left"
        self.settings = self.backend.truncation, self.backend.padding

    def encode(self, texts: list[str]) -> Any:
        """What `tokenizer(texts)` gives."""
        rows = [self.cut(row) for row in self._ids(texts)]
        length = self._padded_length(rows)
        columns = self._columns(rows, length)
        for ids in columns["input_ids"]:
            self.tokenizer._eventual_warn_about_too_long_sequence(ids, self.max_length, self.verbose)
        late = _LateEncodings(lambda: self._encodings(texts))
        out = BatchEncoding(columns, late, tensor_type=self.return_tensors, n_sequences=1)
        if self.is_batched or self.return_tensors is not None:
            return out
        first = {key: value[0] if value and isinstance(value[0], list) else value for key, value in out.items()}
        return BatchEncoding(first, late, n_sequences=1)

    def padded(self, rows: list[list[int]]) -> Any:
        """What `transformers` makes of rows of sanitized ids: those and an attention mask."""
        rows = [self.cut(row) for row in rows]
        nested = self.is_batched or self.return_tensors is not None
        return self.tokenizer.pad(
            {"input_ids": rows if nested else rows[0]},
            padding=self.padding,
            max_length=self.max_length,
            pad_to_multiple_of=self.multiple,
            padding_side=self.more.get("padding_side"),
            return_attention_mask=self.more.get("return_attention_mask"),
            return_tensors=self.return_tensors,
        )

    def add_masks(self, out: Any, texts: list[str], spans: list[list[tuple[int, int]]]) -> None:
        """Puts `assistant_masks` into a result: 1 for each token that reaches into a span of characters."""
        self.add_row_masks(out, [self._mask(text, of_text) for text, of_text in zip(texts, spans, strict=True)])

    def add_row_masks(self, out: Any, found: list[list[int]]) -> None:
        """Puts `assistant_masks` into a result: those of whole rows, cut and padded as the rows are."""
        several = self.is_batched or bool(self.return_tensors)
        rows = out["input_ids"] if several else [out["input_ids"]]
        masks = [_padded(self.cut(mask), len(row), 0, self.pads_left) for mask, row in zip(found, rows, strict=True)]
        out["assistant_masks"] = masks if several else masks[0]
        if self.return_tensors:
            out.convert_to_tensors(tensor_type=self.return_tensors)

    def _mask(self, text: str, spans: list[tuple[int, int]]) -> list[int]:
        if not spans:
            return [0] * self.encoder.count(text)
        starts, ends = self.encoder.offsets(text).T
        mask = np.zeros(len(starts), np.uint8)
        for start, end in spans:
            inside = np.flatnonzero((ends > start) & (starts < end))
            if start < end and len(inside):
                mask[inside[0] : inside[-1] + 1] = 1
        return mask.tolist()

    def cut(self, row: list[int]) -> list[int]:
        """What truncation leaves of a row."""
        if self.truncation == TruncationStrategy.DO_NOT_TRUNCATE or len(row) <= self.max_length:
            return row
        at_start = self.tokenizer.truncation_side == "left"
        return row[len(row) - self.max_length :] if at_start else row[: self.max_length]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if len(texts) == 1:
            return [self.encoder.encode(texts[0]).tolist()]
        batch = self.encoder.encode_batch(texts, threads=1 if _one_thread() else None)
        ids, ends = batch.input_ids.tolist(), batch.offsets.tolist()
        return [ids[start:end] for start, end in pairwise(ends)]

    def _padded_length(self, rows: list[list[int]]) -> int:
        if self.padding == PaddingStrategy.DO_NOT_PAD:
            return 0
        length = self.max_length if self.padding == PaddingStrategy.MAX_LENGTH else max(map(len, rows))
        return -(-length // self.multiple) * self.multiple if self.multiple else length

    def _columns(self, rows: list[list[int]], length: int) -> dict[str, list[Any]]:
        wanted, tokenizer = self.more, self.tokenizer
        names = tokenizer.model_input_names
        columns: dict[str, list[Any]] = {}

        def column(name: str, values: Callable[[list[int]], list[int]], pad: int) -> None:
            columns[name] = [_padded(values(row), length, pad, self.pads_left) for row in rows]

        pad_id = tokenizer.pad_token_id if length else 0
        column("input_ids", lambda row: row, pad_id)
        if _wanted(wanted.get("return_token_type_ids"), "token_type_ids" in names):
            column("token_type_ids", lambda row: [0] * len(row), tokenizer.pad_token_type_id)
        if _wanted(wanted.get("return_attention_mask"), "attention_mask" in names):
            column("attention_mask", lambda row: [1] * len(row), 0)
        if wanted.get("return_special_tokens_mask"):
            column("special_tokens_mask", lambda row: [0] * len(row), 1)
        if wanted.get("return_length"):
            columns["length"] = [len(ids) for ids in columns["input_ids"]]
        return columns

    def _encodings(self, texts: list[str]) -> list[Any]:
        """What `tokenizers` makes of the texts with the settings of this call; the present ones are put back."""
        before = self.backend.truncation, self.backend.padding
        try:
            _set(self.backend, *self.settings)
            found: list[Any] = self.backend.encode_batch(texts, add_special_tokens=False)
        finally:
            _set(self.backend, *before)
        return found


def _set(backend: Any, truncation: dict[str, Any] | None, padding: dict[str, Any] | None) -> None:
    backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
    backend.no_padding() if padding is None else backend.enable_padding(**padding)


class _LateEncodings(list[Any]):
    """The `tokenizers.Encoding` objects of a result; `tokenizers` makes them when somebody asks for one."""

    def __init__(self, make: Callable[[], list[Any]]) -> None:
        super().__init__()
        self._make: Callable[[], list[Any]] | None = make

    def _made(self) -> list[Any]:
        if self._make is not None:
            make, self._make = self._make, None
            self.extend(make())
        return list(super().__iter__())

    def __len__(self) -> int:
        return len(self._made())

    def __iter__(self) -> Any:
        return iter(self._made())

    def __getitem__(self, index: Any) -> Any:
        return self._made()[index]

    def __eq__(self, other: object) -> bool:
        return self._made() == other

    def __repr__(self) -> str:
        return repr(self._made())

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (self._made(),)


def _wanted(asked: bool | None, default: bool) -> bool:
    return default if asked is None else bool(asked)


def _padded(row: list[int], length: int, pad: int, left: bool) -> list[int]:
    missing = [pad] * (length - len(row))
    if not missing:
        return row
    return missing + row if left else row + missing


def _one_thread() -> bool:
    """Whether the user told `tokenizers` to keep to one thread, as the workers of a data loader are told."""
    return os.environ.get("TOKENIZERS_PARALLELISM", "").lower() in ("off", "false", "f", "no", "n", "0")
