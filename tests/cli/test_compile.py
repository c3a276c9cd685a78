"""`chattpl compile`, and what it writes."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chattpl as library
from chattpl import FormatNotFoundError, InputError, SourceError, Tokenizer, VocabularyError, compiled
from chattpl.compiled import MAGIC
from cli.command import chattpl

CHAT: list[dict[str, Any]] = [
    {"role": "user", "content": "Zażółć 🦀?"},
    {"role": "assistant", "content": "<|im_end|> no", "reasoning_content": "hm"},
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}]
HEADER_BYTES = 8 + 4 + 8 + 8 + 32


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "my-qwen.chattpl"
    assert chattpl("compile", "--model", "qwen3", "-o", path).code == 0
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A compiled format with a vocabulary of a few hundred bytes."""
    folder = tmp_path_factory.mktemp("small")
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    letters = [chr(byte if byte in visible else next(hidden)) for byte in range(256)]
    vocab = {letter: token_id for token_id, letter in enumerate([*letters, "ab"])}
    bytes_alone = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    tokenizer = {
        "model": {"type": "BPE", "vocab": vocab, "merges": [["a", "b"]]},
        "added_tokens": [],
        "pre_tokenizer": bytes_alone,
        "decoder": bytes_alone,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "t.jinja").write_text("{{ messages[0].content }}")
    library.load(folder / "t.jinja", tokenizer=folder / "tokenizer.json").save(folder / "t.chattpl")
    return (folder / "t.chattpl").read_bytes()


def same(a: library.Encoded, b: library.Encoded) -> bool:
    names = ("input_ids", "loss_mask", "message_index", "origin")
    return a.text == b.text and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def test_file_holds_the_tokens_of_literals(file: Path) -> None:
    source = compiled.read(file).source
    assert source.literals is not None
    kept = {
        literal["text"]: [part["ids"] for part in literal["parts"]]
        for literal in json.loads(source.literals["default"])
    }
    tokens = library.load("qwen3").tokenizer
    assert kept["<|im_start|>assistant\n"] == [
        [],
        [tokens.token_to_id("<|im_start|>")],
        tokens.encode("assistant\n").tolist(),
    ]
    assert all(tokens.decode([i for part in parts for i in part]) == text for text, parts in kept.items())
    assert library.load(file)._encoder_for({}).literals() == source.literals["default"]
    other = library.load(file, tokenizer="gpt-oss")
    assert other._literals is None


