"""Types of the Rust extension. `mypy.stubtest` keeps this file true."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self, final

from typing_extensions import disjoint_base

from chattpl.origin import Origin

__all__ = [
    "Rendered",
    "Segment",
    "Template",
    "__version__",
    "emit_bytecode",
    "emit_tree",
    "format_for_model_id",
    "format_json",
    "format_names",
    "pack_of_ranks",
]

__version__: str

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
        add_generation_prompt: bool | None = None,
        continue_final_message: bool | str | None = None,
        now: datetime | None = None,
        **arguments: Any,
    ) -> Rendered: ...
    def render_json(
        self,
        data: bytes | str,
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool | None = None,
        continue_final_message: bool | str | None = None,
        now: datetime | None = None,
        **arguments: Any,
    ) -> Rendered: ...

@final
class Rendered:
    """The text of a conversation and where each piece of it came from."""

    @property
    def text(self) -> str: ...
    @property
    def segments(self) -> list[Segment]: ...
    @property
    def generation_spans(self) -> list[tuple[int, int]]: ...

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

def emit_tree(source: str, name: str | None = None) -> str: ...
def emit_bytecode(source: str, name: str | None = None) -> str: ...
def format_names() -> list[tuple[str, list[str]]]: ...
def format_json(name: str) -> str | None: ...
def format_for_model_id(model_id: str) -> str | None: ...
def pack_of_ranks(ranks: bytes, description: str) -> bytes: ...
