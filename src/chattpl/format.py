"""A chat format: a template together with the tokens that go with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chattpl._core import Rendered
from chattpl.errors import FormatNotFoundError
from chattpl.registry import ModelInfo, find
from chattpl.source import ChatSource
from chattpl.template import Template


class ChatFormat:
    """How one family of models wants its conversations written. Made by `chattpl.load`.

    Args:
        info: What is known about the format.
        source: Its templates and tokens.
        template: The name of the template to use; None for the default one, or the one for tools where there are any.
    """

    __slots__ = ("_arguments", "_chosen", "_compiled", "_file", "_sources", "info", "special_tokens", "stop_tokens")

    info: ModelInfo
    """What is known about the format, and where it was loaded from."""
    special_tokens: dict[str, int | None]
    """Text to id of each control token; None where the source does not tell the id."""
    stop_tokens: tuple[str, ...]
    """The tokens that end a turn of the assistant."""

    def __init__(self, info: ModelInfo, source: ChatSource, template: str | None = None) -> None:
        self.info = info
        self.special_tokens = source.special_tokens
        self.stop_tokens = source.stop_tokens
        self._sources = source.templates
        self._arguments = source.arguments
        self._file = source.file
        self._chosen = template
        self._compiled: dict[str, Template] = {}
        if template is not None or "default" in self._sources:
            self.template_for(None)  # so that an unknown name or a syntax error shows now

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
        name = self._chosen
        if name is None:
            name = "tool_use" if tools is not None and "tool_use" in self._sources else "default"
        if name not in self._compiled:
            if name not in self._sources:
                names = ", ".join(f"`{known}`" for known in sorted(self._sources))
                raise FormatNotFoundError(
                    f"`{self.name}` has no template called `{name}`",
                    location=self.info.source,
                    hint=f"it has {names}: choose with `template=` or `name@template`",
                )
            shown = self._file or (self.name if len(self._sources) == 1 else f"{self.name}@{name}")
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

    def __repr__(self) -> str:
        return f"ChatFormat({self.name!r}, source={self.info.source!r})"

    def __reduce__(self) -> tuple[object, ...]:
        source = ChatSource(
            self.name, self._sources, self._arguments, self.special_tokens, self.stop_tokens, self._file
        )
        return ChatFormat, (self.info, source, self._chosen)


def load(ref: str | os.PathLike[str], *, template: str | None = None) -> ChatFormat:
    """Loads a chat format.

    Args:
        ref: The first of these that fits:

            - an existing path: a template (`.jinja`), a Hub model's folder, a `tokenizer_config.json`, a `.gguf` file;
            - a registry name or alias such as `qwen3`, whatever its case and with `-`, `_` or `.`;
            - a Hub id in the local Hub cache, or one whose format the registry knows.

            `ref@name` chooses among a model's named templates.
        template: The name of the template to use, where the model has several.

    Returns:
        The format; `info.source` says where it was taken from.

    Raises:
        FormatNotFoundError: Nothing has that name; the closest names are in the hint.
        SourceError: A file or folder that holds no readable template.
        TemplateSyntaxError: The template does not parse.

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
            return ChatFormat(*find(base), name)
    return ChatFormat(*find(ref), template)
