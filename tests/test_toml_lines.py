"""Lines of TOML keys: every value of a real file has one, and the key stands on it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from chattpl.linter.toml_lines import Path, lines_of
from paths import ROOT

SAMPLE = '''\
# [not.a.table]
top = "[also] # not"
"quoted key" . 'second' = 1

[tool.chattpl.lint]  # a comment
select = [
  "CT1", # first
  "CT2",

  'CT3', ]
text = """
ignore = ["a"]
\\"""
""""
raw = \'\'\'
[lint]
\'\'\'
inline = { a.b = [{ c = 1 }, { c = "}" }], "d e" = \'}\' }
date = 1979-05-27 07:32:00

[[entries]]
name = "one"
[entries.deep]
x = 1
[[entries]]
name = "two"
[entries.deep]
x = 2
'''


def values(data: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all that a document holds."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from values(value, (*path, key))


FILES = {
    "sample": SAMPLE,
    "crlf": SAMPLE.replace("\n", "\r\n"),
    **{
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for path in [ROOT / "pyproject.toml", ROOT / "Cargo.toml", ROOT / "Cargo.lock", *ROOT.glob("rust/*/Cargo.toml")]
    },
    **{path.parent.name: path.read_text("utf-8") for path in sorted((ROOT / "templates").glob("*/*/format.toml"))},
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_every_value_has_a_line_with_its_key(text: str) -> None:
    found = lines_of(text)
    assert set(found) == set(values(tomllib.loads(text)))
    lines = text.split("\n")
    for path, line in found.items():
        names = [key for key in path if isinstance(key, str)]
        assert isinstance(path[-1], int) or names[-1] in lines[line - 1]


def test_items_of_lists_and_repeated_tables_have_their_own_lines() -> None:
    found = lines_of(SAMPLE)
    lint: Path = ("tool", "chattpl", "lint")
    assert [found[(*lint, "select", index)] for index in range(3)] == [7, 8, 10]
    assert found[(*lint, "inline", "a", "b", 1, "c")] == 18
    assert [found[("entries", index, "deep", "x")] for index in range(2)] == [24, 28]
