"""The rules and their manuals."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from chattpl import _core

PROFILES = ("default", "serve", "sft", "rl", "portability", "security", "all")
"""The sets of rules to begin with."""


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


def near_rules(name: str) -> list[str]:
    """The codes or names that somebody may have meant who wrote this one, the likeliest first."""
    return get_close_matches(name, [known for rule in rules() for known in (rule.code, rule.name)], n=3)
