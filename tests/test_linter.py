"""`chattpl.lint`: places, selection, inputs and fixes, through the Python door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import chattpl
from chattpl import _core, linter

CLEAN = (
    "{%- for m in messages %}{{- '<' + m.role + '>' + (m.content or '') + ';' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<assistant>' }}{%- endif %}"
)
INDENTED = CLEAN.replace("messages %}{{- ", "messages %}\r\n  {{ ")


def test_a_clean_template_has_no_faults() -> None:
    assert chattpl.lint(CLEAN) == []


def test_places_count_lines_and_characters_from_one() -> None:
    (fault,) = chattpl.lint("é\nö {% for m in messages %}")
    assert (fault.code, fault.name, fault.path) == ("CT001", "syntax-error", "<template>")
    assert fault.place.line == 2


def test_edits_count_characters_of_the_callers_text() -> None:
    source = "é" + INDENTED
    (fault,) = chattpl.lint(source, select=["CT105"])
    assert fault.fix is not None
    (edit,) = fault.fix.edits
    assert source[: edit.start].endswith("\r\n  {{")
    assert not fault.fix.safe


def test_fixes_keep_line_ends_and_settle() -> None:
    settings = linter.LintSettings(select=["CT105"])
    assert linter.fix(INDENTED, settings) == (INDENTED, 0)
    fixed, count = linter.fix(INDENTED, settings, unsafe=True)
    assert (fixed, count) == (INDENTED.replace("  {{ ", "  {{- "), 1)
    assert linter.fix(fixed, settings, unsafe=True) == (fixed, 0)


def test_paths_texts_and_templates_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "chat.jinja"
    path.write_text(INDENTED, "utf-8")
    template = chattpl.Template(INDENTED, "mine")
    found = [chattpl.lint(given, select=["CT105"]) for given in (path, str(path), INDENTED, template)]
    assert [[fault.path for fault in faults] for faults in found] == [
        [str(path)],
        [str(path)],
        ["<template>"],
        ["mine"],
    ]


@pytest.mark.parametrize(("wrong", "message"), [({"profile": "quiet"}, "quiet"), ({"select": ["CT999"]}, "CT999")])
def test_wrong_names_are_refused(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chattpl.lint(CLEAN, **wrong)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(chattpl.SourceError, match="cannot be read"):
        chattpl.lint(tmp_path / "nothing.jinja")


def test_a_tokenizer_tells_markers_from_text() -> None:
    source = CLEAN.replace("'<'", "'<|im_start|>'").replace("';'", "'<|nowhere|>'")
    tokenizer = chattpl.Tokenizer.load("qwen")
    faults = chattpl.lint(source, select=["CT303"], tokenizer=tokenizer)
    assert [fault.message.split("`")[1] for fault in faults] == ["<|nowhere|>"]
    found = linter.report(source, linter.LintSettings(select=["CT303"]))
    assert [(rule.code, rule.reason) for rule in found.not_evaluated] == [
        ("CT303", "no tokenizer is given: name one, or a model that has one")
    ]


def test_silenced_faults_keep_their_reason() -> None:
    source = "{#- chattpl: ignore-file[CT105] as trained -#}" + INDENTED
    found = linter.report(source, linter.LintSettings(select=["CT105"]))
    assert found.diagnostics == ()
    assert [(silenced.diagnostic.code, silenced.reason) for silenced in found.suppressed] == [("CT105", "as trained")]


def test_every_rule_has_a_manual() -> None:
    for rule in linter.rules():
        assert rule.manual.startswith(f"# {rule.code} {rule.name}\n")
        assert "all" in rule.profiles


def test_a_profile_is_told_as_json() -> None:
    request = linter.LintSettings().request()
    profile = json.loads(_core.lint_profile(CLEAN, request))
    assert profile["turns"]["generation_prompt"] == "<assistant>"
    assert profile["roles"]["accepted"]["system"] == {"state": "accepted"}
    with pytest.raises(ValueError, match="does not compile"):
        _core.lint_profile("{% for", request)
