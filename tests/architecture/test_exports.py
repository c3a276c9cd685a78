"""The public names of the package."""

from __future__ import annotations

import ast

import pytest

import chattpl
from paths import ROOT

NAMED_IN_THE_DESIGN = {
    "ChatFormat",
    "ChatTemplateError",
    "ModelInfo",
    "Origin",
    "Rendered",
    "Segment",
    "Template",
    "load",
    "models",
}


@pytest.mark.parametrize("name", chattpl.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(chattpl, name)
    assert name in dir(chattpl)
    assert name == "__version__" or value.__doc__


def test_all_is_sorted_and_holds_the_names_of_the_design() -> None:
    assert chattpl.__all__ == sorted(chattpl.__all__)
    assert set(chattpl.__all__) >= NAMED_IN_THE_DESIGN


def test_type_checkers_see_the_same_names_as_the_interpreter() -> None:
    tree = ast.parse((ROOT / "src" / "chattpl" / "__init__.py").read_text("utf-8"))
    checked = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chattpl.")
        for alias in node.names
    }
    assert checked == set(chattpl.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        chattpl.nothing  # noqa: B018


def test_version_is_that_of_the_workspace() -> None:
    import tomllib

    with open(ROOT / "Cargo.toml", "rb") as file:
        assert chattpl.__version__ == tomllib.load(file)["workspace"]["package"]["version"]
