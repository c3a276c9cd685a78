"""Llama's vocabularies, described: their ranks stay in the package `llama-models`, whose licence is Meta's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CL100K_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaVocabulary:
    """A file of ranks inside `llama-models`, and what it does not say of itself."""

    file: str
    """Its path in the package."""
    sha256: str
    """The checksum of the file."""
    pattern: str
    """What cuts a text into pieces."""
    first_control_id: int
    """The id of the first control token; the ranks end before it."""
    control_tokens: tuple[str, ...]
    """The control tokens by id."""

    def description(self, name: str) -> dict[str, Any]:
        """What `pack_of_ranks` wants to know besides the ranks."""
        return {
            "name": name,
            "pattern": self.pattern,
            "control_tokens": {text: self.first_control_id + i for i, text in enumerate(self.control_tokens)},
            "prefix": [self.first_control_id],
        }


def _numbered(pattern: str, start: int, stop: int) -> tuple[str, ...]:
    return tuple(f"<|{pattern}reserved_special_token_{number}|>" for number in range(start, stop))


def _named(*tokens: str) -> tuple[str, ...]:
    return tuple(f"<|{token}|>" for token in tokens)


# `llama_models.llama3.tokenizer.Tokenizer`
_LLAMA3_TOKENS = (
    *_named("begin_of_text", "end_of_text"),
    *_numbered("", 0, 2),
    *_named("finetune_right_pad_id", "step_id", "start_header_id", "end_header_id", "eom_id", "eot_id"),
    *_named("python_tag", "image"),
    *_numbered("", 2, 246),
)

# `llama_models.llama4.tokenizer`: LLAMA4_SPECIAL_TOKENS and what fills them up to 2,048
_LLAMA4_TOKENS = (
    *_named("begin_of_text", "end_of_text", "fim_prefix", "fim_middle", "fim_suffix"),
    *_named("header_start", "header_end", "eom", "eot", "step"),
    *_numbered("text_post_train_", 0, 6),
    *_named("python_start", "python_end", "finetune_right_pad"),
    *_numbered("text_post_train_", 8, 69),
    *_named("image_start", "image_end"),
    *_numbered("vision_", 0, 2),
    *_named("tile_x_separator", "tile_y_separator"),
    *_numbered("vision_", 2, 6),
    *_named("image"),
    *_numbered("vision_", 6, 7),
    *_named("patch"),
    *_numbered("vision_", 7, 1048),
    *_numbered("reasoning_", 0, 8),
    *_named("reasoning_thinking_start", "reasoning_thinking_end"),
    *_numbered("", 0, 904),
)

LLAMA_VOCABULARIES = {
    "llama3": LlamaVocabulary(
        file="llama3/tokenizer.model",
        sha256="82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
        pattern=CL100K_PATTERN,
        first_control_id=128_000,
        control_tokens=_LLAMA3_TOKENS,
    ),
    "llama4": LlamaVocabulary(
        file="llama4/tokenizer.model",
        sha256="d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed",
        pattern=O200K_PATTERN,
        first_control_id=200_000,
        control_tokens=_LLAMA4_TOKENS,
    ),
}
