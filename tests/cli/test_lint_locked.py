"""`chattpl lint --locked`: what a lock file says is among the findings."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from cli.command import Result, chattpl
from cli.test_lock import edit, locked, states
from sarif_schema import NO_SCHEMA, sarif_schema


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return locked(tmp_path)


def lint(folder: Path, *words: str) -> Result:
    return chattpl("lint", "t", "--locked", "--select", "CT001", *words, cwd=folder)


def test_lint_reports_what_changed_what_is_new_and_what_is_gone(folder: Path) -> None:
    assert lint(folder).code == 0
    edit(folder, "<|im_end|>", "<|im_END|>")
    (folder / "t" / "clean.jinja").rename(folder / "t" / "moved.jinja")
    result = lint(folder, "--output-format", "concise")
    assert result.code == 1
    changed, new, gone = result.out.splitlines()
    assert changed.startswith("t/chatml.jinja:1:1: LK001 [locked-behaviour-changed] ")
    assert "`single-user` is now '<|im_start|>user\\n" in changed
    assert new == "t/moved.jinja:1:1: LK002 [template-not-locked] the template is not in `chattpl.lock`"
    place, message = gone.split(": ", 1)
    assert message.startswith("LK003 [locked-template-gone] `t/clean.jinja` is in `chattpl.lock`")
    file, line, _ = place.split(":")
    assert file == "chattpl.lock"
    assert '"t/clean.jinja": {' in (folder / file).read_text("utf-8").splitlines()[int(line) - 1]
    assert result.err == "3 faults in 2 templates\n"


def test_lint_notes_a_cosmetic_change(folder: Path) -> None:
    edit(folder, "{%- for m", "{#- the turns -#}\n{%- for m")
    result = lint(folder)
    assert (result.code, result.out) == (0, "")
    assert "note: t/chatml.jinja: the source changed, and all " in result.err


@pytest.mark.parametrize("output_format", ["full", "json", "sarif", "github", "gitlab"])
def test_each_format_carries_a_change(folder: Path, output_format: str) -> None:
    edit(folder, "<|im_end|>", "<|im_END|>")
    result = lint(folder, "--output-format", output_format)
    assert result.code == 1
    assert "locked-behaviour-changed" in result.out
    if output_format in ("json", "sarif", "gitlab"):
        json.loads(result.out)
    if output_format == "sarif":
        run = json.loads(result.out)["runs"][0]
        (found,) = run["results"]
        described = run["tool"]["driver"]["rules"][found["ruleIndex"]]
        assert (found["ruleId"], described["id"], described["name"]) == ("LK001", "LK001", "locked-behaviour-changed")


def test_sarif_with_a_change_is_valid(folder: Path) -> None:
    schema = sarif_schema()
    if schema is None:
        pytest.skip(NO_SCHEMA)
    edit(folder, "<|im_end|>", "<|im_END|>")
    (folder / "t" / "clean.jinja").unlink()
    jsonschema.validate(json.loads(lint(folder, "--output-format", "sarif").out), schema)


def test_the_configuration_names_the_lock_file(folder: Path) -> None:
    (folder / "chattpl.lock").rename(folder / "locks.json")
    (folder / "chattpl.toml").write_text('[lint]\nlock = "locks.json"\n', "utf-8")
    assert lint(folder).code == 0
    assert states(folder) == (0, {"t/chatml.jinja": "same", "t/clean.jinja": "same"})


def test_a_baseline_takes_no_change_in(folder: Path) -> None:
    edit(folder, "<|im_end|>", "<|im_END|>")
    assert lint(folder, "--write-baseline", "known.json").code == 0
    assert json.loads((folder / "known.json").read_text("utf-8"))["findings"] == []
    assert lint(folder, "--baseline", "known.json").code == 1


def test_the_findings_have_manuals() -> None:
    result = chattpl("rule", "LK001")
    assert (result.code, result.out.splitlines()[0]) == (0, "# LK001 locked-behaviour-changed")
