"""Warnings: what a call did as asked, and its caller would want to know."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chattpl.errors import KeywordError

if TYPE_CHECKING:
    from chattpl.report import RowsReport

_OPTIONS = (
    "messages",
    "tools",
    "documents",
    "add_generation_prompt",
    "continue_final_message",
    "now",
    "null_fields",
    "normalize",
    "train",
    "special_tokens",
    "threads",
    "errors",
    "keep",
)
_MOST_PATHS = 5
_HERE = os.path.dirname(__file__) + os.sep


class ChatTemplateWarning(UserWarning):
    """Base of the warnings that chattpl gives."""


class UnprintedWarning(ChatTemplateWarning):
    """Strings of a conversation reached no output: the template does not print them."""


class RowWarning(ChatTemplateWarning):
    """Rows held something that had no effect, or have no tokens, or nothing to train."""


class ArgumentWarning(ChatTemplateWarning):
    """An argument that the template does not read."""


def warn(message: str, category: type[ChatTemplateWarning]) -> None:
    """Warns at the caller's line, outside of this package."""
    warnings.warn(message, category, stacklevel=_depth())


def warn_unprinted(paths: Sequence[tuple[str | int, ...]]) -> None:
    """Warns of strings of one conversation that the template did not print.

    Args:
        paths: Their paths, such as `("messages", 0, "content", 0, "text")`.
    """
    shown = ", ".join(f"`{path_text(path)}`" for path in paths[:_MOST_PATHS])
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    noun = "string" if len(paths) == 1 else "strings"
    warn(f"the template prints nothing of {len(paths)} {noun}: {shown}{more}; {HINT}", UnprintedWarning)


HINT = 'normalize="auto" brings messages into the form that the template takes'


def warn_rows(report: RowsReport) -> None:
    """Gives one warning for all that a report of rows has to say, if it has anything."""
    lines = report.lines()
    if lines:
        category = UnprintedWarning if report.unprinted else RowWarning
        warn("; ".join(lines), category)


def warn_arguments(unread: Sequence[str], reads: Iterable[str]) -> None:
    """Warns of template arguments that the template does not read.

    Args:
        unread: Their names.
        reads: The names that the template reads.

    Raises:
        KeywordError: A name is one of our own options, misspelt.
    """
    from difflib import get_close_matches

    known = sorted(set(reads))
    for name in unread:
        if own := get_close_matches(name, _OPTIONS, n=1, cutoff=0.85):
            raise KeywordError(
                f"`{name}` is no option, and the template does not read it", hint=f"did you mean `{own[0]}`?"
            )
        near = get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean `{near[0]}`?" if near else f"it reads {_listed(known)}"
        warn(f"the template does not read the argument `{name}`; {hint}", ArgumentWarning)


def path_text(path: Iterable[str | int]) -> str:
    """Writes a path as Python would: `messages[0].content`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:12]) + (", ..." if len(names) > 12 else "") if names else "none"


def _depth() -> int:
    """How many frames of this package, this one among them, stand between a warning and its caller."""
    import sys

    frame, depth = sys._getframe(1), 1
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth
