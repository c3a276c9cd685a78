"""The formats that chattpl knows, and where the template of a name, file, folder or Hub id comes from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from chattpl import _core, compiled, hub
from chattpl.errors import FormatNotFoundError, SourceError
from chattpl.folder import CONFIG_FILE
from chattpl.source import ChatSource, read_text

_PATH_SUFFIXES = (".jinja", ".jinja2", ".j2", ".json", ".gguf", ".txt", compiled.SUFFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is known about a chat format."""

    name: str
    """The registry name, or that of the file or model."""
    source: str
    """Where the template was taken from: `registry`, a path, or a sentence that says why the registry was."""
    title: str | None = None
    """The models in plain words."""
    vendor: str | None = None
    """Who publishes the models."""
    aliases: tuple[str, ...] = ()
    """Other names that `load` accepts."""
    hub: tuple[str, ...] = ()
    """Globs of the Hub ids that use the format."""
    released: str | None = None
    """When the format appeared: `YYYY-MM` or `YYYY-MM-DD`."""
    follows: str | None = None
    """The format it grew out of."""
    summary: str | None = None
    """What is new about it, in a sentence."""
    license: str | None = None
    """The licence of the models."""
    tokenizer: str | None = None
    """The vocabulary that the format is made for."""
    roles: tuple[str, ...] = ()
    """The roles that the template knows; empty when that is not recorded."""
    tools: bool | None = None
    """Whether the template declares tools; None when that is not recorded."""
    reasoning: bool | None = None
    """Whether the template prints reasoning; None when that is not recorded."""
    verified: bool = False
    """Whether our text of the template was checked against the vendor's."""
    checked_against: str | None = None
    """What it was checked against, or why it could not be."""
    constraints: dict[str, Any] = field(default_factory=dict)
    """What the format demands of a conversation."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments that the template reads, by name."""
    notes: str = ""
    """Quirks of the format, with their evidence, in Markdown."""


def models() -> list[ModelInfo]:
    """Lists the formats of the registry by vendor, date and name."""
    found = [_info(_record(name)) for name, _ in _names()]
    return sorted(found, key=lambda info: (info.vendor or "", info.released or "", info.name))


def find(ref: str | os.PathLike[str]) -> tuple[ModelInfo, ChatSource]:
    """Finds the template that a reference means. See `chattpl.load` for what a reference can be.

    Raises:
        FormatNotFoundError: Nothing has that name.
        SourceError: What has that name holds no readable template.
    """
    text = os.fspath(ref)
    path = Path(text).expanduser()
    try:
        exists = bool(text) and path.exists()
    except (OSError, ValueError) as error:  # too long, or with a null character
        raise FormatNotFoundError(f"no format is called {text[:80]!r}") from error
    if exists:
        return _from_path(path, text)
    if not isinstance(ref, str) or text.startswith((".", "~", os.sep)) or text.lower().endswith(_PATH_SUFFIXES):
        raise SourceError("no such file or folder", location=text)
    if (name := _lookup(text)) is not None:
        return _from_registry(name, "registry")
    return _from_hub(text) or _refuse(text)


def with_tokens_of(folder: Path, source: ChatSource) -> ChatSource:
    """The same source with the tokens of a model's folder.

    They replace those of a template that is a file; another source has tokens of its own, which come first.

    Raises:
        SourceError: A configuration in the folder is damaged.
    """
    tokens = hub.read_tokens(folder)
    if source.file is not None:
        return tokens._replace(templates=source.templates, file=source.file)
    known = {text: token_id for text, token_id in source.special_tokens.items() if token_id is not None}
    return source._replace(
        arguments={**tokens.arguments, **source.arguments},
        special_tokens={**source.special_tokens, **known, **tokens.special_tokens},
        stop_tokens=source.stop_tokens or tokens.stop_tokens,
    )


def closest(text: str, limit: int = 3) -> list[str]:
    """Lists the registry names and aliases that look most like a text."""
    from difflib import get_close_matches

    keys = [name for name, aliases in _names() for name in (name, *aliases)]
    by_key = {_normal(key): key for key in reversed(keys)}
    wanted = _normal(text.rsplit("/", 1)[-1])
    near = get_close_matches(wanted, by_key, n=limit, cutoff=0.5)
    near += [key for key in by_key if wanted and key.startswith(wanted) and key not in near]
    return [by_key[key] for key in near[:limit]]


@cache
def _names() -> list[tuple[str, list[str]]]:
    return _core.format_names()


def _record(name: str) -> dict[str, Any]:
    import json

    record: dict[str, Any] = json.loads(_core.format_json(name) or "{}")
    return record


def _normal(name: str) -> str:
    """Reduces a name so that case, `_`, `-`, `.` and spaces make no difference."""
    return re.sub(r"[\s._-]+", "", name.casefold())


def _lookup(text: str) -> str | None:
    """Finds the registry name for a name or alias, exactly spelt ones first."""
    entries = [(key, name) for name, aliases in _names() for key in (name, *aliases)]
    exact = dict(reversed(entries))
    return exact.get(text) or {_normal(key): name for key, name in reversed(entries)}.get(_normal(text))


