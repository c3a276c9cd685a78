"""`chattpl.testing`, as the test suites of others use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import chattpl
from chattpl.testing import assert_template_ok
from cli.command import chattpl as command
from cli.test_lint import LEAKS, LOST
from lint_templates import FLAWLESS


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    (tmp_path / "lost.jinja").write_text(LOST, "utf-8")
    return tmp_path / "lost.jinja"


def test_a_clean_template_passes(tmp_path: Path) -> None:
    path = tmp_path / "clean.jinja"
    path.write_text(FLAWLESS, "utf-8")
    assert_template_ok(path)
    assert_template_ok(str(path), profile="rl")


def test_the_message_shows_what_the_command_shows(lost: Path) -> None:
    with pytest.raises(AssertionError) as raised:
        assert_template_ok(lost, select=["CT101"])
    shown = command("lint", lost, "--select", "CT101").out
    assert str(raised.value) == f"{lost} has 1 fault\n\n{shown}".rstrip()


def test_rules_are_chosen_as_everywhere(lost: Path) -> None:
    assert_template_ok(lost, select=["CT001"])
    faults = {fault.code for fault in chattpl.lint(lost)}
    assert_template_ok(lost, ignore=sorted(faults))
    with pytest.raises(ValueError, match="quiet"):
        assert_template_ok(lost, profile="quiet")
    lost.write_text(LEAKS, "utf-8")
    with pytest.raises(AssertionError, match="CT105"):
        assert_template_ok(lost, profile="all")


def test_a_model_is_checked_template_by_template(tmp_path: Path) -> None:
    configuration = {"chat_template": [{"name": "default", "template": LOST}, {"name": "tool_use", "template": LOST}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(configuration), "utf-8")
    with pytest.raises(AssertionError) as raised:
        assert_template_ok(tmp_path, select=["CT101"])
    lines = str(raised.value).splitlines()
    assert lines[0] == f"{tmp_path} has 2 faults"
    assert [line.split(":")[0] for line in lines if "CT101" in line] == [
        str(tmp_path / "tokenizer_config.json"),
        str(tmp_path / "tokenizer_config.json@tool_use"),
    ]


def test_a_file_that_is_not_there_is_no_failed_assertion(tmp_path: Path) -> None:
    with pytest.raises(chattpl.SourceError):
        assert_template_ok(tmp_path / "absent.jinja")


def test_pytest_shows_the_line_of_the_test_and_is_not_needed(lost: Path) -> None:
    test = lost.parent / "test_templates.py"
    test.write_text(
        "from chattpl.testing import assert_template_ok\n\n\n"
        f"def test_template():\n    assert_template_ok({str(lost)!r}, select=['CT101'])\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=lost.parent,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
    )
    assert done.returncode == 1
    assert "test_templates.py:5: AssertionError" in done.stdout
    assert "CT101 [set-in-loop-lost]" in done.stdout
    code = f"import sys, chattpl.testing; {'assert not {} & set(sys.modules)'.format({'pytest', 'rich', 'jinja2'})}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
