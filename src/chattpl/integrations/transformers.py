"""Puts chattpl behind `apply_chat_template` of a `transformers` tokenizer: the same results, sooner.

What is not covered goes to the tokenizer's own method, and a warning says so once. `docs/accelerate.md` lists it.
"""

from __future__ import annotations

import inspect
import warnings
from functools import lru_cache, partial
from typing import Any

from transformers import PreTrainedTokenizerBase, tokenization_utils_base
from transformers.tokenization_utils_tokenizers import TokenizersBackend
from transformers.utils import chat_template_utils

from chattpl import _core
from chattpl.errors import ChatTemplateError, VocabularyError
from chattpl.integrations.batch_encoding import Call, Vocabulary
from chattpl.integrations.sanitize import Row, Sanitizer
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
        self._vocabulary: Vocabulary | None = None
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
            _check(continue_final_message, add_generation_prompt, return_assistant_tokens_mask, source)
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
                vocabulary = self.vocabulary() if tokenize or sanitize_control_tokens else None
                rendered = [_render(template, chat, options) for chat in conversations]
            except _NotCoveredError as error:
                reason = str(error)
        # Not while an exception is handled: CPython 3.11 then takes one kind of error for another.
        if reason is not None:
            self._tell(reason)
            return type(tokenizer).apply_chat_template(tokenizer, **arguments)
        texts = [each.text for each in rendered]
        if sanitize_control_tokens and vocabulary is not None:
            sanitizer = Sanitizer(tokenizer, vocabulary.tokenizer, source, frozenset(kwargs))
            if tokenize:
                return self._sanitized(sanitizer, vocabulary, is_batched, rendered, conversations, arguments)
            for each in rendered:
                sanitizer.check_text(each)
        if vocabulary is None or not tokenize:
            return texts if is_batched else texts[0]
        call = Call(tokenizer, vocabulary, is_batched, arguments)
        out = call.encode(texts)
        if return_assistant_tokens_mask:
            call.add_masks(out, texts, [each.generation_spans for each in rendered])
        return out if return_dict else out["input_ids"]

    def _sanitized(
        self,
        sanitizer: Sanitizer,
        vocabulary: Vocabulary,
        is_batched: bool,
        rendered: list[Any],
        conversations: list[Any],
        arguments: dict[str, Any],
    ) -> Any:
        """What `transformers` gives where it forges no token and can do what is asked, and else what origins give."""
        method = partial(type(self.__self__).apply_chat_template, self.__self__)
        with_mask = arguments["return_assistant_tokens_mask"]
        rows = [sanitizer.encode(each) for each in rendered]
        if not with_mask:
            single = {**arguments, "padding": False, "truncation": False, "max_length": None, "tokenizer_kwargs": None}
            single |= {"return_dict": False, "return_tensors": None}
            theirs = [method(**{**single, "conversation": chat}) for chat in conversations]
            pairs = zip(rows, theirs, strict=True)
            if all(sanitizer.controls(row.ids) == sanitizer.controls(other) for row, other in pairs):
                return method(**arguments)
        call = Call(self.__self__, vocabulary, is_batched, arguments)
        out = call.padded([row.ids for row in rows])
        if with_mask:
            call.add_row_masks(
                out, [_mask_of(row, each.generation_spans) for row, each in zip(rows, rendered, strict=True)]
            )
        return out if arguments["return_dict"] else out["input_ids"]

    def vocabulary(self) -> Vocabulary:
        """The tokenizer's vocabulary as it is now; read again when tokens were added."""
        known = self._vocabulary
        backend = self.__self__._tokenizer
        size = backend.get_vocab_size(True)
        if known is None or known.backend is not backend or known.size != size:
            known = self._vocabulary = Vocabulary(backend, size, _read(backend))
        return known

    def forget(self) -> None:
        """Has the vocabulary read again at the next call."""
        self._vocabulary = None

    def _not_covered(self, arguments: dict[str, Any], source: Any, kwargs: dict[str, Any]) -> str | None:
        """Why a call has to go to `transformers`; None if it can be done here."""
        if arguments["sanitize_control_tokens"] and not hasattr(self.__self__, "_get_control_tokens"):
            return "`sanitize_control_tokens=True` of this version of `transformers`"
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
        if tokenizer.reason is not None:
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


def _without_none(chat: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in message.items() if value is not None} for message in chat]


_normalized = getattr(tokenization_utils_base, "_normalize_chat_messages", _without_none)
"""Messages as dicts without keys whose value is None; `transformers` 5.24 and later also take objects."""


def _conversations(conversation: Any) -> tuple[bool, list[list[dict[str, Any]]]]:
    """Whether there are several, and all of them as the renderer takes them."""
    if isinstance(conversation, (list, tuple)) and len(conversation) == 0:
        raise ValueError("Cannot apply chat template to an empty conversation. Provide at least one message.")
    is_batched = isinstance(conversation, (list, tuple)) and (
        isinstance(conversation[0], (list, tuple)) or hasattr(conversation[0], "messages")
    )
    chats = conversation if is_batched else [conversation]
    return is_batched, [_normalized(chat) for chat in chats]


def _check(continue_final_message: Any, add_generation_prompt: Any, with_mask: bool, source: str) -> None:
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


def _mask_of(row: Row, spans: list[tuple[int, int]]) -> list[int]:
    """1 for each token that reaches into a span of characters."""
    ends = sorted((end, start) for start, end in spans if start < end)
    mask, index = [], 0
    for first, last in row.spans:
        while index < len(ends) and ends[index][0] <= first:
            index += 1
        mask.append(int(index < len(ends) and ends[index][1] < last))
    return mask


def _render(template: Template, chat: list[Any], options: dict[str, Any]) -> Any:
    own = ("tools", "documents", "add_generation_prompt", "continue_final_message")
    # As tokens: `transformers` warns of no argument that goes unread.
    given = {name: value for name, value in options.items() if name not in own}
    try:
        return template.render_with(
            chat, _core.RenderOptions(**{name: options[name] for name in own}, tokens=given), as_row=False
        )
    except UnicodeEncodeError as error:
        raise _NotCoveredError("a lone surrogate in a string") from error
    except ChatTemplateError as error:
        if "surrogate" in error.message:
            raise _NotCoveredError("a lone surrogate in a string") from error
        raise
