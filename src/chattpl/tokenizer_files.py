"""Files of tokenizers: which one of a folder counts, what kind it is, and what is wrong with it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from chattpl.errors import VocabularyError
from chattpl.source import LFS_HINT, LFS_POINTER


def map_file(file: Path) -> Any:
    """The bytes of a file, mapped where there are any.

    Raises:
        VocabularyError: It cannot be read.
    """
    import mmap

    try:
        with open(file, "rb") as opened:
            if os.fstat(opened.fileno()).st_size == 0:
                return b""
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise VocabularyError(
            f"cannot read {file}: {getattr(error, 'strerror', None) or error}",
            location=str(file),
            hint="give a tokenizer file, or a folder with one",
        ) from error


def placed(error: VocabularyError, file: Path) -> VocabularyError:
    """The same error with the path of the file before the place in it."""
    location = f"{file}: {error.location}" if error.location else str(file)
    return VocabularyError(error.message, code=error.code, location=location, hint=error.hint)


FILES = ("tokenizer.json", "tekken.json", "tokenizer.model")
"""The tokenizers of folders, the first that is there counts."""
_OTHER_FILES = ("tiktoken.model", "vocab.json", "vocab.txt", "spiece.model", "spm.model", "sentencepiece.bpe.model")


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder holds a tokenizer of any kind, readable or not."""
    return any((folder / name).is_file() for name in FILES + _OTHER_FILES)


def in_folder(folder: Path) -> Path:
    """Finds the tokenizer of a folder.

    Raises:
        VocabularyError: There is none; the hint says what else is there.
    """
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    packs = sorted(folder.glob("*.pack"))
    if packs:
        return packs[0]
    hint = f"a folder with one of {', '.join(FILES)} is read"
    for name in _OTHER_FILES:
        if (folder / name).is_file():
            if name.endswith(".model"):
                kind_of(folder / name, map_file(folder / name))  # says what is wrong with it
            hint += f"; this one has {name}: load it with `transformers` and `save_pretrained` it, which writes a "
            hint += "tokenizer.json"
            break
    raise VocabularyError(f"no tokenizer in {folder}", location=str(folder), hint=hint)


_RANKS = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")


def kind_of(file: Path, data: Any) -> str:
    """Tells the kind of a tokenizer file by its first bytes and its name.

    Raises:
        VocabularyError: It is none, or one that cannot be read by itself.
    """
    head = bytes(data[:4096])
    start = head.lstrip()
    if head.startswith(b"chattplV") or file.suffix == ".pack":
        return "pack"
    why, hint = None, "download the file again"
    if not start:
        why = "the file is empty" if not len(data) else "the file holds nothing but white space"
    elif start.startswith(LFS_POINTER.encode()):
        why, hint = f"{file.name} is a Git LFS pointer, not the tokenizer itself", LFS_HINT
    elif start[:1] == b"<" and start[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        why = f"{file.name} is a web page, not a tokenizer"
    elif file.suffix == ".tiktoken" or _RANKS.match(head):
        why = f"{file.name} holds ranks of tiktoken alone: no control tokens and no way to split text"
        hint = 'give the `tokenizer.json` of the model, or load it by name, as `Tokenizer.load("qwen")`'
    elif start[:1] != b"{" and file.suffix == ".json":
        why = f"{file.name} is not a JSON object"
    if why is not None:
        raise VocabularyError(why, location=str(file), hint=hint)
    if start[:1] == b"{":
        return "tekken.json" if file.name.startswith("tekken") else "tokenizer.json"
    return "sentencepiece"
