"""`chattpl lint` and `chattpl rule`, as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli.command import chattpl
from gguf_files import chat_model

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


def test_github_notes_are_workflow_commands(folder: Path) -> None:
    path = folder / "100%, a:b.jinja"
    path.write_text(LOST, "utf-8")
    result = chattpl("lint", path, "--select", "CT101", "--output-format", "github")
    assert result.code == 1
    properties, message = result.out.removeprefix("::error ").rstrip("\n").split("::", 1)
    place = f"file={path.parent}/100%25%2C a%3Ab.jinja,line=2,endLine=2,col=9,endColumn=13"
    assert properties == f"title=CT101 set-in-loop-lost,{place}"
    assert message.startswith("`last` is set in a loop")


def test_gitlab_fingerprints_stay_when_lines_move_and_are_unique(folder: Path) -> None:
    def found(text: str) -> list[dict[str, Any]]:
        (folder / "clean.jinja").write_text(text, "utf-8")
        result = chattpl("lint", folder / "clean.jinja", "--select", "CT101", "--output-format", "gitlab")
        return json.loads(result.out)  # type: ignore[no-any-return]

    (before,) = found(LOST)
    (after,) = found("{#- a line before -#}\n" + LOST)
    assert before["fingerprint"] == after["fingerprint"]
    assert (before["location"]["positions"]["begin"], after["location"]["positions"]["begin"]["line"]) == (
        {"line": 2, "column": 9},
        3,
    )
    several = found(LOST + LOST.replace("last", "final"))
    assert len({fault["fingerprint"] for fault in several}) == len(several) == 2
    assert all(set(fault) == {"description", "check_name", "fingerprint", "severity", "location"} for fault in several)
    assert found(CLEAN) == []


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
    result = chattpl("lint", folder / "clean.jinja", "--select", "CT303")
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


def test_one_rule_as_data_has_its_manual() -> None:
    (rule,) = json.loads(chattpl("rule", "CT101", "--format", "json").out)
    assert (rule["code"], rule["name"], rule["kind"]) == ("CT101", "set-in-loop-lost", "static")
    assert rule["manual"] == chattpl("rule", "CT101").out


def test_an_unknown_rule_gets_its_neighbour() -> None:
    result = chattpl("rule", "set-in-lop-lost")
    assert (result.code, "did you mean `set-in-loop-lost`?" in result.err) == (2, True)


# ---- repairs ---------------------------------------------------------------------------------------------------------

UNUSED = "{#- chattpl: ignore[CT101] was once needed -#}\r\n" + CLEAN
LEAKS = CLEAN.replace("{{- '<' + m", "\r\n    {{ '<' + m", 1)


def written(folder: Path, text: str) -> Path:
    path = folder / "template.jinja"
    path.write_bytes(text.encode())
    return path


def test_safe_fixes_are_written_and_line_ends_stay(tmp_path: Path) -> None:
    path = written(tmp_path, UNUSED + "\r\n")
    result = chattpl("lint", path, "--fix")
    assert (result.code, result.out, result.err.splitlines()[:2]) == (
        0,
        "",
        ["1 fault repaired", "no faults in 1 template"],
    )
    assert path.read_bytes() == f"\r\n{CLEAN}\r\n".encode()
    assert "repaired" not in chattpl("lint", path, "--fix").err


def test_fixes_that_change_a_render_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, LEAKS)
    result = chattpl("lint", path, "--fix")
    assert (result.code, path.read_bytes()) == (1, LEAKS.encode())
    assert "`--fix --unsafe-fixes` repairs 1 of them" in result.err
    assert chattpl("lint", path, "--fix", "--unsafe-fixes").code == 0
    assert path.read_bytes() == LEAKS.replace("{{ '<'", "{{- '<'").encode()


@pytest.mark.skipif(not shutil.which("git"), reason="needs the program `git`")
def test_a_diff_can_be_applied_and_nothing_is_written(tmp_path: Path) -> None:
    path = written(tmp_path, LEAKS)
    words = ("lint", path.name, "--diff", "--unsafe-fixes")
    result = chattpl(*words, cwd=tmp_path)
    assert (result.code, path.read_bytes()) == (1, LEAKS.encode())
    assert result.err == "1 fault would be repaired in 1 template\n"
    subprocess.run(
        ["git", "apply", "-p0", "--whitespace=nowarn"], input=result.out.encode(), cwd=tmp_path, check=True, timeout=60
    )
    assert path.read_bytes() == LEAKS.replace("{{ '<'", "{{- '<'").encode()
    assert chattpl(*words, cwd=tmp_path) == (0, "", "0 faults would be repaired in 1 template\n")


def test_standard_input_is_repaired_to_standard_output() -> None:
    result = chattpl("lint", "-", "--fix", stdin=LOST.replace("{%-", UNUSED.splitlines()[0] + "{%-", 1).encode())
    assert (result.code, result.out) == (1, LOST)
    assert "CT101" in result.err


def test_a_text_without_line_ends_is_given_none() -> None:
    result = chattpl("lint", "-", "--fix", stdin=CLEAN)
    assert (result.code, result.out, result.err.splitlines()[0]) == (0, CLEAN, "no faults in 1 template")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, UNUSED)
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write to any file")
    result = chattpl("lint", path, "--fix")
    assert (result.code, "cannot be written" in result.err) == (2, True)


@pytest.mark.parametrize(
    "words", [["--fix", "--diff"], ["--unsafe-fixes"], ["-", "-", "--fix"]], ids=lambda words: " ".join(words)
)
def test_repairs_that_cannot_be_meant_are_refused(folder: Path, words: list[str]) -> None:
    result = chattpl("lint", folder / "clean.jinja", *words)
    assert (result.code, result.out, result.err.startswith("error: ")) == (2, "", True)


def test_a_model_of_the_registry_has_no_file_to_repair() -> None:
    assert chattpl("lint", "--model", "qwen3", "--fix").code == 2


def test_statistics_count_the_faults_of_each_rule(folder: Path) -> None:
    (folder / "two.jinja").write_text(LOST + LOST.replace("last", "final"), "utf-8")
    result = chattpl("lint", folder, "--select", "CT101", "--statistics")
    assert (result.code, result.out) == (1, "3  CT101  set-in-loop-lost\n")
    result = chattpl("lint", folder, "--select", "CT101", "--statistics", "--output-format", "json", "--exit-zero")
    assert (result.code, json.loads(result.out)) == (0, [{"code": "CT101", "name": "set-in-loop-lost", "count": 3}])


# ---- models ----------------------------------------------------------------------------------------------------------


def model_in(folder: Path, template: str) -> Path:
    folder.mkdir()
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, "eos_token": "</s>"}), "utf-8")
    return folder


def test_a_model_folder_is_linted_and_what_lines_count_is_said(tmp_path: Path) -> None:
    model = model_in(tmp_path / "model", LOST)
    path = model / "tokenizer_config.json"
    for given in (model, path):
        result = chattpl("lint", given, "--select", "CT101", "--output-format", "concise")
        assert (result.code, result.out.startswith(f"{path}:2:9: CT101 ")) == (1, True)
        assert f"note: lines and columns of {path} are those of the template inside" in result.err


def test_models_in_a_folder_are_found_beside_templates(folder: Path) -> None:
    model = model_in(folder / "model", LOST)
    (folder / "deep" / "tiny.gguf").write_bytes(chat_model(LOST))
    result = chattpl("lint", folder, "--select", "CT101", "--output-format", "concise")
    found = [line.split(":")[0] for line in result.out.splitlines()]
    assert found == [
        str(path)
        for path in (
            folder / "deep" / "lost.jinja",
            folder / "deep" / "tiny.gguf",
            model / "tokenizer_config.json",
        )
    ]


def test_a_template_inside_of_another_file_is_shown_repaired_but_not_written(tmp_path: Path) -> None:
    path = model_in(tmp_path / "model", UNUSED) / "tokenizer_config.json"
    before = path.read_bytes()
    assert chattpl("lint", path, "--fix").code == 1
    assert path.read_bytes() == before
    assert "-{#- chattpl: ignore" in chattpl("lint", path, "--diff").out


def test_a_tokenizer_without_a_template_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer_config.json"
    path.write_text("{}", "utf-8")
    result = chattpl("lint", path)
    assert (result.code, "no chat template here" in result.err) == (2, True)
