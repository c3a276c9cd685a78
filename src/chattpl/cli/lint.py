"""Finds faults of chat templates: in their source, in what they print, and against a tokenizer."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chattpl.cli import console, findings, lint_arguments, repair, targets
from chattpl.cli.baselines import Baselines
from chattpl.cli.locked import Locked, lock_path
from chattpl.cli.report import ReportPage
from chattpl.cli.watch import watch
from chattpl.errors import ChatTemplateError, SourceError
from chattpl.linter import LintReport, report
from chattpl.linter.lock import Change, LockFile
from chattpl.linter.many import in_order
from chattpl.linter.project import Project, Said
from chattpl.linter.subjects import Subject

add_arguments = lint_arguments.declare


def run(options: Namespace) -> int:
    """Lints every template: 1 if any has a fault, 2 if any cannot be read or written."""
    lint_arguments.take_path_from_report(options)
    usage = lint_arguments.wrong_usage(options)
    if usage:
        console.talk(f"error: {usage}")
        return 2
    if options.watch:
        return watch(lambda: _once(options), lambda: _watched(options))
    return _once(options)


def _once(options: Namespace) -> int:
    project = _project(options)
    try:
        project.check()
        return _repairs_shown(options, project) if options.diff else _linted(options, project)
    except ValueError as error:
        if isinstance(error, ChatTemplateError):
            raise
        console.talk(f"error: {error}")
        return 2


def _repairs_shown(options: Namespace, project: Project) -> int:
    broken: list[ChatTemplateError] = []
    counts = []
    for target in _found(options, project, broken):
        _say_what_lines_count(target.subject)
        counts.append(repair.show_diff(target, options.unsafe_fixes))
    templates = console.plural(len(counts), "template")
    console.talk(f"{console.plural(sum(counts), 'fault')} would be repaired in {templates}")
    return _exit_code(options, broken, faulty=any(counts))


@dataclass(frozen=True, slots=True)
class _Done:
    """One template after a run."""

    target: targets.Target
    subject: Subject
    """The template as it is now."""
    report: LintReport
    applied: int
    """How many fixes were written."""
    error: SourceError | None
    """Why its file could not be written."""
    change: Change | None
    """What became of it since it was locked, where that is asked for."""


@dataclass(slots=True)
class _Tally:
    """What a run found, in numbers."""

    templates: int = 0
    faults: int = 0
    known: int = 0
    applied: int = 0
    fixes: Counter[bool] = field(default_factory=Counter)
    """How many faults have a safe fix, and an unsafe one."""
    reasons: dict[str, set[str]] = field(default_factory=dict)
    """Why rules could not look, and which."""


def _linted(options: Namespace, project: Project) -> int:
    broken: list[ChatTemplateError] = []
    tally = _Tally()
    output_format = options.output_format or project.config_for(Path.cwd()).output_format or "full"
    printer = findings.printer(output_format, statistics=options.statistics)
    baselines = Baselines(options.baseline, options.write_baseline)
    locked = Locked(LockFile.read(lock_path(options.lock_file, project))) if options.locked else None
    # What is repaired on its way from standard input to standard output stays alone there.
    alone = options.fix and "-" in options.paths
    write = _write_to(options, alone=alone)
    done = False
    with ReportPage(options.report, as_json=output_format == "json") as page:
        try:
            for each in in_order(lambda target: _work(options, target, locked), _found(options, project, broken)):
                if each.error:
                    broken.append(each.error)
                if options.fix and each.subject.path == targets.STANDARD_INPUT:
                    console.write_data(each.subject.source)
                _say_what_lines_count(each.subject)
                new, known = baselines.filter(each.report, each.target.settings, each.target.baseline)
                if locked and each.change:
                    new = locked.add(new, each.change)
                _count(tally, new, known, each.applied)
                page.add(each.subject.source, each.target.settings, new, known)
                write(printer.add(findings.Found(new, each.subject.source)))
            for gone in locked.gone() if locked else ():
                tally.faults += len(gone.report.diagnostics)
                write(printer.add(gone))
            done = True
        except ChatTemplateError as error:  # a configuration or baseline that is broken; what was found is shown
            broken.append(error)
        for fault in broken:
            printer.complain(f"{fault.location}: {fault.message}")
        write(printer.end())
    if done:
        _summarize(tally)
        baselines.end()
    return _exit_code(options, broken, faulty=tally.faults > 0 and not options.write_baseline)


def _work(options: Namespace, target: targets.Target, locked: Locked | None) -> _Done:
    """Repairs and lints one template."""
    subject, applied, failure = target.subject, 0, None
    if options.fix:
        try:
            subject, applied = repair.fixed(target, options.unsafe_fixes)
        except SourceError as error:
            failure = error
    found = report(subject.source, target.settings, name=subject.path)
    change = locked.change(subject, target.settings) if locked else None
    return _Done(target, subject, found, applied, failure, change)


def _say_what_lines_count(subject: Subject) -> None:
    if subject.inside:
        path = subject.path
        console.talk(f"note: lines and columns of {path} are those of the template inside; it is not repaired in place")


def _project(options: Namespace) -> Project:
    said = Said(
        profile=options.profile,
        select=tuple(options.select),
        extend_select=tuple(options.extend_select),
        ignore=tuple(options.ignore),
        extend_exclude=tuple(options.extend_exclude),
        model=options.model,
        tokenizer=options.tokenizer,
    )
    config = Path(options.config) if options.config else None
    return Project(said, config, options.isolated, lambda text: console.talk(f"note: {text}"))


def _found(options: Namespace, project: Project, broken: list[ChatTemplateError]) -> Iterator[targets.Target]:
    return targets.find(options.paths, project, broken, force_exclude=options.force_exclude)


def _watched(options: Namespace) -> Iterable[Path]:
    """The files whose change calls for another run."""
    project = _project(options)
    yield from targets.files_of(options.paths, project, force_exclude=options.force_exclude)
    yield from project.files()


def _write_to(options: Namespace, *, alone: bool) -> Callable[[str], None]:
    """Where findings go."""
    if options.report == "-" or options.write_baseline:
        return _keep_silent
    return _talk_lines if alone else console.write_data


def _keep_silent(text: str) -> None:
    """Prints nothing."""


def _talk_lines(text: str) -> None:
    if text:
        console.talk(text.removesuffix("\n"))


def _count(tally: _Tally, report: LintReport, known: int, applied: int) -> None:
    tally.templates += 1
    tally.faults += len(report.diagnostics)
    tally.known += known
    tally.applied += applied
    tally.fixes.update(diagnostic.fix.safe for diagnostic in report.diagnostics if diagnostic.fix)
    for rule in report.not_evaluated:
        tally.reasons.setdefault(rule.reason, set()).add(rule.code)


def _summarize(tally: _Tally) -> None:
    """Says on standard error how much was found and repaired, and which rules could not look."""
    if tally.applied:
        console.talk(f"{console.plural(tally.applied, 'fault')} repaired")
    templates = console.plural(tally.templates, "template")
    faults = console.plural(tally.faults, "fault") if tally.faults else "no faults"
    console.talk(f"{faults} in {templates}")
    if tally.known:
        console.talk(f"{console.plural(tally.known, 'fault')} known from the baseline")
    if tally.fixes[True]:
        console.talk(f"`--fix` repairs {tally.fixes[True]} of them")
    if tally.fixes[False]:
        more = "more" if tally.fixes[True] else "of them"
        console.talk(f"`--fix --unsafe-fixes` repairs {tally.fixes[False]} {more}")
    for reason, codes in sorted(tally.reasons.items()):
        console.talk(f"not evaluated: {', '.join(sorted(codes))}: {reason}")


def _exit_code(options: Namespace, broken: list[ChatTemplateError], *, faulty: bool) -> int:
    for error in broken:
        console.complain(error)
    if broken:
        return 2
    return 1 if faulty and not options.exit_zero else 0
