"""What a lock file says of templates, as findings beside those of the rules, and in words."""

from __future__ import annotations

from chattpl.linter.diagnostic import Diagnostic, Place
from chattpl.linter.lock import Change, State
from chattpl.linter.rules import RuleInfo

# Of the renders that changed, as many are told in a message.
_MAX_TOLD = 3
_MAX_EXCERPT = 240


def _info(code: str, name: str, does: str, why: str, way_out: str) -> RuleInfo:
    manual = (
        f"# {code} {name}\n\n## What it does\n\n{does}\n\n## Why is this bad?\n\n{why}\n\n## What to do\n\n{way_out}\n"
    )
    return RuleInfo(code=code, name=name, kind="lock", profiles=(), manual=manual)


FINDINGS = {
    State.CHANGED: _info(
        "LK001",
        "locked-behaviour-changed",
        "Compares what a template prints for the probe conversations with the lock file: `chattpl lint --locked`.",
        "A model that knows the old text sees another one. An edit that changes no render is no fault.",
        "Look at the renders that are named. If the change is meant, `chattpl lock PATH` records it.",
    ),
    State.NEW: _info(
        "LK002",
        "template-not-locked",
        "Looks for each template in the lock file, under `chattpl lint --locked`.",
        "Nobody will notice when the template changes what a model sees.",
        "`chattpl lock PATH` adds the template.",
    ),
    State.GONE: _info(
        "LK003",
        "locked-template-gone",
        "Looks for the template of each entry of the lock file, under `chattpl lint --locked`.",
        "A template that is in use was moved or deleted.",
        "Bring the template back, or run `chattpl lock` to take the entry out.",
    ),
}
"""The findings, with their manuals."""


def finding(change: Change, path: str, lock: str, line: int = 1) -> Diagnostic:
    """A change as a finding.

    Args:
        change: A change that is new, changed or gone.
        path: The file to point at.
        lock: What to call the lock file.
        line: The line to point at.
    """
    info = FINDINGS[change.state]
    return Diagnostic(
        code=info.code,
        name=info.name,
        message=summary(change, lock),
        path=path,
        place=Place(line, 1, line, 1),
        shape=change.renders[0].render if change.renders else None,
        fix=None,
    )


def summary(change: Change, lock: str) -> str:
    """A change in one line."""
    match change.state:
        case State.SAME:
            return f"as in `{lock}`"
        case State.COSMETIC:
            return f"the source changed, and all {change.count} renders are as in `{lock}`"
        case State.NEW:
            return f"the template is not in `{lock}`"
        case State.GONE:
            return f"`{change.path}` is in `{lock}`, and is no longer there"
    because = ", though its source is the same" if change.same_source else ""
    told = [f"{len(change.renders)} of {change.count} renders are not as in `{lock}`{because}"]
    told += [f"it took {change.takes[0]} and takes {change.takes[1]}"] if change.takes else []
    told += map(str, change.renders[:_MAX_TOLD])
    more = len(change.renders) - _MAX_TOLD
    told += [f"and {more} more"] if more > 0 else []
    if change.text is not None:
        told.append(f"`{change.renders[0].render}` is now {shown(change.text)}")
    return "; ".join(told)


def shown(text: str) -> str:
    """A text on one line: in quotes, and with its middle left out where it is long."""
    if len(text) > _MAX_EXCERPT:
        half = _MAX_EXCERPT // 2
        return f"{text[:half]!r} ... {text[-half:]!r}"
    return repr(text)


def first_difference(before: str, after: str) -> tuple[str, str]:
    """The surroundings of the place at which two texts part, in quotes."""
    around = _MAX_EXCERPT // 3
    pairs = zip(before, after, strict=False)
    shared = next((at for at, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))
    start = max(0, shared - around // 2)
    return repr(before[start : start + around]), repr(after[start : start + around])
