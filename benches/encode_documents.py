"""Reads conversations and writes them as documents of the Qwen format, in named sets.

A folder of conversations holds `*.jsonl` with `messages` (or `prompt` and `chosen`) and perhaps `tools` on each line.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chattpl

FORMAT = "qwen3"
SETS = ("mixed", "en", "code", "ja+zh", "de+es+ru")
_FILES = {"code": ("code",), "ja+zh": ("ja", "zh_CN", "zh_TW"), "de+es+ru": ("de", "es", "ru")}


def document_sets(conversations: Path, corpus: Path | None) -> dict[str, list[str]]:
    """Reads every set that the folders have files for.

    Args:
        conversations: English conversations with tools; the set `en`.
        corpus: what `shared/data/make_corpus.py` wrote, one file a language and `code.jsonl`.

    Returns:
        Documents by set name, in an order that a fixed seed gives; `mixed` holds all of them.
    """
    chat_format = chattpl.load(FORMAT)
    sets = {"en": [text for path in sorted(conversations.glob("*.jsonl")) for text in _documents(path, chat_format)]}
    for name, languages in _FILES.items():
        paths = [corpus / f"{language}.jsonl" for language in languages] if corpus else []
        if found := [text for path in paths if path.is_file() for text in _documents(path, chat_format)]:
            sets[name] = found
    for documents in sets.values():
        random.Random(0).shuffle(documents)
    sets["mixed"] = [text for documents in sets.values() for text in documents]
    random.Random(1).shuffle(sets["mixed"])
    return sets


def megabytes(documents: list[str]) -> float:
    """Size of the documents' UTF-8, in units of 1,000,000 bytes."""
    return sum(len(text.encode()) for text in documents) / 1e6


def _documents(path: Path, chat_format: chattpl.ChatFormat) -> Iterator[str]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        row = json.loads(line)
        if messages := _messages(row):
            try:
                yield chat_format.render(messages, tools=row.get("tools") or None).text
            except chattpl.ChatTemplateError as error:
                print(f"left out {path.name}:{number}: {str(error).splitlines()[0]}")


def _messages(row: dict[str, Any]) -> list[dict[str, Any]]:
    messages = row.get("messages") or [*row.get("prompt", []), *row.get("chosen", [])]
    return [{key: value for key, value in message.items() if value is not None} for message in messages]
