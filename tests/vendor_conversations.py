"""Conversations for the vendors' own encoders: by hand, real ones, and strategies for more."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from chattpl.rows import read_row
from encoders import CONVERSATIONS
from strategies import TOOL


class Conversation(NamedTuple):
    """Messages and tools in the form of OpenAI's requests."""

    name: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None


def user(content: Any) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": content}


def says(content: Any, *calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An assistant's message."""
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **fields}


def system(content: Any) -> dict[str, Any]:
    """A system message."""
    return {"role": "system", "content": content}


def call(number: int, arguments: Any, name: str = "convert") -> dict[str, Any]:
    """A tool call whose id has nine characters, as Mistral asks for."""
    return {"id": f"abcdefg{number:02}", "type": "function", "function": {"name": name, "arguments": arguments}}


def result(number: int, content: Any, name: str = "convert") -> dict[str, Any]:
    """What a call gave."""
    return {"role": "tool", "tool_call_id": f"abcdefg{number:02}", "name": name, "content": content}


def part(text: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "text", "text": text}


JSON_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string"}
"""Names of types that one of the data sets takes from Python."""

BARE_TOOL = {"type": "function", "function": {"name": "noop", "parameters": {"type": "object", "properties": {}}}}
STRICT_TOOL = {
    "type": "function",
    "function": {"strict": True, "parameters": {"properties": {}, "type": "object"}, "description": "d", "name": "s"},
}
TEXTS = [
    *("", " ", "  ", "\n", " x", "x ", "x  \n", "\n\nx", "\tx\t", "日本語 🦆", "é e\u0301", '<b>&amp; "it\'s"</b>'),
    *("[INST] a [/INST]", "</s>", "<s>", "[TOOL_CALLS]", "<|start|>", "\u2581x", "a\u00a0b", '{"a":1}', "null"),
]
ARGUMENTS = [
    *({}, {"a": 1}, {"b": "é\n\"<&>'"}, {"c": [1.0, -0.0, 1e30, None, True, {"d": []}]}),
    *("{}", "", '{"a":1}', "null", '{"a": "\\u00e9\\ud83e\\udd86\\/"}', ' {"a" : [ 1,2 ] } ', "not json"),
    *('{"a": 1, "a": 2}', "[1]", "1e5", '"x"'),
]
RESULTS = [
    *("", " ", "sunny", "21.50", "21.5", "7", "-0", "1e5", "nan", "NaN", "true", "null", "[1,2]", '{"t":21.50}'),
    *("{'a': 1}", '"quoted"', "{", "1 2", "\n", "<b>&</b>", "é"),
    *([part("a"), part("b")], [part("")], [part('{"a"'), part(":1}")]),
]
PARAMETERS: list[Any] = [
    None,
    {},
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"type": "object", "description": "of it all", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}},
    {"type": "dict", "properties": {"a": {"type": "float"}}},
    {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "null"}}}]},
]
"""Parameters of functions."""
TYPES: list[dict[str, Any]] = [
    {},
    *({"type": kind} for kind in ("string", "number", "integer", "boolean", "array", "object", "null", "odd")),
    {"type": []},
    {"type": ["x"]},
    {"type": ["integer", "null"], "nullable": True},
    {"type": "integer", "nullable": True, "default": None},
    {"type": "number", "default": 1.5, "description": "how\nmuch"},
    {"type": "string", "default": 'a "b"', "title": "T"},
    {"type": "string", "enum": ["a", 'b"', 3], "default": "a"},
    {"type": "string", "enum": [], "default": "a"},
    {"type": "integer", "enum": [1, 2], "default": 1},
    {"type": "array", "items": {"type": "string", "enum": ["p", "q"]}, "default": [1, "é", {"a": None}]},
    {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "array", "items": {}}}}},
    {"type": "object", "description": "d", "required": ["x"], "properties": {
        "x": {"type": "object", "properties": {"y": {"type": "string", "default": "z", "examples": ["e", 1]}}},
        "w": {"type": "boolean", "default": False}}},
    {"description": "p", "default": "s", "oneOf": [
        {"type": "string", "description": "v", "default": "s"}, {"type": "number", "nullable": True, "default": 2}]},
    {"description": "p", "oneOf": [
        {"type": "string", "description": "p"}, {"type": "string", "enum": ["a"], "default": "a"}]},
    {"oneOf": [], "description": "p", "default": 1},
    {"type": "array", "items": {"oneOf": [{"type": "string", "description": "v", "default": "é"}, {"type": "array"}]}},
    {"anyOf": [{"type": "string"}, {"type": "null"}], "examples": ["x"]},
]  # fmt: skip
"""Schemas of parameters."""


