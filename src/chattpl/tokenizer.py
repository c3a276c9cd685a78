"""Text to ids and back, with real vocabularies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Self

from chattpl import _core
from chattpl.arrays import array
from chattpl.errors import VocabularyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from chattpl.encoded import TokenBatch

# B texts, T tokens, N tokens of all texts

SpecialTokens = Literal["parity", "text", "error"]


class Tokenizer(_core.Tokenizer):
    """The tokens of one vocabulary. Made by `Tokenizer.load` and `Tokenizer.from_file`; safe to share between threads.

    Byte pair encodings run on our own encoder. Other kinds (`Unigram`, `WordPiece`, odd normalizers) run on the Rust
    crate `tokenizers`, slower: their `scheme` is `tokenizers`, and their `reason` says what ours does not cover. A
    SentencePiece `.model` of the kinds Unigram, Word and Char has an encoder of its own, `scheme` `sentencepiece`.

    Example:
        >>> tokenizer = Tokenizer.load("qwen")
        >>> tokenizer.encode("Hello world").tolist()
        [9707, 1879]
        >>> tokenizer.decode([9707, 1879])
        'Hello world'
    """

    __slots__ = ("_origin",)
    _origin: tuple[Any, ...]
    """What makes it again: in another process, or from a pickle."""

    @classmethod
    def _make(
        cls,
        data: Any,
        kind: str,
        name: str,
        origin: tuple[Any, ...],
        description: str | None = None,
        overlay: str | None = None,
    ) -> Self:
        self = cls.__new__(cls, data, kind, name, description, overlay)
        self._origin = origin
        return self

    @classmethod
    def load(cls, name: str) -> Self:
        """Loads a vocabulary by name: one that chattpl ships, or one of an installed package.

        Args:
            name: See `chattpl.vocabularies.names()`: `qwen`, `o200k_harmony`, `cl100k`, `mistral-v3`, ...

        Raises:
            VocabularyError: There is no such vocabulary here; the hint says how to get it.
        """
        from chattpl import vocabularies

        image = vocabularies.image_path(name)
        if image and (mapped := cls._mapped(image, name)):
            return mapped
        made = cls._make(vocabularies.pack(name), "pack", name, ("load", name))
        if image:
            from chattpl.vocabularies import cached

            if cached.keep(image, made.image()):
                # In place of what was built: other processes share the memory.
                return cls._mapped(image, name) or made
        return made

    @classmethod
    def _mapped(cls, image: str, name: str) -> Self | None:
        """None for an image that is not there, or that is damaged or not ours: it can be made again."""
        try:
            return cls._make(image, "image", name, ("load", name))
        except (OSError, VocabularyError):
            return None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a tokenizer file, or the tokenizer of a folder.

        Args:
            path: A `tokenizer.json`, a `tekken.json`, a SentencePiece `.model`, a pack of ours (`.pack`), a compiled
                format (`.chattpl`), or a folder that holds one of them. A file is taken as it is. Of a folder, all
                files count that `AutoTokenizer` of `transformers` reads: see `docs/folders.md`.

        Raises:
            VocabularyError: The file is missing, damaged, or of a kind that is not read.
            SourceError: A damaged compiled format, or a damaged configuration beside the tokenizer.
        """
        from pathlib import Path

        from chattpl import compiled, folder
        from chattpl.tokenizer_files import in_folder, kind_of, map_file, placed

        file, overlay, gathered = Path(path), None, None
        if file.is_dir():
            gathered = folder.gather(file)
            if gathered.refusal is not None:
                raise gathered.refusal
            file, overlay = in_folder(file), gathered.overlay
        data = map_file(file)
        if file.suffix == compiled.SUFFIX or bytes(data[: len(compiled.MAGIC)]) == compiled.MAGIC:
            return cls._make(compiled.vocabulary_of(data, str(file)), "pack", file.stem, ("from_file", str(path)))
        kind = kind_of(file, data)
        try:
            made = cls._make(data, kind, file.stem, ("from_file", str(path)), overlay=overlay)
        except VocabularyError as error:
            raise placed(error, file) from None
        if gathered is not None:
            _agree(made, gathered.special_tokens, file)
        return made

    @classmethod
    def from_bytes(cls, data: bytes, kind: str, name: str = "") -> Self:
        """Reads a tokenizer file that is already in memory.

        Args:
            data: The file.
            kind: `pack`, `tokenizer.json`, `tekken.json` or `sentencepiece`.
            name: What to call it in messages.

        Raises:
            VocabularyError: The file is damaged, or of a kind that is not read.
        """
        return cls._make(data, kind, name, ("from_bytes", data, kind, name))

    def encode(  # type: ignore[override]
        self, text: str, special_tokens: SpecialTokens = "parity", add_special_tokens: bool = False
    ) -> NDArray[np.int32]:
        """Encodes one text.

        Args:
            text: The text.
            special_tokens: What control tokens in the text are: themselves (`"parity"`, as in `tokenizers`), text like
                any other (`"text"`), or a fault (`"error"`).
            add_special_tokens: Whether to add what the tokenizer puts around a text, such as a first token.

        Returns:
            int32[T].

        Raises:
            EncodeError: A control token, with `"error"`, or too much text.
            VocabularyError: The crate `tokenizers`, where it is the one that encodes, gives up on the text.
            UnicodeEncodeError: The text holds a lone surrogate.
        """
        return array(super().encode(text, special_tokens, add_special_tokens), "int32")

    def encode_batch(  # type: ignore[override]
        self,
        texts: Sequence[str],
        special_tokens: SpecialTokens = "parity",
        add_special_tokens: bool = False,
        threads: int | None = None,
    ) -> TokenBatch:
        """Encodes many texts, without the interpreter lock.

        Args:
            texts: The texts.
            special_tokens: See `encode`.
            add_special_tokens: See `encode`.
            threads: How many threads to use; as many as the machine has by default. Ids do not depend on it.

        Returns:
            The ids of all texts, in order.
        """
        from chattpl.encoded import TokenBatch

        ids, offsets = super().encode_batch(list(texts), special_tokens, add_special_tokens, threads)
        return TokenBatch(array(ids, "int32"), array(offsets, "int64"))

    def offsets(self, text: str, special_tokens: SpecialTokens = "parity") -> NDArray[np.int32]:  # type: ignore[override]
        """Where each token of `encode(text)` stands.

        Returns:
            int32[T, 2]: first character, and one past the last. Part of a character has the whole of it.
        """
        return array(super().offsets(text, special_tokens), "int32").reshape(-1, 2)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of ids; what is not UTF-8 becomes U+FFFD.

        Args:
            ids: Ids; those that the vocabulary does not have add nothing.
            skip_special_tokens: Whether to leave control tokens out.
        """
        to_list = getattr(ids, "tolist", None)
        return super().decode(to_list() if to_list is not None else list(ids), skip_special_tokens)

    @property
    def folder(self) -> str | None:
        """The folder that it was read from; None where it was a file or has a name."""
        how, *rest = self._origin
        return os.fspath(rest[0]) if how == "from_file" and os.path.isdir(rest[0]) else None

    def __len__(self) -> int:
        return self.vocab_size

    def __repr__(self) -> str:
        return f"Tokenizer({self.name!r}, {self.vocab_size} ids, {self.scheme})"

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), *self._origin)


def _again(cls: type[Tokenizer], how: str, *args: Any) -> Tokenizer:
    made: Tokenizer = getattr(cls, how)(*args)
    return made


def _agree(tokenizer: Tokenizer, special_tokens: Mapping[str, int | None], file: Path) -> None:
    """Refuses a folder whose configuration names tokens that its vocabulary lacks, or knows by other ids."""
    from chattpl.folder import CONFIG_FILE

    for text, expected in special_tokens.items():
        found = tokenizer.token_to_id(text)
        if found is None or expected not in (None, found):
            has = "does not have" if found is None else f"has as {found}, not {expected},"
            raise VocabularyError(
                f"{file.name} {has} the token `{text}` of {file.with_name(CONFIG_FILE)}",
                location=str(file),
                hint="load the folder with `transformers` and `save_pretrained` it, which writes a tokenizer.json, "
                f"or give the file itself: `tokenizer={file}`",
            )
