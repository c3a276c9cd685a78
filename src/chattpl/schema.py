"""JSON schemas of tools given as Python functions, the same as those of `transformers`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from enum import Enum
from types import FunctionType, MethodType, NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from chattpl.errors import (
    ChatTemplateError,
    DocstringParsingException,
    TypeHintParsingException,
    build_error,
    build_schema_error,
)

_Schema = dict[str, Any]

_SCALARS: dict[type, str] = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
_CONTAINERS: dict[type, str] = {list: "array", tuple: "array", dict: "object"}

# The sections of a Google docstring. `\Z` ends the last one.
_DESCRIPTION = re.compile(r"^(.*?)[\n\s]*(?:Args:|Returns:|Raises:|\Z)", re.DOTALL)
_ARGUMENTS = re.compile(r"\n\s*Args:\n(.*?)[\n\s]*(?:Returns:|Raises:|\Z)", re.DOTALL)
_RETURNS = re.compile(r"\n\s*Returns:\n\s*(.*?)[\n\s]*(?:Raises:|\Z)", re.DOTALL)
# `name: description` or `name (type): description`, which runs on until another name that is not indented deeper.
_TYPE = r"(?:[ \t]*\([^()\n]*\))?"
_ONE_ARGUMENT = re.compile(rf"(?:^|\n)([ \t]*)(\w+){_TYPE}:\s*(.*?)\s*(?=\n(?!\1[ \t])[ \t]*\w+{_TYPE}:|\Z)", re.DOTALL)
_CHOICES = re.compile(r"\(choices:\s*(.*?)\)\s*$", re.IGNORECASE)


def tool_schema(tool: object) -> _Schema:
    """Describes a tool as a JSON schema.

    Args:
        tool: A function or method with type hints and a Google-style docstring that describes each argument. An
            argument's description may end in `(choices: ["a", "b"])`. A dict is taken for a schema and returned as is.

    Returns:
        `{"type": "function", "function": {"name", "description", "parameters", "return"}}`, as
        `transformers.utils.get_json_schema` returns it.

    Raises:
        DocstringParsingException: There is no docstring, or it leaves an argument out.
        TypeHintParsingException: An argument has no type hint, or one that JSON schemas cannot express.
        ValueError: The tool is neither a function nor a dict, or `choices` is not JSON (`json.JSONDecodeError`).

    Example:
        >>> def weather(city: str) -> str:
        ...     '''Looks up the weather.
        ...
        ...     Args:
        ...         city: Where.
        ...     '''
        >>> tool_schema(weather)["function"]["parameters"]["properties"]
        {'city': {'type': 'string', 'description': 'Where.'}}
    """
    if isinstance(tool, dict):
        return tool
    if not isinstance(tool, (FunctionType, MethodType)):
        raise build_error(
            "ValueError",
            "Tools should either be a JSON schema, or a callable function with type hints "
            "and a docstring suitable for auto-conversion to a schema.",
            "CE030",
        )
    from inspect import getdoc

    # A method may wrap any callable; one without a name gets this one.
    name = getattr(tool, "__name__", "operation")
    doc = getdoc(tool)
    if not doc:
        _fail(DocstringParsingException, f"Cannot generate JSON schema for {name} because it has no docstring!")
    description, argument_docs, return_doc = _parse_docstring(doc.strip())
    parameters = _parameters(tool, name)
    returned = parameters["properties"].pop("return", None)
    if returned is not None and return_doc is not None:
        returned["description"] = return_doc
    for argument, schema in parameters["properties"].items():
        if argument not in argument_docs:
            _fail(
                DocstringParsingException,
                f"Cannot generate JSON schema for {name} because the docstring has no description "
                f"for the argument '{argument}'",
            )
        _describe(schema, argument_docs[argument])
    function = {"name": name, "description": description, "parameters": parameters}
    if returned is not None:
        function["return"] = returned
    return {"type": "function", "function": function}


def _parse_docstring(doc: str) -> tuple[str | None, dict[str, str], str | None]:
    """Splits a Google docstring into its description, arguments and return value."""
    description = _DESCRIPTION.search(doc)
    arguments = _ARGUMENTS.search(doc)
    returns = _RETURNS.search(doc)
    described = {}
    if arguments:
        block = "\n".join(line for line in arguments[1].split("\n") if line.strip())
        for _, name, text in _ONE_ARGUMENT.findall(block):
            described[name] = re.sub(r"\s*\n+\s*", " ", text.strip())
    return (
        description[1].strip() if description else None,
        described,
        returns[1].strip() if returns else None,
    )


def _describe(schema: _Schema, text: str) -> None:
    """Puts an argument's description, and the choices at its end, into its schema."""
    choices = _CHOICES.search(text)
    if choices:
        import json

        try:
            values = json.loads(choices[1])
        except json.JSONDecodeError as error:
            refused = build_error(
                "json.JSONDecodeError", str(error), "CE033", hint='write choices as JSON: (choices: ["a", "b"])'
            )
            vars(refused).update(vars(error))
            raise refused from error
        schema["enum"] = [value.strip() if isinstance(value, str) else value for value in values]
        text = text[: choices.start()].strip()
    schema["description"] = text


