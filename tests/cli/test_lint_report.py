"""`chattpl lint --report` and `--watch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chattpl.linter import LintSettings, profile
from cli.command import chattpl
from cli.test_lint import CLEAN, LEAKS, LOST

SILENCED = "{#- chattpl: ignore-file[CT105] as trained -#}" + LEAKS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lost.jinja").write_text(LOST, "utf-8")
    (tmp_path / "silenced.jinja").write_text(SILENCED, "utf-8")
    return tmp_path


RULES = ("--select", "CT101,CT105,CT303")


def test_a_report_stands_in_place_of_the_findings(folder: Path) -> None:
    result = chattpl("lint", ".", *RULES, "--report", cwd=folder)
    assert result.code == 1
    lost, silenced = result.out.split("\n\n")[:2]
    assert lost.startswith("lost.jinja\n  faults: CT101\n")
    assert "\n  not evaluated:\n    CT303: no tokenizer is given" in lost
    assert "faults: none" in silenced
    assert "\n  silenced:\n    2:1 CT105 [whitespace-leak] " in silenced
    assert ": as trained\n" in silenced


def test_what_follows_the_option_may_be_the_template(folder: Path) -> None:
    before = (folder / "lost.jinja").read_bytes()
    by_file = chattpl("lint", *RULES, "--report", "lost.jinja", cwd=folder)
    by_folder = chattpl("lint", *RULES, "--report", ".", cwd=folder)
    assert by_file.out == by_folder.out[: len(by_file.out)] != ""
    assert (folder / "lost.jinja").read_bytes() == before


def test_a_report_in_a_file_leaves_the_findings_where_they_were(folder: Path) -> None:
    result = chattpl("lint", ".", *RULES, "--report", "report.txt", cwd=folder)
    assert result.out == chattpl("lint", ".", *RULES, cwd=folder).out != ""
    assert (folder / "report.txt").read_text("utf-8") == chattpl("lint", ".", *RULES, "--report=-", cwd=folder).out


@pytest.mark.parametrize("words", [["--report", "--output-format", "json"], ["--report", "out.json"]], ids=" ".join)
def test_a_report_as_data_has_all_of_it(folder: Path, words: list[str]) -> None:
    chattpl("lint", ".", *RULES, "--write-baseline", "known.json", cwd=folder)
    result = chattpl("lint", ".", *RULES, "--baseline", "known.json", *words, cwd=folder)
    text = (folder / "out.json").read_text("utf-8") if "out.json" in words else result.out
    lost, silenced = json.loads(text)
    assert (lost["path"], lost["faults"], lost["in_baseline"]) == ("lost.jinja", {}, 1)
    (missing,) = lost["not_evaluated"]
    assert (missing["code"], missing["name"]) == ("CT303", "marker-not-one-token")
    assert missing["reason"].startswith("no tokenizer is given")
    (fault,) = silenced["suppressed"]
    assert (fault["code"], fault["line"], fault["reason"]) == ("CT105", 2, "as trained")


def test_a_report_has_the_profile_of_each_template(folder: Path) -> None:
    (folder / "broken.jinja").write_text("{% if %}", "utf-8")
    broken, lost, _ = json.loads(chattpl("lint", ".", *RULES, "--report", "--output-format", "json", cwd=folder).out)
    assert lost["profile"] == profile(LOST, LintSettings())
    assert {"roles", "system", "tools", "reasoning", "turns", "constraints"} <= set(lost["profile"])
    assert broken["profile"] == {"not_evaluated": "the template does not compile"}
    text = chattpl("lint", "lost.jinja", *RULES, "--report", cwd=folder).out
    shown = text[text.index("\n  profile:\n") :].splitlines()
    parts = [line.strip().split(":")[0] for line in shown if line.startswith("    ") and line[4] != " "]
    assert parts == [key.replace("_", " ") for key in lost["profile"]]
    assert all(key in "".join(shown) for key in lost["profile"]["roles"])


def test_the_profile_of_a_real_template_says_what_the_template_demands() -> None:
    text = chattpl("lint", "--model", "mistral-v3", "--report").out
    assert "\n    constraints:\n      - message: " in text
    assert "\n    turns:\n" in text
    assert "{'" not in text


def test_a_report_that_cannot_be_written_is_named(folder: Path) -> None:
    result = chattpl("lint", ".", "--report", "absent/report.txt", cwd=folder)
    assert (result.code, "absent/report.txt" in result.err) == (2, True)


# ---- watching --------------------------------------------------------------------------------------------------------


@pytest.fixture
def watching(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "chattpl", "lint", ".", "--select", "CT101", "--output-format", "concise", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    ) as process:
        yield process
        process.kill()


def run(process: subprocess.Popen[str]) -> list[str]:
    """What one run says."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line.startswith("watching"):
            return lines
        lines.append(line.rstrip())
    raise AssertionError(f"ended after {lines}")


def put(path: Path, text: str) -> None:
    """Writes a file in one step, so that no run sees half of it."""
    (path.parent / ".new").write_text(text, "utf-8")
    os.replace(path.parent / ".new", path)


def interrupted(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="sends an interrupt")
def test_changes_new_files_and_configurations_call_for_another_run(
    folder: Path, watching: subprocess.Popen[str]
) -> None:
    assert run(watching)[0].startswith("lost.jinja:2:9: CT101")
    put(folder / "lost.jinja", CLEAN)
    assert run(watching) == ["no faults in 2 templates"]
    put(folder / "new.jinja", LOST)
    assert "1 fault in 3 templates" in run(watching)
    put(folder / "chattpl.toml", "[lint]\nselekt = []\n")
    assert "error[CE042]: unknown key `selekt`" in run(watching)
    put(folder / "chattpl.toml", '[lint]\nexclude = ["lost.jinja"]\n')
    assert "1 fault in 2 templates" in run(watching)
    assert interrupted(watching) == 1


@pytest.mark.skipif(os.name == "nt", reason="sends an interrupt")
def test_the_files_of_a_model_are_watched(folder: Path, watching: subprocess.Popen[str]) -> None:
    run(watching)
    configuration = folder / "model" / "tokenizer_config.json"
    configuration.parent.mkdir()
    put(configuration, json.dumps({"chat_template": CLEAN}))
    assert "1 fault in 3 templates" in run(watching)
    put(configuration, json.dumps({"chat_template": LOST}))
    assert "2 faults in 3 templates" in run(watching)
    assert interrupted(watching) == 1


@pytest.mark.skipif(os.name == "nt", reason="sends an interrupt")
def test_an_interrupt_ends_with_the_last_exit_code(folder: Path, watching: subprocess.Popen[str]) -> None:
    run(watching)
    (folder / "lost.jinja").unlink()
    assert run(watching) == ["no faults in 1 template"]
    assert interrupted(watching) == 0
