"""Runs the rules over a template."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chattpl import _core
from chattpl.linter.diagnostic import Diagnostic, Edit, Fix, LintReport, NotEvaluated, Place, Suppressed
from chattpl.linter.engines import engines
from chattpl.template import Template
from chattpl.tokenizer import Tokenizer

# The rule that renders with other engines.
_COMPARING = "CT504"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintSettings:
    """Which rules run, and what is known besides the template."""

    profile: str = "default"
    """The set of rules to begin with: `default`, `serve`, `sft`, `rl`, `portability`, `security` or `all`."""
    select: Sequence[str] = ()
    """Only these rules: codes, starts of codes, names, or `ALL`."""
    extend_select: Sequence[str] = ()
    """These rules besides."""
    ignore: Sequence[str] = ()
    """Not these rules."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Tokens that the template reads as arguments: `bos_token` and its text."""
    tokenizer: Tokenizer | None = None
    """The model's tokenizer."""
    stop_tokens: Sequence[str] | None = None
    """The tokens at which the model's generation configuration stops."""
    other_template: tuple[str, str] | None = None
    """Another template of the same model, and where it is from."""

    def check(self) -> None:
        """Makes sure that the rules and the profile exist.

        Raises:
            ValueError: One does not.
        """
        self.enabled()

    def enabled(self) -> frozenset[str]:
        """The codes of the rules that run.

        Raises:
            ValueError: There is no such profile or rule.
        """
        return frozenset(_core.lint_enabled(self.request()))

    def request(self) -> dict[str, object]:
        """What the extension reads."""
        return {
            "profile": self.profile,
            "select": list(self.select),
            "extend_select": list(self.extend_select),
            "ignore": list(self.ignore),
            "tokens": list(self.tokens.items()),
            "stop_tokens": None if self.stop_tokens is None else list(self.stop_tokens),
            "other_template": self.other_template,
            "engines": None,
        }

    def request_with_engines(self) -> dict[str, object]:
        """What the extension reads, with the engines to compare with where a rule asks for them."""
        request = self.request()
        if _COMPARING in self.enabled():
            request["engines"] = engines()
        return request


def codes_named(selector: str) -> frozenset[str]:
    """The codes of the rules that a code, the start of one, a name or `ALL` stands for; none for anything else."""
    try:
        return LintSettings(select=[selector]).enabled()
    except ValueError:
        return frozenset()


def lint(
    source_or_path: str | os.PathLike[str] | Template,
    *,
    profile: str = "default",
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    tokens: Mapping[str, str] | None = None,
    tokenizer: Tokenizer | None = None,
    model: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> list[Diagnostic]:
    """Finds the faults of a template.

    Args:
        source_or_path: The text of a template, its file as a path object or as a text without `{` and line ends, or a
            compiled template. The folder of a Hub model, a `tokenizer_config.json` or a GGUF file is linted with its
            own tokens, tokenizer and stop tokens, template by template.
        profile: The set of rules to begin with.
        select: Only these rules: codes, starts of codes, names, or `"ALL"`.
        ignore: Not these rules.
        tokens: Tokens that the template reads as arguments, such as `{"bos_token": "<s>"}`.
        tokenizer: The model's tokenizer, for rules that need one.
        model: Whose tokens, tokenizer and stop tokens to check with, where they are not given: a name, path or Hub id
            as for `chattpl.load`.
        name: What to call the template.

    Returns:
        The faults in order of the text. Rules that lack what they need say nothing: see `chattpl.linter.report`.

    Raises:
        SourceError: The file cannot be read, or holds no template.
        FormatNotFoundError: There is no such model.
        ValueError: There is no such profile or rule.

    Example:
        >>> [fault.code for fault in lint("{% for m in messages %}{{ m.content }}")]
        ['CT001']
    """
    settings = LintSettings(profile=profile, select=select, ignore=ignore, tokens=tokens or {}, tokenizer=tokenizer)
    from chattpl.linter import subjects

    if model is not None:
        settings = subjects.model_named(model).settings(settings)
    path = _path(source_or_path)
    if path is None:
        source, known = _read(source_or_path)
        return list(report(source, settings, name=name or known).diagnostics)
    reports = (
        report(subject.source, subject.settings(settings), name=name or subject.path) for subject in subjects.read(path)
    )
    return [diagnostic for result in reports for diagnostic in result.diagnostics]


def report(source: str, settings: LintSettings, *, name: str | None = None) -> LintReport:
    """Lints a template and says also what could not be looked at, and what is silenced.

    Args:
        source: The text of the template.
        settings: Which rules run.
        name: What to call the template.

    Raises:
        ValueError: There is no such profile or rule.
    """
    path = name or "<template>"
    found, not_evaluated, suppressed = _core.lint(source, settings.request_with_engines(), path, settings.tokenizer)
    return LintReport(
        path=path,
        diagnostics=tuple(_diagnostic(path, finding) for finding in found),
        not_evaluated=tuple(NotEvaluated(*rule) for rule in not_evaluated),
        suppressed=tuple(Suppressed(_diagnostic(path, finding), reason) for finding, reason in suppressed),
    )


def profile(source: str, settings: LintSettings, *, name: str | None = None) -> dict[str, Any]:
    """Tells what a template takes, prints and demands of conversations.

    Args:
        source: The text of the template.
        settings: What is known besides the template; the choice of rules does not matter.
        name: What to call the template.

    Returns:
        JSON data: `roles`, `system`, `tools`, `reasoning`, `parts`, `turns`, `reads` and `constraints`.

    Raises:
        ValueError: The template does not compile.
    """
    facts: dict[str, Any] = json.loads(_core.lint_profile(source, settings.request(), name, settings.tokenizer))
    return facts


def fix(source: str, settings: LintSettings, *, unsafe: bool = False) -> tuple[str, int]:
    """Repairs a template.

    Args:
        source: The text of the template.
        settings: Which rules run.
        unsafe: Whether to apply also fixes that change what some conversation renders to.

    Returns:
        The new text, and how many fixes were applied.
    """
    return _core.lint_fix(source, settings.request(), None, settings.tokenizer, unsafe)


def _path(given: str | os.PathLike[str] | Template) -> Path | None:
    """The file or folder that is meant; None for a text or a template."""
    if isinstance(given, Template) or (isinstance(given, str) and ("{" in given or "\n" in given)):
        return None
    return Path(given)


def _read(given: str | os.PathLike[str] | Template) -> tuple[str, str | None]:
    """The text of a template, and what it is called."""
    return (given.source, given.name) if isinstance(given, Template) else (str(given), None)


def _diagnostic(path: str, finding: _core._Diagnostic) -> Diagnostic:
    code, name, message, place, shape, fix, related = finding
    return Diagnostic(
        code=code,
        name=name,
        message=message,
        path=path,
        place=Place(*place),
        shape=shape,
        fix=Fix(title=fix[0], safe=fix[1], edits=tuple(Edit(*edit) for edit in fix[2])) if fix else None,
        related=tuple((Place(*where), what) for where, what in related),
    )
