"""Finds faults of chat templates: in their source, in what they print, and against a tokenizer."""

from __future__ import annotations

import difflib
import re
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from chattpl.cli import console, findings
from chattpl.errors import ChatTemplateError, SourceError, VocabularyError
from chattpl.format import ChatFormat, load
from chattpl.linter import LintReport, LintSettings, fix, report, subjects
from chattpl.linter.subjects import Subject
from chattpl.tokenizer import Tokenizer

_SUFFIXES = (".jinja", ".jinja2", ".j2")
# As the templates' own lines are counted, unlike `str.splitlines`.
_LINE = re.compile("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl lint`."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="template files, model folders and files, folders, or -"
    )
    parser.add_argument("--model", metavar="REF", help="whose tokens and tokenizer to check with; alone: its template")
    parser.add_argument("--tokenizer", metavar="PATH", help="the tokenizer to check with: a file, or a shipped name")
    parser.add_argument("--select", type=_names, default=[], metavar="RULES", help="only these: CT101,CT2,render-fails")
    parser.add_argument("--extend-select", type=_names, default=[], metavar="RULES", help="these besides")
    parser.add_argument("--ignore", type=_names, default=[], metavar="RULES", help="not these")
    parser.add_argument("--profile", default="default", help="default, serve, sft, rl, portability, security or all")
    parser.add_argument(
        "--fix", action="store_true", help="apply the fixes after which every conversation looks the same"
    )
    parser.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix, --diff: also fixes that change a render"
    )
    parser.add_argument("--diff", action="store_true", help="show what --fix would write, and write nothing")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 even where there are faults")
    parser.add_argument(
        "--statistics", action="store_true", help="count the faults of each rule instead of showing them"
    )
    parser.add_argument("--output-format", choices=findings.FORMATS, default="full")


def run(options: Namespace) -> int:
    """Lints every template: 1 if any has a fault, 2 if any cannot be read or written."""
    usage = _wrong_usage(options)
    if usage:
        console.talk(f"error: {usage}")
        return 2
    model = load(options.model) if options.model else None
    settings = _settings(options, model)
    try:
        settings.check()
    except ValueError as error:
        console.talk(f"error: {error}")
        return 2
    broken: list[ChatTemplateError] = []
    found = list(_subjects(options.paths, model, broken))
    _say_what_lines_count(found)
    if options.diff:
        counts = [_show_diff(subject, settings, options.unsafe_fixes) for subject in found]
        console.talk(f"{_plural(sum(counts), 'fault')} would be repaired in {_plural(len(found), 'template')}")
        faulty = any(counts)
    else:
        applied = 0
        if options.fix:
            found, applied = _repair(found, settings, options.unsafe_fixes, broken)
        reports = [report(subject.source, subject.settings(settings), name=subject.path) for subject in found]
        # What is repaired on its way from standard input to standard output stays alone there.
        alone = options.fix and "-" in options.paths
        write = _talk_lines if alone else console.write_data
        sources = {subject.path: subject.source for subject in found}
        write(findings.to_text(options.output_format, reports, sources, statistics=options.statistics))
        _summarize(reports, applied)
        faulty = any(found.diagnostics for found in reports)
    for fault in broken:
        console.complain(fault)
    if broken:
        return 2
    return 1 if faulty and not options.exit_zero else 0


def _wrong_usage(options: Namespace) -> str | None:
    if not options.paths and not options.model:
        return "nothing to lint: give files or folders, `-`, or `--model REF`"
    if options.paths.count("-") > 1:
        return "standard input can be read once"
    if options.fix and options.diff:
        return "`--fix` writes and `--diff` shows: give one of them"
    if options.unsafe_fixes and not (options.fix or options.diff):
        return "`--unsafe-fixes` says which fixes `--fix` applies or `--diff` shows: give one of them besides"
    if (options.fix or options.diff) and not options.paths:
        return "there is no file to repair: give files or folders, or `-`"
    return None


