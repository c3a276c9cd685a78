"""The tree of errors: what an error is an instance of, what it says, and that it survives pickling."""

from __future__ import annotations

import pickle

import jinja2
import pytest

import chattpl
from chattpl.errors import build_error

FAMILIES = {
    "CE001": chattpl.TemplateSyntaxError,
    "CE010": chattpl.RenderError,
    "CE020": chattpl.LimitError,
    "CE022": chattpl.LimitError,
    "CE030": chattpl.InputError,
    "CE033": chattpl.InputError,
    "CE040": chattpl.FormatNotFoundError,
    "CE041": chattpl.SourceError,
}

CLASSES = {
    "": chattpl.ChatTemplateError,
    "TypeError": TypeError,
    "ValueError": ValueError,
    "KeyError": KeyError,
    "AttributeError": AttributeError,
    "OverflowError": OverflowError,
    "ZeroDivisionError": ZeroDivisionError,
    "RecursionError": RecursionError,
    "UnicodeEncodeError": UnicodeEncodeError,
    "jinja2.TemplateError": jinja2.TemplateError,
    "jinja2.UndefinedError": jinja2.UndefinedError,
    "jinja2.SecurityError": jinja2.exceptions.SecurityError,
    "jinja2.TemplateRuntimeError": jinja2.TemplateRuntimeError,
    "jinja2.FilterArgumentError": jinja2.exceptions.FilterArgumentError,
    "jinja2.TemplateSyntaxError": jinja2.TemplateSyntaxError,
    "jinja2.TemplateAssertionError": jinja2.TemplateAssertionError,
}


@pytest.mark.parametrize("code", FAMILIES)
@pytest.mark.parametrize("name", CLASSES)
def test_error_is_of_its_family_and_of_the_class_raised_by_the_reference(name: str, code: str) -> None:
    error = build_error(name, "what 'happened'", code, "chat:3:7", "do this", "3 | {{ x }}\n  |    ^")
    assert isinstance(error, FAMILIES[code])
    assert isinstance(error, CLASSES[name])
    assert (error.message, error.code, error.location, error.hint) == ("what 'happened'", code, "chat:3:7", "do this")
    assert error.args == ("what 'happened'",)
    assert str(error) == "what 'happened'\n  --> chat:3:7\n3 | {{ x }}\n  |    ^\n  = help: do this"


@pytest.mark.parametrize("code", FAMILIES)
@pytest.mark.parametrize("name", CLASSES)
def test_error_survives_pickling(name: str, code: str) -> None:
    error = build_error(name, "what happened", code, "chat:3:7", None)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_class_is_made_once() -> None:
    first = build_error("TypeError", "a", "CE010")
    second = build_error("TypeError", "b", "CE011")
    assert type(first) is type(second)
    assert type(first).__name__ == "RenderError[TypeError]"


def test_syntax_error_has_what_jinja2_gives_it() -> None:
    error = build_error("jinja2.TemplateSyntaxError", "unexpected 'end'", "CE002", "a:b.jinja:12:3")
    assert isinstance(error, jinja2.TemplateSyntaxError)
    assert (error.name, error.lineno, error.message) == ("a:b.jinja", 12, "unexpected 'end'")


def test_error_without_place_or_hint_is_its_message() -> None:
    assert str(build_error("", "too long", "CE021")) == "too long"


def test_unknown_class_leaves_the_family() -> None:
    assert type(build_error("jinja2.NoSuchError", "x", "CE010")) is chattpl.RenderError
