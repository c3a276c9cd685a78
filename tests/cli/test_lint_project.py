"""`chattpl lint` in a project: configuration, which files are linted, and baselines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import chattpl as chattpl_package
from chattpl.linter.baseline import fingerprints
from cli.command import Result, chattpl
from cli.test_lint import CLEAN, LOST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("lost.jinja", "templates/lost.jinja", "templates/old/lost.j2", "node_modules/x/lost.jinja"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(LOST, "utf-8")
    (tmp_path / "templates" / "clean.jinja").write_text(CLEAN, "utf-8")
    return tmp_path


def lint(folder: Path, *words: str, config: str | None = None) -> Result:
    if config is not None:
        (folder / "chattpl.toml").write_text(config, "utf-8")
    return chattpl("lint", *words, "--select", "CT101", "--output-format", "concise", cwd=folder)


def linted(folder: Path, *words: str, config: str | None = None) -> list[str]:
    """The files in which the fault was found that all but one have."""
    return [line.split(":")[0] for line in lint(folder, *words, config=config).out.splitlines()]


def test_folders_of_other_peoples_files_are_not_searched(folder: Path) -> None:
    assert linted(folder, ".") == ["lost.jinja", "templates/lost.jinja", "templates/old/lost.j2"]
    assert linted(folder, "node_modules") == ["node_modules/x/lost.jinja"]
    assert linted(folder, "node_modules/x/lost.jinja") == ["node_modules/x/lost.jinja"]
    assert linted(folder, "node_modules/x/lost.jinja", "--force-exclude") == []


def test_excludes_are_those_of_the_configuration_and_of_the_command_line(folder: Path) -> None:
    assert linted(folder, ".", "--extend-exclude", "templates/old,lost.jinja") == []
    assert linted(folder, ".", config='[lint]\nextend-exclude = ["templates/old"]\n') == [
        "lost.jinja",
        "templates/lost.jinja",
    ]
    assert linted(folder, ".", config='[lint]\nexclude = ["templates"]\n') == [
        "lost.jinja",
        "node_modules/x/lost.jinja",
    ]
    assert linted(folder, "templates/lost.jinja") == ["templates/lost.jinja"]
    config = '[lint]\nexclude = ["templates"]\nforce-exclude = true\n'
    assert linted(folder, "templates/lost.jinja", config=config) == []


def test_patterns_are_expanded_here(folder: Path) -> None:
    assert linted(folder, "templates/**/*.j*") == ["templates/lost.jinja", "templates/old/lost.j2"]
    assert linted(folder, "**/*.jinja") == ["lost.jinja", "templates/lost.jinja"]
    assert linted(folder, "node_modules/**/*.jinja") == ["node_modules/x/lost.jinja"]
    result = lint(folder, "templates/*.nothing", "lost.jinja")
    assert (result.code, result.out.count("CT101")) == (2, 1)
    assert "no file matches this pattern\n  --> templates/*.nothing" in result.err


def test_a_file_that_is_named_twice_is_linted_once(folder: Path) -> None:
    assert linted(folder, "templates", "templates/lost.jinja", "./templates/*.jinja") == [
        "templates/lost.jinja",
        "templates/old/lost.j2",
    ]


def test_the_configuration_nearest_to_each_file_counts(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.chattpl.lint]\nselect = ["CT101"]\n', "utf-8")
    (folder / "templates" / "chattpl.toml").write_text('[lint]\nselect = ["CT001"]\n', "utf-8")
    result = chattpl("lint", ".", cwd=folder)
    assert (result.code, result.out.count("CT101")) == (1, 1)
    assert chattpl("lint", ".", "--config", "templates/chattpl.toml", cwd=folder).code == 0
    everywhere = chattpl("lint", ".", "--isolated", "--output-format", "concise", cwd=folder)
    assert everywhere.out.count("CT101") == 3


def test_the_output_format_of_the_configuration_can_be_overruled(folder: Path) -> None:
    (folder / "chattpl.toml").write_text('[lint]\noutput-format = "json"\nselect = ["CT101"]\n', "utf-8")
    assert len(json.loads(chattpl("lint", "lost.jinja", cwd=folder).out)) == 1
    assert chattpl("lint", "lost.jinja", "--output-format", "concise", cwd=folder).out.startswith("lost.jinja:2:9")


def test_standard_input_has_the_configuration_of_the_current_folder(folder: Path) -> None:
    (folder / "chattpl.toml").write_text('[lint]\nselect = ["CT001"]\n', "utf-8")
    assert chattpl("lint", "-", cwd=folder, stdin=LOST).code == 0


def test_the_configuration_in_a_models_folder_counts_for_it(folder: Path) -> None:
    model = folder / "model"
    model.mkdir()
    (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": LOST}), "utf-8")
    words = ("lint", "model", "--output-format", "concise")
    (folder / "chattpl.toml").write_text('[lint]\nselect = ["CT001"]\n', "utf-8")
    assert chattpl(*words, cwd=folder).out == ""
    (model / "chattpl.toml").write_text('[lint]\nselect = ["CT101"]\n', "utf-8")
    assert chattpl(*words, cwd=folder).out.startswith("model/tokenizer_config.json:2:9: CT101")
    (folder / "chattpl.toml").unlink()
    assert [line.split(":")[0] for line in chattpl(*words, ".", cwd=folder).out.splitlines() if "CT101" in line] == [
        "model/tokenizer_config.json",
        "lost.jinja",
        "templates/lost.jinja",
        "templates/old/lost.j2",
    ]


def test_a_broken_configuration_ends_the_run(folder: Path) -> None:
    (folder / "templates" / "chattpl.toml").write_text("[lint]\n\nigmore = []\n", "utf-8")
    result = chattpl("lint", ".", cwd=folder)
    assert result.code == 2
    file = (folder / "templates" / "chattpl.toml").resolve()
    assert result.err == (f"error[CE042]: unknown key `igmore`\n  --> {file}:3\n  = help: did you mean `ignore`?\n")


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "x.toml", "--isolated"],
        ["--baseline", "a.json", "--write-baseline", "b.json"],
        ["--diff", "--write-baseline", "b.json"],
        ["--diff", "--report"],
        ["-", "--watch"],
        ["-", "--fix", "--report=-"],
        ["--config", "absent.toml"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two(folder: Path, words: list[str]) -> None:
    result = chattpl("lint", *words, "lost.jinja", cwd=folder)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error")


def test_a_document_is_whole_even_if_a_configuration_on_the_way_is_broken(folder: Path) -> None:
    (folder / "templates" / "old" / "chattpl.toml").write_text("[lint]\nselect = 3\n", "utf-8")
    result = chattpl("lint", ".", "--select", "CT101", "--output-format", "json", cwd=folder)
    assert (result.code, [fault["path"] for fault in json.loads(result.out)]) == (
        2,
        ["lost.jinja", "templates/lost.jinja"],
    )
    baseline = chattpl("lint", ".", "--write-baseline", "known.json", cwd=folder)
    assert (baseline.code, (folder / "known.json").exists()) == (2, False)


# ---- baselines -------------------------------------------------------------------------------------------------------


def test_known_findings_are_not_reported_wherever_their_lines_move(folder: Path) -> None:
    written = lint(folder, ".", "--write-baseline", "known.json")
    assert (written.code, written.out) == (0, "")
    assert "3 faults written to known.json" in written.err
    (folder / "lost.jinja").write_text("{#- moved -#}\n\n" + LOST, "utf-8")
    result = lint(folder, ".", "--baseline", "known.json")
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines()[:2] == ["no faults in 4 templates", "3 faults known from the baseline"]
    # From another folder, too: paths are relative to the file.
    assert lint(folder / "templates", ".", "--baseline", "../known.json").code == 0


def test_new_findings_are_reported(folder: Path) -> None:
    lint(folder, "lost.jinja", "--write-baseline", "known.json")
    (folder / "lost.jinja").write_text(LOST + LOST.replace("last", "final"), "utf-8")
    result = lint(folder, "lost.jinja", "--baseline", "known.json")
    assert (result.code, result.out.count("CT101"), "`final`" in result.out) == (1, 1, True)


def test_a_second_finding_that_reads_the_same_is_new() -> None:
    (fault,) = chattpl_package.lint(LOST, select=["CT101"])
    once, twice = (fingerprints([fault] * count, "a.jinja") for count in (1, 2))
    assert (twice[0], len(set(twice))) == (once[0], 2)
    assert fingerprints([fault], "b.jinja") != once


def test_findings_that_are_gone_are_named(folder: Path) -> None:
    lint(folder, ".", "--write-baseline", "known.json")
    (folder / "lost.jinja").write_text(CLEAN, "utf-8")
    (folder / "templates" / "old" / "lost.j2").unlink()
    result = lint(folder, ".", "--baseline", "known.json")
    assert result.code == 0
    assert "2 faults of known.json gone: `--write-baseline known.json` takes them out" in result.err
    assert "\n  lost.jinja: CT101 [set-in-loop-lost] `last`" in result.err
    assert "\n  templates/old/lost.j2: CT101" in result.err


def test_what_was_not_looked_at_is_not_gone(folder: Path) -> None:
    lint(folder, ".", "--write-baseline", "known.json")
    (folder / "lost.jinja").write_text(CLEAN, "utf-8")
    assert "gone" not in lint(folder, "templates", "--baseline", "known.json").err
    other_rules = chattpl("lint", ".", "--select", "CT001", "--baseline", "known.json", cwd=folder)
    assert "gone" not in other_rules.err


def test_a_baseline_of_the_configuration_is_relative_to_it(folder: Path) -> None:
    lint(folder, ".", "--write-baseline", "known.json")
    assert lint(folder, ".", config='[lint]\nbaseline = "known.json"\n').code == 0
    assert lint(folder / "templates", ".").code == 0


def test_baselines_are_written_alike_whatever_the_order(folder: Path) -> None:
    lint(folder, ".", "--write-baseline", "one.json")
    lint(folder, "templates/old", "lost.jinja", "templates", "--write-baseline", "two.json")
    assert (folder / "one.json").read_bytes() == (folder / "two.json").read_bytes()
    assert [set(entry) for entry in json.loads((folder / "one.json").read_text("utf-8"))["findings"]] == [
        {"path", "code", "name", "message", "fingerprint"}
    ] * 3


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "findings": []}', '{"version": 1, "findings": [{}]}'])
def test_a_broken_baseline_is_named(folder: Path, text: str) -> None:
    (folder / "known.json").write_text(text, "utf-8")
    result = lint(folder, ".", "--baseline", "known.json")
    assert (result.code, "--> known.json" in result.err) == (2, True)
    assert lint(folder, ".", "--baseline", "absent.json").code == 2


def test_a_baseline_that_cannot_be_written_is_named(folder: Path) -> None:
    result = lint(folder, ".", "--write-baseline", os.path.join("absent", "known.json"))
    assert (result.code, "cannot be written" in result.err) == (2, True)
