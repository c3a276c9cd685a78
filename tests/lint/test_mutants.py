"""Plants faults into the registry's templates: each has to be found under the rule that is meant for it.

A mutant that prints what the template printed, for every conversation here, is no fault and does not count. A mutant
counts as found when a rule of its kind says something that it does not say of the template itself.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from functools import cache
from itertools import islice
from typing import Any

import pytest

import chattpl
from chattpl import linter
from chattpl.linter.lock import Change, State, compare, observed
from chattpl.linter.subjects import Subject
from mutants import KINDS, Kind

PLACE = re.compile(r"\n  --> <template>.*", re.DOTALL)
NOW = datetime.datetime(2026, 11, 23, 12)
MOST = 2
"""Mutants of one kind and template, from the places where the text stands first."""
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_tide",
            "description": "Tells the tide.",
            "parameters": {
                "type": "object",
                "properties": {"town": {"type": "string", "enum": ["Wick", "Ayr"]}, "hours": {"type": "integer"}},
                "required": ["town"],
            },
        },
    }
]


def _call(call_id: str, arguments: object) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "get_tide", "arguments": arguments}}


def _result(call_id: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "name": "get_tide", "content": content}


def _said(role: str, content: object, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


CONVERSATIONS: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([_said("user", " Hi <b> & é ")], {"add_generation_prompt": True}),
    ([_said("user", "Hi"), _said("assistant", " Hello <i> ")], {}),
    ([_said("system", "Be kind."), _said("user", "Hi")], {"add_generation_prompt": True, "enable_thinking": False}),
    ([_said("system", "Be kind."), *[_said("user", "A"), _said("assistant", "B")] * 2], {}),
    ([_said("user", "Hi"), _said("assistant", "C", reasoning_content="Because.", thinking="Because.")], {}),
    ([_said("user", "Tide?")], {"tools": TOOLS, "add_generation_prompt": True}),
    ([_said("system", "Be kind."), _said("user", "Tide?")], {"tools": TOOLS, "add_generation_prompt": True}),
    *[
        (
            [
                _said("user", "Tide?"),
                _said("assistant", "", tool_calls=[_call(f"abcdefgh{i}", arguments) for i in range(calls)]),
                *[_result(f"abcdefgh{i}", "Low ünd wet") for i in range(calls)],
                *answer,
            ],
            {"tools": TOOLS},
        )
        for calls, arguments, answer in [
            (1, {"town": "Årdal", "far": None}, []),
            (1, '{"town": "Ayr"}', [_said("assistant", "Wet.")]),
            (2, {"town": "Ayr"}, [_said("assistant", "Wet."), _said("user", "Ta")]),
        ]
    ],
    ([_said("user", "Hi"), _said("assistant", None), _said("user", "Hm?")], {}),
    ([_said("user", [{"type": "text", "text": "Part"}]), _said("assistant", "Whole")], {}),
]


@cache
def _formats() -> dict[str, chattpl.ChatFormat]:
    return {info.name: chattpl.load(info.name) for info in chattpl.models()}


def _settings(chat: chattpl.ChatFormat, codes: tuple[str, ...]) -> linter.LintSettings:
    try:
        tokenizer = chat.tokenizer
    except chattpl.ChatTemplateError:
        tokenizer = None
    assert tokenizer is None or isinstance(tokenizer, chattpl.Tokenizer)
    return linter.LintSettings(
        select=codes, tokens=chat.token_arguments, tokenizer=tokenizer, stop_tokens=chat.stop_tokens
    )


def _said_of(source: str, chat: chattpl.ChatFormat, codes: tuple[str, ...]) -> Counter[tuple[str, str]]:
    found = linter.report(source, _settings(chat, codes)).diagnostics
    return Counter((fault.code, fault.message) for fault in found)


def _printed(source: str, chat: chattpl.ChatFormat) -> list[str]:
    try:
        template = chattpl.Template(source)
    except chattpl.ChatTemplateError as error:
        return [str(error)]
    outcomes = []
    for messages, options in CONVERSATIONS:
        try:
            outcomes.append(template.render(messages, now=NOW, **{**chat.token_arguments, **options}).text)
        except chattpl.ChatTemplateError as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    return outcomes


def _mutants(kind: Kind, name: str) -> list[str]:
    """The mutants that count."""
    if name in kind.but_not:
        return []
    chat = _formats()[name]
    source = chat.template.source
    before = _printed(source, chat) if kind.prints else []
    counting = (
        mutant
        for mutant in kind.edit(source)
        if mutant != source and not (kind.prints and _printed(mutant, chat) == before)
    )
    return list(islice(counting, MOST))


def _outcomes(kind: Kind) -> list[tuple[str, bool]]:
    """The format of each mutant, and whether it was found."""
    outcomes = []
    for name, chat in _formats().items():
        mutants = _mutants(kind, name)
        before = _said_of(chat.template.source, chat, kind.codes) if mutants else Counter()
        for mutant in mutants:
            outcomes.append((name, bool(_said_of(mutant, chat, kind.codes) - before)))
    return outcomes


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[tuple[str, bool]]]:
    return {kind.name: _outcomes(kind) for kind in KINDS}


def test_planted_faults_are_found_under_their_rules(outcomes: dict[str, list[tuple[str, bool]]]) -> None:
    every = [found for of_kind in outcomes.values() for _, found in of_kind]
    missed = {name: [form for form, found in of_kind if not found] for name, of_kind in outcomes.items()}
    missed = {name: forms for name, forms in missed.items() if forms}
    kinds = sum(bool(of_kind) for of_kind in outcomes.values())
    print(f"{sum(every)} of {len(every)} mutants of {kinds} kinds found")  # noqa: T201
    assert kinds >= 25
    assert len(every) >= 300
    assert sum(every) >= 0.95 * len(every), f"{sum(every)} of {len(every)}: {missed}"


def test_every_kind_has_mutants(outcomes: dict[str, list[tuple[str, bool]]]) -> None:
    assert [name for name, of_kind in outcomes.items() if not of_kind] == []


def test_every_kind_is_found_somewhere(outcomes: dict[str, list[tuple[str, bool]]]) -> None:
    assert [name for name, of_kind in outcomes.items() if not any(found for _, found in of_kind)] == []


def _since(name: str, mutant: str) -> Change:
    """What a lock file says of a mutant."""
    chat = _formats()[name]
    before, _ = observed(Subject(path=name, source=chat.template.source), _settings(chat, ()))
    after, found = observed(Subject(path=name, source=mutant), _settings(chat, ()), before)
    return compare(name, before, after, found)


def _words(source: str, name: str) -> list[str]:
    """What a template prints, and its errors without their places."""
    return [PLACE.sub("", printed) for printed in _printed(source, _formats()[name])]


def test_a_lock_file_sees_the_mutants_that_print_something_else() -> None:
    states = {
        (kind.name, name, index): _since(name, mutant).state
        for kind in KINDS
        if kind.prints
        for name, chat in _formats().items()
        for index, mutant in enumerate(_mutants(kind, name))
        if _words(mutant, name) != _words(chat.template.source, name)
    }
    assert len(states) >= 300
    assert {key: state for key, state in states.items() if state is not State.CHANGED} == {}
