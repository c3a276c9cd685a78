"""The errors of chattpl, one tree.

    ChatTemplateError
    ├── TemplateSyntaxError               CE001-CE009  the template does not parse
    ├── RenderError                       CE010-CE019  the template refuses, or fails on, its input
    ├── LimitError                        CE020-CE029  instructions, output or nesting past a limit
    ├── InputError                        CE030-CE039  messages, tools or JSON of a shape that cannot be read
    │   ├── KeywordError                               an option of ours, misspelt
    │   ├── DocstringParsingException                  a tool function without a usable docstring
    │   └── TypeHintParsingException                   a tool function without usable type hints
    ├── FormatNotFoundError               CE040        no format of that name
    ├── SourceError                       CE041-CE042  a file or folder that holds no readable template; a broken
    │                                                  configuration
    ├── VocabularyError                   CE050-CE052, CE055  a vocabulary that is damaged, not covered or not there
    └── EncodeError                       CE053-CE054  a control token in data where that is refused, an unknown id

Where `transformers` or Jinja2 would raise, the error is also an instance of the class raised there (`TypeError`,
`jinja2.exceptions.UndefinedError`, ...), and its `message` is theirs word for word.
"""

import sys

from chattpl.location import Location


class ChatTemplateError(Exception):
    """Base of every error that chattpl raises.

    Args:
        message: What happened.
        code: The stable code, such as `CE010`. Defaults to the first code of the class.
        location: Where: `name:line:column` of a template, `messages[3].content`, or a file; a `Location`
            where its parts are known.
        hint: What to do about it.
        excerpt: The source line with a caret below the fault.
    """

    default_code = "CE000"

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        location: str | None = None,
        hint: str | None = None,
        excerpt: str | None = None,
    ) -> None:
        # Not super(): the classes that an error also belongs to have constructors of their own.
        Exception.__init__(self, message)
        self._message = message
        self.code = code or self.default_code
        self.location = location
        self.hint = hint
        self.excerpt = excerpt

    @property
    def message(self) -> str:
        """What happened, in the words of `transformers` or Jinja2 where they raise too."""
        return self._message

    def __str__(self) -> str:
        lines = [self._message]
        if self.location:
            lines.append(f"  --> {self.location}")
        if self.excerpt:
            lines.append(self.excerpt.rstrip("\n"))
        if self.hint:
            lines.append(f"  = help: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        base = getattr(type(self), "_also_named", "")
        family = getattr(type(self), "_family", type(self))
        return _rebuild, (family, base, self._message, self.code, self.location, self.hint, self.excerpt)


class TemplateSyntaxError(ChatTemplateError):
    """A template that does not parse."""

    default_code = "CE001"


class RenderError(ChatTemplateError):
    """A template that refuses its input, or fails on it."""

    default_code = "CE010"


class LimitError(ChatTemplateError):
    """A render that ran past a limit: instructions, output bytes or nesting depth."""

    default_code = "CE020"


class InputError(ChatTemplateError):
    """Input of a shape that cannot be read."""

    default_code = "CE030"


class KeywordError(InputError, TypeError):
    """A keyword argument that is a misspelt option."""


class DocstringParsingException(InputError):
    """A tool function whose docstring does not describe it. Named as in `transformers`."""


class TypeHintParsingException(InputError):
    """A tool function whose type hints cannot be put in a JSON schema. Named as in `transformers`."""


class FormatNotFoundError(ChatTemplateError, LookupError):
    """No format has that name."""

    default_code = "CE040"


class SourceError(ChatTemplateError, ValueError):
    """A file or folder that holds no readable chat template."""

    default_code = "CE041"


class EncodeError(ChatTemplateError, ValueError):
    """Text or ids that a tokenizer refuses: a control token inside data, an id that there is not, too much text."""

    default_code = "CE053"


class VocabularyError(ChatTemplateError):
    """A vocabulary that is damaged, not covered, or not there."""

    default_code = "CE055"


_FAMILIES: tuple[tuple[range, type[ChatTemplateError]], ...] = (
    (range(1, 10), TemplateSyntaxError),
    (range(10, 20), RenderError),
    (range(20, 30), LimitError),
    (range(30, 40), InputError),
    (range(40, 41), FormatNotFoundError),
    (range(41, 50), SourceError),
    (range(50, 53), VocabularyError),
    (range(53, 55), EncodeError),
    (range(55, 56), VocabularyError),
)


def build_error(
    class_name: str,
    message: str,
    code: str,
    location: str | None = None,
    hint: str | None = None,
    excerpt: str | None = None,
) -> ChatTemplateError:
    """Builds the error for a code, also of the class that `transformers` or Jinja2 would raise.

    Args:
        class_name: A builtin (`"TypeError"`), a class of Jinja2 (`"jinja2.UndefinedError"`), or `""`.
        message: The message, word for word.
        code: Such as `CE010`; it selects the class within chattpl's tree.
        location: See `ChatTemplateError`.
        hint: See `ChatTemplateError`.
        excerpt: See `ChatTemplateError`.

    Returns:
        The error, not raised. It can be pickled.
    """
    number = int(code.removeprefix("CE"))
    family = next((cls for codes, cls in _FAMILIES if number in codes), ChatTemplateError)
    return _rebuild(family, class_name, message, code, location, hint, excerpt)


def place_in_row(error: ChatTemplateError, row: int, line: int | None, source: str | None) -> None:
    """Adds a row to the location of an error, which keeps what it says of the value or the template.

    Args:
        error: The error; those of other packages are left alone.
        row: The number of the row, from 1.
        line: Its line, from 1, where the source has lines.
        source: The name of the source.
    """
    if isinstance(error, ChatTemplateError):
        error.location = Location(source=source, line=line, row=row, path=error.location)


def build_schema_error(family: type[ChatTemplateError], message: str) -> ChatTemplateError:
    """Builds an error of the tool schemas, also of the class of the same name in `transformers` if that is loaded."""
    return _rebuild(family, f"transformers.{family.__name__}", message, None, None, None, None)


def _rebuild(
    family: type[ChatTemplateError],
    class_name: str,
    message: str,
    code: str | None,
    location: str | None,
    hint: str | None,
    excerpt: str | None,
) -> ChatTemplateError:
    other = _resolve(class_name)
    cls = family if other is None or issubclass(family, other) else _joined(family, other, class_name)
    error = cls(message, code=code, location=location, hint=hint, excerpt=excerpt)
    if class_name in ("jinja2.TemplateSyntaxError", "jinja2.TemplateAssertionError"):
        name, lineno = _place(location)
        vars(error).update(name=name, lineno=lineno, filename=None, source=None, translated=True)
    return error


def _resolve(class_name: str) -> type[Exception] | None:
    """Finds the class that a name stands for; None for no class, or one whose package is not loaded."""
    package, _, name = class_name.rpartition(".")
    found: object = None
    if package == "jinja2":
        import jinja2.exceptions

        found = getattr(jinja2.exceptions, name, None)
    elif package == "transformers":
        # Whoever catches this class has imported it; importing it for everyone else would take seconds.
        found = getattr(sys.modules.get("transformers.utils.chat_template_utils"), name, None)
    elif package == "json":
        found = getattr(sys.modules.get("json"), name, None)
    elif name:
        import builtins

        found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


_JOINED: dict[tuple[type[ChatTemplateError], type[Exception]], type[ChatTemplateError]] = {}


def _joined(family: type[ChatTemplateError], other: type[Exception], class_name: str) -> type[ChatTemplateError]:
    """Makes the one class that is both, called `RenderError[TypeError]`."""
    if (family, other) in _JOINED:
        return _JOINED[family, other]
    name = f"{family.__name__}[{other.__name__}]"
    members = {"__module__": __name__, "__doc__": family.__doc__, "_family": family, "_also_named": class_name}
    return _JOINED.setdefault((family, other), type(name, (family, other), members))


def _place(location: str | None) -> tuple[str | None, int]:
    """Splits `name:line:column` into name and line."""
    parts = (location or "").rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit():
        return parts[0], int(parts[1])
    return location, 1
