"""Checks for test suites of projects that have chat templates. Nothing of pytest is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from chattpl.cli.findings import Found, full
from chattpl.linter import LintSettings, report, subjects
from chattpl.tokenizer import Tokenizer


def assert_template_ok(
    path: str | os.PathLike[str],
    *,
    profile: str = "default",
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    tokens: Mapping[str, str] | None = None,
    tokenizer: Tokenizer | None = None,
) -> None:
    """Fails a test where the linter finds faults. Configuration files are not read.

    Args:
        path: The file of a template; or a model's folder, `tokenizer_config.json` or GGUF file, linted with its own
            tokens, tokenizer and stop tokens.
        profile: The set of rules to begin with: `default`, `serve`, `sft`, `rl`, `portability`, `security` or `all`.
        select: Only these rules: codes, starts of codes, names, or `"ALL"`.
        ignore: Not these rules.
        tokens: Tokens that the template reads as arguments, such as `{"bos_token": "<s>"}`.
        tokenizer: The model's tokenizer, for rules that need one.

    Raises:
        AssertionError: There are faults; the message shows them as `chattpl lint` does.
        SourceError: The file cannot be read, or holds no template.
        ValueError: There is no such profile or rule.

    Example:
        >>> assert_template_ok("chat_template.jinja", profile="serve")  # doctest: +SKIP
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    settings = LintSettings(profile=profile, select=select, ignore=ignore, tokens=tokens or {}, tokenizer=tokenizer)
    given = [(each, each.settings(settings)) for each in subjects.read(Path(path))]
    found = [Found(report(each.source, known, name=each.path), each.source) for each, known in given]
    count = sum(len(each.report.diagnostics) for each in found)
    if count:
        heading = f"{os.fspath(path)} has {count} {'fault' if count == 1 else 'faults'}"
        raise AssertionError(f"{heading}\n\n{''.join(map(full, found))}".rstrip())
