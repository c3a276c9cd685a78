"""Configuration of the linter: `[lint]` in `chattpl.toml`, or `[tool.chattpl.lint]` in `pyproject.toml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chattpl.errors import SourceError
from chattpl.linter.globs import Glob
from chattpl.linter.rules import PROFILES, near_rules
from chattpl.linter.run import codes_named
from chattpl.linter.toml_lines import lines_of
from chattpl.source import read_text

OUTPUT_FORMATS = ("full", "concise", "json", "sarif", "github", "gitlab")

FILE_NAMES = ("chattpl.toml", "pyproject.toml")
"""Where configuration stands; the first of them counts in a folder that has both."""

# Folders with other people's templates. Those whose name begins with a dot are never searched.
_EXCLUDED = ("__pypackages__", "_build", "dist", "node_modules", "site-packages", "venv")

_PER_FILE = tuple[tuple[Glob, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintConfig:
    """What one configuration file says; None and empty where it says nothing."""

    folder: Path
    """What patterns and paths are relative to, absolute."""
    file: Path | None = None
    """The file; None for the defaults."""
    profile: str | None = None
    """The set of rules to begin with."""
    select: tuple[str, ...] = ()
    """Only these rules."""
    extend_select: tuple[str, ...] = ()
    """These rules besides."""
    ignore: tuple[str, ...] = ()
    """Not these rules."""
    per_file_ignores: _PER_FILE = ()
    """Rules that do not count in some files."""
    exclude: tuple[Glob, ...] = tuple(map(Glob, _EXCLUDED))
    """Files and folders that a search leaves out."""
    force_exclude: bool = False
    """Whether files that are named one by one are left out, too."""
    model: str | None = None
    """Whose tokens and tokenizer to check with."""
    tokenizer: str | None = None
    """The tokenizer to check with."""
    per_file_model: _PER_FILE = ()
    """The model of some files."""
    per_file_tokenizer: _PER_FILE = ()
    """The tokenizer of some files."""
    output_format: str | None = None
    """How findings are shown."""
    baseline: Path | None = None
    """The file with findings that are not reported."""
    lock: Path | None = None
    """The file that says what the templates do."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each key of the file."""

    def ignored_in(self, path: Path) -> tuple[str, ...]:
        """The rules that do not count in a file, given by its absolute path."""
        return tuple(rule for glob, rules in self.per_file_ignores if glob.covers(path, self.folder) for rule in rules)

    def model_of(self, path: Path) -> str | None:
        """The model that was named for a file: by the last pattern that covers it."""
        return _last(self.per_file_model, path, self.folder)

    def tokenizer_of(self, path: Path) -> str | None:
        """The tokenizer that was named for a file: by the last pattern that covers it."""
        return _last(self.per_file_tokenizer, path, self.folder)

    def leaves_out(self, path: Path) -> bool:
        """Whether a search that meets a file or folder leaves it out; its path is absolute."""
        return any(glob.names(path, self.folder) for glob in self.exclude)

    def covers(self, path: Path) -> bool:
        """Whether a file, or a folder that it is in, is one that searches leave out; its path is absolute."""
        return any(glob.covers(path, self.folder) for glob in self.exclude)

    def fault(self, key: str, message: str) -> SourceError:
        """An error about what the file says under a key."""
        return _fault(self.file or self.folder, self.lines.get(key), f"`{key}`: {message}")


def nearest(folder: Path) -> LintConfig:
    """The configuration that counts in a folder: its own, or that of the nearest folder above that has one.

    Raises:
        SourceError: The configuration is broken.
    """
    for above in (folder, *folder.parents):
        for name in FILE_NAMES:
            file = above / name
            if file.is_file():
                found = _read(file)
                if found is None and name == "chattpl.toml":
                    found = LintConfig(folder=above, file=file)
                if found is not None:
                    return found
    return LintConfig(folder=Path.cwd())


def read_config(file: str | os.PathLike[str]) -> LintConfig:
    """Reads a configuration file that was named.

    Raises:
        SourceError: It cannot be read, is broken, or says nothing about linting.
    """
    path = Path(os.path.abspath(file))
    found = _read(path)
    if found is None:
        table = "tool.chattpl.lint" if path.name == "pyproject.toml" else "lint"
        raise SourceError(f"has no table `[{table}]`", location=str(file), code="CE042")
    return found


def _read(file: Path) -> LintConfig | None:
    """Reads a file; None for one that says nothing about linting."""
    text = read_text(file)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # A broken `pyproject.toml` of somebody else's is not ours to complain about.
        if file.name == "pyproject.toml" and "chattpl" not in text:
            return None
        raise SourceError(f"not TOML: {error}", location=str(file), code="CE042") from error
    prefix: tuple[str, ...] = ("tool", "chattpl") if file.name == "pyproject.toml" else ()
    lines = {path[len(prefix) :]: line for path, line in lines_of(text).items() if path[: len(prefix)] == prefix}
    tables: Any = document
    for name in prefix:
        tables = tables.get(name) if isinstance(tables, dict) else None
    if tables is None:
        return None
    return _Reader(file, lines).config(tables)


