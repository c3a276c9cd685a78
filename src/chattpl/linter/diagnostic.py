"""What a run over a template gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A stretch of a template; lines and columns count from 1, and the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Edit(NamedTuple):
    """A replacement; offsets count characters of the template's text."""

    start: int
    end: int
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A repair: all of its edits together."""

    title: str
    """What it does."""
    safe: bool
    """Whether every probe conversation renders as before."""
    edits: tuple[Edit, ...]
    """In order of the text."""

    def as_json(self) -> dict[str, Any]:
        """The fix as JSON data."""
        return {"title": self.title, "safe": self.safe, "edits": [edit._asdict() for edit in self.edits]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault of a template."""

    code: str
    """The rule's code, such as `CT101`."""
    name: str
    """The rule's name, such as `set-in-loop-lost`."""
    message: str
    """What is wrong."""
    path: str
    """The file, or what the template is called."""
    place: Place
    """Where it is."""
    shape: str | None
    """The probe conversation that shows it."""
    fix: Fix | None
    """How to repair it."""
    related: tuple[tuple[Place, str], ...] = ()
    """Other places that matter, each with what it is."""

    def as_json(self) -> dict[str, Any]:
        """The diagnostic as JSON data, with the keys of `chattpl lint --output-format json`."""
        return {
            "code": self.code,
            "name": self.name,
            "message": self.message,
            "path": self.path,
            **self.place._asdict(),
            "fix": self.fix.as_json() if self.fix else None,
            "shape": self.shape,
        }


class NotEvaluated(NamedTuple):
    """A rule that could not look."""

    code: str
    name: str
    reason: str


class Suppressed(NamedTuple):
    """A fault that a comment in the template silences."""

    diagnostic: Diagnostic
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """All that a run over one template found."""

    path: str
    """The file, or what the template is called."""
    diagnostics: tuple[Diagnostic, ...]
    """Faults in order of the text."""
    not_evaluated: tuple[NotEvaluated, ...]
    """Rules that could not look, which says nothing about the template."""
    suppressed: tuple[Suppressed, ...]
    """Faults that comments silence."""
