"""Generated text is current. `CHATTPL_UPDATE=1` rewrites it."""

from __future__ import annotations

import os
import re

import chattpl
from chattpl.cli.models import markdown_table
from paths import ROOT

_BLOCK = re.compile(r"(<!-- formats: begin[^>]*-->\n).*?(<!-- formats: end -->)", re.DOTALL)


def test_table_of_formats_in_the_readme_is_current() -> None:
    path = ROOT / "README.md"
    text = path.read_text("utf-8")
    table = markdown_table(chattpl.models())
    wanted = _BLOCK.sub(lambda match: match[1] + table + match[2], text)
    assert table in wanted, "the README has no markers for the table"
    if os.environ.get("CHATTPL_UPDATE"):
        path.write_text(wanted, "utf-8")
    assert path.read_text("utf-8") == wanted, "run the tests once with CHATTPL_UPDATE=1"
