"""The packages in which vendors publish their encoders, and the files in them."""

from __future__ import annotations

import gzip
import importlib.util
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from encoders import ORACLES

MISTRAL_FILES = {
    "mistral-v1": "tokenizer.model.v1",
    "mistral-v2": "mistral_instruct_tokenizer_240216.model.v2",
    "mistral-v3": "mistral_instruct_tokenizer_240323.model.v3",
    "mistral-v7": "mistral_instruct_tokenizer_241114.model.v7",
    "tekken-240718": "tekken_240718.json",
    "tekken-240911": "tekken_240911.json",
}
"""Files of `mistral_common/data` by the name of the vocabulary."""


def package_file(package: str, file: str) -> Path | None:
    """A file of an installed package."""
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    return path if path and path.is_file() else None


@cache
def harmony_encoding() -> Any:
    """Harmony's encoding for gpt-oss, with ranks from CHATTPL_ORACLES or the package `bpe_openai`."""
    harmony = pytest.importorskip("openai_harmony", reason="openai-harmony is not installed")
    folder = folder_of_ranks()
    if folder is None:
        pytest.skip("o200k's ranks are neither in CHATTPL_ORACLES as o200k/ranks.tiktoken nor in bpe_openai")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_ENCODINGS_BASE", str(folder))
        return harmony.load_harmony_encoding(harmony.HarmonyEncodingName.HARMONY_GPT_OSS)


def ranks_file(name: str) -> bytes | None:
    """The ranks of cl100k or o200k, as tiktoken writes them."""
    path = ORACLES / name / "ranks.tiktoken"
    if path.is_file():
        return path.read_bytes()
    packed = package_file("bpe_openai", f"data/{name}_base.tiktoken.gz")
    return gzip.decompress(packed.read_bytes()) if packed else None


@cache
def folder_of_ranks() -> Path | None:
    """A folder that holds `o200k_base.tiktoken`, as harmony wants it."""
    data = ranks_file("o200k")
    if data is None:
        return None
    folder = Path(tempfile.mkdtemp())
    (folder / "o200k_base.tiktoken").write_bytes(data)
    return folder
