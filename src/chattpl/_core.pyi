"""Types of the Rust extension. `mypy.stubtest` keeps this file true."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self, final

from typing_extensions import disjoint_base

from chattpl.origin import Origin

__all__ = [
    "IMAGE_VERSION",
    "Buffer",
    "ChatEncoder",
    "DecodeStream",
    "EncodeOptions",
    "EncodedRows",
    "JsonSplitter",
    "RenderOptions",
    "Rendered",
    "Segment",
    "Template",
    "Tokenizer",
    "__version__",
    "count_lines",
    "emit_bytecode",
    "emit_tree",
    "format_for_model_id",
    "format_json",
    "format_names",
    "lint",
    "lint_behaviour",
    "lint_enabled",
    "lint_fix",
    "lint_portability",
    "lint_profile",
    "lint_rules",
    "lint_table_digest",
    "pack_of_ranks",
    "read_row",
    "tokenizer_outline",
]

__version__: str
IMAGE_VERSION: int

@disjoint_base
class Template:
    """A compiled chat template."""

    def __new__(
        cls,
        source: str,
        name: str | None = None,
        *,
        max_instructions: int | None = None,
        max_output_bytes: int | None = None,
        max_depth: int | None = None,
    ) -> Self: ...
    @property
    def source(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        null_fields: str = "drop",
        normalize: str = "off",
        **arguments: Any,
    ) -> Rendered: ...
    def render_json(
        self,
        data: bytes | str,
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        now: datetime | None = None,
        null_fields: str = "drop",
        normalize: str = "off",
        **arguments: Any,
    ) -> Rendered: ...
    def render_with(self, conversation: Any, options: RenderOptions, as_row: bool = False) -> Rendered: ...

@final
class Rendered:
    """The text of a conversation and where each piece of it came from."""

    @property
    def text(self) -> str: ...
    @property
    def segments(self) -> list[Segment]: ...
    @property
    def generation_spans(self) -> list[tuple[int, int]]: ...
    @property
    def unprinted(self) -> list[tuple[str | int, ...]]: ...
    @property
    def lost(self) -> list[tuple[str | int, ...]] | None: ...

@final
class Segment:
    """A stretch of rendered text with one origin."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def path(self) -> tuple[str | int, ...] | None: ...
    @property
    def message(self) -> int | None: ...
    @property
    def template_span(self) -> tuple[int, int] | None: ...

@final
class Buffer:
    """An array: int32, int64, uint8 or float32, behind the buffer protocol."""

    def __len__(self) -> int: ...

@disjoint_base
class Tokenizer:
    """Turns text into the ids of one vocabulary."""

    def __new__(
        cls, data: Any, kind: str, name: str = "", description: str | None = None, overlay: str | None = None
    ) -> Self: ...
    @property
    def name(self) -> str: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def scheme(self) -> str: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def added_tokens(self) -> list[tuple[int, str, bool]]: ...
    def encode(self, text: str, special_tokens: str = "parity", add_special_tokens: bool = False) -> Buffer: ...
    def encode_batch(
        self,
        texts: list[str],
        special_tokens: str = "parity",
        add_special_tokens: bool = False,
        threads: int | None = None,
    ) -> tuple[Buffer, Buffer]: ...
    def count(self, text: str, special_tokens: str = "parity") -> int: ...
    def offsets(self, text: str, special_tokens: str = "parity") -> Buffer: ...
    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str: ...
    def decode_stream(self) -> DecodeStream: ...
    def id_to_bytes(self, token_id: int) -> bytes: ...
    def token_to_id(self, token: str) -> int | None: ...
    def image(self) -> bytes: ...
    def pack(self) -> bytes: ...

@final
class DecodeStream:
    """Decodes ids as they come, never half a character."""

    def push(self, token_id: int) -> str: ...
    def finish(self) -> str: ...

