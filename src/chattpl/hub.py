"""Folders of Hub models and the local Hub cache: their templates and special tokens, read as `transformers` does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from chattpl.errors import SourceError
from chattpl.folder import CONFIG_FILE, gather
from chattpl.source import ChatSource, read_json, read_text

TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_FOLDER = "additional_chat_templates"
_LEGACY_FILES = ("chat_template.json", CONFIG_FILE, "processor_config.json")
MODEL_FILES = (CONFIG_FILE, "tokenizer.json", "config.json", "generation_config.json", "special_tokens_map.json")
"""What tells the folder of a model from a folder of templates."""
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


def read_folder(folder: Path) -> ChatSource | None:
    """Reads the templates and special tokens of a model's folder.

    `chat_template.jinja` and `additional_chat_templates/` come before `chat_template.json`, and that before the
    `chat_template` of `tokenizer_config.json` and `processor_config.json`.

    Returns:
        None if the folder holds no template.

    Raises:
        SourceError: One of these files is damaged.
    """
    sources = template_sources(folder, first_only=True)
    return _source(folder, sources[0][1]) if sources else None


def template_sources(folder: Path, *, first_only: bool = False) -> list[tuple[Path, dict[str, str]]]:
    """Reads all templates of a model's folder: files that hold some, each with its templates by name.

    `chat_template.jinja` stands for itself and the files of `additional_chat_templates/`.

    Args:
        folder: The folder.
        first_only: Whether to stop at the first, which is the one that counts.

    Raises:
        SourceError: One of these files is damaged.
    """
    files = _template_files(folder)
    sources = [(folder / TEMPLATE_FILE, files)] if files else []
    for name in _LEGACY_FILES:
        if first_only and sources:
            break
        if (folder / name).is_file() and (templates := templates_in(folder / name)):
            sources.append((folder / name, templates))
    return sources


def template_file(folder: Path, name: str) -> Path:
    """Where `chat_template.jinja` and its kind keep the template of a name."""
    return folder / TEMPLATE_FILE if name == "default" else folder / TEMPLATE_FOLDER / f"{name}.jinja"


def templates_in(path: Path) -> dict[str, str]:
    """Reads the templates of a JSON file by name; none if it has no `chat_template`.

    Raises:
        SourceError: The file is damaged.
    """
    return _templates_in(read_json(path), path)


def read_config(path: Path) -> ChatSource | None:
    """Reads a `tokenizer_config.json`, or another JSON file with a `chat_template`.

    Returns:
        None if the file holds no template.

    Raises:
        SourceError: The file is damaged.
    """
    templates = _templates_in(read_json(path), path)
    if not templates:
        return read_folder(path.parent) if path.name == CONFIG_FILE else None
    return _source(path.parent, templates, path if path.name != "chat_template.json" else None)


def read_tokens(folder: Path) -> ChatSource:
    """Reads the special tokens of a model's folder, without its templates."""
    return _source(folder, {})


def cached_snapshot(hub_id: str) -> Path | None:
    """Finds the folder of a model in the local Hub cache; the network is never asked."""
    if not _HUB_ID.fullmatch(hub_id):
        return None
    home = cache_folder() / f"models--{hub_id.replace('/', '--')}"
    try:
        revision = (home / "refs" / "main").read_text(encoding="utf-8").strip()
        if (home / "snapshots" / revision).is_dir():
            return home / "snapshots" / revision
    except (OSError, UnicodeDecodeError):
        pass  # a model fetched by a commit has no such reference
    snapshots = [path for path in home.glob("snapshots/*") if path.is_dir()]
    return max(snapshots, key=lambda path: path.stat().st_mtime, default=None)


def cache_folder() -> Path:
    """Where the Hub's client keeps its files, by the same environment variables."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if value := os.environ.get(variable):
            return Path(value).expanduser()
    default = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HOME") or default).expanduser() / "hub"


def _template_files(folder: Path) -> dict[str, str]:
    files = {path.stem: path for path in sorted((folder / TEMPLATE_FOLDER).glob("*.jinja"))}
    if (folder / TEMPLATE_FILE).is_file():
        files["default"] = folder / TEMPLATE_FILE
    return {name: read_text(path) for name, path in files.items()}


def _templates_in(config: dict[str, Any], path: Path) -> dict[str, str]:
    """Takes the `chat_template` of a configuration: text, a list of named templates, or a mapping of them."""
    value = config.get("chat_template")
    if value is None:
        return {}
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, dict):
        named = value
    elif isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        named = {entry.get("name"): entry.get("template") for entry in value}
    else:
        named = {None: None}
    if not all(isinstance(text, str) for pair in named.items() for text in pair):
        raise SourceError(
            "`chat_template` is neither text nor a list of objects with `name` and `template`", location=str(path)
        )
    return named


def _source(folder: Path, templates: dict[str, str], config_file: Path | None = None) -> ChatSource:
    gathered = gather(folder, config_file)
    return ChatSource(None, templates, gathered.arguments, gathered.special_tokens, gathered.stop_tokens)
