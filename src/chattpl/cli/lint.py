"""Finds faults of chat templates: in their source, in what they print, and against a tokenizer."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from chattpl.cli import console
from chattpl.errors import ChatTemplateError, SourceError, VocabularyError
from chattpl.format import ChatFormat, load
from chattpl.linter import Diagnostic, LintReport, LintSettings, report
from chattpl.source import read_text
from chattpl.tokenizer import Tokenizer

_SUFFIXES = (".jinja", ".jinja2", ".j2")
# As the templates' own lines are counted, unlike `str.splitlines`.
_LINE_END = re.compile("\r\n|\r|\n")
_MAX_SHOWN = 100


class _Subject(NamedTuple):
    """A template to lint."""

    path: str
    source: str


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl lint`."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="template files, folders, or - for standard input")
    parser.add_argument("--model", metavar="REF", help="whose tokens and tokenizer to check with; alone: its template")
    parser.add_argument("--tokenizer", metavar="PATH", help="the tokenizer to check with: a file, or a shipped name")
    parser.add_argument("--select", type=_names, default=[], metavar="RULES", help="only these: CT101,CT2,render-fails")
    parser.add_argument("--extend-select", type=_names, default=[], metavar="RULES", help="these besides")
    parser.add_argument("--ignore", type=_names, default=[], metavar="RULES", help="not these")
    parser.add_argument("--profile", default="default", help="default, serve, sft, rl, portability, security or all")
    parser.add_argument("--output-format", choices=("full", "concise", "json"), default="full")


def run(options: Namespace) -> int:
    """Lints every template: 1 if any has a fault, 2 if any cannot be read."""
    if not options.paths and not options.model:
        console.talk("error: nothing to lint: give files or folders, `-`, or `--model REF`")
        return 2
    model = load(options.model) if options.model else None
    settings = _settings(options, model)
    try:
        settings.check()
    except ValueError as error:
        console.talk(f"error: {error}")
        return 2
    unreadable: list[ChatTemplateError] = []
    subjects = list(_subjects(options.paths, model, unreadable))
    reports = [report(_as_source(subject.source), settings, name=subject.path) for subject in subjects]
    _print(options.output_format, subjects, reports)
    for fault in unreadable:
        console.complain(fault)
    _summarize(reports)
    if unreadable:
        return 2
    return 1 if any(found.diagnostics for found in reports) else 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _as_source(text: str) -> str:
    # A text without a tag or a line end would be taken for a path; a last line end is no part of a template.
    return text if "\n" in text else text + "\n"


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


def _subjects(
    paths: Iterable[str], model: ChatFormat | None, unreadable: list[ChatTemplateError]
) -> Iterator[_Subject]:
    """The templates to lint; what cannot be read goes to `unreadable`."""
    if model is not None and not paths:
        yield _Subject(model.template.name or model.name, model.template.source)
    for given in paths:
        if given == "-":
            yield _Subject("<stdin>", _standard_input())
            continue
        path = Path(given)
        files = _templates_in(path) if path.is_dir() else [path]
        for file in files:
            try:
                yield _Subject(str(file), read_text(file))
            except SourceError as error:
                unreadable.append(error)


def _templates_in(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"not UTF-8 text: {error.reason}", location="<stdin>") from error


def _print(output_format: str, subjects: list[_Subject], reports: list[LintReport]) -> None:
    if output_format == "json":
        found = [diagnostic.as_json() for result in reports for diagnostic in result.diagnostics]
        console.write_data(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return
    for subject, result in zip(subjects, reports, strict=True):
        lines = _LINE_END.split(subject.source) if output_format == "full" else []
        for diagnostic in result.diagnostics:
            console.write_data(_heading(diagnostic) + "\n")
            if output_format == "full":
                console.write_data(_excerpt(diagnostic, lines))


def _heading(diagnostic: Diagnostic) -> str:
    place = f"{diagnostic.path}:{diagnostic.place.line}:{diagnostic.place.column}"
    return console.harmless(f"{place}: {diagnostic.code} [{diagnostic.name}] {diagnostic.message}")


def _excerpt(diagnostic: Diagnostic, lines: list[str]) -> str:
    """The line of the fault with a mark below it, the conversation that shows it, and the way out."""
    line, column, end_line, end_column = diagnostic.place
    text = lines[line - 1] if line <= len(lines) else ""
    end = end_column if end_line == line else len(text) + 1
    skipped = max(0, column - 1 - _MAX_SHOWN // 2) if len(text) > _MAX_SHOWN else 0
    shown = text[skipped : skipped + _MAX_SHOWN].replace("\t", " ")
    width = max(1, min(end, skipped + _MAX_SHOWN + 1) - column)
    margin = " " * len(str(line))
    parts = [f"{margin} |", f"{line} | {shown}".rstrip(), f"{margin} | {' ' * (column - 1 - skipped)}{'^' * width}"]
    parts += [f"{margin} = {what}: line {place.line}" for place, what in diagnostic.related]
    if diagnostic.shape:
        parts.append(f"{margin} = conversation: {diagnostic.shape}")
    if diagnostic.fix:
        parts.append(f"{margin} = {'fix' if diagnostic.fix.safe else 'unsafe fix'}: {diagnostic.fix.title}")
    return "".join(f"{console.harmless(part)}\n" for part in [*parts, ""])


def _summarize(reports: list[LintReport]) -> None:
    """Says on standard error how much was found, and which rules could not look."""
    count = sum(len(result.diagnostics) for result in reports)
    faults, templates = _plural(count, "fault"), _plural(len(reports), "template")
    console.talk(f"{faults} in {templates}" if count else f"no faults in {templates}")
    reasons: dict[str, set[str]] = {}
    for result in reports:
        for rule in result.not_evaluated:
            reasons.setdefault(rule.reason, set()).add(rule.code)
    for reason, codes in sorted(reasons.items()):
        console.talk(f"not evaluated: {', '.join(sorted(codes))}: {reason}")


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
