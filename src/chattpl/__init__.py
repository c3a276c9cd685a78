"""Compiles, renders and inspects chat templates.

Names are imported at first use, so that `import chattpl` costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chattpl._core import Rendered as Rendered
    from chattpl._core import Segment as Segment
    from chattpl._core import __version__ as __version__
    from chattpl.encoded import Encoded as Encoded
    from chattpl.encoded import EncodedBatch as EncodedBatch
    from chattpl.encoded import QuarantinedRow as QuarantinedRow
    from chattpl.encoded import TokenBatch as TokenBatch
    from chattpl.errors import ChatTemplateError as ChatTemplateError
    from chattpl.errors import DocstringParsingException as DocstringParsingException
    from chattpl.errors import EncodeError as EncodeError
    from chattpl.errors import FormatNotFoundError as FormatNotFoundError
    from chattpl.errors import InputError as InputError
    from chattpl.errors import KeywordError as KeywordError
    from chattpl.errors import LimitError as LimitError
    from chattpl.errors import RenderError as RenderError
    from chattpl.errors import SourceError as SourceError
    from chattpl.errors import TemplateSyntaxError as TemplateSyntaxError
    from chattpl.errors import TypeHintParsingException as TypeHintParsingException
    from chattpl.errors import VocabularyError as VocabularyError
    from chattpl.format import ChatFormat as ChatFormat
    from chattpl.format import load as load
    from chattpl.linter import Diagnostic as Diagnostic
    from chattpl.linter import LintReport as LintReport
    from chattpl.linter import lint as lint
    from chattpl.location import Location as Location
    from chattpl.messages import Message as Message
    from chattpl.messages import Tool as Tool
    from chattpl.messages import ToolCall as ToolCall
    from chattpl.notices import ArgumentWarning as ArgumentWarning
    from chattpl.notices import ChatTemplateWarning as ChatTemplateWarning
    from chattpl.notices import RowWarning as RowWarning
    from chattpl.notices import UnprintedWarning as UnprintedWarning
    from chattpl.origin import Origin as Origin
    from chattpl.registry import ModelInfo as ModelInfo
    from chattpl.registry import models as models
    from chattpl.report import RowsReport as RowsReport
    from chattpl.rows import Row as Row
    from chattpl.rows import read_row as read_row
    from chattpl.rows import read_rows as read_rows
    from chattpl.schema import tool_schema as tool_schema
    from chattpl.template import Template as Template
    from chattpl.tokenizer import Tokenizer as Tokenizer
    from chattpl.train import Train as Train

__all__ = [
    "ArgumentWarning",
    "ChatFormat",
    "ChatTemplateError",
    "ChatTemplateWarning",
    "Diagnostic",
    "DocstringParsingException",
    "EncodeError",
    "Encoded",
    "EncodedBatch",
    "FormatNotFoundError",
    "InputError",
    "KeywordError",
    "LimitError",
    "LintReport",
    "Location",
    "Message",
    "ModelInfo",
    "Origin",
    "QuarantinedRow",
    "RenderError",
    "Rendered",
    "Row",
    "RowWarning",
    "RowsReport",
    "Segment",
    "SourceError",
    "Template",
    "TemplateSyntaxError",
    "TokenBatch",
    "Tokenizer",
    "Tool",
    "ToolCall",
    "Train",
    "TypeHintParsingException",
    "UnprintedWarning",
    "VocabularyError",
    "__version__",
    "lint",
    "load",
    "models",
    "read_row",
    "read_rows",
    "tool_schema",
]

_HOME = {
    "_core": ("Rendered", "Segment", "__version__"),
    "encoded": ("Encoded", "EncodedBatch", "QuarantinedRow", "TokenBatch"),
    "errors": (
        "ChatTemplateError",
        "DocstringParsingException",
        "EncodeError",
        "FormatNotFoundError",
        "InputError",
        "KeywordError",
        "LimitError",
        "RenderError",
        "SourceError",
        "TemplateSyntaxError",
        "TypeHintParsingException",
        "VocabularyError",
    ),
    "format": ("ChatFormat", "load"),
    "linter": ("Diagnostic", "LintReport", "lint"),
    "messages": ("Message", "Tool", "ToolCall"),
    "location": ("Location",),
    "notices": ("ArgumentWarning", "ChatTemplateWarning", "RowWarning", "UnprintedWarning"),
    "origin": ("Origin",),
    "report": ("RowsReport",),
    "rows": ("Row", "read_row", "read_rows"),
    "registry": ("ModelInfo", "models"),
    "schema": ("tool_schema",),
    "template": ("Template",),
    "tokenizer": ("Tokenizer",),
    "train": ("Train",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    """Imports a public name from its module and keeps it here."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
