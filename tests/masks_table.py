"""The tables of `docs/masks.md`: tests write them with CHATTPL_UPDATE=1 and check them otherwise."""

from __future__ import annotations

import os
import re

from paths import ROOT

PAGE = ROOT / "docs" / "masks.md"


def check_table(name: str, table: str) -> None:
    """Asserts that the page has this table, or writes it there."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    page = PAGE.read_text("utf-8")
    found = pattern.search(page)
    assert found is not None, f"docs/masks.md has no place for the table {name}"
    if os.environ.get("CHATTPL_UPDATE"):
        PAGE.write_text(page[: found.end(1)] + table + page[found.start(2) :], "utf-8")
    else:
        assert page[found.end(1) : found.start(2)] == table, "set CHATTPL_UPDATE=1 to write the table again"
