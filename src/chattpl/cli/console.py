"""What the commands share: talk goes to standard error, colours where they are wanted, tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from chattpl.errors import ChatTemplateError

RESET = "\x1b[0m"
# Control characters that would act on the terminal, shown as pictures of themselves.
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def wants_colour(stream: TextIO | None) -> bool:
    """Tells whether to colour what goes to a stream: on a terminal, unless NO_COLOR is set."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO | None) -> bool:
    """Tells whether a stream is a terminal; a closed or missing one is not."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def write_data(text: str) -> None:
    """Writes to standard output: byte for byte as UTF-8, or made harmless where it is a terminal."""
    if is_terminal(sys.stdout):
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))


def harmless(text: str) -> str:
    """Replaces the control characters with which a text could take over a terminal."""
    return text.translate(_PICTURES)


def talk(text: str) -> None:
    """Says something on standard error."""
    if sys.stderr is not None:
        sys.stderr.write(harmless(text) + "\n")


_MOST_WARNINGS = 20


@contextmanager
def warnings_talked() -> Iterator[None]:
    """Prints warnings of ours as lines of talk, up to a number of them a run."""
    import warnings

    from chattpl.notices import ChatTemplateWarning

    with warnings.catch_warnings():
        shown, count = warnings.showwarning, 0

        def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
            nonlocal count
            if not issubclass(category, ChatTemplateWarning):
                shown(message, category, *place, **more)
                return
            count += 1
            if count <= _MOST_WARNINGS:
                talk("warning: " + str(message).replace('normalize="auto"', "--normalize"))
            elif count == _MOST_WARNINGS + 1:
                talk("warning: there are more warnings; they are not listed")

        warnings.simplefilter("always", ChatTemplateWarning)
        warnings.showwarning = show
        yield


def complain(error: ChatTemplateError) -> None:
    """Reports an error: its code and message, the place, and the way out."""
    talk(f"error[{error.code}]: {error}")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table: drawn on a terminal, in plain aligned columns elsewhere."""
    rows = list(rows)
    if wants_colour(sys.stdout):
        from rich.console import Console
        from rich.table import Table

        table = Table(*headings, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(cell.replace("[", r"\[") for cell in row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        write_data("  ".join(cells).rstrip() + "\n")


def plural(count: int, what: str) -> str:
    """A number of things: `1 fault`, `2 faults`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
