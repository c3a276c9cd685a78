"""`chattpl lock`: what a template does is recorded, and edits are told apart."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli.command import Result, chattpl
from cli.test_lint import CLEAN
from gguf_files import chat_model
from paths import CONFORMANCE, NO_CONFORMANCE

CHATML = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + (m.content or '') + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


def locked(folder: Path) -> Path:
    """A folder with two locked templates."""
    (folder / "t").mkdir()
    (folder / "t" / "clean.jinja").write_text(CLEAN, "utf-8")
    (folder / "t" / "chatml.jinja").write_text(CHATML, "utf-8")
    assert chattpl("lock", "t", cwd=folder) == Result(0, "", "2 templates in chattpl.lock (2 new)\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return locked(tmp_path)


def edit(folder: Path, old: str, new: str, name: str = "t/chatml.jinja") -> None:
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")


def check(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code of `chattpl lock --check`, and what it says of each template."""
    result = chattpl("lock", "--check", "--format", "json", *words, cwd=folder)
    return result.code, {each["path"]: each for each in json.loads(result.out)["templates"]}


def states(folder: Path, *words: str) -> tuple[int, dict[str, str]]:
    code, templates = check(folder, *words)
    return code, {path: each["state"] for path, each in templates.items()}


def test_what_is_locked_is_the_same(folder: Path) -> None:
    assert states(folder) == (0, {"t/chatml.jinja": "same", "t/clean.jinja": "same"})
    assert chattpl("lock", "--check", "t", cwd=folder) == Result(0, "", "2 templates: 2 same\n")


def test_locking_again_writes_the_same_file(folder: Path) -> None:
    before = (folder / "chattpl.lock").read_bytes()
    assert chattpl("lock", cwd=folder).code == 0
    assert chattpl("lock", "t/clean.jinja", "t/chatml.jinja", cwd=folder).code == 0
    assert chattpl("lock", "../t", "--lock-file", "../chattpl.lock", cwd=folder / "t").code == 0
    assert (folder / "chattpl.lock").read_bytes() == before
    assert [path.name for path in folder.iterdir() if "lock" in path.name] == ["chattpl.lock"]


def test_an_edit_changes_only_the_lines_of_what_it_changes(folder: Path) -> None:
    before = (folder / "chattpl.lock").read_text("utf-8").splitlines()
    edit(folder, "<|im_start|>assistant", "<|im_start|>model")
    chattpl("lock", "t/chatml.jinja", cwd=folder)
    after = (folder / "chattpl.lock").read_text("utf-8").splitlines()
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert '"sha256"' in pairs[0][0]
    assert all(" + prompt" in old and old.split('": ')[0] == new.split('": ')[0] for old, new in pairs[1:])


def test_an_edit_that_changes_no_render_is_cosmetic(folder: Path) -> None:
    edit(folder, "{%- for m", "{#- the turns -#}\n{%- for m")
    assert states(folder) == (0, {"t/chatml.jinja": "cosmetic", "t/clean.jinja": "same"})
    result = chattpl("lock", "--check", cwd=folder)
    assert result.code == 0
    assert result.out.startswith("t/chatml.jinja: cosmetic: the source changed, and all ")


def test_an_edit_that_a_model_sees_is_told_with_its_renders(folder: Path) -> None:
    edit(folder, "assistant\n' }}", "assistant:\n' }}")
    code, templates = check(folder)
    changed = templates["t/chatml.jinja"]
    assert (code, changed["state"]) == (1, "changed")
    assert all(" + prompt" in each["render"] for each in changed["renders"])
    first = changed["renders"][0]
    assert first["render"] == "single-user + prompt"
    assert first["after"]["characters"] == first["before"]["characters"] + 1
    assert changed["text"].endswith("<|im_start|>assistant:\n")
    result = chattpl("lock", "--check", cwd=folder)
    assert result.code == 1
    length = first["before"]["characters"]
    assert f"  single-user + prompt: {length} characters -> {length + 1} characters\n" in result.out
    assert "single-user + prompt is now:\n" in result.out
    assert "assistant:\\n'" in result.out


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_first_difference_is_shown_where_git_has_the_old_text(folder: Path) -> None:
    def git(*words: str) -> None:
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)

    git("init", "-q", ".")
    git("add", "t")
    git("commit", "-q", "-m", "first")
    edit(folder, "<|im_end|>", "<|im_END|>")
    git("commit", "-q", "-a", "-m", "second")
    out = chattpl("lock", "--check", cwd=folder).out
    assert "the first difference in single-user:\n" in out
    was, now = (line for line in out.splitlines() if line.startswith(("    was", "    is ")))
    assert ("<|im_end|>" in was, "<|im_END|>" in now) == (True, True)
    difference = check(folder)[1]["t/chatml.jinja"]["first_difference"]
    assert ("<|im_end|>" in difference["before"], "<|im_END|>" in difference["after"]) == (True, True)


