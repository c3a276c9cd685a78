"""Bad input: rendered as `transformers` renders it, or refused with a code and a place; never a crash."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
import json
import random
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pydantic
import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from chattpl import ChatTemplateError, Template

TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}|{% endfor %}"
TEMPLATES = [TURNS, "{{ messages }}", "{{ messages|tojson }}"]
ODD_CODES = {"CE022", "CE030", "CE031", "CE032"}
"""Refusals of input; every other error of a render is that of the template, which Jinja2 raises too."""


class Name(enum.Enum):
    USER = "user"


class StringName(str, enum.Enum):  # noqa: UP042 - as much code still has it
    USER = "user"


class Number(enum.IntEnum):
    ONE = 1


class Flag(enum.Flag):
    ONE = 1


@dataclasses.dataclass
class Turn:
    role: str
    content: object


class Model(pydantic.BaseModel):
    role: str
    content: object = None


class OddString(str):
    def __str__(self) -> str:
        return "changed"

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = str.__hash__


class HookedDict(dict[str, object]):
    def __getitem__(self, key: str) -> object:
        return "hooked"

    def items(self) -> Any:
        return [("role", "hooked"), ("content", "hooked")]


class HookedList(list[object]):
    def __iter__(self) -> Iterator[object]:
        return iter([{"role": "user", "content": "hooked"}])


class PlainList(list[object]):
    pass


class PlainTuple(tuple[object, ...]):
    pass


Pair = collections.namedtuple("Pair", "a b")


class OddInt(int):
    def __repr__(self) -> str:
        return "changed"

    __str__ = __repr__


class OddFloat(float):
    def __repr__(self) -> str:
        return "changed"


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __str__

    def __len__(self) -> int:
        raise RuntimeError("len")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    __hash__ = None  # type: ignore[assignment]


class Conversation:
    messages: list[object] = [{"role": "user", "content": "x"}]  # noqa: RUF012


def user(content: object) -> list[Any]:
    """A conversation of one message."""
    return [{"role": "user", "content": content}]


def nested(levels: int, wrap: Callable[[object], object] = lambda value: [value]) -> object:
    """A value inside `levels` containers."""
    value: object = "x"
    for _ in range(levels):
        value = wrap(value)
    return value


ODD: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "no messages": list,
    "a string": lambda: "abc",
    "an empty string": lambda: "",
    "a number": lambda: 5,
    "zero": lambda: 0,
    "a message alone": lambda: user("x")[0],
    "an empty object": dict,
    "a generator": lambda: (message for message in user("x")),
    "a tuple": lambda: tuple(user("x")),
    "a set": lambda: {1},
    "messages that are none": lambda: [None],
    "messages that are strings": lambda: ["abc"],
    "messages that are lists": lambda: [[1]],
    "an object with messages": Conversation,
    "an object that holds messages": lambda: {"messages": user("x")},
    "a conversation in a list": lambda: [user("x")],
    "a message and a number": lambda: [*user("x"), 5],
    "no role": lambda: [{"content": "x"}],
    "no content": lambda: [{"role": "user"}],
    "an empty message": lambda: [{}],
    "an enum": lambda: user(Name.USER),
    "a string enum": lambda: [{"role": StringName.USER, "content": StringName.USER}],
    "an integer enum": lambda: user(Number.ONE),
    "a flag": lambda: user(Flag.ONE),
    "dataclasses": lambda: [Turn("user", "x")],
    "a dataclass inside": lambda: user(Turn("a", "b")),
    "pydantic models": lambda: [Model(role="user", content="x")],
    "a pydantic model inside": lambda: user(Model(role="a")),
    "an odd string": lambda: user(OddString("abc")),
    "an odd role": lambda: [{"role": OddString("user"), "content": "x"}],
    "a hooked dict": lambda: [HookedDict(role="user", content="x")],
    "a hooked list": lambda: HookedList(user("x")),
    "a hooked list inside": lambda: user(HookedList([3])),
    "a list of another class": lambda: PlainList(user("x")),
    "a list of another class inside": lambda: user(PlainList([1, PlainList([2])])),
    "a tuple of another class": lambda: user(PlainTuple((1, 2))),
    "a named tuple": lambda: user(Pair(1, 2)),
    "an odd integer": lambda: user(OddInt(5)),
    "an odd float": lambda: user(OddFloat(0.5)),
    "an object that raises": lambda: user(Raising()),
    "a NumPy integer": lambda: user(numpy.int64(5)),
    "a NumPy float": lambda: user(numpy.float32(0.1)),
    "a NumPy double": lambda: user(numpy.float64(0.1)),
    "a NumPy boolean": lambda: user(numpy.bool_(True)),
    "a NumPy string": lambda: user(numpy.str_("abc")),
    "a NumPy array": lambda: user(numpy.zeros(2)),
    "a NumPy date": lambda: user(numpy.datetime64("2020-01-01")),
    "bytes": lambda: user(b"x"),
    "a complex number": lambda: user(1j),
    "a set inside": lambda: user({1}),
    "a range": lambda: user(range(3)),
    "a generator inside": lambda: user(iter([1])),
    "a function": lambda: user(len),
    "a class": lambda: user(int),
    "a module": lambda: user(json),
    "an ellipsis": lambda: user(...),
    "a user dict": lambda: [collections.UserDict(role="user", content="x")],
    "an ordered dict": lambda: [collections.OrderedDict(role="user", content="x")],
    "a default dict": lambda: [collections.defaultdict(str, role="user")],
    "a mapping proxy": lambda: [types.MappingProxyType({"role": "user", "content": "x"})],
    "a deque": lambda: user(collections.deque([1])),
    "integer keys": lambda: user({1: 2}),
    "keys of all kinds": lambda: user({None: 1, True: 2, 1.5: 3}),
    "a tuple as a key": lambda: [{("a",): 1, "role": "user", "content": "x"}],
    "keys that differ in type": lambda: user({"1": 1, 1: 2}),
    "keys that are enums": lambda: user({Name.USER: 1, StringName.USER: 2, Number.ONE: 3}),
    "bytes as a key": lambda: user({b"k": 1}),
    "a class as a key": lambda: user({Turn: 1}),
    "NUL": lambda: user("a\0b"),
    "NUL in keys": lambda: [{"role": "user\0", "content": "x", "a\0": 1}],
    "a large integer": lambda: user(10**30),
    "an integer too long to print": lambda: user(10**5000),
    "no number": lambda: user(float("nan")),
    "an infinity": lambda: user(float("-inf")),
    "150 levels": lambda: user(nested(150)),
    "250 levels": lambda: user(nested(250)),
    "250 levels of objects": lambda: user(nested(250, lambda value: {"a": value})),
}


@pytest.mark.parametrize("source", TEMPLATES, ids=["turns", "repr", "json"])
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_odd_input_renders_as_in_transformers(make: Callable[[], object], source: str) -> None:
    try:
        expected = render_jinja_template([make()], chat_template=source)[0][0]
    except Exception:
        with pytest.raises(ChatTemplateError) as raised:
            Template(source).render(make())  # type: ignore[arg-type]
        assert raised.value.code.startswith("CE0")
        assert raised.value.location
        return
    assert Template(source).render(make()).text == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        (user("a\ud800b"), "messages[0].content"),
        ([*user("x"), {"role": "\udfff", "content": "x"}], "messages[1].role"),
        ([{"role": "user", "k\udc00": 1}], "messages[0]"),
    ],
)
def test_lone_surrogate_is_refused_where_it_stands(messages: list[Any], place: str) -> None:
    with pytest.raises(ChatTemplateError) as raised:
        Template(TURNS).render(messages)
    assert (raised.value.code, raised.value.location) == ("CE032", place)


def _cycles() -> dict[str, object]:
    in_list: list[Any] = [{"role": "user"}]
    in_list[0]["content"] = in_list
    in_dict: dict[str, Any] = {"role": "user"}
    in_dict["content"] = {"a": [in_dict]}
    in_turn = Turn("user", None)
    in_turn.content = [in_turn]
    return {"list": in_list, "dict": [in_dict], "dataclass": [in_turn]}


@pytest.mark.parametrize("kind", ["list", "dict", "dataclass"])
def test_cycle_is_refused(kind: str) -> None:
    with pytest.raises(ChatTemplateError) as raised:
        Template(TURNS).render(_cycles()[kind])  # type: ignore[arg-type]
    assert raised.value.code in ("CE022", "CE031")
    assert (raised.value.location or "").startswith("messages[0]")


@pytest.mark.parametrize(
    "wrap", [lambda value: [value], lambda value: {"a": value}, lambda value: (value,), lambda v: Turn("a", v)]
)
def test_deep_input_is_refused_with_its_place(wrap: Callable[[object], object]) -> None:
    with pytest.raises(ChatTemplateError) as raised:
        Template(TURNS).render(user(nested(10_000, wrap)))
    assert raised.value.code == "CE022"
    assert (raised.value.location or "").startswith("messages[0].content")


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_deep_json_is_refused(brackets: tuple[str, str]) -> None:
    text = brackets[0] * 10_000 + "1" + brackets[1] * 10_000
    for data in (text, f'[{{"role": "user", "content": {text}}}]', text[:5000]):
        with pytest.raises(ChatTemplateError) as raised:
            Template(TURNS).render_json(data.encode())
        assert raised.value.code in ("CE022", "CE030")


def test_deep_input_fits_the_stack_of_a_thread() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for source in (*TEMPLATES, "{{ messages == messages }}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"):
                for content in (nested(480), nested(480, lambda value: {"a": value}), nested(10_000)):
                    with contextlib.suppress(ChatTemplateError):
                        Template(source).render(user(content))
        except BaseException as error:
            failures.append(error)

    size = threading.stack_size(2 << 20)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert not failures


class EndlessDump:
    def model_dump(self) -> object:
        return EndlessDump()


class RaisingDump:
    @property
    def model_dump(self) -> object:
        raise ZeroDivisionError("property")


def test_object_that_reduces_to_another_without_end_is_refused() -> None:
    with pytest.raises(ChatTemplateError) as raised:
        Template(TURNS).render(user(EndlessDump()))
    assert raised.value.code == "CE022"


def test_exception_of_the_object_itself_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        Template(TURNS).render(user(RaisingDump()))


@pytest.mark.parametrize("change", ["clear", "grow", "shrink-list", "grow-list", "replace"])
def test_object_that_changes_the_messages_meanwhile_does_no_harm(change: str) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]

    class Meddler:
        def model_dump(self) -> object:
            if change == "clear":
                messages[0].clear()
            elif change == "grow":
                messages[0].update({str(number): "x" for number in range(100)})
            elif change == "shrink-list":
                messages.clear()
            elif change == "grow-list" and len(messages) < 50:
                messages.append({"role": "user", "content": "c"})
            elif change == "replace":
                messages[0]["content"] = "y" * 100
            return {"a": 1}

    messages[0]["meddler"] = Meddler()  # type: ignore[assignment]
    messages[0]["after"] = "z"
    for _ in range(3):
        text = Template(TURNS).render(list(messages) if change == "replace" else messages).text
        assert text == "" or text.startswith(("<user>", "<>"))


def test_key_with_a_hostile_str_does_no_harm() -> None:
    message: dict[Any, Any] = {"role": "user", "content": "a"}

    class Key:
        def __str__(self) -> str:
            message.clear()
            return "key"

    message[Key()] = 1
    message["last"] = 2
    try:
        text = Template(TURNS).render([message]).text
    except ChatTemplateError as error:
        assert error.code in ODD_CODES
    else:
        assert text == "<user>a|"


SAMPLE = json.dumps(
    {
        "messages": [
            {"role": "user", "content": 'Hé "quoted" \\ \n 😀 \x7f'},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, -2.5e3]}}}],
            },
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "n": [True, False, None, 12345678901234567890123, 0.1],
    },
)
SAMPLES = [SAMPLE.encode(), json.dumps(json.loads(SAMPLE), ensure_ascii=False, indent=1).encode()]


def _render_json(data: bytes) -> str:
    """Renders, or returns the code of a clear refusal."""
    try:
        return Template(TURNS).render_json(data).text
    except ChatTemplateError as error:
        assert error.message
        return error.code


@pytest.mark.parametrize("sample", SAMPLES, ids=["escaped", "indented"])
def test_json_cut_off_anywhere_is_refused(sample: bytes) -> None:
    whole = _render_json(sample)
    assert whole.startswith("<user>H")
    for end in range(len(sample)):
        assert _render_json(sample[:end]) in ("CE033", "CE032")


def test_json_with_random_bytes_changed_never_panics() -> None:
    rng = random.Random(5)
    seen = collections.Counter[str]()
    for _ in range(20_000):
        data = bytearray(rng.choice(SAMPLES))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            action = rng.randrange(4)
            if action == 0:
                data[at] = rng.randrange(256)
            elif action == 1:
                del data[at : at + rng.randint(1, 9)]
            elif action == 2:
                data[at:at] = rng.choice(
                    [b'"', b"\\", b"\\u", b"\\ud800", b"[", b"}", b",", b":", b"1e", b"-", b"\0", b"\xff"]
                )
            else:
                data[at:at] = data[max(0, at - 20) : at]
            if not data:
                break
        result = _render_json(bytes(data))
        seen[result[:5] if result.startswith("CE0") else "text"] += 1
    assert set(seen) <= {"text", "CE010", "CE022", "CE030", "CE032", "CE033"}


def test_json_agrees_with_python_about_what_is_json() -> None:
    rng = random.Random(7)
    tokens = [
        "1",
        "-1",
        "01",
        "1.",
        ".5",
        "1e5",
        "1E+5",
        "1e",
        "-",
        "NaN",
        "-Infinity",
        "nan",
        "true",
        "True",
        '"a"',
        "'a'",
    ]
    tokens += [
        "null",
        "[]",
        "{}",
        "[1,]",
        '{"a":1,}',
        '"\\x"',
        '"\\u12"',
        '"\t"',
        '"\\/"',
        "\ufeff1",
        " 1 ",
        "1 2",
        "",
        "\x0c1",
        "\u00a01",
    ]
    for token in tokens + [rng.choice(tokens) + rng.choice(tokens) for _ in range(500)]:
        text = f'[{{"role": "user", "content": {token}}}]'
        try:
            json.loads(text)
            valid = True
        except ValueError:
            valid = False
        assert (_render_json(text.encode()) != "CE033") == valid, text


@pytest.mark.parametrize(
    "data", [b"\xff", b'["\xc3"]', b'["\xed\xa0\x80"]', b'["\\ud800"]', b'["\\udc00\\ud800"]', b'["\\ud800\\u0041"]']
)
def test_text_that_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(ChatTemplateError) as raised:
        Template(TURNS).render_json(data)
    assert raised.value.code == "CE032"


LONG = """
import resource, sys, time
from chattpl import Template
source = "{% for m in messages %}<{{ m.role }}>{{ m.content|trim }}{{ m.content.split('</think>')[1] }}|{% endfor %}"
size = 100_000_000
content = sys.argv[2] * (size // len(sys.argv[2].encode()))
if sys.argv[1] == "objects":
    text = Template(source).render([{"role": "user", "content": content}]).text
else:
    data = b'[{"role": "user", "content": "' + content.encode() + b'"}]'
    text = Template(source).render_json(data).text
assert text == f"<user>{content}|"
# Not ru_maxrss: a process begins with that of the one that forked it, and a test run is large by now.
status = dict(line.split(":", 1) for line in open("/proc/self/status")) if sys.platform == "linux" else {}
kilobytes = status["VmHWM"].split()[0] if status else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(int(kilobytes) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["x", "é", "word "], ids=["ascii", "wide", "words"])
@pytest.mark.parametrize("way", ["objects", "json"])
def test_string_of_100_megabytes_renders_in_bounded_memory(way: str, unit: str) -> None:
    unit = unit.strip() if unit == "word " else unit
    done = subprocess.run([sys.executable, "-c", LONG, way, unit], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    # The message, its UTF-8 form or JSON text, the text rendered, and the copy to compare with.
    assert int(done.stdout) < 900
