"""A chat format: a template together with the tokens that go with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from chattpl import _core, compiled
from chattpl._core import Rendered
from chattpl.errors import FormatNotFoundError, InputError, VocabularyError
from chattpl.registry import ModelInfo, find, with_tokens_of
from chattpl.source import ChatSource
from chattpl.template import Template
from chattpl.train import Train

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chattpl.encoded import Encoded, EncodedBatch
    from chattpl.tokenizer import Tokenizer

SpecialTokens = Literal["template", "strict", "parity", "error"]

_EVERYTHING = Train()


@runtime_checkable
class ArrowStream(Protocol):
    """A table, or anything else that hands over Arrow arrays one after the other."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule with the stream."""
        ...


@runtime_checkable
class ArrowArray(Protocol):
    """One Arrow array."""

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        """Capsules with the type and the array."""
        ...


class ChatFormat:
    """How one family of models wants its conversations written. Made by `chattpl.load`.

    Args:
        info: What is known about the format.
        source: Its templates and tokens.
        template: The name of the template to use; None for the default one, or the one for tools where there are any.
        tokenizer: Its vocabulary: a tokenizer, a file or folder, or the name of a shipped one; None for the one that
            belongs to the format.
        stop_tokens: The tokens that end a turn, in place of those of the source.

    Raises:
        VocabularyError: The vocabulary lacks one of `stop_tokens`.
    """

    __slots__ = (
        "_arguments",
        "_chosen",
        "_compiled",
        "_encoders",
        "_file",
        "_given_stops",
        "_literals",
        "_sources",
        "_tokenizer",
        "info",
        "special_tokens",
        "stop_tokens",
    )

    info: ModelInfo
    """What is known about the format, and where it was loaded from."""
    special_tokens: dict[str, int | None]
    """Text to id of each control token; None where the source does not tell the id."""
    stop_tokens: tuple[str, ...]
    """The tokens that end a turn of the assistant."""

    def __init__(
        self,
        info: ModelInfo,
        source: ChatSource,
        template: str | None = None,
        tokenizer: Tokenizer | str | os.PathLike[str] | None = None,
        stop_tokens: Sequence[str] | None = None,
    ) -> None:
        self.info = info
        self.special_tokens = source.special_tokens
        self.stop_tokens = source.stop_tokens if stop_tokens is None else _texts(stop_tokens)
        self._given_stops = stop_tokens is not None
        self._sources = source.templates
        self._arguments = source.arguments
        self._file = source.file
        self._literals = source.literals if tokenizer is None else None
        self._chosen = template
        self._compiled: dict[str, Template] = {}
        self._encoders: dict[tuple[str, frozenset[str]], _core.ChatEncoder] = {}
        self._tokenizer = tokenizer
        if template is not None or "default" in self._sources:
            self.template_for(None)  # so that an unknown name or a syntax error shows now
        if self._given_stops:
            with suppress(VocabularyError):  # one that cannot be had is no fault before something is encoded
                self.tokenizer  # noqa: B018
            if not isinstance(self._tokenizer, str | os.PathLike | None):
                self.stop_token_ids  # noqa: B018

    @property
    def name(self) -> str:
        """The registry name, or that of the file or model."""
        return self.info.name

    @property
    def template(self) -> Template:
        """The template that is used without tools."""
        return self.template_for(None)

    @property
    def template_names(self) -> tuple[str, ...]:
        """The names of all templates of the format; most have `default` alone."""
        return tuple(self._sources)

    @property
    def token_arguments(self) -> dict[str, str]:
        """The tokens that `render` passes as arguments: `bos_token` and the like, as text."""
        return dict(self._arguments)

    def template_for(self, tools: object) -> Template:
        """Picks the template as `transformers` does: by name, else `tool_use` if tools are given, else `default`.

        Raises:
            FormatNotFoundError: There is no template of that name, or no default one.
        """
        return self._template_called(self._name_for(tools))

    def _name_for(self, tools: object) -> str:
        if self._chosen is not None:
            return self._chosen
        return "tool_use" if tools is not None and "tool_use" in self._sources else "default"

    def _template_called(self, name: str) -> Template:
        if name not in self._compiled:
            if name not in self._sources:
                names = ", ".join(f"`{known}`" for known in sorted(self._sources))
                raise FormatNotFoundError(
                    f"`{self.name}` has no template called `{name}`",
                    location=self.info.source,
                    hint=f"it has {names}: choose with `template=` or `name@template`",
                )
            shown = self._file or (self.name if name == "default" else f"{self.name}@{name}")
            self._compiled[name] = Template(self._sources[name], shown)
        return self._compiled[name]

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        **arguments: Any,
    ) -> Rendered:
        """Renders a conversation, with the format's own special tokens as arguments.

        Args:
            messages: The conversation.
            tools: Tools the model may call: JSON schemas, or functions with type hints and a docstring.
            documents: Documents for formats that take them.
            add_generation_prompt: Whether to end with the header of the assistant's next turn.
            continue_final_message: True, or a field name, to leave the last message open for the model to go on with.
            now: The time that `strftime_now` prints; the local clock by default.
            **arguments: Anything else that the template reads, such as `enable_thinking=False`. These come before the
                format's own tokens.

        Returns:
            The text and its segments.

        Raises:
            RenderError: The template refuses the conversation. The error is also of the class, and has the message,
                that `transformers` raises.
            LimitError: The render ran past a limit.
            InputError: The input cannot be read.
        """
        return self.template_for(tools).render(
            messages,
            tools=tools,
            documents=documents,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            now=now,
            **{**self._arguments, **arguments},
        )

    @property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary of the format: the one that was given, that of the model's folder, or the registry's.

        Raises:
            VocabularyError: There is none here; the hint says how to get it.
        """
        if self._tokenizer is None or isinstance(self._tokenizer, str | os.PathLike):
            self._tokenizer = self._find_tokenizer()
        return self._tokenizer

    @property
    def stop_token_ids(self) -> tuple[int, ...]:
        """The ids of `stop_tokens`, as far as the vocabulary has them.

        Raises:
            VocabularyError: It lacks one that was given as `stop_tokens`; or see `tokenizer`.
        """
        ids = {token: self.tokenizer.token_to_id(token) for token in self.stop_tokens}
        missing = [token for token, token_id in ids.items() if token_id is None]
        if missing and self._given_stops:
            raise VocabularyError(
                f"the vocabulary has no stop token `{missing[0]}`",
                location=self.tokenizer.name or None,
                hint="give a token of the vocabulary, spelt as it stands there",
            )
        return tuple(token_id for token_id in ids.values() if token_id is not None)

    def encode(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        train: Train = _EVERYTHING,
        special_tokens: SpecialTokens = "template",
        **arguments: Any,
    ) -> Encoded:
        """Renders a conversation and encodes it.

        Args:
            messages: See `render`, as all that is not listed here.
            tools: See `render`.
            documents: See `render`.
            add_generation_prompt: See `render`.
            continue_final_message: See `render`.
            now: See `render`.
            train: What is learnt: the mask is 1 there.
            special_tokens: Who may make a control token. `"template"`: only the template, and the format's own tokens;
                the same text in a message, tool or argument is encoded as plain text. `"strict"`: so for added tokens
                that are not flagged special, too (`<think>`), which then count only from the template and from
                assistants. `"parity"`: anybody, as in `transformers`. `"error"`: a control token in data is refused.
            **arguments: See `render`. An argument that replaces a token of the format (`bos_token=...`) is data.

        Returns:
            The tokens, and for each whether it is learnt, whose message it is and where it came from.

        Raises:
            RenderError: See `render`.
            VocabularyError: The format's vocabulary is not here.
            EncodeError: A control token in data, with `special_tokens="error"`.
        """
        from chattpl.encoded import Encoded, arrays

        buffers, text = self._encoder_for(tools, arguments).encode(
            messages,
            train.as_tuple(),
            special_tokens,
            tools=tools,
            documents=documents,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            now=now,
            arguments={**self._arguments, **arguments},
        )
        ids, mask, index, origin, weight, _ = arrays(buffers)
        return Encoded(input_ids=ids, loss_mask=mask, message_index=index, origin=origin, loss_weight=weight, text=text)

    def encode_batch(
        self,
        source: Sequence[Any] | str | os.PathLike[str] | bytes | ArrowStream | ArrowArray,
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        train: Train = _EVERYTHING,
        special_tokens: SpecialTokens = "template",
        threads: int | None = None,
        errors: Literal["raise", "quarantine"] = "raise",
        **arguments: Any,
    ) -> EncodedBatch:
        """Renders and encodes many conversations.

        Args:
            source: One of these:

                - a list of conversations, or of rows `{"messages": ..., "tools": ...}`;
                - lines of JSON, each one of the two: a path (`.gz`, `.bz2`, `.xz` and `.zst` are unpacked) or bytes;
                - Arrow data, read without Python objects: a table, record batch or stream of `pyarrow`, `polars` or
                  anything else with `__arrow_c_stream__` or `__arrow_c_array__`, or a `datasets.Dataset`. It has a
                  column `messages` of the type `list<struct<role, content, ...>>` and may have columns `tools` and
                  `documents`, lists of structs or JSON text; or it is an array of conversations, without columns.
                  All structs of a column have the same fields, and `datasets` fills those that a row lacks with null:
                  a field that is null is taken for a key that is not there, in messages, tool arguments and schemas
                  alike. Null elsewhere (in a list, in a map) is None.
            tools: Tools for all rows, in place of their own.
            documents: Documents for all rows, in place of their own.
            add_generation_prompt: See `render`.
            continue_final_message: See `render`.
            now: See `render`; one time for all rows.
            train: See `encode`.
            special_tokens: See `encode`.
            threads: How many threads to use; as many as the machine has by default. The result does not depend on it.
            errors: What a row that cannot be encoded does: end the call (`"raise"`), or go to `.quarantine`.
            **arguments: See `render`.

        Returns:
            The conversations in the order of the source.

        Raises:
            ChatTemplateError: A row cannot be encoded; `location` begins with its number, from 0.
        """
        from chattpl import jsonl
        from chattpl.encoded import batch_of

        _check(errors, threads)
        encoder = self._encoder_for(tools, arguments)
        options = {"tools": tools, "documents": documents, "add_generation_prompt": add_generation_prompt}
        if isinstance(source, str | os.PathLike | bytes):
            lines = jsonl.whole(source)
            parts = self._encode_lines(
                jsonl.blocks(source) if lines is None else [lines],  # type: ignore[arg-type]
                train=train,
                special_tokens=special_tokens,
                continue_final_message=continue_final_message,
                now=now,
                threads=threads,
                quarantine=errors == "quarantine",
                options=options,
                arguments=arguments,
            )
            return batch_of(list(parts))
        table = _table_of(source)
        if isinstance(table, ArrowStream | ArrowArray):
            part = encoder.encode_arrow(
                table,
                train.as_tuple(),
                special_tokens,
                continue_final_message=continue_final_message,
                now=now,
                arguments=_as_json({**self._arguments, **arguments, **options}),
                threads=threads,
                quarantine=errors == "quarantine",
            )
            return batch_of([part])
        part = encoder.encode_rows(
            table if isinstance(table, list) else list(table),
            train.as_tuple(),
            special_tokens,
            tools=tools,
            documents=documents,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            now=now,
            arguments={**self._arguments, **arguments},
            threads=threads,
            quarantine=errors == "quarantine",
        )
        return batch_of([part])

    def encode_blocks(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        train: Train = _EVERYTHING,
        special_tokens: SpecialTokens = "template",
        threads: int | None = None,
        errors: Literal["raise", "quarantine"] = "raise",
        block_bytes: int | None = None,
        **arguments: Any,
    ) -> Iterator[EncodedBatch]:
        """Encodes lines of JSON block by block, in bounded memory.

        Args:
            source: A path, or a file that is open for reading bytes.
            tools: See `encode_batch`, as all that is not listed here.
            documents: See `encode_batch`.
            add_generation_prompt: See `encode_batch`.
            continue_final_message: See `encode_batch`.
            now: See `encode_batch`.
            train: See `encode_batch`.
            special_tokens: See `encode_batch`.
            threads: See `encode_batch`.
            errors: See `encode_batch`.
            block_bytes: How much is read at a time; 4 MiB by default.
            **arguments: See `encode_batch`.

        Yields:
            A batch for each block, at least one; numbers of rows count on through the whole source.
        """
        from chattpl import jsonl
        from chattpl.encoded import batch_of

        _check(errors, threads)
        parts = self._encode_lines(
            jsonl.blocks(source, block_bytes or jsonl.BLOCK_BYTES),
            train=train,
            special_tokens=special_tokens,
            continue_final_message=continue_final_message,
            now=now,
            threads=threads,
            quarantine=errors == "quarantine",
            options={"tools": tools, "documents": documents, "add_generation_prompt": add_generation_prompt},
            arguments=arguments,
        )
        for part in parts:
            yield batch_of([part])

    def save(self, path: str | os.PathLike[str]) -> int:
        """Writes the format to one file: its templates, its tokens and its vocabulary. `load` reads it.

        Args:
            path: The file; its name ends in `.chattpl`.

        Returns:
            The size of the file in bytes.

        Raises:
            VocabularyError: The format's vocabulary is not here, or of a kind that our own encoder does not cover.
            InputError: The name ends otherwise.
            OSError: The file cannot be written.
        """
        file = Path(path)
        if file.suffix != compiled.SUFFIX:
            raise InputError(
                f"a compiled format is called `NAME{compiled.SUFFIX}`",
                location=str(path),
                hint=f"write {file.with_suffix(compiled.SUFFIX)}" if file.name else None,
            )
        templates = self._sources if self._chosen is None else {"default": self.template_for(None).source}
        tokenizer = self.tokenizer
        pack = tokenizer.pack()  # raises for a vocabulary that no pack holds
        called = {name: self._template_called(self._chosen or name) for name in templates}
        literals = {name: _core.ChatEncoder(called[name], tokenizer, [], []).literals() for name in templates}
        source = ChatSource(
            self.name, templates, self._arguments, self.special_tokens, self.stop_tokens, literals=literals
        )
        return compiled.write(file, {**asdict(self.info), "name": self.name}, source, pack)

    def _encode_lines(
        self,
        blocks: Any,
        *,
        train: Train,
        special_tokens: SpecialTokens,
        continue_final_message: bool | str,
        now: datetime | None,
        threads: int | None,
        quarantine: bool,
        options: dict[str, Any],
        arguments: dict[str, Any],
    ) -> Iterator[Any]:
        encoder = self._encoder_for(options["tools"], arguments)
        given = _as_json({**self._arguments, **arguments, **options})
        row = 0
        for block in _at_least_one(blocks):
            part = encoder.encode_lines(
                block,
                train.as_tuple(),
                special_tokens,
                continue_final_message=continue_final_message,
                now=now,
                arguments=given,
                threads=threads,
                quarantine=quarantine,
                first_row=row,
            )
            row += len(part[0][5]) - 1 + len(part[1])
            yield part

    def _encoder_for(self, tools: object, arguments: Mapping[str, Any]) -> _core.ChatEncoder:
        template = self.template_for(tools)
        replaced = frozenset(self._arguments.keys() & arguments.keys())
        key = (template.name or "", replaced)
        if key not in self._encoders:
            declared = [name for name in self._arguments if name not in replaced]
            stops, literals = list(self.stop_token_ids), (self._literals or {}).get(self._name_for(tools))
            self._encoders[key] = _core.ChatEncoder(template, self.tokenizer, stops, declared, literals)
        return self._encoders[key]

    def _find_tokenizer(self) -> Tokenizer:
        from chattpl.tokenizer import Tokenizer
        from chattpl.tokenizer_files import has_tokenizer

        given = self._tokenizer
        if isinstance(given, str | os.PathLike):
            return Tokenizer.from_file(given) if os.path.exists(given) else _shipped(os.fspath(given))
        place = Path(self._file or self.info.source)
        if compiled.is_compiled(place):
            return Tokenizer.from_file(place)
        folder = place if place.is_dir() else place.parent
        if place.exists() and has_tokenizer(folder):
            return Tokenizer.from_file(folder)
        name = self.info.tokenizer
        if name is None or name == "none":
            raise VocabularyError(
                f"`{self.name}` comes without a vocabulary",
                location=self.info.source,
                hint="give one: load(..., tokenizer=PATH or NAME), on the command line --tokenizer",
            )
        return _shipped(name)

    def __repr__(self) -> str:
        return f"ChatFormat({self.name!r}, source={self.info.source!r})"

    def __reduce__(self) -> tuple[object, ...]:
        source = ChatSource(
            self.name,
            self._sources,
            self._arguments,
            self.special_tokens,
            self.stop_tokens,
            self._file,
            self._literals,
        )
        stops = self.stop_tokens if self._given_stops else None
        return ChatFormat, (self.info, source, self._chosen, self._tokenizer, stops)


def _texts(tokens: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tokens, str) or not all(isinstance(token, str) for token in tokens):
        raise InputError(f"`stop_tokens` is {tokens!r}", hint='give a list of texts, such as `["<|im_end|>"]`')
    return tuple(dict.fromkeys(tokens))


def _check(errors: str, threads: int | None) -> None:
    if errors not in ("raise", "quarantine"):
        raise ValueError(f'errors={errors!r}: it is "raise" or "quarantine"')
    if threads is not None and threads < 1:
        raise ValueError(f"threads={threads}: at least 1")


def _at_least_one(blocks: Iterable[Any]) -> Iterator[Any]:
    """The blocks; an empty one where there is none, so that the result has its arrays."""
    found = False
    for block in blocks:
        found = True
        yield block
    if not found:
        yield b""


def _table_of(source: Any) -> Any:
    """The Arrow table of a `datasets.Dataset`; anything else as it is."""
    if type(source).__module__.partition(".")[0] != "datasets" or not hasattr(source, "with_format"):
        return source
    if hasattr(source, "column_names") and hasattr(source, "__getitem__"):
        kept = [name for name in ("messages", "tools", "documents") if name in source.column_names]
        return source.select_columns(kept or source.column_names).with_format("arrow")[:]
    return source


@cache
def _shipped(name: str) -> Tokenizer:
    from chattpl.tokenizer import Tokenizer

    return Tokenizer.load(name)


def _as_json(arguments: dict[str, Any]) -> str:
    """Template arguments as JSON text; functions among the tools become their schemas."""
    tools = arguments["tools"]
    if tools is not None:
        from chattpl.schema import tool_schema

        arguments = {**arguments, "tools": [tool_schema(tool) if callable(tool) else tool for tool in tools]}
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"template arguments for lines of JSON and Arrow data must be JSON themselves: {error}",
            hint="give a list of conversations, or give the argument as JSON",
        ) from error


def load(
    ref: str | os.PathLike[str],
    *,
    template: str | None = None,
    tokenizer: Tokenizer | str | os.PathLike[str] | None = None,
    stop_tokens: Sequence[str] | None = None,
) -> ChatFormat:
    """Loads a chat format.

    Args:
        ref: The first of these that fits:

            - an existing path: a template (`.jinja`), a Hub model's folder, a `tokenizer_config.json`, a `.gguf` file,
              or what `ChatFormat.save` wrote (`.chattpl`);
            - a registry name or alias such as `qwen3`, whatever its case and with `-`, `_` or `.`;
            - a Hub id in the local Hub cache, or one whose format the registry knows.

            `ref@name` chooses among a model's named templates.
        template: The name of the template to use, where the model has several.
        tokenizer: Its vocabulary: a tokenizer, a file or folder, or the name of a shipped one; by default the one that
            belongs to the format. It is read when something is encoded. The tokens of a model's folder (`bos_token`,
            special and stop tokens) apply to a template that is a file; to other formats, where they have none.
        stop_tokens: The tokens that end a turn, in place of those that are known.

    Returns:
        The format; `info.source` says where it was taken from.

    Raises:
        FormatNotFoundError: Nothing has that name; the closest names are in the hint.
        SourceError: A file or folder that holds no readable template.
        TemplateSyntaxError: The template does not parse.
        VocabularyError: The vocabulary lacks one of `stop_tokens`.

    Example:
        >>> chat = load("chatml")
        >>> print(chat.render([{"role": "user", "content": "Hi"}]).text)
        <|im_start|>user
        Hi<|im_end|>
        <BLANKLINE>
    """
    if isinstance(ref, str) and template is None and "@" in ref and not os.path.exists(ref):
        base, _, name = ref.rpartition("@")
        if base and name:
            ref, template = base, name
    info, source = find(ref)
    folder = tokenizer if isinstance(tokenizer, str | os.PathLike | None) else tokenizer.folder
    if folder is not None and os.path.isdir(folder):
        source = with_tokens_of(Path(folder), source)
    return ChatFormat(info, source, template, tokenizer, stop_tokens)