def by_hand() -> Iterator[Conversation]:
    """Every kind of conversation that some format allows."""
    for text in TEXTS:
        yield Conversation(f"user {text!r}", [user(text)])
        yield Conversation(f"answer {text!r}", [user("Hi"), says(text), user("and?"), says(text)])
        yield Conversation(f"system {text!r}", [system(text), user("Hi")])
        yield Conversation(f"two users {text!r}", [user(text), user("b"), user(text)])
        yield Conversation(f"two answers {text!r}", [user("a"), says("b"), says(text), says("c")])
        yield Conversation(f"parts {text!r}", [user([part("a"), part(text), part("b")]), says([part(text), part("c")])])
        yield Conversation(f"call and text {text!r}", [user("a"), says(text, call(0, {}))], [TOOL])
    for arguments in ARGUMENTS:
        turn = says(None, call(0, arguments))
        yield Conversation(f"arguments {arguments!r}", [user("a"), turn, result(0, "x"), says("b")], [TOOL, BARE_TOOL])
    for content in RESULTS:
        turns = [user("a"), says(None, call(0, {})), result(0, content)]
        yield Conversation(f"result {content!r}", [*turns, says("b")], [TOOL])
        yield Conversation(f"earlier result {content!r}", [*turns, says("b"), user("c"), says("d")], [STRICT_TOOL])
    two = says(None, call(0, {"a": 1}), call(1, {}, "noop"))
    both = [user("a"), two, result(0, "x"), result(1, "y", "noop")]
    yield Conversation("parallel calls", [*both, says("b")], [TOOL, BARE_TOOL])
    yield Conversation("calls at the end", [user("a"), two], [TOOL])
    yield Conversation("results at the end", both, [TOOL])
    yield Conversation("results turned round", [user("a"), two, result(1, "y"), result(0, "x")], [TOOL])
    yield Conversation("calls in two messages", [user("a"), says(None, call(0, {})), says("", call(1, {}))], [TOOL])
    yield Conversation("text, then calls", [user("a"), says("b"), says(None, call(1, {})), result(1, "r")], [TOOL])
    yield Conversation("calls, then text", [user("a"), says(None, call(1, {})), result(1, "r"), says("t"), says("u")])
    yield Conversation(
        "tools in every turn", [*both, says("b"), user("c"), two, result(0, "1"), result(1, "2")], [TOOL]
    )
    yield Conversation("no tools", [user("a")], [])
    yield Conversation("system in parts", [system([part("a"), part(""), part("b")]), system("c"), user("d")], [TOOL])
    yield Conversation("system alone", [system("a")])
    yield Conversation("system after user", [user("a"), system("b"), user("c"), says("d")])
    yield Conversation("system before answer", [system("a"), says("b"), user("c"), says("d")])
    yield Conversation("answer first", [says("a"), user("b"), says("c")], [TOOL])
    yield Conversation("answers only", [says("a"), says("b")], [TOOL])
    yield Conversation("result first", [result(0, "a"), user("b"), says("c")])
    yield Conversation("developer", [{"role": "developer", "content": "a"}, user("b")])
    yield Conversation("many turns", [turn for n in range(5) for turn in (user(f"q{n}"), says(f"a{n} "))])


def with_reasoning() -> Iterator[Conversation]:
    """Reasoning in answers and before calls, at the end and further up."""
    thought = {"reasoning_content": "hm <&> é"}
    turn = [user("a"), says(None, call(0, {}), **thought), result(0, "r")]
    yield Conversation("thought answer", [user("a"), says("b", **thought)])
    yield Conversation("two thought answers", [user("a"), says("b", **thought), user("c"), says("d", **thought)])
    yield Conversation("thought call", turn, [TOOL])
    yield Conversation(
        "thought and said call", [user("a"), says("t", call(0, "{}"), **thought), result(0, "r")], [TOOL]
    )
    yield Conversation("thought call, answered", [*turn, says("b", **thought)], [TOOL])
    yield Conversation("thought call, asked on", [*turn, user("b"), *turn[1:]], [TOOL])
    yield Conversation("answer, then thought call", [user("q"), says("b", **thought), *turn], [TOOL])
    yield Conversation("no thought", [user("a"), says("b", reasoning_content="")])


def with_schemas() -> Iterator[Conversation]:
    """One tool for each kind of parameters."""
    for number, parameters in enumerate(
        [*PARAMETERS, *({"type": "object", "properties": {"p": one}} for one in TYPES)]
    ):
        function = {"name": "f", "description": "One\nline\r\nor two\n", "parameters": parameters}
        yield Conversation(f"parameters {number}", [user("a")], [{"type": "function", "function": function}])


