"""Positions as editors count them: there and back, and as Python's own codec counts."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from chattpl.linter import Place
from chattpl.lsp.positions import At, Positions, utf16_units

TEXTS = st.text(st.sampled_from("ab é😀\u2028\x0b\r\n{%"), max_size=30)


@given(TEXTS)
def test_units_are_those_of_utf_16(text: str) -> None:
    assert utf16_units(text) == len(text.encode("utf-16-le")) // 2


@given(TEXTS, st.data())
def test_every_character_but_one_within_a_line_end_is_found_again(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    positions = Positions(text)
    found = positions.offset(positions.at(offset))
    within = text[offset - 1 : offset + 1] == "\r\n" and offset > 0
    assert found == (offset - 1 if within else offset)


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_positions_past_an_end_are_the_end(text: str, line: int, column: int) -> None:
    lines = re.split("\r\n|\r|\n", text)
    offset = Positions(text).offset(At(line, column))
    assert 0 <= offset <= len(text)
    if line < len(lines) and column >= utf16_units(lines[line]):
        assert Positions(text).at(offset) == At(line, utf16_units(lines[line]))


def test_places_of_findings_count_characters() -> None:
    positions = Positions("a\r\n😀😀b")
    assert positions.of_place(Place(2, 2, 2, 3)) == (At(1, 2), At(1, 4))
    assert Positions("😀b", len).of_place(Place(1, 2, 9, 1)) == (At(0, 1), At(0, 2))
