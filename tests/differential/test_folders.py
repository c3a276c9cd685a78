"""Folders of models against `AutoTokenizer`: the same tokens and ids, or a refusal."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import chattpl
from chattpl.errors import SourceError, VocabularyError
from chattpl.tokenizer import Tokenizer
from folder_dialects import dialects, random_files, write

transformers = pytest.importorskip("transformers")

CONVERSATIONS = [
    [{"role": "user", "content": "Hi there, the dog."}, {"role": "assistant", "content": "Yes."}],
    [{"role": "user", "content": " <think> a <think>b <|im_end|>  <|im_start|> c <x>d  <image> "}],
    [{"role": "user", "content": "<s>the dog</s> [INST] the [/INST]  \n\n Köln é e\u0301 12 [MASK] [CLS]x [SEP]"}],
    [{"role": "system", "content": ""}, {"role": "user", "content": "athe <the> the-dog  <unk>\n<pad>▁▁<|im_end|>"}],
]
DIALECTS = dialects()
SEEDS = int(os.environ.get("CHATTPL_FOLDER_SEEDS") or 300)
MAY_BE_REFUSED = {
    "custom code",  # `transformers` asks whether to run it
    "split special tokens",
    "object without a type",
    "map file with objects in a list",
}
"""Folders that are refused for a reason; those with a class that is not followed are, too."""


def reference(folder: Path) -> Any:
    """The tokenizer that `transformers` makes; None where it refuses the folder."""
    try:
        return transformers.AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # of any kind: that it refuses is what counts
        return None


def ours(folder: Path) -> chattpl.ChatFormat | None:
    """The format with its vocabulary; None where the folder is refused with a place."""
    try:
        chat = chattpl.load(folder)
        chat.tokenizer  # noqa: B018
    except (VocabularyError, SourceError) as error:
        assert str(folder) in (error.location or ""), error
        return None
    return chat


def _their_ids(theirs: Any, messages: Any) -> Any:
    return theirs.apply_chat_template(messages, return_dict=True)["input_ids"]


def _our_ids(chat: chattpl.ChatFormat, messages: Any) -> Any:
    return chat.encode(messages, special_tokens="parity").input_ids.tolist()


def _ids_of_text(tokenizer: Tokenizer, text: str) -> Any:
    return tokenizer.encode(text).tolist()


def compare(folder: Path, chat: chattpl.ChatFormat, theirs: Any) -> None:
    """Asserts that tokens, arguments and ids are the same."""
    assert chat.token_arguments == theirs.special_tokens_map
    added = {token_id: (token.content, token.special) for token_id, token in theirs.added_tokens_decoder.items()}
    assert {token_id: (text, special) for token_id, text, special in chat.tokenizer.added_tokens} == added
    assert (
        chat.special_tokens.items()
        >= {text: theirs.convert_tokens_to_ids(text) for text in theirs.all_special_tokens}.items()
    )
    assert all(chat.tokenizer.token_to_id(text) == token_id for text, token_id in chat.special_tokens.items())
    if theirs.eos_token is not None:
        assert chat.stop_tokens[0] == theirs.eos_token
    alone = Tokenizer.from_file(folder)
    assert alone.added_tokens == chat.tokenizer.added_tokens
    for messages in CONVERSATIONS:
        text = theirs.apply_chat_template(messages, tokenize=False)
        assert chat.render(messages).text == text
        expected = ids_of(partial(_their_ids, theirs, messages))
        assert ids_of(partial(_our_ids, chat, messages)) == expected
        assert ids_of(partial(_ids_of_text, alone, text)) == expected
    around = ids_of(lambda: alone.encode("the dog", add_special_tokens=True).tolist())
    assert around == ids_of(lambda: theirs.encode("the dog"))


def ids_of(encode: Callable[[], list[int]]) -> list[int] | None:
    """The ids; None where `tokenizers` gives up: no unknown token in the vocabulary, or tokens that overlap."""
    try:
        return encode()
    except BaseException as error:  # panics of `tokenizers` are no exceptions
        if not any(reason in str(error) for reason in ("Unk token", "Missing [UNK]", "bad split")):
            raise
        return None


@pytest.mark.parametrize("name", DIALECTS)
def test_folder_is_read_as_by_transformers(name: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", DIALECTS[name])
    theirs, chat = reference(folder), ours(folder)
    if chat is None:
        followed = not name.startswith(("T5Tokenizer", "RobertaTokenizer")) and "CodeGen" not in name
        assert theirs is None or name in MAY_BE_REFUSED or not followed
        return
    assert theirs is not None, "`transformers` refuses the folder"
    compare(folder, chat, theirs)
    saved = tmp_path / "saved"
    theirs.save_pretrained(str(saved))
    again, chat = reference(saved), ours(saved)
    assert (again is None) == (chat is None)
    if chat is not None:
        compare(saved, chat, again)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_mixture_of_files_is_read_as_by_transformers(seed: int, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", random_files(seed))
    theirs, chat = reference(folder), ours(folder)
    if chat is not None:
        assert theirs is not None, "`transformers` refuses the folder"
        compare(folder, chat, theirs)
    elif theirs is not None:
        with pytest.raises(VocabularyError, match="builds a|share the id|has the id|object without"):
            Tokenizer.from_file(folder)
