"""Hashes that tell whether two formats print and encode alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chattpl.tokenizer import Tokenizer


def of_templates(sources: Mapping[str, str]) -> str:
    """SHA-256 of template texts by name, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name, text in sorted(sources.items()):
        for part in (name, text):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def of_tokenizer(tokenizer: Tokenizer) -> str:
    """SHA-256 of a vocabulary's scheme, the bytes of its tokens by id, and its added tokens, as hexadecimal digits.

    Tokenizers that differ in nothing but how text is normalized or split have the same hash.
    """
    digest = hashlib.sha256(f"{tokenizer.scheme} {tokenizer.vocab_size}".encode())
    for token_id in range(tokenizer.vocab_size):
        token = tokenizer.id_to_bytes(token_id)
        digest.update(len(token).to_bytes(4, "little") + token)
    for token_id, text, is_special in tokenizer.added_tokens:
        digest.update(f"{token_id} {is_special} {text}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
