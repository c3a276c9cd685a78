"""Masks derived from the vendors' templates against the `{% generation %}` marks of TRL's `_training` variants of them.

A pair counts where both templates print the same text. Every difference must be of a kind that `KINDS` explains.
`CHATTPL_UPDATE=1` rewrites the table in `docs/masks.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import groupby, takewhile
from typing import NamedTuple

import pytest

import chattpl
from byte_tokenizers import STOP_TOKENS, STOP_TOKENS_OF_GLM, byte_format, mask_of_characters, unmarked
from compare import CLOCK, TOKENS
from fetch_oracles import NO_TRL, trl_templates
from page_tables import check_table
from paths import CONFORMANCE, NO_REAL_DATA
from real_rows import real_rows
from strategies import Probe, probes

STOP_OF_FAMILY = {"gptoss": ("<|return|>", "<|call|>"), "diffusion_gemma": ("<turn|>", "<|tool_response>")}
SUFFIX = "_training.jinja"
PAIRS = sorted(name.removesuffix(SUFFIX) for name in trl_templates() if name.endswith(SUFFIX))
pytestmark = pytest.mark.skipif(not PAIRS, reason=NO_TRL)

KINDS = {
    "after the stop token": "TRL also trains on what the template prints after the stop token: white space, and "
    "Phi-3's end of text at the end of a conversation. Sampling has ended there.",
    "supplied by the prompt": "TRL also trains on what the generation prompt supplies: the whole header, the end "
    "of it, or an opening such as `<think>`.",
    "begins a system message": "In GLM the first token of the next turn ends the one before. TRL also trains on "
    "`<|system|>`; the model ends its turn with `<|user|>` or `<|observation|>` only.",
    "ends the tools' results": "DeepSeek's template prints `<｜tool▁outputs▁end｜>` at the start of the answer, and "
    "at the end of a prompt. TRL trains on it; the model never samples it, and `renderers` leaves it out, too.",
    "hands over to the tool": "The model ends its turn with `<|tool_response>` when it has called a tool; we train on "
    "that stop token, TRL does not.",
}


class Difference(NamedTuple):
    """A stretch that one of the two trains on and the other does not."""

    kind: str | None
    ours: bool
    text: str
    around: str


@pytest.mark.parametrize("family", PAIRS)
def test_derived_mask_equals_the_marks_of_the_training_template(family: str) -> None:
    _, differences = _compare(family)
    unexplained = [(name, found) for name, found in differences if found.kind is None]
    assert not unexplained


@pytest.mark.skipif(
    not CONFORMANCE.is_dir() or not real_rows(),
    reason=NO_REAL_DATA,
)
def test_table_is_current() -> None:
    rows = []
    for family in PAIRS:
        count, differences = _compare(family)
        if not count:
            rows.append(f"| `{family}` | 0 | 0 | the two templates never print the same text |")
            continue
        kinds = Counter(kind for _, kind in {(name, found.kind) for name, found in differences})
        found = "; ".join(f"{kind}: {number}" for kind, number in sorted(kinds.items(), key=str)) or "none"
        different = len({name for name, _ in differences})
        rows.append(f"| `{family}` | {count} | {count - different} | {found} |")
    kinds_used = [f"- *{kind}*: {text}" for kind, text in KINDS.items()]
    head = ["| Template | Texts | Equal | Conversations with a difference |", "|---|---:|---:|---|"]
    check_table("trl", "\n".join([*head, *rows, "", *kinds_used]))


@cache
def _compare(family: str) -> tuple[int, list[tuple[str, Difference]]]:
    """How many conversations print the same text in both templates, and the differences in them."""
    original = unmarked(trl_templates()[f"{family}.jinja"])
    training = trl_templates()[family + SUFFIX]
    stop_tokens = next((stops for name, stops in STOP_OF_FAMILY.items() if name in family), None)
    chat = byte_format(original, training, arguments=TOKENS, stop_tokens=stop_tokens or STOP_TOKENS)
    marked = chattpl.Template(training, family)
    count, differences = 0, []
    for probe in [*probes(), *real_rows()]:
        try:
            rendered = marked.render(probe.messages, now=CLOCK, **{**TOKENS, **probe.options})
            if chat.render(probe.messages, now=CLOCK, **probe.options).text != rendered.text:
                continue
        except chattpl.ChatTemplateError:
            continue
        count += 1
        ours = mask_of_characters(chat, chat.encode(probe.messages, now=CLOCK, **probe.options))
        theirs = [False] * len(ours)
        for start, end in rendered.generation_spans:
            theirs[start:end] = [True] * (end - start)
        stops = (*STOP_TOKENS, *STOP_TOKENS_OF_GLM, *(stop_tokens or ()))
        differences += [(probe.name, found) for found in _differences(chat, probe, rendered.text, ours, theirs, stops)]
    return count, differences


def _differences(
    chat: chattpl.ChatFormat, probe: Probe, text: str, ours: list[bool], theirs: list[bool], stops: tuple[str, ...]
) -> Iterator[Difference]:
    at = 0
    for (mine, marked), run in groupby(zip(ours, theirs, strict=True)):
        start, at = at, at + len(list(run))
        if mine == marked:
            continue
        kind = None
        if marked and not _blank(text[start:at], stops) and text[:start].endswith(stops):
            kind = "after the stop token"
        elif marked and _is_supplied(chat, probe, text, start, at):
            kind = "supplied by the prompt"
        elif marked and text[start:at] == "<|system|>":
            kind = "begins a system message"
        elif marked and text[start:at] == "<｜tool▁outputs▁end｜>":
            kind = "ends the tools' results"
        elif mine and text[start:at] == "<|tool_response>":
            kind = "hands over to the tool"
        yield Difference(kind, mine, text[start:at], text[max(0, start - 40) : at + 40])


def _shared(one: str, other: str) -> int:
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in same)


def _blank(text: str, stops: tuple[str, ...]) -> str:
    for stop in stops:
        text = text.replace(stop, "")
    return text.strip()


def _is_supplied(chat: chattpl.ChatFormat, probe: Probe, text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` lies in what a generation prompt supplies for some turn that begins here."""
    options = {key: value for key, value in probe.options.items() if "final" not in key and "prompt" not in key}
    for at in range(len(probe.messages) + 1):
        if at < len(probe.messages) and probe.messages[at].get("role") != "assistant":
            continue
        try:
            before = chat.render(probe.messages[:at], now=CLOCK, **options).text
            prompted = chat.render(probe.messages[:at], now=CLOCK, add_generation_prompt=True, **options).text
        except chattpl.ChatTemplateError:
            continue
        prompt = prompted[_shared(before, prompted) :]
        for cut in range(len(prompt) - (end - start), -1, -1):
            if prompt[cut:].startswith(text[start:end]) and text[:start].endswith(prompt[:cut]):
                return True
    return False
