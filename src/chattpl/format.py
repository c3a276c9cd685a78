"""A chat format: a template together with the tokens that go with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from chattpl import _core, compiled, notices
from chattpl._core import Rendered
from chattpl.errors import FormatNotFoundError, InputError, VocabularyError
from chattpl.registry import ModelInfo, find, with_tokens_of
from chattpl.source import ChatSource
from chattpl.template import Template
from chattpl.train import Train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chattpl.encoded import Encoded, EncodedBatch, Part
    from chattpl.tokenizer import Tokenizer

SpecialTokens = Literal["template", "strict", "parity", "error"]
NullFields = Literal["drop", "keep"]
Normalize = Literal["off", "auto"]
Conversation = Sequence[Mapping[str, Any]] | Mapping[str, Any] | bytes
"""A list of messages, a row that holds one, or the JSON text of one of them."""

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
        self._encoders: dict[frozenset[str], _core.ChatEncoder] = {}
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
        messages: Conversation,
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        null_fields: NullFields = "drop",
        normalize: Normalize = "off",
        **arguments: Any,
    ) -> Rendered:
        """Renders a conversation, with the format's own special tokens as arguments.

        Args:
            messages: The conversation: a list of messages, or a row of any dialect (`docs/rows.md`), such as
                `{"messages": ..., "tools": ...}` or `{"conversations": [{"from": "human", ...}]}`.
            tools: Tools the model may call: JSON schemas, or functions with type hints and a docstring.
            documents: Documents for formats that take them.
            add_generation_prompt: Whether to end with the header of the assistant's next turn.
            continue_final_message: True, or a field name, to leave the last message open for the model to go on with.
            now: The time that `strftime_now` prints; the local clock by default.
            null_fields: What becomes of fields of a message whose value is None: `"drop"` drops them, as
                `apply_chat_template` of transformers 5.23 and later does; `"keep"` shows them to the template, as
                llama.cpp and older versions do.
            normalize: `"auto"` brings messages into the form that the template takes, which probes find out: content
                parts or text, tool arguments as objects or as text, roles, content that is missing. `"off"` renders
                what was given, exactly as `transformers`.
            **arguments: Anything else that the template reads, such as `enable_thinking=False`. These come before the
                format's own tokens. The entries of `chat_template_kwargs` count as arguments themselves.

        Returns:
            The text and its segments.

        Raises:
            RenderError: The template refuses the conversation. The error is also of the class, and has the message,
                that `transformers` raises.
            LimitError: The render ran past a limit.
            InputError: The input cannot be read.

        Warns:
            UnprintedWarning: The template prints nothing of some strings; `Rendered.unprinted` has their paths.
            ArgumentWarning: The template does not read an argument.
        """
        options = self._options(
            tools, documents, add_generation_prompt, continue_final_message, now, null_fields, normalize, arguments
        )
        template = self._template_of_row(messages, tools)
        rendered = template.render_with(messages, options, as_row=True)
        if lost := rendered.lost:
            notices.warn_unprinted(lost)
        return rendered

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
        messages: Conversation,
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        null_fields: NullFields = "drop",
        normalize: Normalize = "off",
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
            null_fields: See `render`.
            normalize: See `render`.
            train: What is trained on: the mask is 1 there.
            special_tokens: Who may make a control token. `"template"`: only the template, and the format's own tokens;
                the same text in a message, tool or argument is encoded as plain text. `"strict"`: so for added tokens
                that are not flagged special, too (`<think>`), which then count only from the template and from
                assistants. `"parity"`: anybody, as in `transformers`. `"error"`: a control token in data is refused.
            **arguments: See `render`. An argument that replaces a token of the format (`bos_token=...`) is data.

        Returns:
            The tokens, and for each whether it is trained on, whose message it is and where it came from.

        Raises:
            RenderError: See `render`.
            VocabularyError: The format's vocabulary is not here.
            EncodeError: A control token in data, with `special_tokens="error"`.
        """
        from chattpl.encoded import encoded_of
        from chattpl.report import RowsReport

        options = self._options(
            tools, documents, add_generation_prompt, continue_final_message, now, null_fields, normalize, arguments
        )
        made = self._encoder_for(arguments).encode(
            messages, _core.EncodeOptions(options, train.as_tuple(), special_tokens)
        )
        if made.notes:
            report = RowsReport.of([made.notes], self._knows_role)
            if made.lost:
                notices.warn_unprinted(made.lost)
            elif report.unknown_roles or report.flag_like or report.unused or report.without_stop:
                notices.warn_rows(replace(report, untrained=None, empty=None))
        return encoded_of(made)

    def encode_batch(
        self,
        source: Sequence[Any] | str | os.PathLike[str] | bytes | ArrowStream | ArrowArray,
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        null_fields: NullFields = "drop",
        normalize: Normalize = "off",
        train: Train = _EVERYTHING,
        special_tokens: SpecialTokens = "template",
        threads: int | None = None,
        errors: Literal["raise", "quarantine"] = "raise",
        keep: Sequence[str] = (),
        **arguments: Any,
    ) -> EncodedBatch:
        """Renders and encodes many conversations.

        Each row is read as `encode` reads it: in any dialect (`docs/rows.md`), with its own `tools`, `documents`,
        `chat_template_kwargs` and `weight`. With tools it gets the template for tools, where there is one.

        Args:
            source: One of these:

                - a list of conversations or rows;
                - a file by its path or content (bytes): JSON Lines, a JSON array, Parquet or Arrow, plain or compressed
                  with gzip, bzip2, xz or zstd, whatever the name;
                - Arrow data, read without Python objects: a table, record batch or stream of `pyarrow`, `polars` or
                  anything else with `__arrow_c_stream__` or `__arrow_c_array__`, or a `datasets.Dataset`; or an array
                  of conversations, without columns. All structs of a column have the same fields, and `datasets`
                  fills those that a row lacks with null: a field that is null is taken for a key that is not there,
                  in messages, tool arguments and schemas alike. Null elsewhere (in a list, in a map) is None. Text of
                  the type `arrow.json` is the value that it holds.
            tools: Tools for all rows, in place of their own.
            documents: Documents for all rows, in place of their own.
            add_generation_prompt: See `render`.
            continue_final_message: See `render`.
            now: See `render`; one time for all rows.
            null_fields: See `render`.
            normalize: See `render`.
            train: See `encode`.
            special_tokens: See `encode`.
            threads: How many threads to use; as many as the machine has by default. The result does not depend on it.
            errors: What a row that cannot be encoded does: end the call (`"raise"`), or go to `.quarantine`.
            keep: Fields of rows that travel into `.columns`, beside `id`.
            **arguments: See `render`.

        Returns:
            The conversations in the order of the source; `.rows` has the number of each, from 1, and `.report` what
            rows held that is worth a word.

        Raises:
            ChatTemplateError: A row cannot be encoded; `location` is a `Location` with the number of its row, from 1.
            SourceError: The source cannot be read, or is of a kind that holds no rows.

        Warns:
            RowWarning: What `.report` says, in one warning a call.
        """
        from chattpl.encoded import batch_of

        options = self._options(
            tools, documents, add_generation_prompt, continue_final_message, now, null_fields, normalize, arguments
        )
        run = self._run(options, arguments, train, special_tokens, threads, errors, keep)
        source, name, parts = self._parts(source, run, None)
        batch = batch_of(list(parts), source=name, keep=run.keep, knows=self._knows_role)
        # Prompts have nothing to train.
        notices.warn_rows(replace(batch.report, untrained=None) if add_generation_prompt else batch.report)
        return batch

    def encode_blocks(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        null_fields: NullFields = "drop",
        normalize: Normalize = "off",
        train: Train = _EVERYTHING,
        special_tokens: SpecialTokens = "template",
        threads: int | None = None,
        errors: Literal["raise", "quarantine"] = "raise",
        keep: Sequence[str] = (),
        block_bytes: int | None = None,
        **arguments: Any,
    ) -> Iterator[EncodedBatch]:
        """Encodes a file block by block, in bounded memory.

        Args:
            source: A path, or a file that is open for reading bytes; see `encode_batch` for the kinds of files.
            tools: See `encode_batch`, as all that is not listed here.
            documents: See `encode_batch`.
            add_generation_prompt: See `encode_batch`.
            continue_final_message: See `encode_batch`.
            now: See `encode_batch`.
            null_fields: See `encode_batch`.
            normalize: See `encode_batch`.
            train: See `encode_batch`.
            special_tokens: See `encode_batch`.
            threads: See `encode_batch`.
            errors: See `encode_batch`.
            keep: See `encode_batch`.
            block_bytes: How much is read at a time; 4 MiB by default.
            **arguments: See `encode_batch`.

        Yields:
            A batch for each block, at least one; numbers of rows count on through the whole source.
        """
        from chattpl.encoded import batch_of

        options = self._options(
            tools, documents, add_generation_prompt, continue_final_message, now, null_fields, normalize, arguments
        )
        run = self._run(options, arguments, train, special_tokens, threads, errors, keep)
        _, name, parts = self._parts(source, run, block_bytes)
        for part in parts:
            yield batch_of([part], source=name, keep=run.keep, knows=self._knows_role)

    def fingerprint(self) -> dict[str, str]:
        """What identifies the format's output: SHA-256 of its template texts, and of its vocabulary where one is here.

        Returns:
            `template`, and `tokenizer`: of the tokens with their ids and of what is added, as hexadecimal digits.
        """
        from chattpl.fingerprint import of_templates, of_tokenizer

        return {"template": of_templates(self._sources), "tokenizer": of_tokenizer(self.tokenizer)}

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

    def _options(
        self,
        tools: Sequence[Any] | None,
        documents: Sequence[Mapping[str, Any]] | None,
        add_generation_prompt: bool,
        continue_final_message: bool | str,
        now: datetime | None,
        null_fields: NullFields,
        normalize: Normalize,
        arguments: dict[str, Any],
    ) -> _core.RenderOptions:
        return _core.RenderOptions(
            tools=tools,
            documents=documents,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            now=now,
            null_fields=null_fields,
            normalize=normalize,
            tokens=self._arguments,
            arguments=arguments,
        )

    def _run(
        self,
        options: _core.RenderOptions,
        arguments: dict[str, Any],
        train: Train,
        special_tokens: SpecialTokens,
        threads: int | None,
        errors: str,
        keep: Sequence[str],
    ) -> _Run:
        _check(errors, threads)
        if isinstance(keep, str):
            raise ValueError(f"keep={keep!r}: give a list of fields, such as [{keep!r}]")
        encode = _core.EncodeOptions(options, train.as_tuple(), special_tokens)
        kept = list(dict.fromkeys(["id", *keep]))
        return _Run(self._encoder_for(arguments), encode, kept, threads, errors == "quarantine")

    def _parts(self, source: Any, run: _Run, block_bytes: int | None) -> tuple[Any, str | None, Iterator[Part]]:
        """The source as it is read, its name, and what is made of it, part by part."""
        from chattpl.sources import BLOCK_BYTES, open_source

        table = _table_of(source)
        if isinstance(table, ArrowStream | ArrowArray):
            return table, None, iter([_arrow_part(run, table, table, 0, None)])
        if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(source, "read"):
            opened = open_source(source, block_bytes=block_bytes or BLOCK_BYTES)
            name = None if isinstance(source, bytes | bytearray | memoryview) else opened.name
            return opened, name, _source_parts(run, opened, name)
        rows = table if isinstance(table, list) else list(table)
        return rows, None, iter([_list_part(run, rows)])

    def _knows_role(self, role: str) -> bool:
        """Whether the format knows a role: by its record, else by the text of its templates."""
        if self.info.roles:
            return role in self.info.roles
        return any(f"{quote}{role}{quote}" in text for text in self._sources.values() for quote in "'\"")

    def _template_of_row(self, messages: Any, tools: object) -> Template:
        """The template for a conversation, which may be a row with tools of its own."""
        if tools is None and isinstance(messages, Mapping) and "tool_use" in self._sources and self._chosen is None:
            tools = _core.read_row(messages)["tools"]
        return self.template_for(tools)

    def _encoder_for(self, arguments: Mapping[str, Any]) -> _core.ChatEncoder:
        replaced = frozenset(self._arguments.keys() & arguments.keys())
        if replaced not in self._encoders:
            declared = [name for name in self._arguments if name not in replaced]
            stops, literals = list(self.stop_token_ids), self._literals or {}
            has_tool_template = self._chosen is None and "tool_use" in self._sources
            plain = self._chosen or ("default" if "default" in self._sources or not has_tool_template else "tool_use")
            self._encoders[replaced] = _core.ChatEncoder(
                self._template_called(plain),
                self.tokenizer,
                stops,
                declared,
                literals.get(plain),
                self._template_called("tool_use") if has_tool_template else None,
                literals.get("tool_use") if has_tool_template else None,
                needs_tools=self._chosen is None and "default" not in self._sources,
            )
        return self._encoders[replaced]

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