def _repair(
    found: Iterable[Subject], settings: LintSettings, unsafe: bool, broken: list[ChatTemplateError]
) -> tuple[list[Subject], int]:
    """Writes repaired templates: what there is now, and how many fixes it took."""
    repaired, count = [], 0
    for subject in found:
        if subject.inside:
            repaired.append(subject)
            continue
        text, applied = fix(subject.source, subject.settings(settings), unsafe=unsafe)
        if subject.file is None:
            console.write_data(text)
        elif text != subject.source:
            try:
                with open(subject.file, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
            except OSError as error:
                broken.append(SourceError(f"cannot be written: {error.strerror}", location=subject.path))
                repaired.append(subject)
                continue
        repaired.append(replace(subject, source=text))
        count += applied
    return repaired, count


def _show_diff(subject: Subject, settings: LintSettings, unsafe: bool) -> int:
    """Prints what a repair would change; how many fixes it takes."""
    text, applied = fix(subject.source, subject.settings(settings), unsafe=unsafe)
    before, after = _LINE.findall(subject.source), _LINE.findall(text)
    clean = console.harmless if console.is_terminal(sys.stdout) else str
    for line in difflib.unified_diff(before, after, subject.path, subject.path):
        ends = line.endswith(("\n", "\r"))
        console.write_data(clean(line if ends else f"{line}\n\\ No newline at end of file\n"))
    return applied


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _settings(options: Namespace, model: ChatFormat | None) -> LintSettings:
    return LintSettings(
        profile=options.profile,
        select=options.select,
        extend_select=options.extend_select,
        ignore=options.ignore,
        tokens=model.token_arguments if model else {},
        tokenizer=_tokenizer(options.tokenizer, model),
        stop_tokens=model.stop_tokens if model else None,
    )


def _tokenizer(given: str | None, model: ChatFormat | None) -> Tokenizer | None:
    """The tokenizer that was named, else the model's where it has one at hand."""
    if given:
        found = Tokenizer.from_file(given) if Path(given).exists() else Tokenizer.load(given)
    elif model is None:
        return None
    else:
        try:
            found = model.tokenizer
        except VocabularyError as error:
            console.talk(f"note: no tokenizer to check with: {error.message}")
            return None
    if isinstance(found, Tokenizer):
        return found
    console.talk("note: no tokenizer to check with: rules look at byte pair encodings only, and this is another kind")
    return None


def _subjects(paths: Iterable[str], model: ChatFormat | None, unreadable: list[ChatTemplateError]) -> Iterator[Subject]:
    """The templates to lint; what cannot be read goes to `unreadable`."""
    if model is not None and not paths:
        yield Subject(path=model.template.name or model.name, source=model.template.source)
    for given in paths:
        if given == "-":
            yield Subject(path="<stdin>", source=_standard_input())
            continue
        for path in _files(Path(given)):
            try:
                yield from subjects.read(path)
            except SourceError as error:
                unreadable.append(error)


def _files(path: Path) -> list[Path]:
    """What is to be read for a path: itself, or the models and templates in a folder that is no model."""
    if not path.is_dir() or subjects.is_model(path):
        return [path]
    models = list(subjects.models_in(path))
    templates = _templates_in(path)
    return sorted([*models, *(file for file in templates if not any(file.is_relative_to(model) for model in models))])


def _say_what_lines_count(found: Iterable[Subject]) -> None:
    for file in dict.fromkeys(subject.path for subject in found if subject.inside):
        console.talk(f"note: lines and columns of {file} are those of the template inside; it is not repaired in place")


def _templates_in(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8 text: {error.reason}", location="<stdin>") from error


def _talk_lines(text: str) -> None:
    if text:
        console.talk(text.removesuffix("\n"))


def _summarize(reports: list[LintReport], applied: int) -> None:
    """Says on standard error how much was found and repaired, and which rules could not look."""
    diagnostics = [diagnostic for result in reports for diagnostic in result.diagnostics]
    if applied:
        console.talk(f"{_plural(applied, 'fault')} repaired")
    templates = _plural(len(reports), "template")
    console.talk(f"{_plural(len(diagnostics), 'fault')} in {templates}" if diagnostics else f"no faults in {templates}")
    fixes = Counter(diagnostic.fix.safe for diagnostic in diagnostics if diagnostic.fix)
    if fixes[True]:
        console.talk(f"`--fix` repairs {fixes[True]} of them")
    if fixes[False]:
        console.talk(f"`--fix --unsafe-fixes` repairs {fixes[False]}{' more' if fixes[True] else ' of them'}")
    reasons: dict[str, set[str]] = {}
    for result in reports:
        for rule in result.not_evaluated:
            reasons.setdefault(rule.reason, set()).add(rule.code)
    for reason, codes in sorted(reasons.items()):
        console.talk(f"not evaluated: {', '.join(sorted(codes))}: {reason}")


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
