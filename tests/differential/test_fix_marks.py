"""The fix of CT401 on the vendors' templates that TRL carries: `transformers` renders the templates with its blocks.

The text has to be that of the template as it was, and what the blocks mark the mask that we derive for it.
`CHATTPL_UPDATE=1` rewrites the table in `docs/masks.md`.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest

import chattpl
from byte_tokenizers import STOP_TOKENS, byte_format, mask_of_characters, unmarked
from chattpl import linter
from chattpl.format import ChatFormat
from compare import CLOCK, TOKENS, fixed_clock, reference
from differential.test_masks_trl import PAIRS, STOP_OF_FAMILY
from fetch_oracles import NO_TRL, trl_templates
from page_tables import check_table
from paths import CONFORMANCE, NO_REAL_DATA
from strategies import Probe, probes

pytestmark = pytest.mark.skipif(not PAIRS, reason=NO_TRL)


class Fixed(NamedTuple):
    """A template with blocks, and how it was before."""

    before: str
    after: str
    chat: ChatFormat


class Marks(NamedTuple):
    """What `transformers` made of conversations with the blocks."""

    texts: int
    equal: int


@cache
def _fixed(family: str) -> Fixed | None:
    """None where no fix is offered."""
    before = unmarked(trl_templates()[f"{family}.jinja"])
    stops = next((stops for name, stops in STOP_OF_FAMILY.items() if name in family), STOP_TOKENS)
    chat = byte_format(before, arguments=TOKENS, stop_tokens=stops)
    tokenizer = chat.tokenizer
    assert isinstance(tokenizer, chattpl.Tokenizer)
    settings = linter.LintSettings(select=["CT401"], tokens=TOKENS, tokenizer=tokenizer, stop_tokens=chat.stop_tokens)
    after, count = linter.fix(before, settings, unsafe=True)
    return Fixed(before, after, chat) if count else None


@pytest.mark.parametrize("family", PAIRS)
def test_blocks_change_no_text_and_settle(family: str) -> None:
    fixed = _fixed(family)
    if fixed is None:
        return
    for probe in probes():
        before = reference(fixed.before, probe.messages, **{**TOKENS, **probe.options})
        after = reference(fixed.after, probe.messages, **{**TOKENS, **probe.options})
        assert after.text == before.text, probe.name
        assert (after.error is None) == (before.error is None), probe.name
    assert not chattpl.lint(fixed.after, select=["CT401"])


@pytest.mark.skipif(not (CONFORMANCE / "probes.json").is_file(), reason=NO_REAL_DATA)
def test_table_is_current() -> None:
    rows, offered = [], 0
    for family in PAIRS:
        marks = _marks(family)
        offered += marks is not None
        found = f"yes | {marks.texts} | {marks.equal}" if marks else "no | | "
        rows.append(f"| `{family}` | {found} |")
    head = ["| Template | Fix offered | Texts | Marks equal the derived mask |", "|---|---|---:|---:|"]
    check_table("fix", "\n".join([*head, *rows, "", f"The fix is offered for {offered} of {len(PAIRS)} templates."]))


@cache
def _marks(family: str) -> Marks | None:
    fixed = _fixed(family)
    if fixed is None:
        return None
    found = [equal for probe in probes() if (equal := _is_equal(fixed, probe)) is not None]
    return Marks(len(found), sum(found))


def _is_equal(fixed: Fixed, probe: Probe) -> bool | None:
    """Whether the blocks mark what is derived; None where the conversation is refused or goes on in its last turn."""
    from transformers.utils.chat_template_utils import _normalize_chat_messages, render_jinja_template

    if "continue_final_message" in probe.options:
        return None
    try:
        encoded = fixed.chat.encode(probe.messages, now=CLOCK, **probe.options)
        with fixed_clock():
            (text,), (spans,) = render_jinja_template(
                [_normalize_chat_messages(probe.messages)],
                chat_template=fixed.after,
                return_assistant_tokens_mask=True,
                **{**TOKENS, **probe.options},
            )
    except chattpl.ChatTemplateError:
        return None
    marked = [False] * len(text)
    for start, end in spans:
        marked[start:end] = [True] * (end - start)
    return mask_of_characters(fixed.chat, encoded) == marked
