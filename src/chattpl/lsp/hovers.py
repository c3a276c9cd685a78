"""What an editor shows beside the pointer: the manual of a rule, and a conversation with a literal's work in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chattpl import Template
from chattpl.cli.sample import samples
from chattpl.errors import ChatTemplateError
from chattpl.registry import ModelInfo
from chattpl.rows import Row

_INFO = ModelInfo(name="template", source="", tools=True)
_STAND_INS = {"bos_token": "<BOS>", "eos_token": "<EOS>", "pad_token": "<PAD>", "unk_token": "<UNK>"}
_OPENING, _CLOSING = "⟦", "⟧"
_MAX_INSTRUCTIONS, _MAX_OUTPUT_BYTES = 2_000_000, 1 << 20
_MAX_SHOWN = 4000
_BACKTICKS = re.compile("`+")


def sample_with(text: str, offset: int, tokens: Mapping[str, str]) -> str | None:
    """Shows a conversation in which what the literal at a place prints is marked.

    Args:
        text: The template.
        offset: The place, in characters.
        tokens: Tokens that the template reads as arguments; none for stand-ins.

    Returns:
        Markdown; None where no literal is, or none that a sample conversation prints.
    """
    try:
        template = Template(text, max_instructions=_MAX_INSTRUCTIONS, max_output_bytes=_MAX_OUTPUT_BYTES)
    except ChatTemplateError:
        return None
    byte = len(text[:offset].encode("utf-8", "surrogatepass"))
    for conversation in samples(_INFO):
        marked = _marked(template, conversation, byte, tokens or _STAND_INS)
        if marked:
            return marked
    return None


def _marked(template: Template, conversation: Row, byte: int, tokens: Mapping[str, Any]) -> str | None:
    try:
        rendered = template.render(
            conversation.messages, tools=conversation.tools, add_generation_prompt=True, **tokens
        )
    except ChatTemplateError:
        return None
    pieces: list[str] = []
    count = first = 0
    for segment in rendered.segments:
        piece = rendered.text[segment.start : segment.end]
        span = segment.template_span
        if span and span[0] <= byte < span[1] and piece:
            first = first if count else len("".join(pieces))
            count += 1
            piece = f"{_OPENING}{piece}{_CLOSING}"
        pieces.append(piece)
    if not count:
        return None
    times = "once" if count == 1 else f"{count} times"
    shown = _around("".join(pieces), first)
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    note = f"Printed {times} in this conversation, marked {_OPENING}{_CLOSING}"
    return f"{note}:\n\n{fence}text\n{shown}\n{fence}\n"


def _around(text: str, first: int) -> str:
    """As much of a text as an editor shows well, with the place `first` in it."""
    start = max(0, min(first - _MAX_SHOWN // 2, len(text) - _MAX_SHOWN))
    end = start + _MAX_SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