def _from_registry(name: str, source: str) -> tuple[ModelInfo, ChatSource]:
    record = _record(name)
    special = dict.fromkeys(record.get("special_tokens", ()))
    arguments = {key: record[key] for key in record if key.endswith("_token") and isinstance(record[key], str)}
    templates = {"default": record["template"]}
    if "published" in record:
        templates["published"] = record["published"]
    chat = ChatSource(name, templates, arguments, special, tuple(record.get("stop_tokens", ())))
    return _info(record, source), chat


def _info(record: dict[str, Any], source: str = "registry") -> ModelInfo:
    origin = record.get("source", {})
    return ModelInfo(
        name=record["name"],
        source=source,
        title=record.get("title"),
        vendor=record.get("vendor"),
        aliases=tuple(record.get("aliases", ())),
        hub=tuple(record.get("hub", ())),
        released=record.get("released"),
        follows=record.get("follows") or None,
        summary=record.get("summary"),
        license=record.get("license"),
        tokenizer=record.get("tokenizer") or None,
        roles=tuple(record.get("roles", ())),
        tools=record.get("tools"),
        reasoning=record.get("reasoning"),
        verified=not origin.get("unverified", False),
        checked_against=origin.get("checked_against") or origin.get("reason"),
        constraints=record.get("constraints", {}),
        arguments=record.get("arguments", {}),
        notes=record.get("notes", ""),
    )


def _from_path(path: Path, text: str) -> tuple[ModelInfo, ChatSource]:
    if compiled.is_compiled(path):
        return _from_compiled(path)
    chat, source = _read_path(path)
    if chat is None or not chat.templates:
        raise SourceError("no chat template here", location=text, hint=_hint_for(path))
    name = chat.name or (path.resolve().name if path.is_dir() else path.stem)
    return ModelInfo(name=name, source=source), chat


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("name", "source", "notes"), str),
    **dict.fromkeys(("title", "vendor", "released", "follows", "summary", "license", "tokenizer"), str | None),
    **dict.fromkeys(("aliases", "hub", "roles"), tuple),
    **dict.fromkeys(("tools", "reasoning"), bool | None),
    **dict.fromkeys(("constraints", "arguments"), dict),
    "verified": bool,
    "checked_against": str | None,
}
"""What the fields of a `ModelInfo` hold."""


def _from_compiled(path: Path) -> tuple[ModelInfo, ChatSource]:
    info, source = compiled.read(path)
    tuples = {key: tuple(value) for key, value in info.items() if isinstance(value, list)}
    try:
        made = ModelInfo(**{**info, **tuples, "source": str(path)})
        for name, kinds in _KINDS.items():
            value = getattr(made, name)
            parts = value if isinstance(value, tuple) else ()
            if not isinstance(value, kinds) or not all(isinstance(part, str) for part in parts):
                raise TypeError(f"`{name}` is {value!r}"[:200])
        return made, source
    except TypeError as error:
        raise SourceError(f"the compiled format is damaged: {error}", location=str(path)) from error


def _read_path(path: Path) -> tuple[ChatSource | None, str]:
    try:
        if path.is_dir():
            return hub.read_folder(path), str(path)
        if path.suffix.lower() == ".gguf" or (path.is_file() and _starts_like_gguf(path)):
            from chattpl.gguf import read_chat

            return read_chat(path), str(path)
        if path.suffix.lower() == ".json":
            return hub.read_config(path), str(path)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", location=str(path)) from error
    text = read_text(path)
    if path.name == hub.TEMPLATE_FILE and (path.parent / CONFIG_FILE).is_file():
        tokens = hub.read_tokens(path.parent)
        return tokens._replace(
            templates={"default": text}, file=str(path)
        ), f"{path} with the tokens of {CONFIG_FILE} beside it"
    return ChatSource(None, {"default": text}, {}, {}, (), str(path)), str(path)


def _starts_like_gguf(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"GGUF"


def _hint_for(path: Path) -> str:
    if not path.is_dir():
        return "the file has no `chat_template`; name a template with a `.jinja` file"
    if quantized := sorted(path.glob("*.gguf")):
        return f"name the file itself: {quantized[0]}"
    return f"a model's folder holds {hub.TEMPLATE_FILE}, or a {CONFIG_FILE} with a `chat_template`"


def _from_hub(text: str) -> tuple[ModelInfo, ChatSource] | None:
    """Tries a Hub id: first the local cache, then the ids that the registry's formats name."""
    snapshot = hub.cached_snapshot(text)
    chat = hub.read_folder(snapshot) if snapshot is not None else None
    if chat is not None:
        return ModelInfo(name=text, source=str(snapshot)), chat
    name = _core.format_for_model_id(text)
    return _from_registry(name, f"registry, since the Hub id {text} is of the format {name}") if name else None


def _refuse(text: str) -> NoReturn:
    near = closest(text)
    hint = f"did you mean {' or '.join(f'`{name}`' for name in near)}? " if near else ""
    hint += "`chattpl models` lists the formats; files, model folders and models in the Hub cache work too"
    place = f"not in the Hub cache at {hub.cache_folder()} either" if "/" in text else None
    raise FormatNotFoundError(f"no format is called `{text}`", location=place, hint=hint)
