"""Records what the templates in use do, and tells whether a change is cosmetic or changes what a model sees."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chattpl.cli import console, targets
from chattpl.cli.locked import change_of, lock_path, old_and_new
from chattpl.cli.targets import Target
from chattpl.errors import ChatTemplateError, FormatNotFoundError
from chattpl.linter.lock import Change, Entry, LockFile, State
from chattpl.linter.lock_findings import shown, summary
from chattpl.linter.many import in_order
from chattpl.linter.project import Project, Said

# Of the renders that changed, as many are told on a line each; JSON has them all.
_MAX_TOLD = 12


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl lock`."""
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="template files, models, folders, patterns in quotes")
    add("--model", metavar="REF", help="whose tokens and tokenizer to render with; alone: its template")
    add("--tokenizer", metavar="PATH", help="the tokenizer to count with: a file, or a shipped name")
    add("--lock-file", metavar="FILE", help="chattpl.lock, or `lock` of the configuration, by default")
    add("--check", action="store_true", help="compare and write nothing; without PATH: all that is locked")
    add("--format", choices=("text", "json"), default="text", help="of what --check prints")
    add("--config", metavar="FILE", help="the configuration file, in place of those near the templates")
    add("--isolated", action="store_true", help="read no configuration file")


def run(options: Namespace) -> int:
    """Locks templates, or compares: 0 same or cosmetic, 1 if a model sees something else, 2 for wrong usage."""
    usage = _wrong_usage(options)
    if usage:
        console.talk(f"error: {usage}")
        return 2
    project = _project(options, options.model)
    file = lock_path(options.lock_file, project)
    lock = LockFile.read(file) if options.check or file.exists() else LockFile(file)
    broken: list[ChatTemplateError] = []
    if options.check:
        changes = _compared(options, project, lock, broken)
        _show(changes, lock, as_json=options.format == "json")
        code = 1 if any(each.change.state not in (State.SAME, State.COSMETIC) for each in changes) else 0
    else:
        code = _recorded(options, project, lock, broken)
    for error in broken:
        console.complain(error)
    return 2 if broken else code


def _wrong_usage(options: Namespace) -> str | None:
    checks = [
        ("-" in options.paths, "a lock file names files, and standard input has no name"),
        (options.format == "json" and not options.check, "`--format json` is for `--check`"),
        (options.config and options.isolated, "`--isolated` reads no configuration and `--config` one: give one"),
    ]
    return next((message for wrong, message in checks if wrong), None)


def _project(options: Namespace, model: str | None) -> Project:
    config = Path(options.config) if options.config else None
    said = Said(model=model, tokenizer=options.tokenizer)
    return Project(said, config, options.isolated, lambda text: console.talk(f"note: {text}"))


def _found(options: Namespace, project: Project, lock: LockFile, broken: list[ChatTemplateError]) -> Iterator[Target]:
    """The templates that are named; all that are locked where none is."""
    if options.paths or options.model:
        yield from targets.find(options.paths, project, broken)
        return
    yield from targets.find([path for path in lock.paths() if Path(path).exists()], project, broken)
    for reference in lock.models():
        try:
            yield from targets.find([], _project(options, reference), broken)
        except FormatNotFoundError as error:
            broken.append(error)


def _recorded(options: Namespace, project: Project, lock: LockFile, broken: list[ChatTemplateError]) -> int:
    """Writes the lock file, unless a template could not be read."""
    if not (options.paths or options.model or lock.entries):
        console.talk("error: nothing to lock: give files or folders, or `--model REF`")
        return 2
    states: Counter[State] = Counter()
    met: dict[str, Entry] = {}

    def work(target: Target) -> tuple[str, State, Entry]:
        change, entry = change_of(lock, target.subject, target.settings)
        return change.path, change.state, entry

    for key, state, entry in in_order(work, _found(options, project, lock, broken)):
        states[state] += 1
        met[key] = entry
    if broken:
        return 2
    for key in lock.gone(set(met)):
        states[State.GONE] += 1
        del lock.entries[key]
    lock.entries |= met
    lock.write()
    told = ", ".join(f"{states[state]} {state}" for state in State if states[state]) or "none"
    console.talk(f"{console.plural(len(lock.entries), 'template')} in {lock.file} ({told})")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A change, and what is shown of it besides."""

    change: Change
    difference: tuple[str, str] | None = None
    """What the render was and is around the first difference."""


def _compared(options: Namespace, project: Project, lock: LockFile, broken: list[ChatTemplateError]) -> list[_Shown]:
    def work(target: Target) -> _Shown:
        change, _ = change_of(lock, target.subject, target.settings)
        return _Shown(change=change, difference=old_and_new(lock, target.subject, target.settings, change))

    changes = list(in_order(work, _found(options, project, lock, broken)))
    gone = lock.gone({each.change.path for each in changes})
    return [*changes, *(_Shown(change=Change(path=key, state=State.GONE)) for key in gone)]


def _show(changes: list[_Shown], lock: LockFile, *, as_json: bool) -> None:
    if as_json:
        data = {"lock_file": str(lock.file), "templates": [_record(each) for each in changes]}
        console.write_data(json.dumps(data, indent=2) + "\n")
        return
    for each in changes:
        if each.change.state is not State.SAME:
            console.write_data("".join(f"{console.harmless(line)}\n" for line in _lines(each, lock)))
    states = Counter(each.change.state for each in changes)
    told = ", ".join(f"{states[state]} {state}" for state in State if states[state]) or "none"
    console.talk(f"{console.plural(len(changes), 'template')}: {told}")


def _record(each: _Shown) -> dict[str, Any]:
    change = each.change
    record = {"path": change.path, "state": str(change.state), "renders_compared": change.count}
    return record | {
        "takes": dict(zip(("before", "after"), change.takes, strict=True)) if change.takes else None,
        "renders": [asdict(render) for render in change.renders],
        "text": change.text,
        "first_difference": dict(zip(("before", "after"), each.difference, strict=True)) if each.difference else None,
    }


def _lines(each: _Shown, lock: LockFile) -> Iterator[str]:
    change = each.change
    if change.state is not State.CHANGED:
        yield f"{change.path}: {change.state}: {summary(change, str(lock.file))}"
        return
    because = "; the source is the same: tokens or chattpl changed" if change.same_source else ""
    counts = f"{len(change.renders)} of {change.count} renders"
    yield f"{change.path}: changed: a model sees something else in {counts}{because}"
    if change.takes:
        yield f"  it took {change.takes[0]}, and takes {change.takes[1]}"
    for render in change.renders[:_MAX_TOLD]:
        yield f"  {render}"
    rest = [render.render for render in change.renders[_MAX_TOLD:]]
    if rest:
        shapes = dict.fromkeys(key.partition(" + ")[0] for key in rest)
        yield f"  and {len(rest)} more, of {', '.join(shapes)}"
    if each.difference:
        yield f"  the first difference in {change.renders[0].render}:"
        yield f"    was {each.difference[0]}"
        yield f"    is  {each.difference[1]}"
    elif change.text is not None:
        yield f"  {change.renders[0].render} is now:"
        yield f"    {shown(change.text)}"
