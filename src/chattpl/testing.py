"""Checks for test suites of projects that have chat templates. Nothing of pytest is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from chattpl.cli.findings import Found, full
from chattpl.linter import LintSettings, report
from chattpl.source import read_text
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
        path: The file of a template.
        profile: The set of rules to begin with: `default`, `serve`, `sft`, `rl`, `portability`, `security` or `all`.
        select: Only these rules: codes, starts of codes, names, or `"ALL"`.
        ignore: Not these rules.
        tokens: Tokens that the template reads as arguments, such as `{"bos_token": "<s>"}`.
        tokenizer: The model's tokenizer, for rules that need one.

    Raises:
        AssertionError: There are faults; the message shows them as `chattpl lint` does.
        SourceError: The file cannot be read.
        ValueError: There is no such profile or rule.

    Example:
        >>> assert_template_ok("chat_template.jinja", profile="serve")  # doctest: +SKIP
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    settings = LintSettings(profile=profile, select=select, ignore=ignore, tokens=tokens or {}, tokenizer=tokenizer)
    source = read_text(path)
    found = report(source, settings, name=os.fspath(path))
    if found.diagnostics:
        count = len(found.diagnostics)
        heading = f"{os.fspath(path)} has {count} {'fault' if count == 1 else 'faults'}"
        raise AssertionError(f"{heading}\n\n{full(Found(found, source))}".rstrip())
