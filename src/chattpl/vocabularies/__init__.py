"""The vocabularies that chattpl carries, and those it makes from an installed package.

They are stored compressed, several of one family to a file, and unpacked once into the user's cache folder:
`CHATTPL_CACHE`, else `chattpl` in the platform's cache folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import lzma
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from chattpl import _core
from chattpl.errors import VocabularyError
from chattpl.vocabularies.llama import LLAMA_VOCABULARIES

_INSTALL_LLAMA = 'pip install "chattpl[llama]"'


def names() -> list[str]:
    """The vocabularies that `find` knows, those that need the extra `llama` last."""
    return [*_index(), *LLAMA_VOCABULARIES]


def find(name: str) -> Path | bytes:
    """Finds the pack of a vocabulary, unpacking it at the first call.

    Args:
        name: One of `names()`.

    Returns:
        The file in the cache folder, or the pack itself where that folder cannot be written.

    Raises:
        VocabularyError: There is no such vocabulary, its package is missing, or what is stored is damaged.
    """
    if name in _index():
        return _cached(name, _index()[name]["sha256"], lambda: _unpacked(name))
    if name in LLAMA_VOCABULARIES:
        return _cached(name, _llama_key(name), lambda: _made_of_ranks(name))
    if name == "llama2":
        raise VocabularyError(
            "no package carries the vocabulary `llama2`",
            hint="pass the `tokenizer.json` or `tokenizer.model` of a Llama 2 model",
        )
    raise VocabularyError(f"no vocabulary is called `{name}`", hint=f"known are {', '.join(names())}")


def info(name: str) -> dict[str, Any]:
    """Where a shipped vocabulary comes from: its package, version, file, checksums and licence."""
    return dict(_index()[name])


def cache_folder() -> Path | None:
    """The folder for what can be made again; None where there is no home to have it in."""
    if given := os.environ.get("CHATTPL_CACHE"):
        return Path(given)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg, "chattpl")
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local, "chattpl", "cache")
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "chattpl"


@cache
def _index() -> dict[str, dict[str, Any]]:
    text = resources.files(__name__).joinpath("index.json").read_text("utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)["vocabularies"]
    return found


def _unpacked(name: str) -> bytes:
    entry = _index()[name]
    stored = resources.files(__name__).joinpath(entry["stored_in"]).read_bytes()
    try:
        packs = lzma.decompress(stored)
    except lzma.LZMAError as error:
        raise _damaged(name, entry["stored_in"]) from error
    pack = packs[entry["start_byte"] : entry["start_byte"] + entry["bytes"]]
    if hashlib.sha256(pack).hexdigest() != entry["sha256"]:
        raise _damaged(name, entry["stored_in"])
    return pack


def _damaged(name: str, file: str) -> VocabularyError:
    return VocabularyError(
        f"the stored vocabulary `{name}` is damaged",
        code="CE051",
        location=f"chattpl/vocabularies/{file}",
        hint="install chattpl again",
    )


def _llama_key(name: str) -> str:
    """Changes with everything that the pack depends on: the ranks, their description, and the version of chattpl."""
    llama = LLAMA_VOCABULARIES[name]
    text = json.dumps([_core.__version__, llama.sha256, llama.description(name)])
    return hashlib.sha256(text.encode()).hexdigest()


def _made_of_ranks(name: str) -> bytes:
    llama = LLAMA_VOCABULARIES[name]
    spec = importlib.util.find_spec("llama_models")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = next((path for folder in folders if (path := Path(folder, llama.file)).is_file()), None)
    if path is None:
        raise VocabularyError(
            f"the vocabulary `{name}` is not part of chattpl, because its licence is Meta's own", hint=_INSTALL_LLAMA
        )
    ranks = path.read_bytes()
    if hashlib.sha256(ranks).hexdigest() != llama.sha256:
        raise VocabularyError(
            "the file is not the one that chattpl knows", location=str(path), hint=f"{_INSTALL_LLAMA} installs it again"
        )
    return _core.pack_of_ranks(ranks, json.dumps(llama.description(name)))


def _cached(name: str, key: str, make: Callable[[], bytes]) -> Path | bytes:
    folder = cache_folder()
    path = folder / f"{name}-{key[:16]}.pack" if folder else None
    if path and path.is_file():
        return path
    pack = make()
    return path if path and _write(path, pack) else pack


def _write(path: Path, pack: bytes) -> bool:
    """Puts the whole file in place at once: another process sees all of it or nothing."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            temporary = file.name
            file.write(pack)
        os.replace(temporary, path)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        return path.is_file()
    return True