class _Reader:
    """Checks what one file says."""

    def __init__(self, file: Path, lines: Mapping[tuple[str | int, ...], int]) -> None:
        self.file = file
        self.lines = lines

    def config(self, tables: Any) -> LintConfig | None:
        table = self._table(tables).get("lint")
        if table is None:
            near = get_close_matches("lint", tables, n=1)
            if near:
                raise self._fault(f"there is no table `{near[0]}`", near[0], hint="did you mean `lint`?")
            return None
        said = {}
        for key, value in self._table(table, "lint").items():
            if key not in _READERS:
                near = get_close_matches(key.replace("_", "-"), _READERS, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(_READERS)}"
                raise self._fault(f"unknown key `{key}`", "lint", key, hint=hint)
            said[key] = _READERS[key](self, value, key)
        exclude = said.pop("exclude", tuple(map(Glob, _EXCLUDED))) + said.pop("extend-exclude", ())
        at = {str(path[1]): line for path, line in self.lines.items() if len(path) == 2 and path[0] == "lint"}
        fields = {key.replace("-", "_"): value for key, value in said.items()}
        return LintConfig(folder=self.file.parent, file=self.file, exclude=exclude, lines=at, **fields)

    def text(self, value: Any, *where: str | int) -> str:
        if not isinstance(value, str):
            raise self._wrong("a text", value, *where)
        return value

    def flag(self, value: Any, *where: str | int) -> bool:
        if not isinstance(value, bool):
            raise self._wrong("true or false", value, *where)
        return value

    def texts(self, value: Any, *where: str | int) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self._wrong("a list of texts", value, *where)
        return tuple(self.text(item, *where, index) for index, item in enumerate(value))

    def rules(self, value: Any, *where: str | int) -> tuple[str, ...]:
        names = self.texts(value, *where)
        for index, name in enumerate(names):
            if not codes_named(name):
                near = near_rules(name)
                hint = f"did you mean `{near[0]}`?" if near else "`chattpl rule` lists them"
                raise self._fault(f"`{name}` in `{_dotted(where)}` names no rule", "lint", *where, index, hint=hint)
        return names

    def globs(self, value: Any, *where: str | int) -> tuple[Glob, ...]:
        return tuple(map(Glob, self.texts(value, *where)))

    def one_of(self, allowed: Sequence[str], value: Any, *where: str | int) -> str:
        said = self.text(value, *where)
        if said not in allowed:
            near = get_close_matches(said, allowed, n=1)
            hint = f"{f'did you mean `{near[0]}`? ' if near else ''}it may be {', '.join(allowed)}"
            raise self._fault(f"`{_dotted(where)}` cannot be `{said}`", "lint", *where, hint=hint)
        return said

    def path(self, value: Any, *where: str | int) -> Path:
        return self.file.parent / self.text(value, *where)

    def reference(self, value: Any, *where: str | int) -> str:
        """A model or tokenizer: a file beside the configuration, else a name."""
        said = self.text(value, *where)
        return str(self.file.parent / said) if (self.file.parent / said).exists() else said

    def rules_per_file(self, value: Any, *where: str | int) -> _PER_FILE:
        table = self._table(value, "lint", *where)
        return tuple((Glob(glob), self.rules(names, *where, glob)) for glob, names in table.items())

    def references_per_file(self, value: Any, *where: str | int) -> _PER_FILE:
        table = self._table(value, "lint", *where)
        return tuple((Glob(glob), (self.reference(said, *where, glob),)) for glob, said in table.items())

    def _table(self, value: Any, *where: str | int) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong("a table", value, *where[1:])
        return value

    def _wrong(self, wanted: str, value: Any, *where: str | int) -> SourceError:
        kind = _KINDS.get(type(value), "a date or time")
        return self._fault(f"`{_dotted(where) or 'lint'}` has to be {wanted}, not {kind}", "lint", *where)

    def _fault(self, message: str, *path: str | int, hint: str | None = None) -> SourceError:
        return _fault(self.file, self.lines.get(path), message, hint)


_KINDS = {
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

_READERS = {
    "profile": lambda reader, value, *where: reader.one_of(PROFILES, value, *where),
    "select": _Reader.rules,
    "extend-select": _Reader.rules,
    "ignore": _Reader.rules,
    "per-file-ignores": _Reader.rules_per_file,
    "exclude": _Reader.globs,
    "extend-exclude": _Reader.globs,
    "force-exclude": _Reader.flag,
    "model": _Reader.reference,
    "tokenizer": _Reader.reference,
    "per-file-model": _Reader.references_per_file,
    "per-file-tokenizer": _Reader.references_per_file,
    "output-format": lambda reader, value, *where: reader.one_of(OUTPUT_FORMATS, value, *where),
    "baseline": _Reader.path,
    "lock": _Reader.path,
}


def _last(table: _PER_FILE, path: Path, folder: Path) -> str | None:
    return next((names[0] for glob, names in reversed(table) if glob.covers(path, folder)), None)


def _dotted(where: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in where if isinstance(step, str))


def _fault(file: Path, line: int | None, message: str, hint: str | None = None) -> SourceError:
    location = str(file) if line is None else f"{file}:{line}"
    return SourceError(message, location=location, hint=hint, code="CE042")
