"""A compiled chat template, without a tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from chattpl import _core
from chattpl.source import read_text

if TYPE_CHECKING:
    import os


class Template(_core.Template):
    """A chat template, compiled once and rendered many times, from any thread.

    Args:
        source: The text of the template, in the Jinja dialect of `transformers`.
        name: What to call the template in errors.
        max_instructions: A render that executes more ends in `LimitError` CE020.
        max_output_bytes: A render that holds more text ends in `LimitError` CE021.
        max_depth: Deeper nesting of calls or values ends in `LimitError` CE022.

    Raises:
        TemplateSyntaxError: The source does not parse.

    Example:
        >>> template = Template("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
        >>> rendered = template.render([{"role": "user", "content": "Hi"}])
        >>> rendered.text
        '<user>Hi'
        >>> [(str(s.origin), s.path) for s in rendered.segments][1]
        ('message', ('messages', 0, 'role'))
    """

    # `render` and `render_json` are the extension's own: nothing in Python stands on that path.
    __slots__ = ("_limits",)
    _limits: tuple[int | None, int | None, int | None]

    def __new__(
        cls,
        source: str,
        name: str | None = None,
        *,
        max_instructions: int | None = None,
        max_output_bytes: int | None = None,
        max_depth: int | None = None,
    ) -> Self:
        self = super().__new__(
            cls,
            source,
            name,
            max_instructions=max_instructions,
            max_output_bytes=max_output_bytes,
            max_depth=max_depth,
        )
        self._limits = (max_instructions, max_output_bytes, max_depth)
        return self

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], name: str | None = None) -> Self:
        """Compiles the template in a file.

        Args:
            path: A text file in UTF-8.
            name: What to call the template in errors; the path by default.

        Raises:
            SourceError: The file cannot be read.
            TemplateSyntaxError: Its text does not parse.
        """
        return cls(read_text(path), name or str(path))

    def emit(self, what: Literal["tree", "bytecode"]) -> str:
        """Shows what the compiler made of the source: its syntax tree, or the instructions that a render executes."""
        return (_core.emit_tree if what == "tree" else _core.emit_bytecode)(self.source, self.name)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.source, self.name, *self._limits)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name or '<template>'!s}, {len(self.source)} characters)"


def _rebuild(
    cls: type[Template],
    source: str,
    name: str | None,
    max_instructions: int | None,
    max_output_bytes: int | None,
    max_depth: int | None,
) -> Template:
    return cls(source, name, max_instructions=max_instructions, max_output_bytes=max_output_bytes, max_depth=max_depth)
