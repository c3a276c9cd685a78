"""Every case of every format in the registry: the conversation renders to exactly the text beside it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

import chattpl
from paths import TEMPLATES

CASES = sorted(TEMPLATES.glob("*/*/cases/*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_case_renders_to_its_text(case: Path) -> None:
    options = json.loads(case.read_text("utf-8"))
    messages = options.pop("messages")
    if "now" in options:
        options["now"] = datetime.fromisoformat(options["now"])
    expected = case.with_suffix(".txt").read_bytes().decode()
    rendered = chattpl.load(case.parent.parent.name).render(messages, **options)
    assert rendered.text == expected
    assert "".join(rendered.text[segment.start : segment.end] for segment in rendered.segments) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_json_text_renders_as_the_objects_do(case: Path) -> None:
    options = json.loads(case.read_text("utf-8"))
    data = json.dumps({key: options.pop(key) for key in ("messages", "tools", "documents") if key in options})
    if "now" in options:
        options["now"] = datetime.fromisoformat(options["now"])
    chat = chattpl.load(case.parent.parent.name)
    rendered = chat.template.render_json(data.encode(), **{**chat.token_arguments, **options})
    assert rendered.text == case.with_suffix(".txt").read_bytes().decode()
