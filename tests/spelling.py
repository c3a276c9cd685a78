"""Spells data and literals in scripts that nothing else is written in, so that both can be told apart in any output.

Data is spelt in hieroglyphs, numbers hold the digits 86753, and the literals of generated templates are cuneiform.
Both scripts are printable letters without case, so that nothing a template does changes or escapes them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from chattpl import Origin, Rendered
from template_writer import TemplateWriter
from value_writer import Pick, ValueWriter

HIEROGLYPHS, CUNEIFORM = 0x13000, 0x12000
LETTERS = 900
DATA = re.compile(rf"[{chr(HIEROGLYPHS)}-{chr(HIEROGLYPHS + LETTERS)}]|86753|8\.6753")
LITERAL = re.compile(f"[{chr(CUNEIFORM)}-{chr(CUNEIFORM + LETTERS)}]")

# Templates compare values under these keys with texts of their own.
KEPT_KEYS = {"role", "type", "enable_thinking", "thinking", "reasoning_effort", "builtin_tools"}
# The keys of mappings under these keys are data, too.
OPEN_KEYS = {"arguments", "properties"}


def spelt(text: str, script: int) -> str:
    """Spells a text in a script; white space stays as it is."""
    return "".join(c if c.isspace() else chr(script + ord(c) % LETTERS) for c in text)


def as_data(value: Any, key: object = "") -> Any:
    """Spells the strings, numbers and odd keys of a value."""
    if isinstance(value, str):
        return value if key in KEPT_KEYS else spelt(value, HIEROGLYPHS)
    if isinstance(value, (list, tuple)):
        return type(value)(as_data(item, key) for item in value)
    if isinstance(value, dict):
        return {as_data(name) if key in OPEN_KEYS else name: as_data(item, name) for name, item in value.items()}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    return value


def _number(value: float) -> float:
    if isinstance(value, int):
        return 86753 + value * 10**5
    return 86753.5 if abs(value) < 1e16 else 8.6753e30


class SpeltValues(ValueWriter):
    """Draws conversations whose every text, key and number can be told from a template's."""

    def text(self) -> str:
        return spelt(super().text(), HIEROGLYPHS)

    def number(self) -> int | float:
        return _number(super().number())

    def key(self) -> Any:
        key = super().key()
        return key if isinstance(key, str) and self.pick(2) else spelt(str(key), HIEROGLYPHS)


class SpeltTemplates(TemplateWriter):
    """Writes templates whose literals can be told from data."""

    def __init__(self, pick: Pick) -> None:
        super().__init__(pick)
        self.plain = {
            **self.plain,
            "text": [repr(spelt(text, CUNEIFORM)) for text in ("a", "b c", " two\nlines ", "%s")],
        }
        self.literals = [spelt(text, CUNEIFORM) for text in ("text ", "\n", "a b\n", "  x")]


def check(rendered: Rendered) -> None:
    """Checks that segments ascend and join, that data is never the template's, and no literal is data."""
    position = 0
    for segment in rendered.segments:
        assert segment.start == position < segment.end
        position = segment.end
        text = rendered.text[segment.start : segment.end]
        of_template = segment.origin is Origin.TEMPLATE
        assert (segment.path is None) == of_template or segment.origin is Origin.CLOCK
        strange = (DATA if of_template else LITERAL).search(text)
        assert strange is None, (segment.origin, segment.path, text, segment.template_span)
    assert position == len(rendered.text)


def check_derivations(rendered: Rendered, roots: Mapping[str, Any]) -> None:
    """Checks that every character that is said to be data can stem from the value that it is said to stem from."""
    known: dict[Any, set[str]] = {}
    for segment in rendered.segments:
        if segment.origin in (Origin.TEMPLATE, Origin.CLOCK):
            continue
        assert segment.path is not None
        if segment.path not in known:
            # A key has the path of the value under it.
            known[segment.path] = _characters(_value_at(roots, segment.path)) | _characters(segment.path[-1])
        text = rendered.text[segment.start : segment.end]
        assert set(text) <= known[segment.path], (segment.path, text)


def _value_at(roots: Mapping[str, Any], path: Any) -> Any:
    value: Any = roots
    for step in path:
        value = value[step]
    return value


def _characters(value: Any) -> set[str]:
    """The characters of a value in any spelling, and digits: a count of what is in a value is that value's."""
    texts = [str(value), repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)]
    cased = [change(text) for text in texts for change in (str.upper, str.lower, str.title)]
    return set("".join([*texts, *cased, *(html.escape(text) for text in texts)]) + "0123456789 ")
