"""The lock file: what the templates in use do, and whether they still do it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from chattpl.errors import SourceError
from chattpl.linter.behaviour import Behaviour, Render, behaviour, usual
from chattpl.linter.lock_text import lock_from_text, lock_text
from chattpl.linter.run import LintSettings
from chattpl.linter.subjects import Subject
from chattpl.source import read_text

FILE_NAME = "chattpl.lock"
"""Where templates are locked unless another file is named."""


class State(StrEnum):
    """What a lock file says of a template."""

    SAME = "same"
    """The source is the one that was locked."""
    COSMETIC = "cosmetic"
    """The source changed, and no render."""
    CHANGED = "changed"
    """A model sees something else."""
    NEW = "new"
    """The file does not know the template."""
    GONE = "gone"
    """The template is no longer there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A locked template."""

    sha256: str
    """Of the source as UTF-8."""
    arguments: Mapping[str, str]
    """The declared tokens that it was rendered with."""
    takes: str
    """The form of conversation that it takes."""
    renders: Mapping[str, Render]
    """What became of the probe conversations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderChange:
    """A render that is not as it was locked."""

    render: str
    """The conversation and how it was rendered."""
    before: Render | None
    """None where this was not rendered."""
    after: Render | None
    """None where this is no longer rendered."""

    def __str__(self) -> str:
        before, after = str(self.before or "nothing"), str(self.after or "nothing")
        return f"{self.render}: {f'another text of {after}' if before == after else f'{before} -> {after}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a template since it was locked."""

    path: str
    """The template, as the lock file calls it."""
    state: State
    """Whether anything changed."""
    count: int = 0
    """How many renders were compared."""
    renders: tuple[RenderChange, ...] = ()
    """Those that changed, the plainest first."""
    takes: tuple[str, str] | None = None
    """The form of conversation that it took and takes, where that changed."""
    text: str | None = None
    """What the first of the changed renders is now: its text, or the message of its error."""
    same_source: bool = False
    """Whether the source is the one that was locked: tokens or the engine changed."""


def observed(subject: Subject, settings: LintSettings, entry: Entry | None = None) -> tuple[Entry, Behaviour]:
    """Renders a template with the probe conversations.

    Args:
        subject: The template.
        settings: What is known besides; without tokens, those that it was locked with.
        entry: What is locked.

    Returns:
        What to lock, and the renders.
    """
    if entry and not settings.tokens and subject.model is None:
        settings = replace(settings, tokens=entry.arguments)
    found = behaviour(subject.source, settings, name=subject.path)
    sha256 = hashlib.sha256(subject.source.encode("utf-8", "surrogatepass")).hexdigest()
    return Entry(sha256=sha256, arguments=settings.tokens, takes=found.takes, renders=found.renders), found


def compare(path: str, before: Entry | None, after: Entry, found: Behaviour) -> Change:
    """Tells what became of a template.

    Args:
        path: The template, as the lock file calls it.
        before: What is locked.
        after: What would be locked now.
        found: What it does now.
    """
    if before is None:
        return Change(path=path, state=State.NEW, count=len(after.renders))
    keys = [*after.renders, *(key for key in before.renders if key not in after.renders)]
    changes = [change for key in keys if (change := _change(key, before.renders, after.renders))]
    takes = None if before.takes == after.takes else (before.takes, after.takes)
    same_source = before.sha256 == after.sha256
    unchanged = State.SAME if same_source else State.COSMETIC
    return Change(
        path=path,
        state=State.CHANGED if changes or takes else unchanged,
        count=len(keys),
        renders=tuple(changes),
        takes=takes,
        text=found.text_of(changes[0].render) if changes else None,
        same_source=same_source,
    )


def _change(key: str, before: Mapping[str, Render], after: Mapping[str, Render]) -> RenderChange | None:
    """A way that is not recorded gives what the usual way gives."""
    old, new = before.get(key) or before.get(usual(key)), after.get(key) or after.get(usual(key))
    if old and new and not old.differs(new):
        return None
    return RenderChange(render=key, before=old, after=new)


class LockFile:
    """A lock file during one run.

    Args:
        file: Where it is stored.
        entries: Its templates.
    """

    def __init__(self, file: Path, entries: Mapping[str, Entry] | None = None) -> None:
        self.file = file
        self.entries = dict(entries or {})

    @classmethod
    def read(cls, file: Path) -> LockFile:
        """Reads a lock file.

        Raises:
            SourceError: It cannot be read, is damaged, or is of another version.
        """
        if not file.exists():
            hint = "`chattpl lock PATHS` writes one"
            raise SourceError("there is no such lock file", location=str(file), hint=hint)
        entries = {}
        for path, said in lock_from_text(read_text(file), str(file)).items():
            renders = {key: Render(**render) for key, render in said.pop("renders").items()}
            entries[path] = Entry(renders=renders, **said)
        return cls(file, entries)

    def key(self, subject: Subject) -> str:
        """What the file calls a template, wherever the command runs."""
        if subject.reference is not None:
            return f"model:{subject.reference}"
        absolute, folder = Path(os.path.abspath(subject.path)), Path(os.path.abspath(self.file.parent))
        same_drive = absolute.anchor == folder.anchor
        return Path(os.path.relpath(absolute, folder)).as_posix() if same_drive else absolute.as_posix()

    def paths(self) -> list[str]:
        """The files that hold the locked templates, each once, as the current folder sees them."""
        files = dict.fromkeys(self._file_of(key) for key in self.entries if not key.startswith("model:"))
        return [os.path.relpath(file) for file in files]

    def models(self) -> list[str]:
        """The models that were locked by their reference."""
        return [key.removeprefix("model:") for key in self.entries if key.startswith("model:")]

    def gone(self, met: set[str]) -> list[str]:
        """The templates that are no longer there: their file is gone, or it was looked at and holds them no more."""
        looked_at = {self._file_of(key) for key in met if not key.startswith("model:")}
        unmet = (key for key in self.entries if key not in met and not key.startswith("model:"))
        return [key for key in unmet if self._file_of(key) in looked_at or not self._file_of(key).exists()]

    def _file_of(self, key: str) -> Path:
        """The file of a template; a key may end in `@NAME` where a file holds several."""
        path = self.file.parent / key
        return path if path.exists() or "@" not in key else self.file.parent / key.rpartition("@")[0]

    def write(self) -> None:
        """Writes the file at once or not at all, in an order that makes for small differences.

        Raises:
            SourceError: It cannot be written.
        """
        text = lock_text({path: asdict(entry) for path, entry in self.entries.items()})
        part = self.file.with_name(f"{self.file.name}.{os.getpid()}.part")
        try:
            try:
                part.write_text(text, encoding="utf-8", newline="\n")
                part.replace(self.file)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise SourceError(f"cannot be written: {error.strerror}", location=str(self.file)) from error