def real() -> Iterator[Conversation]:
    """The conversations of the real data, ids and names made such that the vendors take them."""
    for path in sorted(CONVERSATIONS.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").rstrip("\n").split("\n")):
            row = json.loads(line)
            found = read_row(row)
            if messages := [fitted(message) for message in found.messages]:
                yield Conversation(
                    f"{path.stem}:{number}", messages, [_fitted_tool(tool) for tool in found.tools or ()]
                )


def fitted(message: dict[str, Any]) -> dict[str, Any]:
    """The message with fields that vendors know, and ids of nine letters and digits."""
    kept = {key: message[key] for key in ("role", "content", "name", "tool_call_id") if message.get(key) is not None}
    if isinstance(kept.get("content"), list):
        kept["content"] = [part(str(block.get("text", ""))) for block in kept["content"]]
    kept.setdefault("content", None if message["role"] == "assistant" else "")
    if message["role"] != "tool":
        kept.pop("name", None)
    if "tool_call_id" in kept:
        kept["tool_call_id"] = _nine(kept["tool_call_id"])
    if calls := message.get("tool_calls"):
        kept["tool_calls"] = [
            {"id": _nine(call.get("id")), "type": "function", "function": _named(call["function"])} for call in calls
        ]
    if kept.get("name"):
        kept = _named(kept)
    return kept


def _fitted_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool with a name and a schema as they should be."""
    function = _named(tool["function"])
    return {"type": "function", "function": {**function, "parameters": _schema(function.get("parameters") or {})}}


def _named(function: dict[str, Any]) -> dict[str, Any]:
    return {**function, "name": re.sub("[^a-zA-Z0-9_-]", "_", function["name"])[:64]}


def _schema(value: Any) -> Any:
    """The schema with the types of JSON in place of Python's."""
    if isinstance(value, list):
        return [_schema(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    fitted = {key: _schema(inner) for key, inner in value.items()}
    return {**fitted, "type": JSON_TYPES.get(kind, kind)} if isinstance(kind, str) else fitted


def _nine(text: Any) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()[:9]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(TEXTS)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
_spelt = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
    *(_json, st.booleans(), st.sampled_from([None, 1])),
)
_contents = texts | st.lists(texts.map(part), max_size=3)
_arguments = st.dictionaries(texts, _json, max_size=3) | _spelt | texts


_defaults = texts | st.integers(-9, 9) | st.booleans() | st.just([1, {"a": "b"}])
_names = st.sampled_from(["a", "b", "type", "items", "x_y"])
_leaves = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean", "array", "null", ["string", "null"]])},
    optional={"description": texts, "default": _defaults, "nullable": st.booleans(), "title": texts,
              "enum": st.lists(texts | st.integers(), max_size=2), "examples": st.lists(texts, max_size=2)},
)  # fmt: skip
_more = {"description": texts, "default": _defaults, "nullable": st.booleans()}
_schemas = st.recursive(
    _leaves,
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional=_more)
        | st.fixed_dictionaries({"oneOf": st.lists(inner, max_size=3)}, optional=_more)
        | st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(_names, inner, max_size=3)},
            optional={**_more, "required": st.lists(_names, max_size=2)},
        )
    ),
    max_leaves=6,
)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of functions."""
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(_names, _schemas, max_size=4)},
        optional={"required": st.lists(_names, max_size=2)},
    )


@st.composite
def conversations(draw: Any, *, reasoning: bool = False) -> Conversation:
    """Conversations with turns in an order that most formats take."""
    thoughts = st.fixed_dictionaries({}, optional={"reasoning_content": texts}) if reasoning else st.just({})
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append(system(draw(_contents)))
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        messages += [user(draw(_contents)) for _ in range(draw(st.integers(1, 2)))]
        for _ in range(draw(st.integers(0, 2))):
            calls = [call(count + n, draw(_arguments)) for n in range(draw(st.integers(1, 2)))]
            text = draw(st.none() | st.just("") | _contents)
            messages.append(says(text, *calls, **draw(thoughts)))
            results = [result(count + n, draw(texts | _spelt | _contents)) for n in range(len(calls))]
            messages += draw(st.permutations(results))
            count += len(calls)
        messages += [says(draw(_contents), **draw(thoughts)) for _ in range(draw(st.integers(0, 2)))]
    return Conversation("drawn", messages, draw(st.sampled_from([None, [TOOL], [BARE_TOOL, STRICT_TOOL]])))
