"""Finds what `chattpl lint` lints: files, what is in folders, what patterns name, standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chattpl.errors import ChatTemplateError, SourceError
from chattpl.linter import subjects
from chattpl.linter.globs import Glob, is_glob
from chattpl.linter.project import Project
from chattpl.linter.run import LintSettings
from chattpl.linter.subjects import Subject

SUFFIXES = (".jinja", ".jinja2", ".j2")

STANDARD_INPUT = "<stdin>"

# The largest public template has about 100,000 characters.
_MAX_CHARACTERS = 2 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A template to lint."""

    subject: Subject
    """The template, and what its own model says of it."""
    settings: LintSettings
    """What it is linted with."""
    baseline: Path | None
    """The file with its known findings, if the configuration names one."""


def find(
    paths: Iterable[str], project: Project, unreadable: list[ChatTemplateError], *, force_exclude: bool = False
) -> Iterator[Target]:
    """Finds the templates to lint, each once.

    Args:
        paths: Files, folders, patterns, `-`; the template of the model that was named, if there are none.
        project: The configuration.
        unreadable: Where errors go that concern some of the templates only.
        force_exclude: Whether to leave out also files that are named one by one.
    """
    paths = list(paths)
    if not paths and project.said.model:
        model = project.model(project.said.model)
        shown, source = model.template.name or model.name, model.template.source
        subject = Subject(path=shown, source=source, reference=project.said.model)
        yield Target(subject=subject, settings=project.settings_for(None), baseline=None)
    seen = set()
    for given in paths:
        if given == "-":
            yield from _targets([Subject(path=STANDARD_INPUT, source=_standard_input())], None, project)
            continue
        for path in _files(given, project, unreadable, force_exclude):
            key = os.path.realpath(path)
            if key in seen:
                continue
            seen.add(key)
            try:
                found = list(map(_checked, subjects.read(path)))
            except SourceError as error:
                unreadable.append(error)
            else:
                yield from _targets(found, path, project)


def _targets(found: Iterable[Subject], path: Path | None, project: Project) -> Iterator[Target]:
    """What was read, with what the configuration says of it."""
    settings, baseline = project.settings_for(path), project.config_of(path).baseline
    for subject in found:
        yield Target(subject=subject, settings=subject.settings(settings), baseline=baseline)


def _checked(subject: Subject) -> Subject:
    """Refuses what can be no template."""
    if "\0" in subject.source:
        raise SourceError("a binary file: it has NUL characters", location=subject.path)
    if len(subject.source) > _MAX_CHARACTERS:
        raise SourceError(f"no chat template: longer than {_MAX_CHARACTERS} characters", location=subject.path)
    return subject


def files_of(paths: Iterable[str], project: Project, *, force_exclude: bool = False) -> Iterator[Path]:
    """The files that paths name now, whether or not they can be read; all in the folder of a model."""
    for given in paths:
        for path in _files(given, project, [], force_exclude):
            yield path
            if path.is_dir():
                yield from path.iterdir()


def _files(given: str, project: Project, unreadable: list[ChatTemplateError], force_exclude: bool) -> Iterator[Path]:
    path = Path(given)
    if path.is_dir() and not _is_model(path):
        yield from _in_folder(path, project, unreadable)
    elif not is_glob(given) or path.exists():
        config = project.config_for(path.parent)
        forced = force_exclude or config.force_exclude
        if not (forced and config.covers(Path(os.path.abspath(path)))):
            yield path
    else:
        yield from _matches(given, project, unreadable)


def _matches(pattern: str, project: Project, unreadable: list[ChatTemplateError]) -> Iterator[Path]:
    """What a pattern names, less what is left out below the folder at which its wildcards begin."""
    parts = Path(pattern).parts
    base = Path(*parts[: next(index for index, part in enumerate(parts) if is_glob(part))])
    matches = sorted(map(Path, glob.glob(pattern, recursive=True)))
    if not matches:
        unreadable.append(SourceError("no file matches this pattern", location=pattern))
    for match in matches:
        steps = [match, *(above for above in match.parents if above != base and above.is_relative_to(base))]
        if not any(_left_out(step, project) for step in steps) and (not match.is_dir() or _is_model(match)):
            yield match


def _in_folder(folder: Path, project: Project, unreadable: list[ChatTemplateError]) -> Iterator[Path]:
    """The templates and models below a folder, by path; hidden and excluded folders are not entered."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        unreadable.append(SourceError(f"cannot be read: {error.strerror}", location=str(folder)))
        return
    for entry in entries:
        if entry.name.startswith(".") or _left_out(entry, project):
            continue
        if entry.is_dir():
            if _is_model(entry):
                yield entry
            elif not entry.is_symlink():
                yield from _in_folder(entry, project, unreadable)
        elif entry.suffix in (*SUFFIXES, ".gguf") and entry.is_file():
            yield entry


def _is_model(folder: Path) -> bool:
    try:
        return subjects.is_model(folder)
    except SourceError:  # it is one, and damaged, as reading it will say
        return True


def _left_out(path: Path, project: Project) -> bool:
    absolute, here = Path(os.path.abspath(path)), Path.cwd()
    said = (Glob(pattern).names(absolute, here) for pattern in project.said.extend_exclude)
    return project.config_for(path.parent).leaves_out(absolute) or any(said)


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8 text: {error.reason}", location=STANDARD_INPUT) from error