@dataclass(frozen=True, slots=True)
class _Run:
    """How a source is encoded."""

    encoder: _core.ChatEncoder
    options: _core.EncodeOptions
    keep: list[str]
    threads: int | None
    quarantine: bool

    def encode(self, source: Any, **where: Any) -> _core.EncodedRows:
        return self.encoder.encode_rows(
            source, self.options, threads=self.threads, quarantine=self.quarantine, keep=self.keep, **where
        )

    def texts(self) -> dict[str, str]:
        """The arguments of the call and the format's own, as JSON text."""
        render = self.options.render
        call = {"tools": render.tools, "documents": render.documents, **(render.arguments or {})}
        given = {key: value for key, value in call.items() if value is not None}
        given["add_generation_prompt"] = render.add_generation_prompt
        return {"call": _as_json(given), "tokens": _as_json(dict(render.tokens or {}))}


def _list_part(run: _Run, rows: list[Any]) -> Part:
    from chattpl.encoded import Part

    def column(name: str, indices: Any) -> list[Any]:
        return [row.get(name) if isinstance(row := rows[index], Mapping) else None for index in indices]

    return Part(run.encode(rows), rows.__getitem__, column)


def _arrow_part(run: _Run, table: Any, columns: Any, first_row: int, name: str | None) -> Part:
    from chattpl.encoded import Part

    made = run.encode(table, first_row=first_row, name=name, **run.texts())
    names = getattr(getattr(columns, "schema", None), "names", None)
    if names is None or not hasattr(columns, "take"):
        return Part(made, lambda _: None, lambda _, indices: [None] * len(indices), first_row)

    def column(name: str, indices: Any) -> list[Any]:
        if name not in names:
            return [None] * len(indices)
        return columns.column(name).take(indices).to_pylist()  # type: ignore[no-any-return]

    def data_of(index: int) -> Any:
        row = columns.slice(index, 1)
        try:
            row.validate(full=True)  # a row may have been refused because its array is damaged
            return row.to_pylist()[0]
        except (ValueError, AttributeError):
            return None

    return Part(made, data_of, column, first_row)