def _parameters(tool: Callable[..., object], name: str) -> _Schema:
    """Builds the schema of a function's parameters, its return value among the properties."""
    from inspect import Parameter, signature

    hints = get_type_hints(tool)
    parameters = signature(tool).parameters
    receiver = next(iter(parameters), None)
    if receiver not in ("self", "cls") or parameters[receiver].annotation is not Parameter.empty:
        receiver = None
    required = []
    for parameter_name, parameter in parameters.items():
        if parameter_name == receiver:
            continue
        if parameter.annotation is Parameter.empty:
            _fail(TypeHintParsingException, f"Argument {parameter.name} is missing a type hint in function {name}")
        if parameter.default is Parameter.empty:
            required.append(parameter_name)
    properties = {}
    for hinted, hint in hints.items():
        if hinted == receiver:
            continue
        try:
            properties[hinted] = _schema_of(hint)
        except TypeHintParsingException:
            # The model never writes the return value, so a hint that can't be expressed is left out.
            if hinted != "return":
                raise
    schema: _Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def _schema_of(hint: Any) -> _Schema:
    """Builds the schema of one type hint."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None:
        return _schema_of_enum(hint) if isinstance(hint, type) and issubclass(hint, Enum) else _schema_of_bare(hint)
    if origin is Union or origin is UnionType:
        return _schema_of_union(arguments)
    if origin is Literal and arguments:
        if any(type(value) not in _SCALARS for value in arguments):
            _fail(TypeHintParsingException, "Only the valid python literals can be listed in typing.Literal.")
        return _schema_of_values(list(arguments))
    if origin is list:
        return {"type": "array", "items": _schema_of(arguments[0])} if arguments else {"type": "array"}
    if origin is tuple:
        return _schema_of_tuple(hint, arguments)
    if origin is dict:
        values = {"additionalProperties": _schema_of(arguments[1])} if len(arguments) == 2 else {}
        return {"type": "object", **values}
    # `transformers` raises this one with two arguments, and so its text is that of a tuple.
    text = "Couldn't parse this type hint, likely due to a custom class or object: "
    return _fail(TypeHintParsingException, str((text, hint)))


def _schema_of_bare(hint: Any) -> _Schema:
    """Builds the schema of a hint without brackets."""
    if hint is Any:
        return {}
    name = _media_type(hint) or {**_SCALARS, **_CONTAINERS}.get(hint)
    if name is None:
        _fail(
            TypeHintParsingException,
            f"Couldn't convert the type hint {hint!r} to a JSON schema, likely because it is a custom class "
            "or object. Supported type hints are basic types like int, float, str and bool, Enum classes, "
            "typing.Literal, and list, tuple, dict and Union types containing those. If you need a more complex "
            "schema than that, you can write the JSON schema for your tool by hand and pass that instead "
            "of the function.",
        )
    return {"type": name}


def _media_type(hint: object) -> str | None:
    """Names the JSON type of Pillow's images and torch's tensors, without importing either."""
    for module, attribute, name in (("PIL.Image", "Image", "image"), ("torch", "Tensor", "audio")):
        medium = getattr(sys.modules.get(module), attribute, None)
        if medium is not None and hint is medium:
            return name
    return None


def _schema_of_enum(hint: type[Enum]) -> _Schema:
    values = [member.value for member in hint]
    if not values:
        _fail(TypeHintParsingException, f"The Enum {hint.__name__} has no members, so no value could ever match it.")
    if any(type(value) not in _SCALARS for value in values):
        _fail(
            TypeHintParsingException,
            f"The Enum {hint.__name__} has member values that cannot be written as JSON scalars.\n"
            f"Values: {values}\n"
            "Enum member values must be int, float, str, bool or None to be converted to a JSON schema.",
        )
    return _schema_of_values(values)


def _schema_of_values(values: list[Any]) -> _Schema:
    names = list(dict.fromkeys(_SCALARS[type(value)] for value in values))
    return {"type": names[0] if len(names) == 1 else names, "enum": values}


def _schema_of_union(arguments: tuple[Any, ...]) -> _Schema:
    choices = [_schema_of(argument) for argument in arguments if argument is not NoneType]
    if len(choices) == 1:
        schema = choices[0]
    elif all(choice.keys() == {"type"} and isinstance(choice["type"], str) for choice in choices):
        names = sorted({choice["type"] for choice in choices})
        schema = {"type": names[0] if len(names) == 1 else names}
    else:
        schema = {"anyOf": choices}
    if NoneType in arguments:
        schema["nullable"] = True
    return schema


def _schema_of_tuple(hint: object, arguments: tuple[Any, ...]) -> _Schema:
    if not arguments:
        return {"type": "array"}
    if len(arguments) == 1:
        _fail(
            TypeHintParsingException,
            f"The type hint {str(hint).replace('typing.', '')} is a Tuple with a single element, which "
            "we do not automatically convert to JSON schema as it is rarely necessary. If this input can contain "
            "more than one element, we recommend "
            "using a list[] type instead, or if it really is a single element, remove the tuple[] wrapper and just "
            "pass the element directly.",
        )
    if ... in arguments:
        _fail(
            TypeHintParsingException,
            "Conversion of '...' is not supported in Tuple type hints. "
            "Use list[] types for variable-length inputs instead.",
        )
    return {"type": "array", "prefixItems": [_schema_of(argument) for argument in arguments]}


def _fail(family: type[ChatTemplateError], message: str) -> NoReturn:
    raise build_schema_error(family, message)
