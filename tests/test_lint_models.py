"""Linting models: what a folder, a configuration or a GGUF file says goes with its templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import chattpl
from byte_tokenizers import tokenizer_json
from chattpl.linter import LintSettings, report, subjects
from gguf_files import chat_model

TURNS = (
    "{%- for m in messages %}{{- '<|' + m.role + '|>' + (m.content or '') + '<|end|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)
OTHER = TURNS.replace("'<|end|>'", "'<|end|>\\n'")
ROLES = ["<|user|>", "<|assistant|>", "<|system|>", "<|tool|>"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose turns end with `<|end|>`, and whose generation stops there and at `</s>`."""
    folder = tmp_path / "model"
    folder.mkdir()
    control = [*ROLES, "<|end|>", "</s>"]
    (folder / "tokenizer.json").write_text(tokenizer_json(control), "utf-8")
    added = json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]
    decoder = {str(token["id"]): {"content": token["content"], "special": True} for token in added}
    config = {"eos_token": "</s>", "pad_token": "<|end|>", "added_tokens_decoder": decoder}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    stops = [token["id"] for token in added if token["content"] in ("<|end|>", "</s>")]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stops}), "utf-8")
    (folder / "chat_template.jinja").write_text(TURNS, "utf-8")
    return folder


def codes(path: Path, *select: str) -> list[tuple[str, str]]:
    return [(fault.code, fault.path) for fault in chattpl.lint(path, select=select or ("CT3",))]


def change(file: Path, **keys: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **keys}), "utf-8")


def test_a_folder_brings_its_tokens_tokenizer_and_stop_tokens(model: Path) -> None:
    template = str(model / "chat_template.jinja")
    assert codes(model, "CT304", "CT305", "CT308") == [("CT305", template)]
    (subject,) = subjects.read(model)
    missing = report(subject.source, subject.settings(LintSettings(select=["CT3"]))).not_evaluated
    assert [rule.code for rule in missing] == ["CT301", "CT309"]


def test_generation_that_does_not_stop_is_seen_from_the_folder(model: Path) -> None:
    change(model / "generation_config.json", eos_token_id=[])
    (fault,) = chattpl.lint(model, select=["CT304"])
    assert fault.message == "a turn of the assistant ends with `<|end|>`, and generation stops at `</s>` only"


def test_two_templates_of_a_model_are_compared(model: Path) -> None:
    change(model / "tokenizer_config.json", chat_template=TURNS)
    assert codes(model, "CT309") == []
    change(model / "tokenizer_config.json", chat_template=OTHER)
    assert codes(model, "CT309") == [("CT309", str(model / "chat_template.jinja"))]
    assert codes(model / "tokenizer_config.json", "CT309") == [("CT309", str(model / "tokenizer_config.json"))]


def test_a_gguf_file_is_compared_with_the_folder_that_it_lies_in(model: Path) -> None:
    quantized = model / "tiny.gguf"
    quantized.write_bytes(chat_model(OTHER))
    assert codes(quantized, "CT309") == [("CT309", str(quantized))]
    assert codes(model, "CT309") == [("CT309", str(model / "chat_template.jinja"))]
    quantized.write_bytes(chat_model(TURNS))
    assert codes(quantized, "CT309") == codes(model, "CT309") == []


def test_a_gguf_file_alone_declares_its_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(chat_model(TURNS.replace("<|end|>", "<|stop|>")))
    (fault,) = chattpl.lint(path, select=["CT304"])
    assert (fault.path, "`<|stop|>`" in fault.message) == (str(path), True)
    path.write_bytes(chat_model(TURNS))
    assert codes(path, "CT304") == []


def test_a_configuration_is_linted_line_by_line_of_its_template(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    change(model / "tokenizer_config.json", chat_template=f"\n{TURNS}\n{{{{ nothing( }}}}")
    path = model / "tokenizer_config.json"
    for given in (model, path):
        (fault,) = chattpl.lint(given, select=["CT001"])
        assert (fault.path, fault.place.line) == (str(path), 3)
    (subject,) = subjects.read(path)
    assert (subject.file, subject.inside) == (None, True)


def test_named_templates_are_linted_each_under_its_name(model: Path) -> None:
    (model / "additional_chat_templates").mkdir()
    extra = model / "additional_chat_templates" / "tool_use.jinja"
    extra.write_text(OTHER, "utf-8")
    assert [subject.file for subject in subjects.read(model)] == [model / "chat_template.jinja", extra]
    extra.unlink()
    (model / "chat_template.jinja").unlink()
    named = [{"name": "default", "template": TURNS}, {"name": "tool_use", "template": OTHER}]
    change(model / "tokenizer_config.json", chat_template=named)
    path = str(model / "tokenizer_config.json")
    assert [subject.path for subject in subjects.read(model)] == [path, f"{path}@tool_use"]


def test_a_template_beside_its_configuration_is_a_model_too(model: Path) -> None:
    assert codes(model / "chat_template.jinja", "CT305") == [("CT305", str(model / "chat_template.jinja"))]


def test_what_is_given_comes_before_what_the_model_says(model: Path) -> None:
    given = chattpl.lint(model, select=["CT305"], tokens={"pad_token": "</s>"})
    assert given == []


def test_a_template_is_checked_with_the_tokens_of_another_model(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text(TURNS, "utf-8")
    assert codes(path, "CT305") == []
    assert [fault.code for fault in chattpl.lint(path, select=["CT305"], model=model)] == ["CT305"]


def test_a_folder_of_templates_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text(TURNS, "utf-8")
    assert not subjects.is_model(tmp_path)
    with pytest.raises(chattpl.SourceError, match="no chat template here") as caught:
        chattpl.lint(tmp_path)
    assert "chattpl lint" in (caught.value.hint or "")
