"""Real conversations, some rows of each file."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from encoders import CONVERSATIONS
from strategies import Probe

ROWS_OF_FILE = 20


@cache
def real_rows() -> list[Probe]:
    """Some rows of each file of real conversations; none where the files are not there."""
    found = []
    for path in sorted(CONVERSATIONS.glob("*.jsonl")):
        lines = path.read_text("utf-8").splitlines()
        for at in range(0, len(lines), max(1, len(lines) // ROWS_OF_FILE)):
            row: dict[str, Any] = json.loads(lines[at])
            messages = row.get("messages") or [*row["prompt"], *row["chosen"]]
            options = {"tools": row["tools"]} if row.get("tools") else {}
            found.append(Probe(f"{path.stem}:{at}", messages, options))
    return found
