"""The rules and their manuals."""

from __future__ import annotations

from dataclasses import dataclass

from chattpl import _core


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInfo:
    """A lint rule."""

    code: str
    """Stable code, such as `CT101`."""
    name: str
    """Name of the fault, such as `set-in-loop-lost`."""
    kind: str
    """What it looks at: `static`, `probe`, `token` or `training`."""
    profiles: tuple[str, ...]
    """The profiles that run it."""
    manual: str
    """What it does, why, and a bad and a good template, in Markdown."""


def rules() -> list[RuleInfo]:
    """Lists every rule, by code."""
    return [
        RuleInfo(code=code, name=name, kind=kind, profiles=tuple(profiles), manual=manual)
        for code, name, kind, profiles, manual in _core.lint_rules()
    ]
