"""The differences from Jinja2 that are meant, or that no chat template can tell: docs/differences.md lists them."""

from __future__ import annotations

import re
import sys

from compare import Outcome, difference

ADDRESS = re.compile("0x[0-9a-f]{6,}", re.IGNORECASE)
PLACE = re.compile(r" \(<template>, line \d+\)")

EXCUSED_MESSAGES = [
    # A slice of a constant that Jinja2 evaluates while it compiles, where an undefined value stands for any error.
    (None, r"object is not subscriptable$|^slice indices must be|unhashable type: 'slice'$"),
    # A filter that is not there, inside an `if`, with keyword arguments: Jinja2's stand-in refuses them first.
    (r"^root\.<locals>\.t_\d+\(\) got an unexpected keyword", r"^No filter named"),
    # Sets and complex numbers.
    (None, r"for -: '.*dict_(keys|items)|^a negative number to a fractional power is complex"),
]


def unexcused(expected: Outcome, found: Outcome) -> str | None:
    """Says how two outcomes differ; None if they agree, or differ only as they may."""
    expected, found = _normal(expected), _normal(found)
    how = difference(expected, found)
    if how is None or expected.error in ("MemoryError", "RecursionError") or _prints_an_address(expected.text):
        return None
    if not _same_wording() and expected.error in _classes(found):
        return None
    excused = any(
        _matches(there, expected.message) and _matches(here, found.message) for there, here in EXCUSED_MESSAGES
    )
    return None if excused else how


def _same_wording() -> bool:
    """Tells whether this Python words its messages as the engine does; other versions differ in a few."""
    return sys.version_info[:2] == (3, 11)


def _classes(outcome: Outcome) -> set[str]:
    return {cls.__name__ for cls in type(outcome.raised).__mro__}


def _matches(pattern: str | None, message: str | None) -> bool:
    return pattern is None or (message is not None and re.search(pattern, message) is not None)


def _normal(outcome: Outcome) -> Outcome:
    """Leaves out addresses, and the line in the Python code that Jinja2 makes."""
    text, message = outcome.text, outcome.message
    return outcome._replace(
        text=None if text is None else ADDRESS.sub("0x", text),
        message=None if message is None else PLACE.sub("", ADDRESS.sub("0x", message)),
    )


def _prints_an_address(text: str | None) -> bool:
    """Tells whether an address comes out in pieces, back to front or in capitals."""
    letters = re.sub("[^0-9a-z]", "", (text or "").lower())
    return re.search("at(20)?0x|x0(02)?ta", letters) is not None
