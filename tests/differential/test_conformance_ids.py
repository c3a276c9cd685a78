"""Every conformance template and probe through five vocabularies: our ids of the chat are the reference's of its text.

The reference encodes the text that `transformers` recorded, control tokens wherever they stand (`"parity"`). References
are `tokenizers` with the files of CHATTPL_ORACLES, `tiktoken` for cl100k, and `mistral-common` for Mistral's.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import tiktoken
from tokenizers import Tokenizer as Reference

import chattpl
import tiny_tokenizers as tiny
from chattpl.tokenizer import Tokenizer
from compare import CLOCK, TOKENS
from encoders import NO_ORACLES, oracle
from paths import CONFORMANCE, NO_CONFORMANCE
from vendor_packages import MISTRAL_FILES, package_file, ranks_file

NAMES = sorted(path.name for path in (CONFORMANCE / "templates").glob("*.jinja"))
pytestmark = pytest.mark.skipif(not NAMES, reason=NO_CONFORMANCE)

ORACLE_OF = {"qwen": "qwen3", "o200k_harmony": "gptoss"}
"""Folders of CHATTPL_ORACLES by the name of our vocabulary."""
VOCABULARIES = [*ORACLE_OF, "cl100k", "tekken-240911", "mistral-v3"]
CL100K_TOKENS = {
    "<|endoftext|>": 100_257,
    "<|fim_prefix|>": 100_258,
    "<|fim_middle|>": 100_259,
    "<|fim_suffix|>": 100_260,
    "<|endofprompt|>": 100_276,
}


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_ids_of_every_template_and_probe_are_the_references(vocabulary: str) -> None:
    encode, tokenizer = _reference(vocabulary), Tokenizer.load(vocabulary)
    wrong, compared = {}, 0
    for name in NAMES:
        chat = chattpl.load(CONFORMANCE / "templates" / name, tokenizer=tokenizer)
        for record in _records()[name]:
            if record.get("out") is None or record["probe"] == "no_messages":
                continue  # an empty conversation is refused before it is rendered
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
    if vocabulary == "cl100k":
        return _cl100k()
    path = oracle(ORACLE_OF[vocabulary])
    if path is None:
        pytest.skip(NO_ORACLES.format(name=ORACLE_OF[vocabulary]))
    tokenizer = Reference.from_file(str(path))
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def _cl100k() -> Callable[[str], list[int]]:
    ranks = ranks_file("cl100k")
    if ranks is None:
        pytest.skip("cl100k's ranks are neither in CHATTPL_ORACLES as cl100k/ranks.tiktoken nor in bpe_openai")
    pairs = (line.split() for line in ranks.splitlines())
    table = {base64.b64decode(token): int(rank) for token, rank in pairs}
    encoding = tiktoken.Encoding("c", pat_str=tiny.CL100K, mergeable_ranks=table, special_tokens=CL100K_TOKENS)
    return lambda text: encoding.encode(text, allowed_special="all")


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
    longest_first = sorted(control, key=len, reverse=True)
    return re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text)


@cache
def _probes() -> dict[str, dict[str, Any]]:
    return {probe["name"]: probe for probe in json.loads((CONFORMANCE / "probes.json").read_text("utf-8"))}


@cache
def _records() -> dict[str, list[dict[str, Any]]]:
    by_name = defaultdict(list)
    for line in (CONFORMANCE / "golden.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        record = json.loads(line)
        by_name[record["template"]].append(record)
    return by_name