def test_thinking_is_compared_where_only_one_of_the_texts_heeds_it(folder: Path) -> None:
    edit(folder, "assistant\n' }}", "assistant\n' }}{%- if enable_thinking is false %}{{- '<no>' }}{%- endif %}")
    renders = [each["render"] for each in check(folder)[1]["t/chatml.jinja"]["renders"]]
    assert renders
    assert all(render.endswith(" + prompt + thinking off") for render in renders)
    chattpl("lock", cwd=folder)
    assert states(folder)[0] == 0
    (folder / "t" / "chatml.jinja").write_text(CHATML, "utf-8")
    assert [each["render"] for each in check(folder)[1]["t/chatml.jinja"]["renders"]] == sorted(renders)


def test_templates_that_come_and_go_are_named(folder: Path) -> None:
    (folder / "t" / "clean.jinja").rename(folder / "t" / "moved.jinja")
    assert states(folder, "t") == (
        1,
        {"t/chatml.jinja": "same", "t/moved.jinja": "new", "t/clean.jinja": "gone"},
    )
    assert states(folder) == (1, {"t/chatml.jinja": "same", "t/clean.jinja": "gone"})
    assert chattpl("lock", "t/moved.jinja", cwd=folder).err == "2 templates in chattpl.lock (1 new, 1 gone)\n"
    assert states(folder, "t") == (0, {"t/chatml.jinja": "same", "t/moved.jinja": "same"})


