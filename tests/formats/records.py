"""The records of the registry, read from the files themselves."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from paths import TEMPLATES


def format_folders() -> list[Path]:
    """Lists the folders of all formats."""
    return sorted(path.parent for path in TEMPLATES.glob("*/*/format.toml"))


def read_record(folder: Path) -> dict[str, Any]:
    """Reads a format's `format.toml`."""
    with open(folder / "format.toml", "rb") as file:
        return tomllib.load(file)
