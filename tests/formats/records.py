"""The records of the registry, read from the files themselves."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from paths import TEMPLATES

PUBLISHED = "published"
"""The name of the template that follows the vendor's published one, where another one follows the encoder."""


def format_folders() -> list[Path]:
    """Lists the folders of all formats."""
    return sorted(path.parent for path in TEMPLATES.glob("*/*/format.toml"))


def read_record(folder: Path) -> dict[str, Any]:
    """Reads a format's `format.toml`."""
    with open(folder / "format.toml", "rb") as file:
        return tomllib.load(file)


def published(folder: Path) -> Path:
    """Finds the template that equals the vendor's published one: `published.jinja`, or the only one there is."""
    path = folder / f"{PUBLISHED}.jinja"
    return path if path.is_file() else folder / "chat.jinja"
