"""`chattpl models`, `chattpl inspect` and the command line as such."""

from __future__ import annotations

import json
from pathlib import Path

import chattpl as library
from cli.command import chattpl


def test_table_has_a_line_for_each_format() -> None:
    result = chattpl("models")
    lines = result.out.splitlines()
    assert (result.code, result.err) == (0, "")
    assert [line.split()[0] for line in lines[1:]] == [info.name for info in library.models()]
    assert all(line.split()[-1] in ("verified", "unverified") for line in lines[1:])


def test_timeline_is_in_order_of_dates() -> None:
    lines = chattpl("models", "--timeline").out.splitlines()[1:]
    dates = [line.split()[0] for line in lines]
    assert dates == sorted(dates)
    assert len(lines) == len(library.models())


def test_json_holds_every_field_but_the_notes() -> None:
    records = json.loads(chattpl("models", "--format", "json").out)
    assert {record["name"] for record in records} == {info.name for info in library.models()}
    assert all(
        {"aliases", "released", "verified", "stop_tokens"} - set(record) <= {"stop_tokens"} for record in records
    )


def test_table_is_drawn_on_a_terminal() -> None:
    assert "\x1b[" in chattpl("models", FORCE_COLOR="1").out
    assert "\x1b[" not in chattpl("models", FORCE_COLOR="1", NO_COLOR="1").out


def test_inspect_shows_tree_and_bytecode(tmp_path: Path) -> None:
    path = tmp_path / "t.jinja"
    path.write_text("{{ messages[0].content }}")
    tree, bytecode = chattpl("inspect", path), chattpl("inspect", "--emit", "bytecode", path)
    assert (tree.code, bytecode.code) == (0, 0)
    assert tree.out.strip()
    assert bytecode.out.strip()
    assert tree.out != bytecode.out
    assert chattpl("inspect", "--emit", "tree", path).out == tree.out


def test_inspect_reports_what_it_cannot_find() -> None:
    assert chattpl("inspect", "chatlm").code == 2
    assert chattpl("inspect").code == 2


def test_version_and_help() -> None:
    assert chattpl("--version") == (0, f"chattpl {library.__version__}\n", "")
    assert "render" in chattpl("--help").out
    assert chattpl("render", "--help").code == 0
    assert chattpl().code == 0


def test_unknown_command_names_the_closest() -> None:
    result = chattpl("rendr")
    assert result.code == 2
    assert "did you mean `render`?" in result.err
    assert chattpl("--no-such-option").code == 2
