"""`chattpl lint --output-format sarif`: valid against the schema, and true to the findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import chattpl as chattpl_package
from chattpl.linter import rules
from cli.command import chattpl
from cli.test_lint import CLEAN, LEAKS, LOST, UNUSED
from sarif_schema import NO_SCHEMA, sarif_schema

SILENCED = "{#- chattpl: ignore-file[CT105] as trained -#}" + LEAKS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "lost.jinja": LOST,
        "with space/ö.jinja": "é" + LEAKS.replace("\r\n", "\n"),
        "silenced.jinja": SILENCED,
        "unused.jinja": UNUSED,
        "clean.jinja": CLEAN,
        "syntax.jinja": "{% if %}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


def sarif(folder: Path, *words: str) -> dict[str, Any]:
    result = chattpl("lint", *words, "--profile", "all", "--output-format", "sarif", cwd=folder)
    document: dict[str, Any] = json.loads(result.out)
    return document


def run_of(document: dict[str, Any]) -> dict[str, Any]:
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("words", [["."], ["clean.jinja"], [".", "absent.jinja"], ["--model", "qwen3"]], ids=" ".join)
def test_documents_are_valid(folder: Path, words: list[str]) -> None:
    schema = sarif_schema()
    if schema is None:
        pytest.skip(NO_SCHEMA)
    document = sarif(folder, *words)
    jsonschema.Draft4Validator(schema).validate(document)
    # The schema is one that refuses: names that it does not know, and results without a message.
    for broken in ({**document, "nothing": 1}, {**document, "runs": [{**run_of(document), "results": [{}]}]}):
        assert list(jsonschema.Draft4Validator(schema).iter_errors(broken))


def test_results_are_the_findings(folder: Path) -> None:
    found = json.loads(chattpl("lint", ".", "--profile", "all", "--output-format", "json", cwd=folder).out)
    results = [result for result in run_of(sarif(folder, "."))["results"] if "suppressions" not in result]
    assert len(found) == len(results) > 4
    for fault, result in zip(found, results, strict=True):
        assert (fault["code"], fault["message"]) == (result["ruleId"], result["message"]["text"])
        region = result["locations"][0]["physicalLocation"]["region"]
        assert list(region.values()) == [fault[key] for key in ("line", "column", "end_line", "end_column")]


def test_results_name_rules_with_their_manuals(folder: Path) -> None:
    run = run_of(sarif(folder, "."))
    described = run["tool"]["driver"]["rules"]
    assert [each["help"]["markdown"] for each in described] == [rule.manual for rule in rules()]
    assert all(not each["shortDescription"]["text"].startswith("#") for each in described)
    assert all(described[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_paths_are_relative_uris_below_the_folder_of_the_run(folder: Path) -> None:
    locations = {
        json.dumps(result["locations"][0]["physicalLocation"]["artifactLocation"], sort_keys=True)
        for result in run_of(sarif(folder, "."))["results"]
    }
    assert '{"uri": "with%20space/%C3%B6.jinja", "uriBaseId": "%SRCROOT%"}' in locations
    outside = run_of(sarif(folder / "with space", str(folder / "lost.jinja")))["results"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in outside}
    assert uris == {(folder / "lost.jinja").as_uri()}


def test_a_fix_applied_as_the_document_says_is_the_fix(folder: Path) -> None:
    path = folder / "with space" / "ö.jinja"
    (result,) = [result for result in run_of(sarif(folder, str(path)))["results"] if result["ruleId"] == "CT105"]
    (fault,) = chattpl_package.lint(path, select=["CT105"])
    assert fault.fix is not None
    (edit,) = fault.fix.edits
    source = path.read_text("utf-8")
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    region = replacement["deletedRegion"]
    lines = source.split("\n")

    def offset(line: int, column: int) -> int:
        return sum(len(each) + 1 for each in lines[: line - 1]) + column - 1

    start = offset(region["startLine"], region["startColumn"])
    end = offset(region["endLine"], region["endColumn"])
    assert (start, end, replacement["insertedContent"]["text"]) == edit
    assert "(changes what is rendered)" in result["fixes"][0]["description"]["text"]


def test_fingerprints_stay_when_lines_move(folder: Path) -> None:
    def marks() -> list[str]:
        results = run_of(sarif(folder, "lost.jinja"))["results"]
        return [result["partialFingerprints"]["chattpl/v1"] for result in results if result["ruleId"] == "CT101"]

    before = marks()
    (folder / "lost.jinja").write_text("{#- moved -#}\n" + LOST, "utf-8")
    assert marks() == before != []


def test_silenced_findings_keep_their_reason(folder: Path) -> None:
    (silenced,) = [
        result for result in run_of(sarif(folder, "silenced.jinja"))["results"] if result["ruleId"] == "CT105"
    ]
    assert silenced["suppressions"] == [{"kind": "inSource", "justification": "as trained"}]


def test_what_was_not_evaluated_or_not_read_is_told(folder: Path) -> None:
    (folder / "binary.jinja").write_bytes(b"\0")
    (invocation,) = run_of(sarif(folder, "clean.jinja", "lost.jinja", "binary.jinja"))["invocations"]
    assert invocation["executionSuccessful"] is False
    notes = invocation["toolExecutionNotifications"]
    (about,) = [note for note in notes if note.get("associatedRule", {}).get("id") == "CT303"]
    assert about["message"]["text"].startswith(
        "CT303 marker-not-one-token was not evaluated on 2 templates: no tokenizer"
    )
    assert len(about["locations"]) == 2
    assert [note["message"]["text"] for note in notes if note["level"] == "error"] == [
        "binary.jinja: a binary file: it has NUL characters"
    ]
    (invocation,) = run_of(sarif(folder, "clean.jinja"))["invocations"]
    assert invocation["executionSuccessful"] is True