@final
class RenderOptions:
    """How to render: everything but the conversation."""

    def __new__(
        cls,
        *,
        tools: Any = None,
        documents: Any = None,
        add_generation_prompt: Any = None,
        continue_final_message: Any = None,
        now: datetime | None = None,
        null_fields: str = "drop",
        normalize: str = "off",
        tokens: dict[str, Any] | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> Self: ...
    @property
    def tools(self) -> Any: ...
    @property
    def documents(self) -> Any: ...
    @property
    def add_generation_prompt(self) -> Any: ...
    @property
    def continue_final_message(self) -> Any: ...
    @property
    def now(self) -> Any: ...
    @property
    def null_fields(self) -> str: ...
    @property
    def normalize(self) -> str: ...
    @property
    def tokens(self) -> dict[str, Any] | None: ...
    @property
    def arguments(self) -> dict[str, Any] | None: ...

@final
class EncodeOptions:
    """How to encode: how to render, what is trained, and who may make a control token."""

    def __new__(cls, render: RenderOptions, train: tuple[Any, ...], special_tokens: str) -> Self: ...
    @property
    def render(self) -> RenderOptions: ...
    @property
    def train(self) -> tuple[Any, ...]: ...
    @property
    def special_tokens(self) -> str: ...

@final
class EncodedRows:
    """Arrays of one or more conversations, and what is to be said of them."""

    @property
    def input_ids(self) -> Buffer: ...
    @property
    def loss_mask(self) -> Buffer: ...
    @property
    def message_index(self) -> Buffer: ...
    @property
    def origin(self) -> Buffer: ...
    @property
    def loss_weight(self) -> Buffer | None: ...
    @property
    def offsets(self) -> Buffer: ...
    @property
    def rows(self) -> Buffer: ...
    @property
    def lines(self) -> Buffer | None: ...
    @property
    def kept(self) -> dict[str, list[str | None]]: ...
    @property
    def left_out(self) -> list[tuple[int, int | None, str, str, str | None, str | None]]: ...
    @property
    def notes(self) -> dict[str, list[tuple[str, int, int, int]]]: ...
    @property
    def text(self) -> str | None: ...
    @property
    def unprinted(self) -> list[tuple[str | int, ...]] | None: ...
    @property
    def lost(self) -> list[tuple[str | int, ...]] | None: ...

@final
class JsonSplitter:
    """Splits JSON text into rows while it is read."""

    def __new__(cls, first_line: int = 1) -> Self: ...
    def push(self, piece: bytes) -> tuple[bytes, Buffer, int] | None: ...
    def finish(self) -> None: ...

def count_lines(text: bytes) -> tuple[int, int]: ...

@final
class ChatEncoder:
    """Encodes conversations with one vocabulary: a template, and the one for rows with tools if there is another."""

    def __new__(
        cls,
        template: Template,
        tokenizer: Tokenizer,
        stop_tokens: list[int],
        declared: list[str],
        literals: str | None = None,
        tool_template: Template | None = None,
        tool_literals: str | None = None,
        needs_tools: bool = False,
    ) -> Self: ...
    def literals(self) -> str: ...
    def encode(self, conversation: Any, options: EncodeOptions) -> EncodedRows: ...
    def encode_rows(
        self,
        source: Any,
        options: EncodeOptions,
        *,
        call: str = "null",
        tokens: str = "null",
        threads: int | None = None,
        quarantine: bool = False,
        spans: Any = None,
        first_row: int = 0,
        first_line: int = 0,
        name: str | None = None,
        keep: list[str] = ...,
    ) -> EncodedRows: ...

def read_row(row: Any) -> dict[str, Any]: ...
def emit_tree(source: str, name: str | None = None) -> str: ...
def emit_bytecode(source: str, name: str | None = None) -> str: ...
def format_names() -> list[tuple[str, list[str]]]: ...
def format_json(name: str) -> str | None: ...
def format_for_model_id(model_id: str) -> str | None: ...
def pack_of_ranks(ranks: bytes, description: str) -> bytes: ...

_Place = tuple[int, int, int, int]
_Edits = list[tuple[int, int, str]]
_Diagnostic = tuple[str, str, str, _Place, str | None, tuple[str, bool, _Edits] | None, list[tuple[_Place, str]]]

def lint(
    source: str, request: Mapping[str, Any], name: str | None = None, tokenizer: Tokenizer | None = None
) -> tuple[list[_Diagnostic], list[tuple[str, str, str]], list[tuple[_Diagnostic, str]]]: ...
def lint_fix(
    source: str,
    request: Mapping[str, Any],
    name: str | None = None,
    tokenizer: Tokenizer | None = None,
    unsafe_fixes: bool = False,
) -> tuple[str, int]: ...
def lint_enabled(request: Mapping[str, Any]) -> list[str]: ...
def lint_portability() -> list[tuple[str, str, str, str, str | None]]: ...
def lint_profile(
    source: str, request: Mapping[str, Any], name: str | None = None, tokenizer: Tokenizer | None = None
) -> str: ...
def lint_behaviour(
    source: str, request: Mapping[str, Any], name: str | None = None, tokenizer: Tokenizer | None = None
) -> tuple[bool, bool, list[tuple[str, bool, str, str, str | None, str, int | None]]]: ...
def lint_table_digest() -> str: ...
def lint_rules() -> list[tuple[str, str, str, list[str], str]]: ...
def tokenizer_outline(data: Any, texts: list[str], ids: list[int]) -> str:
    """A `tokenizer.json` without its tokens and merges, as JSON text, with the ids and texts that are asked for."""
