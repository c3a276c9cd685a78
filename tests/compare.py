"""Compares renders with those of `transformers`: the text, or the class and message of the error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from unittest import mock

from chattpl import ChatTemplateError, Rendered

CLOCK = datetime(2026, 11, 23, 12, 0, 0)
TOKENS = {"bos_token": "<BOS>", "eos_token": "<EOS>", "pad_token": "<PAD>", "unk_token": "<UNK>"}


class Outcome(NamedTuple):
    """What a render came to."""

    text: str | None = None
    error: str | None = None
    message: str | None = None
    rendered: Rendered | None = None
    raised: Exception | None = None


class _FixedClock(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return CLOCK


@contextmanager
def fixed_clock() -> Iterator[None]:
    """Stops the clock that `transformers` shows to templates."""
    with mock.patch("transformers.utils.chat_template_utils.datetime", _FixedClock):
        yield


def reference(source: str, messages: Any, **options: Any) -> Outcome:
    """Renders with `transformers`, as `apply_chat_template` does."""
    from transformers.utils.chat_template_utils import _normalize_chat_messages, render_jinja_template

    try:
        with fixed_clock():
            messages = _normalize_chat_messages(messages)
            texts, _ = render_jinja_template([messages], chat_template=source, **options)
    except Exception as error:
        return Outcome(error=type(error).__name__, message=str(error), raised=error)
    return Outcome(text=texts[0])


def ours(template: Any, messages: Any, **options: Any) -> Outcome:
    """Renders with a `Template` or `ChatFormat`."""
    try:
        rendered = template.render(messages, now=CLOCK, **options)
    except ChatTemplateError as error:
        return Outcome(error=type(error).__name__, message=error.message, raised=error)
    return Outcome(text=rendered.text, rendered=rendered)


def difference(expected: Outcome, found: Outcome) -> str | None:
    """Says how two outcomes differ; None if they agree.

    They agree if the texts are equal, or if what we raise is of a class with the expected name and has its message.
    """
    if expected.text is not None:
        return None if found.text == expected.text else f"expected {expected.text!r}, found {found[:3]!r}"
    names = {cls.__name__ for cls in type(found.raised).__mro__}
    if expected.error in names and found.message == expected.message:
        return None
    return f"expected {expected[:3]!r}, found {found[:3]!r}"
