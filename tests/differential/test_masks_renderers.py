"""Masks against the sampled masks of the `renderers` package, which writes each family's tokens by hand.

A conversation counts where both give the same tokens. Every difference must be of a kind that `KINDS` explains.
Needs `renderers` and `httpx`, which it imports; `CHATTPL_UPDATE=1` rewrites the table in `docs/masks.md`.
"""

from __future__ import annotations

import copy
import inspect
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import groupby
from typing import Any, NamedTuple

import pytest

import chattpl
from byte_tokenizers import byte_tokenizer, chat_format, control_tokens, unmarked
from chattpl import Tokenizer
from compare import CLOCK
from fetch_oracles import NO_TRL, trl_templates
from page_tables import check_table
from paths import CONFORMANCE, NO_CONFORMANCE, NO_REAL_DATA
from real_rows import real_rows
from strategies import probes
from vendor_packages import folder_of_ranks, harmony_encoding

renderers = pytest.importorskip("renderers", reason="needs the packages renderers and httpx")


class Family(NamedTuple):
    """A renderer, and the template that prints what it prints."""

    renderer: str
    module: str
    template: str
    stop_tokens: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()


_EOS_DEEPSEEK = "<｜end▁of▁sentence｜>"
FAMILIES = {
    "Qwen3, our template": Family("qwen3", "qwen3", "registry:qwen3", ("<|im_end|>",)),
    "Qwen3, derived": Family("qwen3", "qwen3", "trl:qwen3.jinja", ("<|im_end|>",)),
    "Llama 3, our template": Family("llama-3", "llama_3", "registry:llama3.2", ("<|eot_id|>", "<|eom_id|>")),
    "Llama 3, derived": Family(
        "llama-3",
        "llama_3",
        "trl:llama3_2.jinja",
        ("<|eot_id|>", "<|eom_id|>"),
        (("bos_token", "<|begin_of_text|>"),),
    ),
    "gpt-oss, our template": Family("gpt-oss", "gpt_oss", "registry:gpt-oss", ("<|return|>", "<|call|>")),
    "gpt-oss, derived": Family("gpt-oss", "gpt_oss", "trl:gptoss.jinja", ("<|return|>", "<|call|>")),
    "DeepSeek V3, derived": Family(
        "deepseek-v3",
        "deepseek_v3",
        "trl:deepseekv3.jinja",
        (_EOS_DEEPSEEK,),
        (("bos_token", "<｜begin▁of▁sentence｜>"), ("eos_token", _EOS_DEEPSEEK)),
    ),
    "GLM 4.5, derived": Family("glm-4.5", "glm45", "trl:glm4moe.jinja", ("<|user|>", "<|observation|>")),
    "Kimi K2, derived": Family("kimi-k2", "kimi_k2", "conformance:lcpp__Kimi-K2-Instruct", ("<|im_end|>",)),
}

SETTINGS = {
    "llama-3": {"date_string": CLOCK.strftime("%d %b %Y")},
    "gpt-oss": {"conversation_start_date": CLOCK.strftime("%Y-%m-%d")},
}
CHANNEL = r"(<\|channel\|>(final|analysis)| to=functions\.\w+<\|channel\|>commentary json)<\|message\|>"
KINDS = {
    "names the channel": "The package takes `<|channel|>final<|message|>` for the prompt's. The "
    "prompt that OpenAI documents is `<|start|>assistant`: the model samples its channel, and we train on it.",
    "stands in for the stop token": "An answer in history ends with `<|end|>`, where the model sampled `<|return|>`. "
    "The package trains on it; our template's marks leave it out, so that the model does not learn to end a turn with "
    "it. Masks derived from a template cannot tell and train on it, as TRL does.",
    "first line break": "GLM's prompt ends with `<|assistant|>` and the model samples the line break before "
    "`<think>`; the package takes that for the prompt's.",
}


class Difference(NamedTuple):
    """Tokens that one of the two trains on and the other does not."""

    kind: str | None
    ours: bool
    text: str
    around: str


class AsRenderersWant:
    """A tokenizer of ours with the methods that renderers call."""

    name_or_path = "ours"
    unk_token_id = None
    eos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str, *args: Any, **kwargs: Any) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).tolist()
        return ids

    def decode(self, token_ids: Any, *args: Any, **kwargs: Any) -> str:
        return self._tokenizer.decode(list(token_ids))

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        if isinstance(tokens, str):
            return self._tokenizer.token_to_id(tokens)
        return [self._tokenizer.token_to_id(token) for token in tokens]


def _harmony() -> Tokenizer:
    """The vocabulary that harmony itself uses; the package keeps the encoding once it is loaded."""
    harmony_encoding()
    folder = folder_of_ranks()
    if folder is not None:
        os.environ.setdefault("TIKTOKEN_ENCODINGS_BASE", str(folder))
    made = Tokenizer.load("o200k_harmony")
    assert isinstance(made, Tokenizer)
    return made


