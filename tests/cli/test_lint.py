"""`chattpl lint` and `chattpl rule`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.command import chattpl

CLEAN = (
    "{%- for m in messages %}{{- '<' + m.role + '>' + (m.content or '') }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<assistant>' }}{%- endif %}"
)
LOST = "{%- for m in messages -%}\n{%- set last = m.content -%}\n{%- endfor -%}\n{{- last -}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clean.jinja").write_text(CLEAN, "utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "lost.jinja").write_text(LOST, "utf-8")
    (tmp_path / "notes.txt").write_text("{% if %}", "utf-8")
    return tmp_path


def test_a_clean_file_exits_with_zero(folder: Path) -> None:
    result = chattpl("lint", folder / "clean.jinja")
    assert (result.code, result.out, result.err.splitlines()[0]) == (0, "", "no faults in 1 template")


def test_a_folder_is_searched_for_templates(folder: Path) -> None:
    result = chattpl("lint", folder, "--select", "CT101")
    assert (result.code, result.err) == (1, "1 fault in 2 templates\n")
    lines = result.out.splitlines()
    place = f"{folder / 'deep' / 'lost.jinja'}:2:9"
    assert lines[0].startswith(f"{place}: CT101 [set-in-loop-lost] `last` is set in a loop")
    assert lines[1:] == [
        "  |",
        "2 | {%- set last = m.content -%}",
        "  |         ^^^^",
        "  = read here, where the value is gone: line 4",
        "",
    ]


def test_concise_output_has_one_line_for_each_fault(folder: Path) -> None:
    result = chattpl("lint", folder, "--select", "CT101", "--output-format", "concise")
    assert len(result.out.splitlines()) == 1


def test_json_output_has_the_documented_keys(folder: Path) -> None:
    result = chattpl("lint", folder, "--select", "CT101", "--output-format", "json")
    (fault,) = json.loads(result.out)
    assert list(fault) == [
        "code",
        "name",
        "message",
        "path",
        "line",
        "column",
        "end_line",
        "end_column",
        "fix",
        "shape",
    ]
    assert (fault["line"], fault["column"], fault["end_column"], fault["fix"]) == (2, 9, 13, None)


def test_standard_input_is_read() -> None:
    result = chattpl("lint", "-", "--select", "CT1", "--output-format", "concise", stdin=LOST)
    assert (result.code, result.out.split(":")[:2]) == (1, ["<stdin>", "2"])


def test_an_unreadable_file_does_not_stop_the_others(folder: Path) -> None:
    (folder / "binary.jinja").write_bytes(b"\xff\xfe\x00")
    result = chattpl("lint", folder, folder / "nothing.jinja", "--select", "CT101", "--output-format", "concise")
    assert result.code == 2
    assert "CT101" in result.out
    assert result.err.count("error[CE041]") == 2


@pytest.mark.parametrize("words", [[], ["x.jinja", "--select", "CT999"], ["x.jinja", "--profile", "quiet"]])
def test_wrong_usage_exits_with_two(words: list[str]) -> None:
    result = chattpl("lint", *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")


def test_a_model_lends_its_tokens_and_tokenizer(folder: Path) -> None:
    template = folder / "marker.jinja"
    template.write_text(CLEAN.replace("'<'", "'<|im_start|>'").replace("'>'", "'<|nowhere|>'"), "utf-8")
    result = chattpl("lint", template, "--model", "qwen", "--select", "CT3", "--output-format", "concise")
    assert (result.code, result.out.count("CT303"), "<|nowhere|>" in result.out) == (1, 1, True)


def test_a_model_alone_lints_its_own_template() -> None:
    assert chattpl("lint", "--model", "qwen3").code == 0


def test_what_was_not_evaluated_is_said_apart(folder: Path) -> None:
    result = chattpl("lint", folder / "clean.jinja", "--select", "CT3")
    assert (result.code, result.out) == (0, "")
    assert "not evaluated: CT303: no tokenizer is given" in result.err


def test_the_manual_of_a_rule_is_shown_by_code_and_by_name() -> None:
    by_code, by_name = chattpl("rule", "ct101"), chattpl("rule", "set-in-loop-lost")
    assert by_code == by_name
    assert by_code.out.startswith("# CT101 set-in-loop-lost\n")
    assert "## Why" in by_code.out


def test_all_manuals_and_the_list_name_the_same_rules() -> None:
    listed = [line.split()[0] for line in chattpl("rule").out.splitlines()[1:]]
    manuals = [line.split()[1] for line in chattpl("rule", "--all").out.splitlines() if line.startswith("# CT")]
    assert listed == manuals == [rule["code"] for rule in json.loads(chattpl("rule", "--format", "json").out)]


def test_an_unknown_rule_gets_its_neighbour() -> None:
    result = chattpl("rule", "set-in-lop-lost")
    assert (result.code, "did you mean `set-in-loop-lost`?" in result.err) == (2, True)
