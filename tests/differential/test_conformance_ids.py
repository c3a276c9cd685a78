"""Every conformance template and probe through five vocabularies: our ids of the chat are the reference's of its text.

The reference encodes the text that `transformers` recorded, control tokens wherever they stand (`"parity"`). References
are `tokenizers` with the files of CHATTPL_ORACLES, and `mistral-common` for Mistral's vocabularies.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Reference

import chattpl
from chattpl.tokenizer import Tokenizer
from compare import CLOCK, TOKENS
from encoders import NO_ORACLES, oracle
from paths import CONFORMANCE, NO_CONFORMANCE
from vendor_packages import MISTRAL_FILES, package_file

NAMES = sorted(path.name for path in (CONFORMANCE / "templates").glob("*.jinja"))
pytestmark = pytest.mark.skipif(not NAMES, reason=NO_CONFORMANCE)

ORACLE_OF = {"qwen": "qwen3", "o200k_harmony": "gptoss", "cl100k": "gpt4"}
"""Folders of CHATTPL_ORACLES by the name of our vocabulary."""
VOCABULARIES = [*ORACLE_OF, "tekken-240911", "mistral-v3"]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_ids_of_every_template_and_probe_are_the_references(vocabulary: str) -> None:
    encode, tokenizer = _reference(vocabulary), Tokenizer.load(vocabulary)
    wrong, compared = {}, 0
    for name in NAMES:
        chat = chattpl.load(CONFORMANCE / "templates" / name, tokenizer=tokenizer)
        for record in _records()[name]:
            if record.get("out") is None:
                continue
            probe = _probes()[record["probe"]]
            options = {**TOKENS, **probe["kwargs"]}
            encoded = chat.encode(probe["messages"], special_tokens="parity", now=CLOCK, **options)
            compared += 1
            if encoded.input_ids.tolist() != encode(record["out"]):
                wrong[name, record["probe"]] = record["out"][:200]
    assert not wrong, f"{len(wrong)} of {compared}: {dict(list(wrong.items())[:5])}"
    assert compared > 20 * len(NAMES)


@cache
def _reference(vocabulary: str) -> Callable[[str], list[int]]:
    if vocabulary in MISTRAL_FILES:
        return _mistral(vocabulary)
    path = oracle(ORACLE_OF[vocabulary])
    if path is None:
        pytest.skip(NO_ORACLES.format(name=ORACLE_OF[vocabulary]))
    tokenizer = Reference.from_file(str(path))
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def _mistral(vocabulary: str) -> Callable[[str], list[int]]:
    """Mistral's encoder for the text between control tokens; it has none that finds them in a text.

    SentencePiece puts its space in front of the whole text alone, and a control token before it takes that place: the
    text behind one is encoded behind a line break, whose tokens are cut off.
    """
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    path = package_file("mistral_common", f"data/{MISTRAL_FILES[vocabulary]}")
    if path is None:
        pytest.skip(f"this mistral-common has no {MISTRAL_FILES[vocabulary]}")
    tokenizer: Any
    if path.suffix == ".json":
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        tokenizer, before = Tekkenizer.from_file(path), ""
    else:
        pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
        from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer

        tokenizer, before = SentencePieceTokenizer(path), "\n"
    cut = len(tokenizer.encode(before, bos=False, eos=False))
    control = _control_tokens(tokenizer)

    def encode(text: str) -> list[int]:
        ids: list[int] = []
        for at, piece in enumerate(_split(text, control)):
            if piece in control:
                ids.append(control[piece])
            elif piece:
                front, taken = (before, cut) if at else ("", 0)
                ids += tokenizer.encode(front + piece, bos=False, eos=False)[taken:]
        return ids

    return encode


def _control_tokens(tokenizer: Any) -> dict[str, int]:
    return {tokenizer.id_to_piece(token): token for token in tokenizer.special_ids}


def _split(text: str, control: dict[str, int]) -> list[str]:
    import re

    longest_first = sorted(control, key=len, reverse=True)
    return re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text)


@cache
def _probes() -> dict[str, dict[str, Any]]:
    return {probe["name"]: probe for probe in json.loads((CONFORMANCE / "probes.json").read_text("utf-8"))}


@cache
def _records() -> dict[str, list[dict[str, Any]]]:
    by_name = defaultdict(list)
    for line in Path(CONFORMANCE / "golden.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        by_name[record["template"]].append(record)
    return by_name
