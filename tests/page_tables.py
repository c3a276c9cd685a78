"""Tables of the documentation: tests write them with CHATTPL_UPDATE=1 and check them otherwise."""

from __future__ import annotations

import os
import re

from paths import ROOT

MASKS = "masks.md"


def check_table(name: str, table: str, page: str = MASKS) -> None:
    """Asserts that a page of `docs/` has this table, or writes it there."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    path = ROOT / "docs" / page
    text = path.read_text("utf-8")
    found = pattern.search(text)
    assert found is not None, f"docs/{page} has no place for the table {name}"
    if os.environ.get("CHATTPL_UPDATE"):
        path.write_text(text[: found.end(1)] + table + text[found.start(2) :], "utf-8")
    else:
        assert text[found.end(1) : found.start(2)] == table, "set CHATTPL_UPDATE=1 to write the table again"