def test_a_template_inside_of_a_file_is_gone_when_the_file_holds_it_no_more(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer_config.json"

    def write(*names: str) -> None:
        file.write_text(json.dumps({"chat_template": [{"name": name, "template": CLEAN} for name in names]}), "utf-8")

    write("default", "tool_use")
    assert chattpl("lock", "tokenizer_config.json", cwd=tmp_path).code == 0
    key = "tokenizer_config.json"
    assert states(tmp_path) == (0, {key: "same", f"{key}@tool_use": "same"})
    write("default")
    assert states(tmp_path) == (1, {key: "same", f"{key}@tool_use": "gone"})


def test_a_gguf_file_is_locked_with_its_tokens(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(chat_model(CLEAN))
    assert chattpl("lock", "m.gguf", cwd=tmp_path).code == 0
    assert states(tmp_path) == (0, {"m.gguf": "same"})
    (tmp_path / "m.gguf").write_bytes(chat_model(CLEAN.replace("'>'", "'> '")))
    assert states(tmp_path) == (1, {"m.gguf": "changed"})


def test_tokens_are_counted_and_remembered(tmp_path: Path) -> None:
    source = "{{- eos_token }}" + CHATML
    (tmp_path / "a.jinja").write_text(source, "utf-8")
    assert chattpl("lock", "a.jinja", "--model", "qwen3", cwd=tmp_path).code == 0
    # The declared tokens are in the file, so that a check without the model sees no change.
    assert states(tmp_path) == (0, {"a.jinja": "same"})
    edit(tmp_path, "<|im_end|>", " END<|im_end|>", "a.jinja")
    code, templates = check(tmp_path, "a.jinja", "--model", "qwen3")
    first = templates["a.jinja"]["renders"][0]
    assert code == 1
    assert first["before"]["tokens"] < first["after"]["tokens"]


def test_a_model_is_locked_by_its_reference(tmp_path: Path) -> None:
    assert chattpl("lock", "--model", "qwen3", cwd=tmp_path).code == 0
    assert states(tmp_path) == (0, {"model:qwen3": "same"})
    assert chattpl("lint", "--model", "qwen3", "--locked", cwd=tmp_path).code == 0


def test_what_does_not_compile_any_more_changed(folder: Path) -> None:
    edit(folder, "{%- endif %}", "")
    code, templates = check(folder)
    changed = templates["t/chatml.jinja"]
    assert (code, changed["state"]) == (1, "changed")
    assert changed["renders"][0]["after"]["error"] == "TemplateSyntaxError"
    assert len(changed["renders"]) == changed["renders_compared"]


def damage(folder: Path, change: Any) -> Result:
    file = folder / "chattpl.lock"
    document = json.loads(file.read_text("utf-8"))
    change(document)
    file.write_text(json.dumps(document), "utf-8")
    return chattpl("lock", "--check", cwd=folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.update(version=7), "`version` is 7, and this chattpl writes 1"),
        (lambda file: file.pop("version"), "`version` has to be a number"),
        (lambda file: file.update(conversations="00"), "`conversations`: this chattpl has other probe conversations"),
        (lambda file: file.update(templates=[]), "`templates` has to be an object"),
        (lambda file: file["templates"].update(x=1), "`templates.x` has to be an object"),
        (lambda file: file["templates"]["t/clean.jinja"].pop("sha256"), "`templates.t/clean.jinja.sha256` has to be"),
        (
            lambda file: file["templates"]["t/clean.jinja"]["renders"]["plain"].update(digest="zz"),
            "`templates.t/clean.jinja.renders.plain.digest` has to be a digest",
        ),
        (
            lambda file: file["templates"]["t/clean.jinja"]["renders"]["plain"].update(characters=True),
            "`templates.t/clean.jinja.renders.plain.characters` has to be a number",
        ),
        (
            lambda file: file["templates"]["t/clean.jinja"]["arguments"].update(bos_token=1),
            "`templates.t/clean.jinja.arguments.bos_token` has to be a text",
        ),
    ],
)
def test_a_damaged_lock_file_is_named_with_the_key(folder: Path, change: Any, message: str) -> None:
    result = damage(folder, change)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "--> chattpl.lock" in result.err
    assert chattpl("lint", "t", "--locked", cwd=folder).code == 2
    assert chattpl("lock", "t", cwd=folder).code == 2


def test_a_lock_file_that_is_no_json_or_absent_ends_the_run(folder: Path) -> None:
    (folder / "chattpl.lock").write_text('{"version": 1,\n<<<<<<< ours\n', "utf-8")
    result = chattpl("lock", "--check", cwd=folder)
    assert result.code == 2
    assert "--> chattpl.lock:2:1" in result.err
    (folder / "chattpl.lock").unlink()
    for words in (["lock", "--check"], ["lint", "t", "--locked"]):
        result = chattpl(*words, cwd=folder)
        assert result.code == 2
        assert "there is no such lock file" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ["lock"],
        ["lock", "-"],
        ["lock", "t", "--format", "json"],
        ["lint", "t", "--lock-file", "x"],
        ["lint", "-", "--locked"],
        ["lint", "t", "--locked", "--diff"],
    ],
)
def test_wrong_usage_ends_with_two(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "t").mkdir()
    result = chattpl(*words, cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason=NO_CONFORMANCE)
def test_a_comment_is_cosmetic_in_every_public_template(tmp_path: Path) -> None:
    shutil.copytree(CONFORMANCE / "templates", tmp_path / "t")
    assert chattpl("lock", "t", cwd=tmp_path).code == 0
    assert set(states(tmp_path)[1].values()) == {"same"}
    commented = set()
    for file in sorted((tmp_path / "t").rglob("*.jinja")):
        text = file.read_bytes()
        if text.startswith(b"{"):
            file.write_bytes(b"{# turns #}" + text)
            commented.add(file.relative_to(tmp_path).as_posix())
    code, found = states(tmp_path)
    assert len(commented) > 100
    assert (code, {path for path, state in found.items() if state != "same"}) == (0, commented)
    assert {found[path] for path in commented} == {"cosmetic"}
