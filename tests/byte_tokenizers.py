"""Tokenizers with one token for each byte and each control token: masks over their tokens say all that spans say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

import chattpl
from chattpl.format import ChatFormat
from chattpl.registry import ModelInfo
from chattpl.source import ChatSource
from chattpl.tokenizer import Tokenizer

STOP_TOKENS = (
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|eom|>", "</s>", "<|return|>", "<|call|>", "<|end|>",
    "<end_of_turn>", "<turn|>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>", "<|endoftext|>", "<|end_of_text|>",
    "<end_of_utterance>", "<|end_of_turn|>", "<|assistant_end|>", "<|role_end|>", "<|stop|>", "<|EOT|>", "<EOS>",
    "<|message_sep|>", "<|end_of_msg|>", "<end_of_sentence>", "<|eos|>", "[e~[", "<seed:eos>",
)  # fmt: skip
"""What ends a turn in one format or the other. The last one of a turn counts, so others do no harm."""

STOP_TOKENS_OF_GLM = ("<|user|>", "<|observation|>")
"""Where the next turn's first token ends the one before."""

_CONTROL = re.compile(
    r"<\|[^|<>\s'\"{}]{1,40}\|>|<｜[^｜<>\s'\"{}]{1,40}｜>|</?[a-zA-Z][a-zA-Z0-9_:.-]{0,30}>|<\|[a-z_]{1,30}>|<[a-z_]{1,30}\|>"
    r"|\[/?[A-Z][A-Z_]{1,30}\]|\[e~\[|\]~[a-z]\]|\]~!b\[|<BOS>|<EOS>"
)


def control_tokens(*texts: str) -> list[str]:
    """What looks like a control token in the text of templates, longest first."""
    found = {token for text in texts for token in _CONTROL.findall(text)}
    return sorted(found, key=lambda token: (-len(token), token))


def tokenizer_json(control: Iterable[str], plain: Iterable[str] = ()) -> str:
    """The tokenizer.json with these special tokens, and these added tokens that are not special."""
    vocab = {character: at for at, character in enumerate(sorted(ByteLevel.alphabet()))}
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    added: list[dict[str, Any]] = [{"content": token, "special": True, **flags} for token in control]
    added += [{"content": token, "special": False, **flags} for token in plain]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": len(vocab) + at, **token} for at, token in enumerate(added)],
            "normalizer": None,
            "pre_tokenizer": level,
            "post_processor": None,
            "decoder": level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": vocab,
                "merges": [],
            },
        }
    )


@cache
def byte_tokenizer(control: tuple[str, ...], plain: tuple[str, ...] = ()) -> Tokenizer:
    """The tokenizer of `tokenizer_json`."""
    made = Tokenizer.from_bytes(tokenizer_json(control, plain).encode(), "tokenizer.json")
    assert isinstance(made, Tokenizer)
    return made


def chat_format(
    source: str,
    tokenizer: Tokenizer,
    *,
    arguments: dict[str, str] | None = None,
    stop_tokens: tuple[str, ...] = STOP_TOKENS,
    name: str = "made",
) -> ChatFormat:
    """A format made of the text of a template and a tokenizer."""
    info = ModelInfo(name=name, source="tests")
    return ChatFormat(
        info, ChatSource(name, {"default": source}, arguments or {}, {}, stop_tokens), tokenizer=tokenizer
    )


def byte_format(
    source: str, *also: str, arguments: dict[str, str], stop_tokens: tuple[str, ...] = STOP_TOKENS
) -> ChatFormat:
    """A format whose tokenizer has what looks like a control token in `source`, `also` and the arguments."""
    control = tuple(control_tokens(source, *also, *arguments.values()))
    if "<|observation|>" in control:
        stop_tokens += STOP_TOKENS_OF_GLM
    return chat_format(source, byte_tokenizer(control), arguments=arguments, stop_tokens=stop_tokens)


def unmarked(source: str) -> str:
    """A template without its `{% generation %}` marks, everything else as it was."""
    opened = re.sub(r"\{%(-?)\s*generation\s*(-?)%\}", r"{%\1 if true \2%}", source)
    return re.sub(r"\{%(-?)\s*endgeneration\s*(-?)%\}", r"{%\1 endif \2%}", opened)


def mask_of_characters(chat: ChatFormat, encoded: chattpl.Encoded) -> list[bool]:
    """Of each character of the text, whether the token that begins it is learnt; for tokenizers of bytes."""
    assert encoded.text is not None
    mask: list[bool] = []
    for token_id, is_learnt in zip(encoded.input_ids.tolist(), encoded.loss_mask.tolist(), strict=True):
        starts = sum(byte & 0xC0 != 0x80 for byte in chat.tokenizer.id_to_bytes(token_id))
        mask += [bool(is_learnt)] * starts
    assert len(mask) == len(encoded.text)
    return mask
