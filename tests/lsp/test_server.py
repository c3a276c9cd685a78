"""`chattpl lsp`, driven over standard input and output by messages as an editor writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlparse

import pytest

pytest.importorskip("pygls", reason="needs the extra `lsp`")

from chattpl.linter import rules
from cli.command import chattpl
from cli.test_lint import CLEAN, LEAKS, LOST, UNUSED

URI = "file:///nowhere/chat.jinja"


class Editor:
    """A language client without any library: frames of JSON, one answer for each request."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chattpl", "lsp", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "CHATTPL_CACHE": str(folder / "cache")},
        )
        self.count = 0
        self.notes: list[dict[str, Any]] = []
        self.version = 0
        capabilities = options.pop("capabilities", {})
        self.capabilities = self.ask(
            "initialize",
            processId=None,
            rootUri=None,
            capabilities=capabilities,
            initializationOptions=options,
        )["capabilities"]
        self.tell("initialized")

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the server is gone"
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "id" in message and "method" in message:
            self.send({"id": message["id"], "result": None})
        return message

    def tell(self, method: str, **parameters: Any) -> None:
        self.send({"method": method, "params": parameters})

    def ask(self, method: str, **parameters: Any) -> Any:
        self.count += 1
        self.send({"id": self.count, "method": method, "params": parameters or None})
        while True:
            message = self.receive()
            if message.get("id") == self.count and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self.notes.append(message)

    def note(self, method: str) -> Any:
        """The next notification of a kind."""
        while True:
            for index, message in enumerate(self.notes):
                if message.get("method") == method:
                    return self.notes.pop(index)["params"]
            self.notes.append(self.receive())

    def open(self, text: str, uri: str = URI) -> list[dict[str, Any]]:
        self.version = 1
        self.tell("textDocument/didOpen", textDocument=self.document(uri) | {"languageId": "jinja", "text": text})
        return self.diagnostics(uri)

    def change(self, text: str, uri: str = URI) -> list[dict[str, Any]]:
        self.version += 1
        self.tell("textDocument/didChange", textDocument=self.document(uri), contentChanges=[{"text": text}])
        return self.diagnostics(uri)

    def document(self, uri: str = URI) -> dict[str, Any]:
        return {"uri": uri, "version": self.version}

    def diagnostics(self, uri: str = URI) -> list[dict[str, Any]]:
        published = self.note("textDocument/publishDiagnostics")
        assert published["uri"] == uri
        found: list[dict[str, Any]] = published["diagnostics"]
        return found

    def actions(self, where: dict[str, Any], **context: Any) -> list[dict[str, Any]]:
        given: list[dict[str, Any]] = self.ask(
            "textDocument/codeAction",
            textDocument={"uri": URI},
            range=where,
            context={"diagnostics": [], **context},
        )
        return given

    def hover(self, line: int, character: int) -> str | None:
        answer = self.ask(
            "textDocument/hover", textDocument={"uri": URI}, position={"line": line, "character": character}
        )
        return answer and str(answer["contents"]["value"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.ask("shutdown")
            self.tell("exit")
        else:
            self.process.kill()
        self.process.communicate(timeout=60)
        assert error or self.process.returncode == 0


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    with Editor(tmp_path) as started:
        yield started


def applied(text: str, action: dict[str, Any]) -> str:
    """A text after an edit, whose positions are turned into places by UTF-16 itself."""
    lines = text.encode("utf-16-le").split("\n".encode("utf-16-le"))

    def place(position: dict[str, int]) -> int:
        return sum(len(line) + 2 for line in lines[: position["line"]]) + 2 * position["character"]

    data = text.encode("utf-16-le")
    for edit in sorted(action["edit"]["changes"][URI], key=lambda edit: -place(edit["range"]["start"])):
        start, end = place(edit["range"]["start"]), place(edit["range"]["end"])
        data = data[:start] + edit["newText"].encode("utf-16-le") + data[end:]
    return data.decode("utf-16-le")


def test_a_fault_is_shown_repaired_and_gone(editor: Editor) -> None:
    text = "{#- 😀 -#}" + UNUSED.replace("\r\n", "\n")
    (fault,) = editor.open(text)
    assert (fault["code"], fault["source"]) == ("CT014", "chattpl")
    assert fault["range"]["start"] == {"line": 0, "character": len("{#- 😀 -#}") + 1}
    quick, everything = editor.actions(fault["range"])
    assert (quick["kind"], quick["isPreferred"], everything["kind"]) == ("quickfix", True, "source.fixAll")
    assert quick["title"].startswith("CT014: ")
    fixed = applied(text, quick)
    assert applied(text, everything) == fixed != text
    assert editor.change(fixed) == []
    assert editor.actions(fault["range"]) == []


def test_fixes_that_change_a_render_say_so_and_come_last(editor: Editor) -> None:
    text = UNUSED.replace("\r\n", "\n") + LEAKS.replace("\r\n", "\n")
    faults = editor.open(text)
    assert {fault["code"] for fault in faults} >= {"CT014", "CT105"}
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    actions = editor.actions(whole, only=["quickfix"])
    assert [action["isPreferred"] for action in actions] == sorted(
        (action["isPreferred"] for action in actions), reverse=True
    )
    (unsafe,) = [action for action in actions if action["title"].startswith("CT105")]
    assert unsafe["title"].endswith("(changes what is rendered)")
    assert "CT105" not in {fault["code"] for fault in editor.change(applied(text, unsafe))}
    assert [action["kind"] for action in editor.actions(whole, only=["source"])] == ["source.fixAll"]


def test_a_fault_links_to_its_manual_and_shows_it(editor: Editor) -> None:
    (fault,) = [fault for fault in editor.open(LOST) if fault["code"] == "CT101"]
    manual = next(rule.manual for rule in rules() if rule.code == "CT101")
    assert Path(unquote(urlparse(fault["codeDescription"]["href"]).path)).read_text("utf-8") == manual
    start = fault["range"]["start"]
    assert manual in (editor.hover(start["line"], start["character"]) or "")
    assert fault["relatedInformation"][0]["message"] == "read here, where the value is gone"


def test_a_literal_shows_what_it_prints_in_a_conversation(editor: Editor) -> None:
    editor.open("😀" + CLEAN)
    inside = len("😀".encode("utf-16-le")) // 2 + CLEAN.index("'<'")
    shown = editor.hover(0, inside)
    assert shown is not None
    assert shown.startswith("Printed 5 times in this conversation, marked ⟦⟧:\n\n```text\n😀⟦<⟧system>You are")
    assert "⟦<assistant>⟧" in (editor.hover(0, 2 + CLEAN.index("'<assistant>'")) or "")
    assert editor.hover(0, 2 + CLEAN.index("messages")) is None
    assert editor.hover(7, 0) is None


def test_a_closed_template_has_no_faults(editor: Editor) -> None:
    assert editor.open(LOST)
    editor.tell("textDocument/didClose", textDocument={"uri": URI})
    assert editor.diagnostics() == []
    assert editor.hover(1, 9) is None


def test_a_template_that_does_not_parse_is_an_error(editor: Editor) -> None:
    (fault,) = editor.open("{% for m in messages %}")
    assert (fault["code"], fault["severity"]) == ("CT001", 1)
    assert editor.hover(0, 0) is None or True
    assert editor.change("") is not None


def test_the_configuration_near_the_file_counts_and_is_read_again(tmp_path: Path) -> None:
    with Editor(tmp_path) as editor:
        uri, config = (tmp_path / "chat.jinja").as_uri(), tmp_path / "chattpl.toml"
        config.write_text('[lint]\nselect = ["CT001"]\n', "utf-8")
        assert editor.open(LOST, uri) == []
        config.write_text('[lint]\nselect = ["CT101"]\n# changed\n', "utf-8")
        os.utime(config, ns=(1, 1))
        assert [fault["code"] for fault in editor.change(LOST, uri)] == ["CT101"]
        config.write_text("[lint]\nselekt = []\n", "utf-8")
        os.utime(config, ns=(2, 2))
        editor.change(LOST, uri)
        assert "did you mean `select`?" in editor.note("window/showMessage")["message"]


def test_a_configuration_that_changes_changes_what_is_shown(tmp_path: Path) -> None:
    uri, config = (tmp_path / "chat.jinja").as_uri(), tmp_path / "chattpl.toml"
    config.write_text('[lint]\nselect = ["CT001"]\n', "utf-8")
    capabilities = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
    with Editor(tmp_path, capabilities=capabilities) as editor:
        (registered,) = editor.note("client/registerCapability")["registrations"]
        patterns = [watcher["globPattern"] for watcher in registered["registerOptions"]["watchers"]]
        assert (registered["method"], "**/chattpl.toml" in patterns) == ("workspace/didChangeWatchedFiles", True)
        assert editor.open(LOST, uri) == []
        config.write_text('[lint]\nselect = ["CT101"]\n# changed\n', "utf-8")
        os.utime(config, ns=(1, 1))
        editor.tell("workspace/didChangeWatchedFiles", changes=[{"uri": config.as_uri(), "type": 2}])
        assert [fault["code"] for fault in editor.diagnostics(uri)] == ["CT101"]


def test_a_template_in_the_folder_of_a_model_is_checked_with_its_tokens(tmp_path: Path) -> None:
    configuration = {"bos_token": "<start>", "eos_token": "</s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(configuration), "utf-8")
    uri, text = (tmp_path / "chat_template.jinja").as_uri(), "{{- bos_token }}" + CLEAN
    (tmp_path / "chat_template.jinja").write_text(text, "utf-8")
    with Editor(tmp_path) as editor:
        editor.open(text, uri)
        answer = editor.ask(
            "textDocument/hover",
            textDocument={"uri": uri},
            position={"line": 0, "character": text.index("'<'")},
        )
    assert "<start>⟦<⟧system>" in answer["contents"]["value"]


def test_what_the_editor_says_comes_first(tmp_path: Path) -> None:
    with Editor(tmp_path, select=["CT001"], profile=None, nonsense=3) as editor:
        assert editor.open(LOST) == []


def test_other_units_can_be_agreed_on(tmp_path: Path) -> None:
    with Editor(tmp_path, capabilities={"general": {"positionEncodings": ["utf-8"]}}) as editor:
        assert editor.capabilities["positionEncoding"] == "utf-8"
        text = "{#- 😀 -#}" + UNUSED.replace("\r\n", "\n")
        (fault,) = editor.open(text)
        assert fault["range"]["start"]["character"] == len("{#- 😀 -#}".encode())


WITHOUT_PYGLS = """\
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda *names: None if names[0] == "pygls" else find(*names)
"""


def test_without_the_library_the_way_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_PYGLS, "utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = chattpl("lsp", PYTHONPATH=path)
    assert (result.code, 'pip install "chattpl[lsp]"' in result.err) == (2, True)
