"""The arguments of `chattpl lint`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chattpl.cli import targets
from chattpl.linter.config import OUTPUT_FORMATS


def declare(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl lint`."""
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="template files, models, folders, patterns in quotes, or -")
    rules = parser.add_argument_group("which rules run; these come before any configuration file")
    rules.add_argument("--profile", help="default, serve, sft, rl, portability, security or all")
    rules.add_argument("--select", type=_names, default=[], metavar="RULES", help="only these: CT101,CT2,render-fails")
    rules.add_argument("--extend-select", type=_names, default=[], metavar="RULES", help="these besides")
    rules.add_argument("--ignore", type=_names, default=[], metavar="RULES", help="not these")
    rules.add_argument("--model", metavar="REF", help="whose tokens and tokenizer to check with; alone: its template")
    rules.add_argument("--tokenizer", metavar="PATH", help="the tokenizer to check with: a file, or a shipped name")
    files = parser.add_argument_group("configuration and files")
    files.add_argument("--config", metavar="FILE", help="the configuration file, in place of those near the templates")
    files.add_argument("--isolated", action="store_true", help="read no configuration file")
    files.add_argument(
        "--extend-exclude", type=_names, default=[], metavar="GLOBS", help="leave these files and folders out, too"
    )
    files.add_argument("--force-exclude", action="store_true", help="leave files out even if they are named one by one")
    files.add_argument("--baseline", metavar="FILE", help="do not report the findings that this file lists")
    files.add_argument("--write-baseline", metavar="FILE", help="write such a file with what is found now")
    files.add_argument(
        "--locked", action="store_true", help="report templates that do not do what `chattpl lock` recorded"
    )
    files.add_argument("--lock-file", metavar="FILE", help="what it recorded; chattpl.lock by default")
    repairs = parser.add_argument_group("repairs")
    repairs.add_argument(
        "--fix", action="store_true", help="apply the fixes after which every conversation looks the same"
    )
    repairs.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix, --diff: also fixes that change a render"
    )
    repairs.add_argument("--diff", action="store_true", help="show what --fix would write, and write nothing")
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--output-format", choices=OUTPUT_FORMATS, help="full by default")
    shown.add_argument(
        "--statistics", action="store_true", help="count the faults of each rule instead of showing them"
    )
    shown.add_argument(
        "--report",
        nargs="?",
        const="-",
        metavar="FILE",
        help="what each template can do and demands, what was not evaluated and what is silenced; in place of the "
        "findings, or into a file",
    )
    shown.add_argument("--exit-zero", action="store_true", help="exit with 0 even where there are faults")
    shown.add_argument("--watch", action="store_true", help="lint again whenever a template or configuration changes")


def wrong_usage(options: Namespace) -> str | None:
    """Says what is wrong about arguments that cannot be meant together."""
    stdin = options.paths.count("-")
    changes = options.fix or options.diff
    checks = [
        (not options.paths and not options.model, "nothing to lint: give files or folders, `-`, or `--model REF`"),
        (stdin > 1, "standard input can be read once"),
        (options.fix and options.diff, "`--fix` writes and `--diff` shows: give one of them"),
        (
            options.unsafe_fixes and not changes,
            "`--unsafe-fixes` says which fixes `--fix` applies or `--diff` shows: give one of them besides",
        ),
        (changes and not options.paths, "there is no file to repair: give files or folders, or `-`"),
        (options.config and options.isolated, "`--isolated` reads no configuration and `--config` one: give one"),
        (
            options.baseline and options.write_baseline,
            "`--write-baseline` writes down all findings, those of `--baseline` too: give one of them",
        ),
        (
            options.diff and (options.write_baseline or options.report),
            "`--diff` shows repairs alone: leave `--write-baseline` and `--report` out",
        ),
        (options.lock_file and not options.locked, "`--lock-file` names the file for `--locked`: give both"),
        (options.locked and options.diff, "`--diff` shows repairs alone: leave `--locked` out"),
        (options.locked and stdin, "a lock file names files, and standard input has no name"),
        (stdin and options.watch, "`--watch` watches files, and standard input is none"),
        (
            stdin and options.fix and options.report == "-",
            "standard output is for the repaired template: `--report FILE`",
        ),
    ]
    return next((message for wrong, message in checks if wrong), None)


def take_path_from_report(options: Namespace) -> None:
    """`--report templates/`: what follows is a template or a folder of them, not where to write the report."""
    given = options.report
    if given and given != "-" and (Path(given).is_dir() or given.endswith(targets.SUFFIXES)):
        options.report = "-"
        options.paths.insert(0, given)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
