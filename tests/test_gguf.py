"""The reader of GGUF metadata: real layouts, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chattpl import SourceError
from chattpl.gguf import read_chat
from gguf_files import ARRAY, STRING, UINT32, chat_model, gguf

WHOLE = chat_model("{{ bos_token }}{{ messages[0].content }}")


def test_template_and_tokens_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(WHOLE)
    chat = read_chat(path)
    assert chat.name == "Tiny Chat"
    assert chat.templates == {"default": "{{ bos_token }}{{ messages[0].content }}"}
    assert chat.arguments == {"bos_token": "<s>", "eos_token": "</s>"}
    assert chat.special_tokens == {"<s>": 1, "</s>": 2, "<|end|>": 4}
    assert chat.stop_tokens == ("</s>", "<|end|>")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_both_byte_orders_and_versions_are_read(tmp_path: Path, order: str, version: int) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf({"tokenizer.chat_template": (STRING, "hi")}, version, order))
    assert read_chat(path).templates == {"default": "hi"}


def test_named_templates_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    named = {
        "tokenizer.chat_templates": (ARRAY, STRING, ["tool_use"]),
        "tokenizer.chat_template.tool_use": (STRING, "with tools"),
    }
    path.write_bytes(chat_model("plain", **named))
    assert read_chat(path).templates == {"default": "plain", "tool_use": "with tools"}


def test_array_of_arrays_is_stepped_over(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    nested = {
        "some.table": (ARRAY, ARRAY, [(UINT32, [1, 2]), (STRING, ["a"])]),
        "tokenizer.chat_template": (STRING, "x"),
    }
    path.write_bytes(gguf(nested))
    assert read_chat(path).templates == {"default": "x"}


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_cut_file_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(WHOLE[:length])
    with pytest.raises(SourceError) as raised:
        read_chat(path)
    assert raised.value.code == "CE041"
    assert raised.value.location == str(path)


@settings(max_examples=300, deadline=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=9))
def test_overwritten_file_is_read_or_refused(tmp_path: Path, at: int, patch: bytes) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(WHOLE[:at] + patch + WHOLE[at + len(patch) :])
    try:
        read_chat(path)
    except SourceError as error:
        assert error.code == "CE041"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "shorter than its header"),
        (b"PK\x03\x04" + b"\0" * 40, "does not start with `GGUF`"),
        (gguf({}, version=1), "version 1 is not supported"),
        (gguf({"tokenizer.chat_template": (UINT32, 5)}), "not a string"),
        (gguf({"tokenizer.chat_template": (STRING, b"\xff\xfe")}), "not UTF-8"),
        (b"GGUF" + b"\x03\0\0\0" + b"\0" * 8 + b"\xff" * 8 + b"\0" * 32, "do not fit"),
    ],
)
def test_wrong_file_is_refused_with_its_reason(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "wrong.gguf"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=words):
        read_chat(path)
