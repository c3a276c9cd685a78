"""Puts chattpl behind `apply_chat_template` of a `transformers` tokenizer: the same results, sooner.

What is not covered goes to the tokenizer's own method, and a warning says so once. `docs/accelerate.md` lists it.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from transformers import BatchEncoding, PreTrainedTokenizerBase
from transformers.tokenization_utils_base import PaddingStrategy, TruncationStrategy
from transformers.tokenization_utils_tokenizers import TokenizersBackend
from transformers.utils import chat_template_utils

from chattpl.errors import ChatTemplateError, VocabularyError
from chattpl.foreign import ForeignTokenizer
from chattpl.template import Template
from chattpl.tokenizer import Tokenizer

# B conversations, T tokens of one


class AccelerateWarning(UserWarning):
    """A tokenizer, or a call, that goes to `transformers` because chattpl does not cover it."""


def accelerate(tokenizer: Any) -> Any:
    """Has chattpl do the work of `tokenizer.apply_chat_template`.

    The method is replaced on this one object; nothing else of it changes, and `restore` takes it back. Pickles and deep
    copies keep the replacement, shallow ones (`copy.copy`) need a call of their own. Tokens that are added later count
    from the next call on; after a part of `tokenizer.backend_tokenizer` was exchanged, call this again.

    Args:
        tokenizer: A fast tokenizer of `transformers`.

    Returns:
        The same object. Where it is not covered (slow tokenizers, processors, classes with an `apply_chat_template` of
        their own), it is unchanged and an `AccelerateWarning` says why.

    Raises:
        TypeError: The object has no `apply_chat_template`.

    Example:
        >>> tokenizer = accelerate(AutoTokenizer.from_pretrained("Qwen/Qwen3-8B"))  # doctest: +SKIP
        >>> tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}])["input_ids"]  # doctest: +SKIP
    """
    if not callable(getattr(tokenizer, "apply_chat_template", None)):
        raise TypeError(f"a tokenizer of `transformers` is needed, not {type(tokenizer).__name__}")
    replacement = ApplyChatTemplate(tokenizer)
    restore(tokenizer)
    reason = _not_covered(tokenizer)
    if reason is None:
        try:
            replacement.vocabulary()
        except _NotCoveredError as error:
            reason = str(error)
    if reason is not None:
        message = f"chattpl leaves this {type(tokenizer).__name__} as it is: {reason}"
        warnings.warn(message, AccelerateWarning, stacklevel=2)
        return tokenizer
    tokenizer.apply_chat_template = replacement
    tokenizer._add_tokens = _AddTokens(replacement)
    return tokenizer


def restore(tokenizer: Any) -> Any:
    """Gives a tokenizer its own `apply_chat_template` back; does nothing to one that has it.

    Returns:
        The same object.
    """
    own = getattr(tokenizer, "__dict__", {})
    for name, kind in (("apply_chat_template", ApplyChatTemplate), ("_add_tokens", _AddTokens)):
        if isinstance(own.get(name), kind):
            del own[name]
    return tokenizer


class ApplyChatTemplate:
    """What stands in for a tokenizer's `apply_chat_template`; takes and gives the same."""

    def __init__(self, tokenizer: Any) -> None:
        self.__self__ = tokenizer
        self._vocabulary: _Vocabulary | None = None
        self._told: set[str] = set()

    def __call__(
        self,
        conversation: Any,
        tools: Any = None,
        documents: Any = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        tokenize: bool = True,
        sanitize_control_tokens: bool = False,
        padding: Any = False,
        truncation: Any = False,
        max_length: int | None = None,
        return_tensors: Any = None,
        return_dict: bool = True,
        return_assistant_tokens_mask: bool = False,
        tokenizer_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """See `PreTrainedTokenizerBase.apply_chat_template`."""
        arguments = {name: value for name, value in locals().items() if name not in ("self", "kwargs")} | kwargs
        tokenizer = self.__self__
        if not tokenize:
            return_dict = False
        if return_assistant_tokens_mask and not (return_dict and tokenize):
            raise ValueError("`return_assistant_tokens_mask=True` requires `return_dict=True` and `tokenize=True`")
        source = tokenizer.get_chat_template(chat_template, tools)
        reason = self._not_covered(arguments, source, kwargs)
        if reason is None:
            is_batched, conversations = _conversations(conversation)
            _check(conversations, continue_final_message, add_generation_prompt, return_assistant_tokens_mask, source)
            template = _compiled(source)
            options = {
                "tools": tools,
                "documents": documents,
                "add_generation_prompt": add_generation_prompt,
                "continue_final_message": continue_final_message,
                **tokenizer.special_tokens_map,
                **kwargs,
            }
            try:
                vocabulary = self.vocabulary()
                rendered = [_render(template, chat, options) for chat in conversations]
            except _NotCoveredError as error:
                reason = str(error)
        # Not while an exception is handled: CPython 3.11 then takes one kind of error for another.
        if reason is not None:
            self._tell(reason)
            return type(tokenizer).apply_chat_template(tokenizer, **arguments)
        texts = [each.text for each in rendered]
        if not tokenize:
            return texts if is_batched else texts[0]
        call = _Call(
            tokenizer, vocabulary, is_batched, padding, truncation, max_length, return_tensors, tokenizer_kwargs or {}
        )
        out = call.encode(texts)
        if not return_dict:
            return out["input_ids"]
        if return_assistant_tokens_mask:
            masks = [call.mask(text, each.generation_spans) for text, each in zip(texts, rendered, strict=True)]
            masks = _as_long_as(masks, out["input_ids"], call.pads_left, not is_batched and not return_tensors)
            out["assistant_masks"] = masks if is_batched or return_tensors else masks[0]
            if return_tensors:
                out.convert_to_tensors(tensor_type=return_tensors)
        return out

    def vocabulary(self) -> _Vocabulary:
        """The tokenizer's vocabulary as it is now; read again when tokens were added."""
        known = self._vocabulary
        backend = self.__self__._tokenizer
        size = backend.get_vocab_size(True)
        if known is None or known.backend is not backend or known.size != size:
            known = self._vocabulary = _Vocabulary(backend, size, _read(backend))
        return known

    def forget(self) -> None:
        """Has the vocabulary read again at the next call."""
        self._vocabulary = None

    def _not_covered(self, arguments: dict[str, Any], source: Any, kwargs: dict[str, Any]) -> str | None:
        """Why a call has to go to `transformers`; None if it can be done here."""
        if arguments["sanitize_control_tokens"]:
            return "`sanitize_control_tokens=True`"
        if not isinstance(source, str):
            return "a chat template that is no string"
        if arguments["add_generation_prompt"] is None:
            return "`add_generation_prompt=None`"
        if taken := _TAKEN & kwargs.keys():
            return f"a template argument called `{min(taken)}`"
        if self.__self__.split_special_tokens:
            return "`split_special_tokens=True`"
        if other := (arguments["tokenizer_kwargs"] or {}).keys() - _TOKENIZER_KWARGS:
            return f"`{min(other)}` in `tokenizer_kwargs`"
        if arguments["truncation"] not in _TRUNCATIONS:
            return f"`truncation={arguments['truncation']!r}`"
        return None

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            message = f"this call of apply_chat_template goes to `transformers`: chattpl does not cover {reason}"
            warnings.warn(message, AccelerateWarning, stacklevel=3)

    def __getstate__(self) -> dict[str, Any]:
        return {"tokenizer": self.__self__, "told": self._told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__self__ = state["tokenizer"]
        self._vocabulary = None
        self._told = set(state["told"])

    def __repr__(self) -> str:
        return f"<chattpl's apply_chat_template of {type(self.__self__).__name__}>"


class _AddTokens:
    """A tokenizer's `_add_tokens` that has the vocabulary read again: a token of the model may become an added one."""

    def __init__(self, replacement: ApplyChatTemplate) -> None:
        self.replacement = replacement

    def __call__(self, new_tokens: Any, special_tokens: bool = False) -> int:
        tokenizer = self.replacement.__self__
        added: int = type(tokenizer)._add_tokens(tokenizer, new_tokens, special_tokens)
        self.replacement.forget()
        return added


class _NotCoveredError(Exception):
    """Says what has to go to `transformers`."""


class _Vocabulary(NamedTuple):
    backend: Any
    """The `tokenizers.Tokenizer` it was read from."""
    size: int
    """How many tokens that had then."""
    tokenizer: Tokenizer


_TAKEN = {"messages", "conversations", "now"}
"""Keywords that mean something else to `transformers`' renderer, or to ours."""
_TOKENIZER_KWARGS = {
    *("padding_side", "pad_to_multiple_of", "return_token_type_ids", "return_attention_mask"),
    *("return_special_tokens_mask", "return_length", "verbose"),
}
_TRUNCATIONS = (True, False, None, "longest_first", "only_first", "do_not_truncate")
_OWN_WAYS = ("apply_chat_template", "get_chat_template", "__call__", "_encode_plus", "set_truncation_and_padding")
_SAMPLE = "Hello, wörld!  It's 12345 日本語 🦆\n\n\tdef f(x):\r\n  return x  "


def _not_covered(tokenizer: Any) -> str | None:
    """Why a tokenizer cannot be accelerated; None if its class is one that can."""
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        hint = "; accelerate its `.tokenizer`" if hasattr(tokenizer, "tokenizer") else ""
        return f"it is not a tokenizer{hint}"
    if not isinstance(tokenizer, TokenizersBackend):
        return "it is not one of the fast tokenizers"
    kind = type(tokenizer)
    for name in _OWN_WAYS:
        if getattr(kind, name) is not getattr(TokenizersBackend, name) or name in tokenizer.__dict__:
            return f"it has a way of its own to `{name}`"
    ours, theirs = (
        [(each.name, each.default) for each in inspect.signature(method).parameters.values()]
        for method in (ApplyChatTemplate.__call__, PreTrainedTokenizerBase.apply_chat_template)
    )
    return None if ours == theirs else "`apply_chat_template` takes other arguments in this version of `transformers`"


def _read(backend: Any) -> Tokenizer:
    """Reads a backend's vocabulary and tries it on a sample."""
    try:
        tokenizer = Tokenizer.from_bytes(backend.to_str().encode(), "tokenizer.json")
        if isinstance(tokenizer, ForeignTokenizer):
            raise _NotCoveredError(f"its vocabulary ({tokenizer.reason})")
        found = tokenizer.encode(_SAMPLE).tolist()
    except (ChatTemplateError, UnicodeError) as error:
        what = error.message if isinstance(error, VocabularyError) else str(error)
        raise _NotCoveredError(f"its vocabulary ({what})") from error
    if backend.truncation is None and backend.padding is None:
        expected = backend.encode(_SAMPLE, add_special_tokens=False)
        if expected.ids != found or any(expected.type_ids):
            raise _NotCoveredError("its vocabulary (a sample comes out otherwise)")
    return tokenizer


@lru_cache(maxsize=64)
def _compiled(source: str) -> Template:
    return Template(source)


def _conversations(conversation: Any) -> tuple[bool, list[list[dict[str, Any]]]]:
    """Whether there are several, and all of them without keys whose value is None."""
    if isinstance(conversation, (list, tuple)) and len(conversation) == 0:
        raise ValueError("Cannot apply chat template to an empty conversation. Provide at least one message.")
    is_batched = isinstance(conversation, (list, tuple)) and (
        isinstance(conversation[0], (list, tuple)) or hasattr(conversation[0], "messages")
    )
    chats = conversation if is_batched else [conversation]
    return is_batched, [[{k: v for k, v in message.items() if v is not None} for message in chat] for chat in chats]


def _check(
    conversations: list[Any], continue_final_message: Any, add_generation_prompt: Any, with_mask: bool, source: str
) -> None:
    """Refuses what `transformers` refuses before it renders, and warns where it warns."""
    if continue_final_message:
        if add_generation_prompt:
            raise ValueError(
                "continue_final_message and add_generation_prompt are not compatible. Use continue_final_message when "
                "you want the model to continue the final message, and add_generation_prompt when you want to add a "
                "header that will prompt it to start a new assistant message instead."
            )
        if with_mask:
            raise ValueError("continue_final_message is not compatible with return_assistant_tokens_mask.")
    if with_mask and not chat_template_utils.re.search(r"\{\%-?\s*generation\s*-?\%\}", source):
        chat_template_utils.logger.warning_once(
            "return_assistant_tokens_mask==True but chat template does not contain `{% generation %}` keyword."
        )


def _render(template: Template, chat: list[Any], options: dict[str, Any]) -> Any:
    try:
        return template.render(chat, **options)
    except UnicodeEncodeError as error:
        raise _NotCoveredError("a lone surrogate in a string") from error
    except ChatTemplateError as error:
        if "surrogate" in error.message:
            raise _NotCoveredError("a lone surrogate in a string") from error
        raise


class _Call:
    """One call's way from texts to a `BatchEncoding`."""

    def __init__(
        self,
        tokenizer: Any,
        vocabulary: _Vocabulary,
        is_batched: bool,
        padding: Any,
        truncation: Any,
        max_length: int | None,
        return_tensors: Any,
        more: dict[str, Any],
    ) -> None:
        self.tokenizer, self.encoder, self.is_batched = tokenizer, vocabulary.tokenizer, is_batched
        self.return_tensors, self.more = return_tensors, more
        self.verbose = more.get("verbose", True)
        self.multiple = more.get("pad_to_multiple_of")
        self.padding, self.truncation, self.max_length, _ = tokenizer._get_padding_truncation_strategies(
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            pad_to_multiple_of=self.multiple,
            verbose=self.verbose,
        )
        self.side = more.get("padding_side")
        # Also leaves the backend as `transformers` leaves it, and raises what it raises.
        tokenizer.set_truncation_and_padding(
            self.padding, self.truncation, self.max_length, 0, self.multiple, self.side
        )
        if self.side is None:
            self.side = tokenizer.padding_side
        self.backend = vocabulary.backend
        self.settings = self.backend.truncation, self.backend.padding

    @property
    def pads_left(self) -> bool:
        return bool(self.side == "left")

    def encode(self, texts: list[str]) -> Any:
        """What `tokenizer(texts)` gives."""
        rows = [self.cut(row) for row in self._ids(texts)]
        length = self._padded_length(rows)
        columns = self._columns(rows, length)
        for ids in columns["input_ids"]:
            self.tokenizer._eventual_warn_about_too_long_sequence(ids, self.max_length, self.verbose)
        late = _LateEncodings(lambda: self._encodings(texts))
        out = BatchEncoding(columns, late, tensor_type=self.return_tensors, n_sequences=1)
        if self.is_batched or self.return_tensors is not None:
            return out
        first = {key: value[0] if value and isinstance(value[0], list) else value for key, value in out.items()}
        return BatchEncoding(first, late, n_sequences=1)

    def mask(self, text: str, spans: list[tuple[int, int]]) -> list[int]:
        """1 for each token, of those that truncation leaves, that reaches into a span of characters."""
        if not spans:
            return self.cut([0] * self.encoder.count(text))
        starts, ends = self.encoder.offsets(text).T
        mask = np.zeros(len(starts), np.uint8)
        for start, end in spans:
            inside = np.flatnonzero((ends > start) & (starts < end))
            if start < end and len(inside):
                mask[inside[0] : inside[-1] + 1] = 1
        return self.cut(mask.tolist())

    def cut(self, row: list[int]) -> list[int]:
        """What truncation leaves of a row."""
        if self.truncation == TruncationStrategy.DO_NOT_TRUNCATE or len(row) <= self.max_length:
            return row
        at_start = self.tokenizer.truncation_side == "left"
        return row[len(row) - self.max_length :] if at_start else row[: self.max_length]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if len(texts) == 1:
            return [self.encoder.encode(texts[0]).tolist()]
        batch = self.encoder.encode_batch(texts, threads=1 if _one_thread() else None)
        ids, ends = batch.input_ids.tolist(), batch.offsets.tolist()
        return [ids[start:end] for start, end in zip(ends, ends[1:], strict=False)]

    def _padded_length(self, rows: list[list[int]]) -> int:
        if self.padding == PaddingStrategy.DO_NOT_PAD:
            return 0
        length = self.max_length if self.padding == PaddingStrategy.MAX_LENGTH else max(map(len, rows))
        return -(-length // self.multiple) * self.multiple if self.multiple else length

    def _columns(self, rows: list[list[int]], length: int) -> dict[str, list[Any]]:
        wanted, tokenizer = self.more, self.tokenizer
        names = tokenizer.model_input_names
        columns: dict[str, list[Any]] = {}

        def column(name: str, values: Callable[[list[int]], list[int]], pad: int) -> None:
            columns[name] = [_padded(values(row), length, pad, self.pads_left) for row in rows]

        pad_id = tokenizer.pad_token_id if length else 0
        column("input_ids", lambda row: row, pad_id)
        if _wanted(wanted.get("return_token_type_ids"), "token_type_ids" in names):
            column("token_type_ids", lambda row: [0] * len(row), tokenizer.pad_token_type_id)
        if _wanted(wanted.get("return_attention_mask"), "attention_mask" in names):
            column("attention_mask", lambda row: [1] * len(row), 0)
        if wanted.get("return_special_tokens_mask"):
            column("special_tokens_mask", lambda row: [0] * len(row), 1)
        if wanted.get("return_length"):
            columns["length"] = [len(ids) for ids in columns["input_ids"]]
        return columns

    def _encodings(self, texts: list[str]) -> list[Any]:
        """What `tokenizers` makes of the texts with the settings of this call; the present ones are put back."""
        before = self.backend.truncation, self.backend.padding
        try:
            _set(self.backend, *self.settings)
            found: list[Any] = self.backend.encode_batch(texts, add_special_tokens=False)
        finally:
            _set(self.backend, *before)
        return found


def _set(backend: Any, truncation: dict[str, Any] | None, padding: dict[str, Any] | None) -> None:
    backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
    backend.no_padding() if padding is None else backend.enable_padding(**padding)


class _LateEncodings(list):  # type: ignore[type-arg]
    """The `tokenizers.Encoding` objects of a result; `tokenizers` makes them when somebody asks for one."""

    def __init__(self, make: Callable[[], list[Any]]) -> None:
        super().__init__()
        self._make: Callable[[], list[Any]] | None = make

    def _made(self) -> list[Any]:
        if self._make is not None:
            make, self._make = self._make, None
            self.extend(make())
        return list(super().__iter__())

    def __len__(self) -> int:
        return len(self._made())

    def __iter__(self) -> Any:
        return iter(self._made())

    def __getitem__(self, index: Any) -> Any:
        return self._made()[index]

    def __eq__(self, other: object) -> bool:
        return self._made() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._made())

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (self._made(),)


def _wanted(asked: bool | None, default: bool) -> bool:
    return default if asked is None else bool(asked)


def _padded(row: list[int], length: int, pad: int, left: bool) -> list[int]:
    missing = [pad] * (length - len(row))
    if not missing:
        return row
    return missing + row if left else row + missing


def _as_long_as(masks: list[list[int]], ids: Any, left: bool, single: bool) -> list[list[int]]:
    """Masks with 0 for padding, as long as the rows of ids."""
    lengths = [len(ids)] if single else [len(row) for row in ids]
    return [_padded(mask, length, 0, left) for mask, length in zip(masks, lengths, strict=True)]


def _one_thread() -> bool:
    """Whether the user told `tokenizers` to keep to one thread, as the workers of a data loader are told."""
    return os.environ.get("TOKENIZERS_PARALLELISM", "").lower() in ("off", "false", "f", "no", "n", "0")
