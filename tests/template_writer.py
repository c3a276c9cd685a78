"""Writes templates in the whole dialect from a stream of choices; most of them run without an error."""

from __future__ import annotations

import re

from template_grammar import HOLE, MADE, PLAIN, VARIABLES
from value_writer import Pick, ValueWriter

LOOSE = ["text", "number", "list", "dict", "any", "flag"]
DATA = [
    "text ", "\n", "  ", "<|im_start|>", "a b\n", " \n  ", "é🙂", "<b>&", "'\"", "\r\n", "\t\n", "x\n\n", "{ }", "#", "\\n", "%}", "\v\n", "\u2028", "-", "}}",
]  # fmt: skip
OPENERS = ["{%", "{%", "{%", "{%-", "{%+", "\n  {%", "\n{%-"]
CLOSERS = ["%}", "%}", "%}", "-%}", "+%}", "%}\n", "%}\n\n", "-%}\n  "]
PRINT_OPENERS = ["{{", "{{", "{{", "{{-", "{{+", "{{-"]
PRINT_CLOSERS = ["}}", "}}", "}}", "-}}", "}}\n"]

WRONG = ["<text>|nosuch", "<any> is nosuch", "<list>|map('nosuch')|list", "<list>|select('nosuch')|list", "<any> is defined(1)", "<text>|upper(1)", "<list>|join(nosuch=1)", "<any>.nosuch()", "loop.nosuch", "<text> is string(2, 3)", "<any>|tojson(nosuch=1)", "1 +", "<list>[", "range()", "namespace(1)", "raise_exception()", "strftime_now(1)"]  # fmt: skip


