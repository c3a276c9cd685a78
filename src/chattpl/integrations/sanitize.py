"""`sanitize_control_tokens=True`: control tokens count only where the template wrote them, told by origins.

`transformers` marks whole control tokens inside the values of the input, and encodes them as text. Here the rendered
text is looked at instead: a control token counts if all its characters are the template's, those of the tokenizer's own
`bos_token` and the like, or a whole `role` of a known name. That covers keys and tokens joined from pieces, too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from transformers.utils import chat_template_utils

from chattpl.errors import EncodeError
from chattpl.origin import Origin
from chattpl.tokenizer import Tokenizer

ROLES = frozenset(
    ("system", "developer", "user", "assistant", "model", "tool", "function", "ipython", "observation", "tool_response")
)
"""Roles that may be a part of a control token, such as `<|user|>` of `'<|' + message['role'] + '|>'`."""


class Row(NamedTuple):
    """A conversation as ids."""

    ids: list[int]
    spans: list[tuple[int, int]]
    """The characters of the rendered text that each id stands for."""


class Sanitizer:
    """Encodes the texts of one template for one tokenizer.

    Args:
        tokenizer: The tokenizer of `transformers`.
        encoder: Its vocabulary.
        source: The template.
        overridden: Names of template arguments that the caller gave; they are input, not the tokenizer's own tokens.
    """

    def __init__(self, tokenizer: Any, encoder: Tokenizer, source: str, overridden: frozenset[str]) -> None:
        tokens = tuple(tokenizer._get_control_tokens(source))
        self._tokenizer, self._encoder = tokenizer, encoder
        self._pattern: re.Pattern[str] = chat_template_utils._get_control_token_patterns(tokens)[0]
        self._control = {tokenizer.convert_tokens_to_ids(token) for token in tokens}
        self._own = set(tokenizer.special_tokens_map) - overridden
        self._newline: list[int] = tokenizer.encode("\n", add_special_tokens=False)

    def controls(self, ids: list[int]) -> list[int]:
        """The control tokens of a row, in order."""
        return [token_id for token_id in ids if token_id in self._control]

    def check_text(self, rendered: Any) -> None:
        """Refuses a text in which data spells a control token, since text cannot say that it is none.

        Raises:
            EncodeError: Which token, and in which value; also a `ValueError`.
        """
        for at, start, end in self._forged(rendered):
            path = next(each.path for each in rendered.segments if each.end > at)
            raise EncodeError(
                f"control token `{rendered.text[start:end]}` inside the input: a text cannot say that it is none",
                location=".".join(map(str, path or ())) or None,
                hint="pass tokenize=True, which encodes it as plain text",
            )

    def encode(self, rendered: Any) -> Row:
        """Encodes a text; control tokens that the input spells, alone or with the template's help, are plain text.

        Raises:
            ValueError: The vocabulary makes the token of plain text.
        """
        text, trusted = rendered.text, self._trusted(rendered)
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for start, end, as_text in _pieces(text, trusted, self._pattern):
            if as_text:
                found = chat_template_utils._encode_chat_piece(self._tokenizer, text[start:end], True, self._newline)
                places = [(start, end)] * len(found)
                forged = [token_id in self._control for token_id in found]
            else:
                found, places = self._plain(text[start:end], start)
                forged = [
                    token_id in self._control and not trusted.covers_text(text, *place)
                    for token_id, place in zip(found, places, strict=True)
                ]
            if any(forged):
                first, last = places[forged.index(True)]
                raise ValueError(f"Can't sanitize {text[first:last]!r}: the tokenizer produces it from plain text")
            ids += found
            spans += places
        return Row(ids, spans)

    def _plain(self, piece: str, start: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids and places of a piece in which control tokens count; behind a line end, as `transformers` does it."""
        lead = "\n" if start else ""
        ids = self._encoder.encode(lead + piece).tolist()
        skipped = len(self._newline) if lead else 0
        if ids[:skipped] != self._newline[:skipped]:
            lead, skipped = "", 0
            ids = self._encoder.encode(piece).tolist()
        shift = start - len(lead)
        places = self._encoder.offsets(lead + piece).tolist()[skipped:]
        return ids[skipped:], [(first + shift, last + shift) for first, last in places]

    def _forged(self, rendered: Any) -> Iterator[tuple[int, int, int]]:
        """Control tokens that are not all the template's: a character of each that is not, its start and end."""
        trusted = self._trusted(rendered)
        for match in self._pattern.finditer(rendered.text):
            if not trusted.covers(match.start(), match.end()):
                at = next(at for at in range(match.start(), match.end()) if not trusted.covers(at, at + 1))
                yield at, match.start(), match.end()

    def _trusted(self, rendered: Any) -> _Runs:
        return _Runs(rendered, self._is_trusted)

    def _is_trusted(self, segment: Any, text: str) -> bool:
        if segment.origin == Origin.TEMPLATE:
            return True
        path: tuple[Any, ...] = segment.path or ()
        if segment.origin == Origin.ARGUMENT:
            return len(path) == 2 and path[1] in self._own
        is_role = segment.origin == Origin.MESSAGE and len(path) == 3 and path[2] == "role"
        return is_role and text[segment.start : segment.end].lower() in ROLES


class _Runs:
    """Stretches of a text, each trusted or not."""

    def __init__(self, rendered: Any, is_trusted: Callable[[Any, str], bool]) -> None:
        self.starts: list[int] = []
        self._trusted: list[bool] = []
        for segment in rendered.segments:
            known = is_trusted(segment, rendered.text)
            if segment.start < segment.end and (not self._trusted or self._trusted[-1] != known):
                self.starts.append(segment.start)
                self._trusted.append(known)

    def covers(self, start: int, end: int) -> bool:
        """Whether all characters of a span are trusted."""
        first = bisect_right(self.starts, start) - 1
        return self._trusted[first] and bisect_left(self.starts, end) == first + 1

    def covers_text(self, text: str, start: int, end: int) -> bool:
        """The same without white space at the ends, which some added tokens take along."""
        kept = text[start:end].strip()
        begin = start + text[start:end].find(kept)
        return not kept or self.covers(begin, begin + len(kept))

    def border_in(self, start: int, end: int) -> int | None:
        """The first place strictly inside a span where trust changes."""
        index = bisect_right(self.starts, start)
        return self.starts[index] if index < len(self.starts) and self.starts[index] < end else None


def _pieces(text: str, trusted: _Runs, pattern: re.Pattern[str]) -> Iterator[tuple[int, int, bool]]:
    """Spans of a text that are encoded by themselves, and whether one is a control token that is to be text."""
    cuts = [0, len(text)]
    while True:
        spans = pairwise(cuts)
        matches = [match for start, end in spans for match in pattern.finditer(text, start, end)]
        # A token that data and template spell together is cut where they meet.
        borders = {trusted.border_in(match.start(), match.end()) for match in matches} - {None}
        if not borders:
            break
        cuts = sorted({*cuts, *(border for border in borders if border is not None)})
    marked = [match.span() for match in matches if not trusted.covers(*match.span())]
    bounds = sorted({*cuts, *(bound for span in marked for bound in span)})
    as_text = set(marked)
    yield from ((start, end, (start, end) in as_text) for start, end in pairwise(bounds))
