"""Draws conversations and template arguments, the odd ones included, from a stream of choices.

A `Pick` gives a whole number below its argument. Hypothesis supplies one in the tests; `random.Random(seed).randrange`
serves as well. 0 is the plainest choice everywhere, so that examples shrink towards plain ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Pick = Callable[[int], int]
T = TypeVar("T")

WORDS = [
    "a", "Hello", "be brief", "", " ", "  padded \n", "line one\nline two\r\n\n  line 3", "\t", "don't", '"quoted"', "both ' and \"",
    "<b>bold</b> & co", "&lt;i&gt; &amp;amp; &copy;", "100%", "%s and %d", "{x} {} {0}", "{{ x }}", "{% if %}", "back\\slash",
    "true", "None", "12", "-3.50", "1e5", "0x1F", " 42 ", "1_000", "nan", "inf", "text", "role", "content", "user", "éàü", "ß",
    "İstanbul", "ΣΑΣ", "ǆ ﬁ", "e\u0301", "日本語 テスト", "🙂👍🏽", "\u200b", "\u00a0x\u2003", "\ue000\uf8ff", "\x00\x1b", "\x85\u2028\u2029",
    "\x1c\x1d", "\U0010ffff", "\U000f0000", "²½Ⅷ٣", "https://example.org/a?b=c&d=e", "www.example.com.", "me@example.org", "a,b,,c",
    "one two  three   four five six seven eight nine ten eleven twelve thirteen", "<think>\nhm\n</think>\n\nso", "CamelCase snake_case kebab-case",
    "x" * 90,
]  # fmt: skip

NUMBERS = [
    0, 1, 2, -1, 3, 7, 10, 42, -17, 100, 255, 0.5, 1.0, -2.5, 2.675, 1e16, 1e15, 123456.789, 1e-07, -0.0, 1e300, 5e-324,
    float("inf"), float("-inf"), float("nan"), 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**20, -(10**30), 3**200,
]  # fmt: skip

ROLES = ["user", "assistant", "system", "tool", "developer", "User", ""]
FIELDS = ["content", "role", "name", "type", "text", "arguments", "function", "id", "items", "get", "values", "0", "a", "b", "A", "x y", "_p", "é", ""]  # fmt: skip


class ValueWriter:
    """Draws values; every method takes its choices from `pick`."""

    def __init__(self, pick: Pick) -> None:
        self.pick = pick

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.pick(len(choices))]

    def rarely(self, one_in: int) -> bool:
        """Is true once in that many calls."""
        return self.pick(one_in) == one_in - 1

    def text(self) -> str:
        if self.rarely(5):
            return "".join(self.character() for _ in range(self.pick(6)))
        return self.one(WORDS)

    def character(self) -> str:
        """Any character but a surrogate: from one of a few planes at first, so that all kinds come up."""
        limit = self.one([0x80, 0x250, 0x3000, 0x11000, 0x1_1000, 0x2_0000, 0x11_0000])
        code = self.pick(limit)
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

    def number(self) -> int | float:
        return self.one(NUMBERS)

    def scalar(self) -> Any:
        writers: list[Callable[[], Any]] = [self.text, self.number, lambda: True, lambda: False, lambda: None]
        return self.one(writers)()

    def key(self) -> Any:
        if self.rarely(12):
            return self.one([1, 0, True, None, 2.0, -1, 10**20, (1, "a")])
        return self.one(FIELDS)

    def value(self, depth: int = 2) -> Any:
        kind = self.pick(4) if depth else 0
        if kind == 2:
            return self.array(depth)
        if kind == 3:
            return self.mapping(depth)
        return self.scalar()

    def array(self, depth: int = 2) -> Any:
        items = [self.value(depth - 1) for _ in range(self.pick(4))]
        return tuple(items) if self.rarely(10) else items

    def numbers(self) -> list[Any]:
        return [self.number() for _ in range(self.pick(5))]

    def texts(self) -> list[str]:
        return [self.text() for _ in range(self.pick(5))]

    def mapping(self, depth: int = 2) -> dict[Any, Any]:
        return {self.key(): self.value(depth - 1) for _ in range(self.pick(4))}

    def content(self) -> Any:
        kind = self.pick(10)
        if kind < 6:
            return self.text()
        if kind == 6:
            return None
        if kind < 9:
            return [self.part() for _ in range(self.pick(3))]
        return self.value()

    def part(self) -> Any:
        kind = self.pick(8)
        if kind < 5:
            return {"type": "text", "text": self.text()}
        if kind == 5:
            return {"type": "image", "image": self.text()}
        if kind == 6:
            return self.text()
        return self.mapping()

    def call(self) -> Any:
        function: dict[str, Any] = {"name": self.text()}
        if not self.rarely(6):
            function["arguments"] = self.text() if self.rarely(4) else self.mapping()
        call = function if self.rarely(5) else {"type": "function", "function": function}
        if self.rarely(3):
            call["id"] = self.text()
        return call

    def message(self) -> dict[Any, Any]:
        message: dict[Any, Any] = {}
        if not self.rarely(15):
            message["role"] = self.one(ROLES)
        if not self.rarely(10):
            message["content"] = self.content()
        if self.rarely(4):
            message["tool_calls"] = [self.call() for _ in range(self.pick(3))]
        if self.rarely(5):
            message[self.one(["reasoning_content", "thinking", "reasoning"])] = self.text()
        if self.rarely(5):
            message[self.key()] = self.value()
        return message

    def messages(self) -> list[Any]:
        return [self.message() for _ in range(self.pick(5))]

    def tool(self) -> dict[str, Any]:
        parameters: dict[str, Any] = {"type": "object", "properties": {}}
        for _ in range(self.pick(3)):
            parameters["properties"][self.one(FIELDS)] = {
                "type": self.one(["string", "number", "array"]),
                "description": self.text(),
            }
        return {
            "type": "function",
            "function": {"name": self.text(), "description": self.text(), "parameters": parameters},
        }

    def options(self) -> dict[str, Any]:
        """Keyword arguments of a render; the names are those that generated templates use."""
        options: dict[str, Any] = {"s": self.text(), "n": self.number(), "xs": self.array(), "d": self.mapping()}
        options |= {"ns": self.numbers(), "ts": self.texts(), "x": self.value(), "flag": self.pick(2) == 0}
        options |= {"bos_token": "<s>", "eos_token": "</s>"}
        if self.rarely(3):
            makers: list[Callable[[], Any]] = [self.tool, self.tool, lambda: add]
            options["tools"] = [self.one(makers)() for _ in range(self.pick(3))]
        if self.rarely(6):
            options["documents"] = [{"title": self.text(), "text": self.text()} for _ in range(self.pick(3))]
        if self.rarely(3):
            options["add_generation_prompt"] = True
        if self.rarely(20):
            options["continue_final_message"] = self.one(
                [True, True, True, "content", "reasoning_content", "thinking", "absent"]
            )
        return options


def add(amount: float, unit: str = "€", *, tags: list[str] | None = None) -> str:
    """Adds an amount.

    Args:
        amount: How much & of what
        unit: The unit (choices: ["€", "zł"])
        tags: Labels
    """
    return f"{amount}{unit}{tags}"