class TemplateWriter:
    """Writes one template. Names that are in scope are kept by kind, as in the grammar."""

    def __init__(self, pick: Pick) -> None:
        self.values = ValueWriter(pick)
        self.pick, self.one, self.rarely = pick, self.values.one, self.values.rarely
        self.scope = {kind: list(names) for kind, names in VARIABLES.items()}
        self.plain, self.literals = PLAIN, DATA
        self.macros: list[tuple[str, list[str], bool]] = []
        self.loops = 0
        self.names = 0

    def template(self) -> str:
        source = self.output() if self.pick(4) == 1 else self.body(3, 1 + self.pick(5))
        if self.rarely(40):
            source = self.damaged(source)
        if self.rarely(25):
            source = re.sub("\r?\n", "\r\n", source)
        return source

    def damaged(self, source: str) -> str:
        """Leaves a piece out, or repeats it, so that the source may not parse."""
        start = self.pick(len(source) + 1)
        end = min(start + 1 + self.pick(4), len(source))
        return source[:start] + self.one(["", source[start:end] * 2, "%}", "}}", "|", "(", "'"]) + source[end:]

    # Expressions

    def expression(self, kind: str, depth: int) -> str:
        if kind in LOOSE and self.rarely(40):
            kind = self.one(LOOSE)
        names = self.scope.get(kind, [])
        if names and self.pick(3 if depth > 0 else 2) == 1:
            return self.one(names)
        if (depth <= 0 and kind in self.plain) or kind not in MADE:
            return self.one(self.plain[kind])
        rule = self.one(MADE[kind]) if not self.rarely(60) else self.one(WRONG)
        if "<slice>" in rule:
            # Jinja2 folds constants, and says something else about a bad slice of one.
            rule = rule.replace(f"<{kind}>", self.one(self.scope.get(kind) or self.plain[kind]))
        made = HOLE.sub(lambda hole: self.operand(hole[1], depth - 1), rule)
        return made if self.loops or not re.search(r"\bloop\b", rule) or self.rarely(10) else "n"

    def operand(self, kind: str, depth: int) -> str:
        made = self.expression(kind, depth)
        bare = kind in (
            "textmethod",
            "test",
            "slice",
            "attribute",
            "filtername0",
            "predicate",
            "filtername",
            "testname",
        )
        if bare or (re.fullmatch(r"[\w.]+|'[^']*'|\[[^\]]*\]", made) and not made[0].isdigit()) or self.rarely(4):
            return made
        return f"({made})"

    # Statements

    def body(self, depth: int, length: int) -> str:
        kept = {kind: list(names) for kind, names in self.scope.items()}
        written = "".join(self.statement(depth) for _ in range(length))
        self.scope = kept
        return written

    def statement(self, depth: int) -> str:
        simple = [self.data, self.output, self.output, self.output, self.assignment]
        nested = [
            self.conditional, self.loop, self.loop, self.macro, self.call_block, self.filter_block, self.capture, self.generation,
            self.with_block, self.namespace, self.raw, self.comment, self.jump, self.recursion, self.unpacking,
        ]  # fmt: skip
        if depth <= 0 or self.pick(2) == 0:
            return self.one(simple)()
        write = self.one(nested)
        return write(depth - 1)

    def tag(self, inside: str) -> str:
        return f"{self.one(OPENERS)} {inside} {self.one(CLOSERS)}"

    def data(self) -> str:
        return self.one(self.literals)

    def output(self) -> str:
        kind = self.one(["text", "any", "text", "list", "number", "flag", "dict"])
        return f"{self.one(PRINT_OPENERS)} {self.expression(kind, 1 + self.pick(3))} {self.one(PRINT_CLOSERS)}"

    def fresh(self, *kinds: str) -> str:
        """A new name, or at times one that is taken, bound to a value of these kinds."""
        self.names += 1
        name = self.one(["s", "m", "x"]) if self.rarely(20) else f"v{self.names}"
        if self.rarely(150):
            return "loop"
        for kind in kinds:
            self.scope[kind] = [*self.scope.get(kind, []), name]
        return name

    def assignment(self) -> str:
        kind = self.one(["text", "number", "list", "dict", "any"])
        value = self.expression(kind, 2)
        return self.tag(f"set {self.fresh(kind)} = {value}")

    def unpacking(self, depth: int) -> str:
        value = self.one(
            ["('a', 2)", "[1, 2]", self.expression("list", depth), "1, 2", f"{self.expression('any', 1)}, 'b'"]
        )
        names = self.one(["{}, {}", "({}, {})", "{}, ({}, {})", "{},"])
        return self.tag("set " + re.sub(r"\{\}", lambda _: self.fresh("any"), names) + " = " + value)

    def conditional(self, depth: int) -> str:
        written = self.tag("if " + self.expression("flag", 2)) + self.body(depth, 1 + self.pick(2))
        if self.rarely(3):
            written += self.tag("elif " + self.expression("flag", 1)) + self.body(depth, 1)
        if self.pick(2):
            written += self.tag("else") + self.body(depth, 1)
        return written + self.tag("endif")

    def loop(self, depth: int) -> str:
        kept = {kind: list(names) for kind, names in self.scope.items()}
        kind, over = self.one(
            [
                ("records", "record"),
                ("list", "any"),
                ("texts", "text"),
                ("numbers", "number"),
                ("dict", "any"),
                ("any", "any"),
            ]
        )
        iterable = self.expression(kind, 1)
        if kind == "dict" and self.pick(2):
            iterable = f"({iterable}).items()" if self.pick(2) else f"({iterable})|dictsort"
            target = f"{self.fresh('any')}, {self.fresh('any')}"
        else:
            target = self.fresh(over, "any", *(["dict"] if over == "record" else []))
        condition = " if " + self.expression("flag", 1) if self.rarely(5) else ""
        self.loops += 1
        inside = self.body(depth, 1 + self.pick(3))
        self.loops -= 1
        self.scope = kept
        otherwise = self.tag("else") + self.body(depth, 1) if self.rarely(4) else ""
        return self.tag(f"for {target} in {iterable}{condition}") + inside + otherwise + self.tag("endfor")

    def recursion(self, depth: int) -> str:
        name = self.fresh("any")
        self.loops += 1
        inside = self.body(depth, 1)
        self.loops -= 1
        nested = self.one([f"{name}.items", f"{name}.content", f"{name}[1:]", f"{name}.b", "[]"])
        guard = self.one(
            [
                f"{name} is mapping",
                f"{name} is iterable and loop.depth < 4",
                f"{name} is sequence and {name} is not string",
            ]
        )
        call = self.tag(f"if {guard}") + "{{ loop(" + nested + ") }}" + self.tag("endif")
        iterable = self.one(["[{'b': [{'b': []}]}]", "[[1, [2]], 3]", "messages", self.expression("list", 1)])
        return self.tag(f"for {name} in {iterable} recursive") + inside + call + self.tag("endfor")

    def jump(self, depth: int) -> str:
        jump = self.tag(self.one(["break", "continue"]))
        if not self.loops and not self.rarely(20):
            return self.output()
        return self.tag("if " + self.expression("flag", 1)) + self.body(depth, 1) + jump + self.tag("endif")

    def macro(self, depth: int) -> str:
        kept, loops = {kind: list(names) for kind, names in self.scope.items()}, self.loops
        self.names += 1
        name = f"m{self.names}"
        params = self.one(["", "a", "a, b=1", "a, b='x', c=a", "a=none", "a=[], b={}"])
        names = re.findall(r"(?:^|, )([abc])", params)
        takes_caller = self.rarely(3)
        implied = self.one([[], [], ["varargs"], ["kwargs"]]) + (["caller()"] if takes_caller else [])
        self.scope["any"] = [*self.scope["any"], *names, *implied]
        self.loops = 0
        inside = self.body(depth, 1 + self.pick(2))
        self.scope, self.loops = kept, loops
        self.macros.append((name, names, takes_caller))
        return (
            self.tag(f"macro {name}({params})")
            + inside
            + self.tag("endmacro")
            + ("{{ " + self.macro_call(name, names) + " }}" if not takes_caller else self.called(name, names))
        )

    def arguments(self, params: list[str]) -> str:
        """Arguments of a call: mostly such as the macro takes."""
        if self.rarely(6):
            return self.one(
                ["<any>, z=<any>", "*<list>", "**<dict>", "<any>, a=1", "<any>, <any>, <any>, <any>", "caller=1"]
            )
        given = params[: self.pick(len(params) + 1)]
        return ", ".join(
            f"{name}=<any>" if self.rarely(3) or (at and self.rarely(3)) else "<any>" for at, name in enumerate(given)
        )

    def macro_call(self, name: str, params: list[str]) -> str:
        arguments = self.arguments(params)
        written = f"{name}({HOLE.sub(lambda hole: self.operand(hole[1], 1), arguments)})"
        if self.rarely(6):
            written += self.one(
                ["", "|upper", ".strip()", " ~ s", "|length", " + '<'", "|tojson", "|replace('a', '<')"]
            )
        return written

    def call_block(self, depth: int) -> str:
        takers = [macro[:2] for macro in self.macros if macro[2] or self.rarely(10)]
        if takers and self.pick(2):
            return self.called(*self.one(takers))
        self.names += 1
        name, argument = f"m{self.names}", self.one(["", "", "1", "'<'", "s"])
        param = "(q)" if argument and not self.rarely(4) else ""
        macro = (
            self.tag(f"macro {name}()")
            + self.one(["<{{ caller(" + argument + ") }}>", self.body(depth, 1), "{{ caller }}"])
            + self.tag("endmacro")
        )
        return (
            macro
            + self.tag(f"call{param} {name}()")
            + self.body(depth, 1)
            + self.one(["", "{{ q }}"])
            + self.tag("endcall")
        )

    def called(self, name: str, params: list[str]) -> str:
        head = self.one(["call ", "call ", "call ", "call(q) ", "call(q=1) "]) + self.macro_call(name, params)
        return self.tag(head) + self.data() + self.tag("endcall")

    def filter_block(self, depth: int) -> str:
        name = self.one(["upper", "trim", "replace('a', 'b')", "indent(2)", "e", "safe", "upper|trim", "title", "wordwrap(10)", "tojson", "striptags", "join('-')"])  # fmt: skip
        return self.tag(f"filter {name}") + self.body(depth, 1 + self.pick(2)) + self.tag("endfilter")

    def capture(self, depth: int) -> str:
        inside = self.body(depth, 1 + self.pick(2))
        filtered = self.one(["", "", " | upper", " | trim", " | safe", " | length"])
        return self.tag(f"set {self.fresh('text')}{filtered}") + inside + self.tag("endset")

    def generation(self, depth: int) -> str:
        return self.tag("generation") + self.body(depth, 1 + self.pick(2)) + self.tag("endgeneration")

    def with_block(self, depth: int) -> str:
        kept = {kind: list(names) for kind, names in self.scope.items()}
        value = self.expression("any", 1)
        head = self.one(
            [f"with {self.fresh('any')} = {value}", "with", f"with {self.fresh('any')} = 1, {self.fresh('text')} = s"]
        )
        inside = self.body(depth, 1 + self.pick(2))
        self.scope = kept
        return self.tag(head) + inside + self.tag("endwith")

    def namespace(self, depth: int) -> str:
        self.names += 1
        name = f"o{self.names}"
        first, then = (
            self.expression("any", 1),
            self.one([f"{name}.a ~ 'x'", f"{name}.n + 1", self.expression("any", 1)]),
        )
        start = self.tag(f"set {name} = namespace(a={first}, n=0)")
        change = self.tag(
            f"set {name}.{self.one(['a', 'n', 'new', 'a', 'items']) if not self.rarely(30) else '_p'} = {then}"
        )
        self.scope["any"] = [*self.scope["any"], f"{name}.a", f"{name}.n"]
        around = self.one(
            [
                "{}",
                self.tag("for q in [1, 2]") + "{}" + self.tag("endfor"),
                self.tag("if flag") + "{}" + self.tag("endif"),
            ]
        )
        return (
            start
            + around.replace("{}", change)
            + "{{ "
            + name
            + self.one([".a", ".n", "", ".new", "['a']", ".absent"])
            + " }}"
        )

    def raw(self, depth: int) -> str:
        return (
            self.one(["{% raw %}", "{%- raw -%}", "{%raw%}\n"])
            + self.one(["{{ x }}", " {% if %} ", "\n"])
            + self.one(["{% endraw %}", "{%- endraw -%}\n"])
        )

    def comment(self, depth: int) -> str:
        return self.one(["{# note #}", "{#- note -#}\n", "\n  {# {{ x }} #}\n", "{#+ a\n b #}"])
