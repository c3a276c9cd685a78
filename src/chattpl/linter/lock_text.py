"""The text of a lock file: JSON with a line for each render, which reviews show well."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from chattpl import _core
from chattpl.errors import SourceError

VERSION = 1
"""Of the format."""

_HEX = re.compile(r"[0-9a-f]+")
_ANEW = "delete the file and run `chattpl lock PATHS`, after a look at what changed"


def lock_text(templates: Mapping[str, Mapping[str, Any]]) -> str:
    """Writes templates down: sorted, and without anything that depends on the machine."""
    blocks = [_block(path, templates[path]) for path in sorted(templates)]
    body = "{\n" + ",\n".join(blocks) + "\n  }" if blocks else "{}"
    head = f'  "version": {VERSION},\n  "conversations": "{_core.lint_table_digest()}",\n'
    return f'{{\n{head}  "templates": {body}\n}}\n'


def _block(path: str, entry: Mapping[str, Any]) -> str:
    renders = entry["renders"]
    lines = [f"        {_json(key)}: {_json(_brief(renders[key]))}" for key in sorted(renders)]
    arguments = {name: entry["arguments"][name] for name in sorted(entry["arguments"])}
    return (
        f"    {_json(path)}: {{\n"
        f'      "sha256": {_json(entry["sha256"])},\n'
        f'      "arguments": {_json(arguments)},\n'
        f'      "takes": {_json(entry["takes"])},\n'
        '      "renders": {\n' + ",\n".join(lines) + "\n      }\n    }"
    )


def line_of(text: str, path: str) -> int:
    """The line at which a template's block begins, from 1."""
    at = text.find(f"\n    {_json(path)}: {{")
    return text.count("\n", 0, at + 1) + 1 if at >= 0 else 1


def _brief(render: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in render.items() if value is not None}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=not _is_unicode(value))


def _is_unicode(value: object) -> bool:
    """Whether a text can be written as UTF-8: names of files may hold single surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in str(value))


def lock_from_text(text: str, location: str) -> dict[str, dict[str, Any]]:
    """Reads what `lock_text` writes.

    Args:
        text: The text.
        location: The file, for errors.

    Returns:
        For each template its `sha256`, `arguments`, `takes` and `renders`.

    Raises:
        SourceError: The text is damaged, or of another version.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f"{location}:{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else location
        what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise SourceError(f"a damaged lock file: not JSON: {what}", location=at, hint=_ANEW) from error
    return _Reader(location).templates(document)


class _Reader:
    """Checks what a file says, and names the key that is wrong."""

    def __init__(self, location: str) -> None:
        self._location = location

    def templates(self, document: Any) -> dict[str, dict[str, Any]]:
        table = self._table(document, "the file")
        version = self._number(table, "version", "version")
        if version != VERSION:
            raise self._fault(f"`version` is {version}, and this chattpl writes {VERSION}")
        if self._text(table, "conversations", "conversations", _HEX) != _core.lint_table_digest():
            raise self._fault("`conversations`: this chattpl has other probe conversations than the one that wrote it")
        templates = self._table(table.get("templates"), "templates")
        return {path: self._entry(entry, f"templates.{path}") for path, entry in templates.items()}

    def _entry(self, entry: Any, where: str) -> dict[str, Any]:
        table = self._table(entry, where)
        self._text(table, "sha256", where, _HEX)
        self._text(table, "takes", where)
        arguments = self._table(table.get("arguments"), f"{where}.arguments")
        for name in arguments:
            self._text(arguments, name, f"{where}.arguments")
        renders = self._table(table.get("renders"), f"{where}.renders")
        read = {key: self._render(render, f"{where}.renders.{key}") for key, render in renders.items()}
        return {"sha256": table["sha256"], "arguments": arguments, "takes": table["takes"], "renders": read}

    def _render(self, render: Any, where: str) -> dict[str, Any]:
        table = self._table(render, where)
        return {
            "digest": self._text(table, "digest", where, _HEX),
            "characters": self._number(table, "characters", where),
            "tokens": self._number(table, "tokens", where) if "tokens" in table else None,
            "error": self._text(table, "error", where) if "error" in table else None,
        }

    def _table(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._damaged(f"`{where}` has to be an object")
        return value

    def _text(self, table: dict[str, Any], key: str, where: str, pattern: re.Pattern[str] | None = None) -> str:
        value = table.get(key)
        if not isinstance(value, str) or (pattern and not pattern.fullmatch(value)):
            raise self._damaged(f"`{_dotted(where, key)}` has to be {'a digest' if pattern else 'a text'}")
        return value

    def _number(self, table: dict[str, Any], key: str, where: str) -> int:
        value = table.get(key)
        if type(value) is not int or value < 0:
            raise self._damaged(f"`{_dotted(where, key)}` has to be a number")
        return value

    def _damaged(self, message: str) -> SourceError:
        return self._fault(f"a damaged lock file: {message}")

    def _fault(self, message: str) -> SourceError:
        return SourceError(message, location=self._location, hint=_ANEW)


def _dotted(where: str, key: str) -> str:
    return key if where == key else f"{where}.{key}"
