"""CT504 from Python: what an installed engine makes of a template."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chattpl import linter
from chattpl.linter import LintSettings
from chattpl.linter import engines as found
from cli.command import chattpl

# `%` on a text is no operator of minijinja.
FORMATS = "{%- for m in messages -%}\n{{- '%s;' % m.role -}}\n{%- endfor -%}\n"
PLAIN = "{%- for m in messages -%}{{- m.role + ';' -}}{%- endfor -%}"


@pytest.fixture
def no_minijinja(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "find_spec", lambda name: None)
    found.engines.cache_clear()
    monkeypatch.setattr(linter.run, "engines", found.engines.__wrapped__)


def test_the_command_line_names_the_engine_and_the_place(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(FORMATS, "utf-8")
    result = chattpl("lint", "--select", "CT504", file, "--output-format", "json")
    (fault,) = json.loads(result.out)
    assert (result.code, fault["code"], fault["line"], fault["column"]) == (1, "CT504", 2, 5)
    assert fault["message"].startswith("minijinja ")
    assert "fails" in fault["message"]


def test_the_command_line_finds_nothing_where_the_engines_agree(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(PLAIN, "utf-8")
    result = chattpl("lint", "--select", "CT504", file)
    assert (result.code, result.out, result.err) == (0, "", "no faults in 1 template\n")


def test_json_of_minijinja_differs_at_the_filter(tmp_path: Path) -> None:
    source = "{%- for m in messages -%}{{- m.content | tojson -}}{%- endfor -%}"
    faults = linter.lint(source, select=["CT504"])
    assert [source[fault.place.column - 1 : fault.place.end_column - 1] for fault in faults] == ["m.content | tojson"]


@pytest.mark.usefixtures("no_minijinja")
def test_without_minijinja_the_rule_is_not_evaluated() -> None:
    report = linter.report(FORMATS, LintSettings(select=["CT504"]))
    assert report.diagnostics == ()
    assert [(rule.code, rule.reason) for rule in report.not_evaluated] == [("CT504", "minijinja is not installed")]


def test_minijinja_is_loaded_only_for_the_rule_that_renders_with_it() -> None:
    code = (
        "import sys; from chattpl import linter; linter.lint('{{ 1 }}', select=['ALL'], ignore=['CT504']);"
        "before = 'minijinja' in sys.modules; linter.lint('{{ 1 }}', select=['CT504']);"
        "print(before, 'minijinja' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["False", "True"]
