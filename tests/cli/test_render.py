"""`chattpl render` as a whole command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chattpl as library
from cli.command import chattpl

HELLO = [{"role": "user", "content": "Zażółć 🦀"}]
HELLO_TEXT = "<|im_start|>user\nZażółć 🦀<|im_end|>\n"


def _file(tmp_path: Path, name: str, value: Any) -> Path:
    path = tmp_path / name
    data = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    path.write_bytes(data)
    return path


def test_file_renders_to_exactly_its_text(tmp_path: Path) -> None:
    result = chattpl("render", "--model", "chatml", _file(tmp_path, "c.json", HELLO))
    assert result == (0, HELLO_TEXT, "")


@pytest.mark.parametrize("words", [(), ("-",)])
def test_standard_input_is_read(words: tuple[str, ...]) -> None:
    assert chattpl("render", "-m", "chatml", *words, stdin=json.dumps({"messages": HELLO})).out == HELLO_TEXT


def test_without_a_conversation_the_sample_is_shown() -> None:
    result = chattpl("render", "--model", "chatml")
    assert result.code == 0
    assert "<|im_start|>user\nWhat is a chat template?<|im_end|>\n" in result.out
    assert "built-in sample" in result.err


@pytest.mark.parametrize("info", library.models(), ids=lambda info: info.name)
def test_every_format_renders_the_sample(info: library.ModelInfo) -> None:
    result = chattpl("render", "--model", info.name)
    assert result.code == 0
    assert result.out.strip()
    assert "error" not in result.err


def test_generation_prompt_is_added_on_demand(tmp_path: Path) -> None:
    path = _file(tmp_path, "c.json", HELLO)
    prompt = "<|im_start|>assistant\n"
    assert chattpl("render", "-m", "chatml", path, "--generation-prompt").out == HELLO_TEXT + prompt
    assert chattpl("render", "-m", "chatml", path, "--no-generation-prompt").out == HELLO_TEXT


def test_last_message_can_be_continued(tmp_path: Path) -> None:
    path = _file(tmp_path, "c.json", [*HELLO, {"role": "assistant", "content": "Hal"}])
    result = chattpl("render", "-m", "chatml", "--continue-final-message", "content", path)
    assert result.out == HELLO_TEXT + "<|im_start|>assistant\nHal"


def test_template_file_arguments_tools_documents_and_clock(tmp_path: Path) -> None:
    source = (
        "{{ text }}|{{ number + 1 }}|{{ flag }}|{{ tools[0].name }}|{{ documents[0].title }}|{{ strftime_now('%Y') }}"
    )
    result = chattpl(
        "render",
        "--template",
        _file(tmp_path, "t.jinja", source),
        _file(tmp_path, "c.json", HELLO),
        *("--set", "text=a=b", "--set", "number=41", "--set", "flag=false"),
        *("--tools", _file(tmp_path, "tools.json", [{"name": "f"}])),
        *("--documents", _file(tmp_path, "documents.json", {"documents": [{"title": "d"}]})),
        *("--now", "1999-12-31T23:59"),
    )
    assert (result.code, result.out) == (0, "a=b|42|False|f|d|1999")
    assert result.err.splitlines() == [
        "warning: the template prints nothing of 1 string: `messages[0].content`; --normalize brings messages into the "
        "form that the template takes"
    ]


def test_json_tells_text_and_segments(tmp_path: Path) -> None:
    path = _file(tmp_path, "c.json", HELLO)
    record = json.loads(chattpl("render", "-m", "chatml", path, "--format", "json", "--segments").out)
    assert record["format"] == "chatml"
    assert record["text"] == HELLO_TEXT
    pieces = [(record["text"][s["start"] : s["end"]], s["origin"], s["path"], s["message"]) for s in record["segments"]]
    assert "".join(piece[0] for piece in pieces) == HELLO_TEXT
    assert ("Zażółć 🦀", "message", ["messages", 0, "content"], 0) in pieces
    assert ("user", "message", ["messages", 0, "role"], 0) in pieces


def test_segments_as_text_name_their_place(tmp_path: Path) -> None:
    lines = chattpl("render", "-m", "chatml", _file(tmp_path, "c.json", HELLO), "--segments").out.splitlines()
    assert any(line.split()[2:] == ["message", "0", "messages[0].content", '"Zażółć', '🦀"'] for line in lines)


def test_json_lines_render_row_by_row(tmp_path: Path) -> None:
    rows = [{"messages": HELLO}, {"prompt": "Q", "response": "A"}]
    path = _file(tmp_path, "c.jsonl", "\n\n".join(map(json.dumps, rows)))
    result = chattpl("render", "-m", "chatml", path)
    assert result.out.startswith(HELLO_TEXT + "\n<|im_start|>user\nQ")
    assert result.err.splitlines() == [f"--- {path}:1 (row 1)", f"--- {path}:3 (row 2)"]
    assert chattpl("render", "-m", "chatml", path, "--row", "1") == (0, HELLO_TEXT, "")
    records = [
        json.loads(line) for line in chattpl("render", "-m", "chatml", path, "--format", "json").out.splitlines()
    ]
    assert [record["row"] for record in records] == [1, 2]
    assert chattpl("render", "-m", "chatml", path, "--row", "3").code == 2


def test_json_list_of_rows_and_piped_lines_are_rows(tmp_path: Path) -> None:
    rows = [{"messages": HELLO}, {"messages": HELLO}]
    expected = (HELLO_TEXT + "\n") * 2
    assert chattpl("render", "-m", "chatml", _file(tmp_path, "c.json", rows)).out == expected
    assert chattpl("render", "-m", "chatml", stdin="\n".join(map(json.dumps, rows))).out == expected


def test_bad_row_is_reported_and_the_rest_rendered(tmp_path: Path) -> None:
    path = _file(tmp_path, "c.jsonl", json.dumps(HELLO) + "\n{bad\n5\n" + json.dumps(HELLO) + "\n")
    result = chattpl("render", "-m", "chatml", path)
    assert result.code == 2
    assert result.out == (HELLO_TEXT + "\n") * 2
    assert f"--> {path}:2 (row 2)" in result.err
    assert "error[CE033]" in result.err
    assert f"--> {path}:3" in result.err


def test_what_looks_wrong_is_said_and_rendered(tmp_path: Path) -> None:
    template = _file(tmp_path, "t.jinja", "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}")
    path = _file(tmp_path, "c.json", {"messages": [{"content": 5}, {"role": "user", "content": "x"}]})
    result = chattpl("render", "-t", template, path)
    assert (result.code, result.out) == (0, ":5;user:x;")
    assert "warning: the message has no role\n  --> messages[0]\n" in result.err
    assert "  --> messages[0].content" in result.err


def test_refusal_of_the_template_is_a_finding(tmp_path: Path) -> None:
    template = _file(tmp_path, "t.jinja", "{{ raise_exception('roles must alternate') }}")
    result = chattpl("render", "-t", template, _file(tmp_path, "c.json", HELLO))
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error[CE010]: roles must alternate\n  --> ")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "CE033"),
        (b"\xff\xfe", "CE041"),
        (b'"text"', "CE041"),
        (b"{}", "CE030"),
        (b"[" * 100_000, "CE022"),
        (b"[" + b"9" * 5000 + b"]", "CE033"),
    ],
)
def test_unreadable_conversation_is_reported(tmp_path: Path, data: bytes, code: str) -> None:
    path = _file(tmp_path, "c.json", data)
    result = chattpl("render", "-m", "chatml", path)
    assert (result.out, "Traceback" in result.err) == ("", False)
    assert result.err.startswith(f"error[{code}]: ")
    assert f"  --> {path}" in result.err
    assert result.code == (1 if code == "CE022" else 2)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("-m", "chatlm"), "did you mean `chatml`?"),
        (("-t", "absent.jinja"), "no such file or folder"),
        (("-m", "chatml", "absent.json"), "error[CE041]: cannot be read: No such file"),
        (("-m", "chatml", "."), "error[CE041]: cannot be read: Is a directory"),
        (("-m", "chatml", "--tools", "absent.json"), "error[CE041]"),
        (("-m", "chatml", "--set", "x"), "not of the form key=value"),
        (("-m", "chatml", "--set", "tools=[]"), "given with --tools"),
        (("-m", "chatml", "--now", "noon"), "not a time"),
        (("-m", "chatml", "-t", "x"), "not allowed with"),
        ((), "one of the arguments"),
    ],
)
def test_wrong_usage_exits_with_two(words: tuple[str, ...], part: str) -> None:
    result = chattpl("render", *words)
    assert (result.code, result.out) == (2, "")
    assert part in result.err
    assert "Traceback" not in result.err


def test_syntax_error_shows_the_line(tmp_path: Path) -> None:
    path = _file(tmp_path, "t.jinja", "fine\n{% for m in %}")
    result = chattpl("render", "-t", path)
    assert result.code == 2
    assert result.err.startswith("error[CE0")
    assert ":2:" in result.err


def test_colours_show_origins_where_they_are_wanted(tmp_path: Path) -> None:
    path = _file(tmp_path, "c.json", HELLO)
    coloured = chattpl("render", "-m", "chatml", path, FORCE_COLOR="1").out
    assert "\x1b[1;35m<|im_start|>\x1b[0m" in coloured
    assert "\x1b[32mZażółć 🦀\x1b[0m" in coloured
    assert "\x1b" not in chattpl("render", "-m", "chatml", path, FORCE_COLOR="1", NO_COLOR="1").out


def test_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    path = _file(tmp_path, "c.jsonl", (json.dumps([{"role": "user", "content": "x" * 1000}]) + "\n") * 2000)
    command = [sys.executable, "-m", "chattpl", "render", "-m", "chatml", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode == 0
    assert "Broken" not in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(("source", "place"), [("{{ message.role }", "1:17"), ("{{ messages.nothing.more }}", "1:4")])
def test_error_names_the_template_file(tmp_path: Path, source: str, place: str) -> None:
    template = _file(tmp_path, "broken.jinja", source)
    result = chattpl("render", "--template", template, _file(tmp_path, "c.json", HELLO))
    assert result.code != 0
    assert f"\n  --> {template}:{place}" in result.err