def _source_parts(run: _Run, opened: Any, name: str | None) -> Iterator[Part]:
    from chattpl.encoded import Part

    texts, any_part, first_row = run.texts(), False, 0
    if opened.kind == "arrow":
        for batch in opened.table_batches():
            yield _arrow_part(run, batch, batch, first_row, name)
            first_row += batch.num_rows
            any_part = True
    else:
        for block in opened.blocks():
            spans = None if block.spans is None else block.spans.tobytes()
            where = {"first_row": block.first_row, "first_line": block.first_line - 1, "spans": spans}
            yield Part(run.encode(block.data, name=name, **where, **texts), first_row=block.first_row)
            any_part = True
    if not any_part:
        yield Part(run.encode(b"", name=name, **texts))  # so that the result has its arrays


def _table_of(source: Any) -> Any:
    """The Arrow table of a `datasets.Dataset`; anything else as it is."""
    if type(source).__module__.partition(".")[0] != "datasets" or not hasattr(source, "with_format"):
        return source
    if hasattr(source, "column_names") and hasattr(source, "__getitem__"):
        return source.with_format("arrow")[:]
    return source


@cache
def _shipped(name: str) -> Tokenizer:
    from chattpl.tokenizer import Tokenizer

    return Tokenizer.load(name)


def _as_json(arguments: dict[str, Any]) -> str:
    """Template arguments as JSON text; functions among the tools become their schemas."""
    tools = arguments.get("tools")
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