def _source(template: str) -> str:
    kind, _, name = template.partition(":")
    if kind == "registry":
        return chattpl.load(name).template.source
    if kind == "trl":
        if not trl_templates():
            pytest.skip(NO_TRL)
        return unmarked(trl_templates()[name])
    if not CONFORMANCE.is_dir():
        pytest.skip(NO_CONFORMANCE)
    return unmarked((CONFORMANCE / "templates" / f"{name}.jinja").read_bytes().decode())


@cache
def _compare(name: str) -> tuple[int, list[tuple[str, Difference]]]:
    """How many conversations give the same tokens, and the differences in them."""
    family = FAMILIES[name]
    source = _source(family.template)
    arguments = dict(family.arguments)
    if family.template.startswith("registry:"):
        arguments |= chattpl.load(family.template.partition(":")[2]).token_arguments
    module = import_module(f"renderers.{family.module}")
    control = control_tokens(source, inspect.getsource(module), *arguments.values(), *family.stop_tokens)
    tokenizer = _harmony() if family.renderer == "gpt-oss" else byte_tokenizer((*control, "[gMASK]"))
    chat = chat_format(source, tokenizer, arguments=arguments, stop_tokens=family.stop_tokens)
    config = renderers.config_from_name(family.renderer).model_copy(update=SETTINGS.get(family.renderer, {}))
    renderer = renderers.create_renderer(AsRenderersWant(tokenizer), config)
    count, differences = 0, []
    for probe in [*probes(), *real_rows()]:
        options = {key: value for key, value in probe.options.items() if key in ("tools", "add_generation_prompt")}
        if options != probe.options:
            continue
        try:
            theirs = renderer.render(copy.deepcopy(probe.messages), **options)
            ours = chat.encode(probe.messages, now=CLOCK, special_tokens="parity", **options)
        except Exception:  # whatever either refuses
            continue
        if ours.input_ids.tolist() != theirs.token_ids:
            continue
        count += 1
        sampled = [
            flag and index >= 0 and probe.messages[index].get("role") == "assistant"
            for flag, index in zip(theirs.sampled_mask, theirs.message_indices, strict=True)
        ]
        found = _differences(chat, ours.input_ids.tolist(), ours.loss_mask.tolist(), sampled)
        differences += [(probe.name, one) for one in found]
    return count, differences


def _differences(chat: chattpl.ChatFormat, ids: list[int], ours: list[int], theirs: list[bool]) -> Iterator[Difference]:
    at = 0
    for (mine, sampled), run in groupby(zip(map(bool, ours), theirs, strict=True)):
        start, at = at, at + len(list(run))
        if mine == sampled:
            continue
        text = chat.tokenizer.decode(ids[start:at])
        around = chat.tokenizer.decode(ids[max(0, start - 60) : at + 40])
        yield Difference(_kind(mine, text, around), mine, text, around)


def _kind(mine: bool, text: str, around: str) -> str | None:
    if mine and re.fullmatch(
        r"(<\|channel\|>(final|analysis)| to=functions\.\w+<\|channel\|>commentary json)<\|message\|>", text
    ):
        return "names the channel"
    if not mine and text == "<|end|>":
        return "stands in for the stop token"
    if mine and text == "\n" and "<|assistant|>\n" in around:
        return "first line break"
    return None


@pytest.mark.parametrize("name", FAMILIES)
def test_mask_equals_the_sampled_mask(name: str) -> None:
    count, differences = _compare(name)
    if not count and not real_rows():
        pytest.skip("both make the same tokens of none of the probes, and the real conversations are not here")
    assert count > (50 if real_rows() else 0)
    assert not [(probe, found) for probe, found in differences if found.kind is None]


@pytest.mark.skipif(
    not CONFORMANCE.is_dir() or not real_rows(),
    reason=NO_REAL_DATA,
)
def test_table_is_current() -> None:
    rows = []
    for name in FAMILIES:
        count, differences = _compare(name)
        kinds = Counter(kind for _, kind in {(probe, found.kind) for probe, found in differences})
        found = "; ".join(f"{kind}: {number}" for kind, number in sorted(kinds.items(), key=str)) or "none"
        different = len({probe for probe, _ in differences})
        rows.append(f"| {name} | {count} | {count - different} | {found} |")
    explained = [f"- *{kind}*: {text}" for kind, text in KINDS.items()]
    head = ["| Family | Conversations | Equal | Conversations with a difference |", "|---|---:|---:|---|"]
    check_table("renderers", "\n".join([*head, *rows, "", *explained]))