@pytest.mark.parametrize("name", ["qwen3", "gpt-oss", "mistral-v3", "chatml"])
def test_file_encodes_as_the_format_it_was_made_of(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.chattpl"
    made = chattpl("compile", "-m", name, "-o", path)
    assert (made.code, made.out) == (0, "")
    assert f"`{name}`" in made.err
    assert list(tmp_path.iterdir()) == [path]
    original, compiled = library.load(name), library.load(path)
    assert compiled.info.source == str(path)
    for field in ("name", "roles", "aliases", "constraints", "arguments", "notes", "tokenizer", "verified"):
        assert getattr(compiled.info, field) == getattr(original.info, field)
    for field in ("special_tokens", "stop_tokens", "stop_token_ids", "token_arguments", "template_names"):
        assert getattr(compiled, field) == getattr(original, field)
    for prompt in (False, True):
        chat = CHAT[:1] if prompt else CHAT
        assert same(
            compiled.encode(chat, add_generation_prompt=prompt), original.encode(chat, add_generation_prompt=prompt)
        )


def test_file_needs_no_cache_and_no_package(file: Path, tmp_path: Path) -> None:
    code = (
        "import sys, lzma; lzma.decompress = None\n"
        "import chattpl\n"
        f"chat = chattpl.load({str(file)!r}); print(len(chat.encode([{{'role': 'user', 'content': 'x'}}])))"
    )
    environment = {**os.environ, "CHATTPL_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 3
    assert not list(tmp_path.iterdir())


def test_command_line_takes_the_file_as_model_and_as_tokenizer(file: Path, tmp_path: Path) -> None:
    chat = tmp_path / "c.json"
    chat.write_text(json.dumps(CHAT))
    expected = chattpl("render", "-m", "qwen3", chat, "--mask").out
    assert chattpl("render", "-m", file, chat, "--mask").out == expected
    assert chattpl("render", "-m", "qwen3", "--tokenizer", file, chat, "--mask").out == expected
    assert expected.count("\n") > 20


def test_file_is_told_by_its_first_bytes_too(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.bin"
    other.write_bytes(file.read_bytes())
    assert same(library.load(other).encode(CHAT), library.load(file).encode(CHAT))
    assert Tokenizer.from_file(other).encode("ab").tolist() == Tokenizer.load("qwen").encode("ab").tolist()


def test_loaded_format_can_be_pickled_and_saved_again(file: Path, tmp_path: Path) -> None:
    chat = library.load(file)
    assert same(pickle.loads(pickle.dumps(chat)).encode(CHAT), chat.encode(CHAT))
    chat.save(tmp_path / "again.chattpl")
    assert same(library.load(tmp_path / "again.chattpl").encode(CHAT), chat.encode(CHAT))


def test_chosen_template_becomes_the_only_one(tmp_path: Path) -> None:
    config = {"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    both, chosen = tmp_path / "both.chattpl", tmp_path / "chosen.chattpl"
    assert chattpl("compile", "-m", tmp_path, "--tokenizer", "qwen", "-o", both).code == 0
    assert chattpl("compile", "-m", f"{tmp_path}@tool_use", "--tokenizer", "qwen", "-o", chosen).code == 0
    texts = [library.load(path).render(CHAT, tools=tools).text for path in (both, chosen) for tools in (None, TOOLS)]
    assert texts == ["D", "T", "T", "T"]
    assert library.load(f"{both}@tool_use").render(CHAT).text == "T"
    with pytest.raises(FormatNotFoundError):
        library.load(both, template="other")


def test_template_file_needs_a_tokenizer(tmp_path: Path) -> None:
    template, out = tmp_path / "t.jinja", tmp_path / "t.chattpl"
    template.write_text("{{ messages[0].content }}")
    without = chattpl("compile", "--template", template, "-o", out)
    assert (without.code, out.exists()) == (2, False)
    assert "error[CE055]" in without.err
    assert "--tokenizer" in without.err
    assert chattpl("compile", "--template", template, "--tokenizer", "qwen", "-o", out).code == 0
    assert library.load(out).encode(CHAT).text == CHAT[0]["content"]


def test_missing_vocabulary_names_the_command(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'llama_models' else find(name, *rest)\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    words = ("compile", "-m", "llama3.1", "-o", tmp_path / "l.chattpl")
    result = chattpl(*words, PYTHONPATH=path, CHATTPL_CACHE=str(tmp_path / "cache"))
    assert result.code == 2
    assert 'pip install "chattpl[llama]"' in result.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-m", "qwen3"),
        ("-o", "x.chattpl"),
        ("-m", "qwen3", "-o", "x.bin"),
        ("-m", "qwen3", "-o", ""),
        ("-m", "no-such-model", "-o", "x.chattpl"),
        ("-m", "qwen3", "-o", "no/such/folder/x.chattpl"),
        ("-m", "qwen3", "-t", "t.jinja", "-o", "x.chattpl"),
        ("-m", "no-such.chattpl", "-o", "x.chattpl"),
        ("-m", "qwen3", "--tokenizer", "no-such", "-o", "x.chattpl"),
    ],
    ids=lambda words: " ".join(words),
)
def test_bad_usage_is_code_2(words: tuple[str, ...]) -> None:
    result = chattpl("compile", *words)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err
    assert result.err


def test_name_must_end_as_such_files_do() -> None:
    with pytest.raises(InputError, match="NAME.chattpl"):
        library.load("chatml").save("chatml.json")


def broken(data: bytes, path: Path) -> str:
    """The code of the error that a damaged file gives, whenever it shows."""
    path.write_bytes(data)
    try:
        library.load(path).encode([{"role": "user", "content": "ab"}])
    except (SourceError, VocabularyError) as error:
        assert error.hint or error.location
        return error.code
    return "sound"


@pytest.mark.slow
def test_every_truncation_is_refused(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.chattpl"
    assert broken(small, path) == "sound"
    assert {broken(small[:size], path) for size in range(len(small))} == {"CE041"}
    assert broken(small + b"\0", path) == "CE041"


@pytest.mark.slow
def test_every_flipped_bit_is_refused(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.chattpl"
    codes = set()
    for bit in range(0, len(small) * 8, 7):
        flipped = bytearray(small)
        flipped[bit // 8] ^= 1 << bit % 8
        codes.add(broken(bytes(flipped), path))
    assert codes == {"CE041", "CE051"}


def test_other_version_is_named(small: bytes, tmp_path: Path) -> None:
    later = MAGIC + struct.pack("<I", 2) + small[12:]
    path = tmp_path / "t.chattpl"
    path.write_bytes(later)
    result = chattpl("render", "-m", path, stdin="")
    assert result.code == 2
    assert "version 2" in result.err
    assert "chattpl compile" in result.err


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{}",
        "1" * 5000,
        '{"info":{},"source":{}}',
        '{"info":{"nonsense":1},"source":{"name":null,"templates":{},"arguments":{},"special_tokens":{},"stop_tokens":[]}}',
        "[" * 100_000,
    ],
    ids=lambda said: said[:20],
)
def test_forged_description_is_refused(said: str, small: bytes, tmp_path: Path) -> None:
    numbers = struct.pack("<IQQ", 1, len(said), 0)
    checksum = hashlib.sha256(numbers + said.encode()).digest()
    assert broken(MAGIC + numbers + checksum + said.encode(), tmp_path / "t.chattpl") == "CE041"


@pytest.mark.parametrize("literals", [[1], "x", {"default": 5}])
def test_tokens_of_literals_that_are_no_text_are_refused(literals: Any, small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.chattpl"
    path.write_bytes(small)
    said, pack = compiled.read(path), bytes(compiled.vocabulary_of(small, str(path)))
    compiled.write(path, said.info, said.source._replace(literals=literals), pack)
    assert broken(path.read_bytes(), path) == "CE041"
