"""The lock file in a run of `chattpl lint --locked`, and what both it and `chattpl lock` do with one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from chattpl.cli import console
from chattpl.cli.findings import Found
from chattpl.linter import LintReport, LintSettings
from chattpl.linter.behaviour import behaviour
from chattpl.linter.earlier import earlier_source
from chattpl.linter.lock import FILE_NAME, Change, Entry, LockFile, State, compare, observed
from chattpl.linter.lock_findings import FINDINGS, finding, first_difference, summary
from chattpl.linter.lock_text import line_of
from chattpl.linter.project import Project
from chattpl.linter.subjects import Subject
from chattpl.source import read_text


def lock_path(given: str | None, project: Project) -> Path:
    """The lock file: the one that was named, that of the configuration, or the one in the current folder."""
    return Path(given) if given else project.config_for(Path.cwd()).lock or Path(FILE_NAME)


def change_of(lock: LockFile, subject: Subject, settings: LintSettings) -> tuple[Change, Entry]:
    """What became of a template since it was locked, and what to lock now."""
    key = lock.key(subject)
    before = lock.entries.get(key)
    after, found = observed(subject, settings, before)
    return compare(key, before, after, found), after


def old_and_new(lock: LockFile, subject: Subject, settings: LintSettings, change: Change) -> tuple[str, str] | None:
    """The first difference in the first render that changed, where git has the text that was locked."""
    entry = lock.entries.get(change.path)
    if entry is None or subject.file is None or change.same_source or change.text is None:
        return None
    source = earlier_source(subject.file, entry.sha256)
    if source is None:
        return None
    tokens = settings.tokens or (entry.arguments if subject.model is None else {})
    old = behaviour(source, replace(settings, tokens=tokens), name=subject.path)
    text = old.text_of(change.renders[0].render)
    return None if text is None else first_difference(text, change.text)


@dataclass(slots=True)
class Locked:
    """What a run holds against a lock file."""

    lock: LockFile
    _met: set[str] = field(default_factory=set)

    def change(self, subject: Subject, settings: LintSettings) -> Change:
        """Compares a template; it may run in several threads at once."""
        return change_of(self.lock, subject, settings)[0]

    def add(self, report: LintReport, change: Change) -> LintReport:
        """The report of a template with what the lock file says of it."""
        self._met.add(change.path)
        if change.state is State.COSMETIC:
            console.talk(f"note: {report.path}: {summary(change, str(self.lock.file))}")
        if change.state not in FINDINGS:
            return report
        found = finding(change, report.path, str(self.lock.file))
        return replace(report, diagnostics=(found, *report.diagnostics))

    def gone(self) -> list[Found]:
        """Findings about templates that are gone, at their entries in the lock file."""
        keys = self.lock.gone(self._met)
        if not keys:
            return []
        path, text = str(self.lock.file), read_text(self.lock.file)
        changes = [Change(path=key, state=State.GONE) for key in keys]
        found = tuple(finding(each, path, path, line_of(text, each.path)) for each in changes)
        return [Found(LintReport(path=path, diagnostics=found, not_evaluated=(), suppressed=()), text)]
