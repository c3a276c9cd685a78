"""The vocabularies that chattpl carries, and those it makes from an installed package.

They are stored compressed, several of one family to a file. An image, the finished tables of the encoder, is made of a
vocabulary at its first use and kept in the cache folder, from where every process maps it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from chattpl import _core
from chattpl.errors import VocabularyError

_FOLDER = os.path.dirname(__file__)
_LLAMA = ("llama3", "llama4")
_INSTALL_LLAMA = 'pip install "chattpl[llama]"'


def names() -> list[str]:
    """The vocabularies that `pack` knows, those that need the extra `llama` last."""
    return [*_index(), *_LLAMA]


def pack(name: str) -> bytes:
    """Unpacks or makes a vocabulary.

    Args:
        name: One of `names()`.

    Raises:
        VocabularyError: There is no such vocabulary, its package is missing, or what is stored is damaged.
    """
    return _made_of_ranks(name) if name in _LLAMA else _unpacked(name)


def image_path(name: str) -> str | None:
    """Where the image of a vocabulary is kept, or would be; None where this machine has no folder for it.

    Args:
        name: One of `names()`.

    Raises:
        VocabularyError: There is no such vocabulary.
    """
    from chattpl.vocabularies import cached

    folder = cached.folder()
    key = _llama_key(name) if name in _LLAMA else _entry(name)["sha256"]
    return os.path.join(folder, f"{name}-{key[:16]}-{_core.IMAGE_VERSION}.image") if folder else None


def info(name: str) -> dict[str, Any]:
    """Where a shipped vocabulary comes from: its package, version, file, checksums and licence."""
    return dict(_index()[name])


@cache
def _index() -> dict[str, dict[str, Any]]:
    import json

    with open(os.path.join(_FOLDER, "index.json"), encoding="utf-8") as file:
        found: dict[str, dict[str, Any]] = json.load(file)["vocabularies"]
    return found


def _entry(name: str) -> dict[str, Any]:
    if name in _index():
        return _index()[name]
    if name == "llama2":
        raise VocabularyError(
            "no package carries the vocabulary `llama2`",
            hint="pass the `tokenizer.json` or `tokenizer.model` of a Llama 2 model",
        )
    raise VocabularyError(f"no vocabulary is called `{name}`", hint=f"known are {', '.join(names())}")


def _unpacked(name: str) -> bytes:
    import hashlib
    import lzma

    entry = _entry(name)
    try:
        with open(os.path.join(_FOLDER, entry["stored_in"]), "rb") as file:
            packs = lzma.decompress(file.read())
    except lzma.LZMAError as error:
        raise _damaged(name, entry["stored_in"]) from error
    found = packs[entry["start_byte"] : entry["start_byte"] + entry["bytes"]]
    if hashlib.sha256(found).hexdigest() != entry["sha256"]:
        raise _damaged(name, entry["stored_in"])
    return found


def _damaged(name: str, file: str) -> VocabularyError:
    return VocabularyError(
        f"the stored vocabulary `{name}` is damaged",
        code="CE051",
        location=f"chattpl/vocabularies/{file}",
        hint="install chattpl again",
    )


def _llama_key(name: str) -> str:
    """Changes with everything that the pack depends on: the ranks, their description, and the version of chattpl."""
    import hashlib
    import json

    from chattpl.vocabularies.llama import LLAMA_VOCABULARIES

    llama = LLAMA_VOCABULARIES[name]
    text = json.dumps([_core.__version__, llama.sha256, llama.description(name)])
    return hashlib.sha256(text.encode()).hexdigest()


def _made_of_ranks(name: str) -> bytes:
    import hashlib
    import importlib.util
    import json

    from chattpl.vocabularies.llama import LLAMA_VOCABULARIES

    llama = LLAMA_VOCABULARIES[name]
    spec = importlib.util.find_spec("llama_models")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = next((path for folder in folders if os.path.isfile(path := os.path.join(folder, llama.file))), None)
    if path is None:
        raise VocabularyError(
            f"the vocabulary `{name}` is not part of chattpl, because its licence is Meta's own", hint=_INSTALL_LLAMA
        )
    with open(path, "rb") as file:
        ranks = file.read()
    if hashlib.sha256(ranks).hexdigest() != llama.sha256:
        raise VocabularyError(
            "the file is not the one that chattpl knows", location=path, hint=f"{_INSTALL_LLAMA} installs it again"
        )
    return _core.pack_of_ranks(ranks, json.dumps(llama.description(name)))
