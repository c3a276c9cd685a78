"""Tokenizers that the encoder of the extension does not cover, run by the `tokenizers` package."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from chattpl.encoded import TokenBatch
from chattpl.errors import EncodeError, VocabularyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MARK = "\U0010fffd"
"""A character for private use."""


class ForeignTokenizer:
    """A tokenizer with the methods of `Tokenizer`, slower: models such as Unigram and WordPiece, odd normalizers.

    Made by `Tokenizer.from_file` and `Tokenizer.from_bytes`, where the file asks for it.

    Args:
        data: The text of a `tokenizer.json`.
        name: What to call it.
        reason: What `Tokenizer` does not cover.

    Raises:
        VocabularyError: The package `tokenizers` is not installed, or refuses the file.
    """

    scheme = "tokenizers"

    def __init__(self, data: bytes, name: str, reason: str) -> None:
        try:
            from tokenizers import Tokenizer as Engine
        except ImportError as error:
            raise VocabularyError(
                f"{reason}, and the package `tokenizers` is not here to do it",
                code="CE052",
                hint="pip install tokenizers",
            ) from error
        try:
            self._engine = _whole(Engine.from_str(data.decode("utf-8")))
            self._plain = _whole(Engine.from_str(data.decode("utf-8")))
        except Exception as error:
            raise VocabularyError(f"`tokenizers` refuses the file: {error}", code="CE050") from error
        self._plain.encode_special_tokens = True
        self._data = data
        self.name = name
        self.reason = reason
        added = self._engine.get_added_tokens_decoder().items()
        self.added_tokens = [(token_id, token.content, token.special) for token_id, token in sorted(added)]
        self._special = {token_id for token_id, _, special in self.added_tokens if special}
        self.vocab_size = max(self._engine.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode(
        self,
        text: str,
        special_tokens: Literal["parity", "text", "error"] = "parity",
        add_special_tokens: bool = False,
    ) -> NDArray[np.int32]:
        """See `Tokenizer.encode`."""
        import numpy as np

        encoding = self._chosen(text, special_tokens).encode(text, add_special_tokens=add_special_tokens)
        return np.array(encoding.ids, dtype="int32")

    def encode_batch(
        self,
        texts: Sequence[str],
        special_tokens: Literal["parity", "text", "error"] = "parity",
        add_special_tokens: bool = False,
        threads: int | None = None,  # noqa: ARG002  the package has threads of its own
    ) -> TokenBatch:
        """See `Tokenizer.encode_batch`; how many threads there are, `tokenizers` decides."""
        import numpy as np

        for text in texts if special_tokens == "error" else ():
            self._chosen(text, special_tokens)
        engine = self._plain if special_tokens == "text" else self._engine
        rows = [made.ids for made in engine.encode_batch_fast(list(texts), add_special_tokens=add_special_tokens)]
        offsets = np.cumsum([0, *map(len, rows)], dtype="int64")
        return TokenBatch(np.array([token_id for row in rows for token_id in row], dtype="int32"), offsets)

    def count(self, text: str, special_tokens: Literal["parity", "text", "error"] = "parity") -> int:
        """See `Tokenizer.count`."""
        return len(self.encode(text, special_tokens))

    def offsets(self, text: str, special_tokens: Literal["parity", "text", "error"] = "parity") -> NDArray[np.int32]:
        """See `Tokenizer.offsets`."""
        import numpy as np

        encoding = self._chosen(text, special_tokens).encode(text, add_special_tokens=False)
        return np.array(encoding.offsets, dtype="int32").reshape(-1, 2)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """See `Tokenizer.decode`."""
        to_list = getattr(ids, "tolist", None)
        listed = to_list() if to_list is not None else list(ids)
        text: str = self._engine.decode(listed, skip_special_tokens=skip_special_tokens)
        return text

    def decode_stream(self) -> ForeignStream:
        """See `Tokenizer.decode_stream`."""
        return ForeignStream(self._engine)

    def id_to_bytes(self, token_id: int) -> bytes:
        """The text of a token by itself, in UTF-8."""
        if not 0 <= token_id < self.vocab_size:
            raise EncodeError(f"id {token_id}; the vocabulary has {self.vocab_size} ids", code="CE054")
        return self.decode([token_id]).encode()

    def token_to_id(self, token: str) -> int | None:
        """See `Tokenizer.token_to_id`."""
        found: int | None = self._engine.token_to_id(token)
        return found

    @cached_property
    def added(self) -> list[dict[str, Any]]:
        """The added tokens, each with a mark: a text that stands for it where it counts in a conversation.

        Marks hold a number that nobody can guess, so that no conversation can spell one.
        """
        secret = secrets.token_hex(8)
        return [
            {
                "id": token_id,
                "content": token.content,
                "special": token.special,
                "lstrip": token.lstrip,
                "rstrip": token.rstrip,
                "single_word": token.single_word,
                "mark": f"{_MARK}{secret}:{index}{_MARK}",
                "mark_id": self.vocab_size + index,
            }
            for index, (token_id, token) in enumerate(sorted(self._engine.get_added_tokens_decoder().items()))
        ]

    def tokens(self, text: str, marks: bool) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text, and the characters that each stands for.

        Args:
            text: The text.
            marks: Whether marks count, and added tokens do not; otherwise added tokens count wherever they stand.
        """
        engine = self._marked if marks else self._engine
        encoding = engine.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    @cached_property
    def _marked(self) -> Any:
        """An engine to which the marks are added tokens, and the added tokens are text."""
        from tokenizers import Tokenizer as Engine

        file = json.loads(self._data)
        own = [{**token, "special": True} for token in file.get("added_tokens", ())]
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        marks = [{"id": token["mark_id"], "content": token["mark"], **flags} for token in self.added]
        engine = _whole(Engine.from_str(json.dumps({**file, "added_tokens": own + marks})))
        engine.encode_special_tokens = True
        return engine

    def _chosen(self, text: str, special_tokens: str) -> Any:
        if special_tokens not in ("parity", "text", "error"):
            raise ValueError(f'special_tokens={special_tokens!r}: it is "parity", "text" or "error"')
        if special_tokens == "error":
            encoding = self._engine.encode(text, add_special_tokens=False)
            for token_id, (start, _) in zip(encoding.ids, encoding.offsets, strict=True):
                if token_id in self._special:
                    raise EncodeError(
                        f"control token `{self._engine.id_to_token(token_id)}` inside the text",
                        location=f"character {start}",
                        hint='pass special_tokens="text" to encode it as text, or "parity" to let it count',
                    )
        return self._plain if special_tokens == "text" else self._engine

    def __len__(self) -> int:
        return self.vocab_size

    def __repr__(self) -> str:
        return f"ForeignTokenizer({self.name!r}, {self.vocab_size} ids: {self.reason})"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._data, self.name, self.reason)


def _whole(engine: Any) -> Any:
    """The engine without a limit on lengths, which files may carry."""
    engine.no_truncation()
    engine.no_padding()
    return engine


class ForeignStream:
    """Decodes ids as they come, never half a character."""

    def __init__(self, engine: Any) -> None:
        from tokenizers.decoders import DecodeStream

        self._engine = engine
        self._stream = DecodeStream(skip_special_tokens=False)
        self._ids: list[int] = []
        self._given = 0

    def push(self, token_id: int) -> str:
        """The text that is complete with this id."""
        self._ids.append(token_id)
        text: str = self._stream.step(self._engine, token_id) or ""
        self._given += len(text)
        return text

    def finish(self) -> str:
        """What is left, complete or not."""
        rest: str = self._engine.decode(self._ids, skip_special_tokens=False)[self._given :]
        self.__init__(self._engine)  # type: ignore[misc]  # the stream begins anew
        return rest
