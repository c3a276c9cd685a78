"""Hostile templates: what each one tries, and how it has to end."""

from __future__ import annotations

from typing import Any, NamedTuple

MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "Hello <b>there</b> https://example.org/a?b=c", "n": 3},
    {"role": "assistant", "content": "Bye", "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2]}}}]},
]


class Hostile(NamedTuple):
    """One hostile template and the way it ends."""

    name: str
    attempt: str
    template: str
    ends: str
    """Code and class of the error (`CE021`, `CE010 SecurityError`); `renders` where the text is harmless."""
    text: str | None = None
    """The text, where it renders and that text is short."""


SECURITY = "CE010 SecurityError"
UNDEFINED = "CE010 UndefinedError"
STEPS = "CE020"
MEMORY = "CE021"
DEPTH = "CE022 RecursionError"

_WALK = "__class__.__mro__[1].__subclasses__()"
_LOOP = "{% for i in range(100000) %}"
_END = "{% endfor %}"
_BIG = "{% set big = 'word ' * 1000000 %}"
_CHAIN = "{% set ns = namespace(v=[]) %}" + _LOOP + "{% set ns.v = [ns.v] %}" + _END


def _grow(start: str, step: str, times: int = 60) -> str:
    return (
        f"{{% set ns = namespace(v={start}) %}}{{% for i in range({times}) %}}{{% set ns.v = {step} %}}{{% endfor %}}"
    )


ESCAPES = [
    Hostile("class-of-string", "walk from a string to every class", "{{ ''." + _WALK + " }}", SECURITY),
    Hostile("class-of-list", "walk from a list to every class", "{{ []." + _WALK + " }}", SECURITY),
    Hostile("class-of-dict", "walk from a mapping to every class", "{{ {}." + _WALK + " }}", SECURITY),
    Hostile("class-of-number", "walk from a number to every class", "{{ (1)." + _WALK + " }}", SECURITY),
    Hostile("class-of-none", "walk from none to every class", "{{ none." + _WALK + " }}", SECURITY),
    Hostile("class-of-messages", "walk from the input to every class", "{{ messages." + _WALK + " }}", SECURITY),
    Hostile("class-of-markup", "walk from markup to every class", "{{ ('x'|safe)." + _WALK + " }}", SECURITY),
    Hostile("class-of-tuple", "walk from a tuple to every class", "{{ (1, 2)." + _WALK + " }}", SECURITY),
    Hostile("class-of-float", "walk from a float to every class", "{{ (1.5)." + _WALK + " }}", SECURITY),
    Hostile("class-by-item", "the same by subscript", "{{ ''['__class__']['__mro__'] }}", SECURITY),
    Hostile(
        "class-by-filter", "the same by the attr filter", "{{ ''|attr('__class__')|attr('__mro__') }}", "renders", ""
    ),
    Hostile(
        "class-by-joined-name",
        "the name is put together at run time",
        "{{ ''|attr('__cl' ~ 'ass__')|attr('__mro__') }}",
        "renders",
        "",
    ),
    Hostile("class-by-map", "map(attribute=)", "{{ ['']|map(attribute='__class__.__mro__')|list }}", SECURITY),
    Hostile(
        "class-by-map-attr",
        "map('attr')",
        "{{ ['']|map('attr', '__class__')|map('attr', '__mro__')|list }}",
        "renders",
        "[Undefined]",
    ),
    Hostile("class-by-selectattr", "selectattr", "{{ ['']|selectattr('__class__.__mro__')|list }}", SECURITY),
    Hostile("class-by-groupby", "groupby", "{{ ['']|groupby('__class__.__mro__') }}", SECURITY),
    Hostile("class-by-sort", "sort(attribute=)", "{{ ['', '']|sort(attribute='__class__.__mro__') }}", SECURITY),
    Hostile("class-by-format", "a field of str.format", "{{ '{0.__class__.__mro__}'.format('') }}", SECURITY),
    Hostile("class-by-format-item", "an index of a field", "{{ '{0[__class__][__mro__]}'.format('') }}", SECURITY),
    Hostile("class-by-format-map", "str.format_map", "{{ '{x.__class__.__mro__}'.format_map({'x': 1}) }}", SECURITY),
    Hostile(
        "class-by-nested-format",
        "a field inside a format spec",
        "{{ '{0:{1.__class__.__mro__}}'.format('x', 'y') }}",
        SECURITY,
    ),
    Hostile("class-by-markup-format", "Markup.format", "{{ ('{0.__class__.__mro__}'|safe).format('') }}", SECURITY),
    Hostile(
        "globals-by-format-of-markup",
        "the globals of a method through Markup.format",
        "{{ ('{0.escape.__globals__}'|safe).format('x'|safe) }}",
        UNDEFINED,
    ),
    Hostile(
        "format-taken-first",
        "bind str.format, call it later",
        "{% set f = '{0.__class__.__mro__}'.format %}{{ f('') }}",
        SECURITY,
    ),
    Hostile(
        "format-by-attr-filter",
        "bind str.format by the attr filter",
        "{{ ('{0.__class__.__mro__}'|attr('format'))('') }}",
        SECURITY,
    ),
    Hostile("percent-field", "an attribute in a %-format key", "{{ '%(x.__class__)s' % {'x': 1} }}", "CE010 KeyError"),
    Hostile(
        "format-filter",
        "an attribute in a key of the format filter",
        "{{ '%(x.__class__)s'|format(x=1) }}",
        "CE010 KeyError",
    ),
    Hostile("cycler-globals", "globals of a cycler's methods", "{{ cycler('a').next.__globals__ }}", "renders", ""),
    Hostile("cycler-init", "globals of the cycler class", "{{ cycler.__init__.__globals__ }}", SECURITY),
    Hostile("joiner-init", "globals of the joiner class", "{{ joiner.__init__.__globals__ }}", SECURITY),
    Hostile("namespace-init", "globals of the namespace class", "{{ namespace.__init__.__globals__ }}", SECURITY),
    Hostile(
        "namespace-attrs", "the dictionary behind a namespace", "{{ namespace(a=1)._Namespace__attrs }}", "renders", ""
    ),
    Hostile(
        "namespace-override",
        "an underscored attribute on a namespace",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        SECURITY,
    ),
    Hostile("namespace-override-call", "the same by keyword", "{{ namespace(__class__=1) }}", SECURITY),
    Hostile(
        "macro-internals",
        "the function behind a macro",
        "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
        SECURITY,
    ),
    Hostile(
        "macro-environment",
        "the environment behind a macro",
        "{% macro m() %}{% endmacro %}{{ m._environment.globals }}",
        SECURITY,
    ),
    Hostile(
        "loop-internals",
        "the iterator behind a loop",
        "{% for m in messages %}{{ loop._iterator.gi_frame }}{% endfor %}",
        SECURITY,
    ),
    Hostile(
        "generator-frame",
        "the frame of a generator",
        "{{ ([1]|map('string')).gi_frame.f_globals }}",
        SECURITY,
    ),
    Hostile("generator-code", "the code of a generator", "{{ ([1]|select).gi_code.co_code }}", SECURITY),
    Hostile("function-globals", "globals of a function", "{{ raise_exception.__globals__ }}", "renders", ""),
    Hostile("function-closure", "closure of a function", "{{ strftime_now.__closure__ }}", "renders", ""),
    Hostile("range-class", "walk from range", "{{ range(1)." + _WALK + " }}", SECURITY),
    Hostile("dict-fromkeys", "a mapping from another class", "{{ dict.fromkeys.__self__.__mro__ }}", SECURITY),
    Hostile("dict-mro", "the class behind dict", "{{ dict.__mro__ }}", "renders", ""),
    Hostile("undefined-dunder", "walk from an undefined value", "{{ nothing.__class__.__mro__ }}", SECURITY),
    Hostile("undefined-init", "globals of an undefined value", "{{ nothing.__init__.__globals__ }}", SECURITY),
    Hostile("undefined-exception", "the exception class inside", "{{ nothing._undefined_exception }}", "renders", ""),
    Hostile("self-template", "the template's own internals", "{{ self._TemplateReference__context }}", "renders", ""),
    Hostile("context-name", "the context object", "{{ context.environment }}", UNDEFINED),
    Hostile("builtins-name", "a Python builtin by name", "{{ __builtins__.open('x') }}", UNDEFINED),
    Hostile("import-name", "Python's import", "{{ __import__('os').system('id') }}", UNDEFINED),
    Hostile("include-file", "read a file", "{% include '/etc/passwd' %}", "CE010 TypeError"),
    Hostile("import-template", "import a template", "{% import '/etc/passwd' as x %}", "CE010 TypeError"),
    Hostile("extends-file", "extend a file", "{% extends '/etc/passwd' %}", "CE010 TypeError"),
    Hostile("bound-method-repr", "the address of an object in its repr", "{{ 'x'.upper }}", "renders"),
    Hostile(
        "function-repr",
        "the address of a function in its repr",
        "{{ range }}{{ dict }}{{ cycler }}",
        "renders",
        # What Jinja2 prints, but for the addresses: names alone, from which nothing can be reached.
        "<function safe_range at 0x7f0000000000>"
        "<transformers.utils.chat_template_utils._cached_compile_jinja_template.<locals>.TemplateDict object at 0x7f0000000000>"
        "<class 'jinja2.utils.Cycler'>",
    ),
]

MUTATIONS = [
    Hostile("append", "change the input", "{{ messages.append(1) }}", SECURITY),
    Hostile("append-by-item", "the same by subscript", "{{ messages['append'](1) }}", SECURITY),
    Hostile("append-by-filter", "the same by the attr filter", "{{ (messages|attr('append'))(1) }}", SECURITY),
    Hostile("append-taken-first", "bind the method first", "{% set f = messages.append %}{{ f(1) }}", SECURITY),
    Hostile("append-by-format", "the method in a format field", "{{ '{0.append}'.format(messages) }}", "renders", ""),
    Hostile("pop", "take from the input", "{{ messages.pop() }}", SECURITY),
    Hostile("sort", "sort the input in place", "{{ messages.sort() }}", SECURITY),
    Hostile("reverse", "reverse the input in place", "{{ messages.reverse() }}", SECURITY),
    Hostile("extend", "extend the input", "{{ messages.extend([1]) }}", SECURITY),
    Hostile("insert", "insert into the input", "{{ messages.insert(0, 1) }}", SECURITY),
    Hostile("clear", "empty the input", "{{ messages.clear() }}", SECURITY),
    Hostile("update", "change a message", "{{ messages[0].update({'role': 'system'}) }}", SECURITY),
    Hostile("setdefault", "add to a message", "{{ messages[0].setdefault('x', 1) }}", SECURITY),
    Hostile("popitem", "take from a message", "{{ messages[0].popitem() }}", SECURITY),
    Hostile(
        "map-attr-clear", "empty every message", "{{ messages|map('attr', 'clear')|map('string')|list }}", "renders"
    ),
    Hostile(
        "map-attribute-pop",
        "the same by attribute",
        "{% for f in messages|map(attribute='pop') %}{{ f('role') }}{% endfor %}",
        SECURITY,
    ),
    Hostile("setitem", "call the dunder", "{{ messages[0].__setitem__('role', 'x') }}", SECURITY),
    Hostile("set-attribute", "assign to a message", "{% set messages[0].role = 'x' %}", "CE001 TemplateSyntaxError"),
    Hostile(
        "set-on-message",
        "assign to a message as if a namespace",
        "{% set m = messages[0] %}{% set m.role = 'x' %}",
        "CE010 TemplateRuntimeError",
    ),
]

BOMBS = [
    Hostile("huge-range", "range(10**12)", "{% for i in range(10**12) %}{% endfor %}", "CE010 OverflowError"),
    Hostile("nested-ranges", "loops inside loops", _LOOP * 3 + "x" + _END * 3, STEPS),
    Hostile("nested-empty-ranges", "loops that do nothing", _LOOP * 3 + _END * 3, STEPS),
    Hostile(
        "nested-list-ranges", "lists in lists in loops", _LOOP * 2 + "{% set x = [[i], [i], [i]] %}" + _END * 2, MEMORY
    ),
    Hostile(
        "nested-dict-ranges", "mappings in loops", _LOOP * 2 + "{% set x = {'a': i, 'b': [i]} %}" + _END * 2, MEMORY
    ),
    Hostile("nested-ropes", "strings in loops", _LOOP * 2 + "{% set x = 'a' ~ i ~ 'b' %}" + _END * 2, MEMORY),
    Hostile("nested-namespaces", "namespaces in loops", _LOOP * 2 + "{% set x = namespace(a=i) %}" + _END * 2, MEMORY),
    Hostile(
        "nested-macro-calls",
        "macro calls in loops",
        "{% macro m(a, b=[]) %}{{ a }}{% endmacro %}" + _LOOP * 2 + "{% set x = m(i) %}" + _END * 2,
        STEPS,
    ),
    Hostile("nested-output", "print without end", _LOOP * 2 + "{{ i }}" + _END * 2, STEPS),
    Hostile("long-output", "print long text without end", _LOOP * 2 + "x" * 2000 + _END * 2, MEMORY),
    Hostile(
        "speckled-output",
        "many tiny stretches of output",
        _LOOP * 2 + "{{ messages[0].role }}{{ messages[1].role }}" + _END * 2,
        STEPS,
    ),
    Hostile(
        "generation-marks",
        "empty generation blocks without end",
        _LOOP * 2 + "{% generation %}{% endgeneration %}" + _END * 2,
        STEPS,
    ),
    Hostile("doubling", "ns.v ~ ns.v", _grow("'x'", "ns.v ~ ns.v"), MEMORY),
    Hostile("doubling-plus", "ns.v + ns.v", _grow("'x'", "ns.v + ns.v", 100), MEMORY),
    Hostile("doubling-printed", "ns.v ~ ns.v, printed", _grow("'x'", "ns.v ~ ns.v", 28) + "{{ ns.v }}", MEMORY),
    Hostile(
        "doubling-flattened",
        "ns.v ~ ns.v, looked at",
        _grow("'x'", "ns.v ~ ns.v", 27) + _LOOP + "{{ (ns.v ~ i)|length }}" + _END,
        MEMORY,
    ),
    Hostile(
        "doubling-in-message-loop",
        "the same where text gets its message",
        "{% for m in messages %}" + _grow("m.role", "ns.v ~ ns.v") + "{% endfor %}",
        MEMORY,
    ),
    Hostile("doubling-list", "ns.v + ns.v", _grow("[1]", "ns.v + ns.v"), MEMORY),
    Hostile("doubling-tuple", "ns.v + ns.v", _grow("(1,)", "ns.v + ns.v"), MEMORY),
    Hostile("doubling-nested-list", "[ns.v, ns.v], printed", _grow("[]", "[ns.v, ns.v]") + "{{ ns.v }}", MEMORY),
    Hostile("doubling-nested-json", "[ns.v, ns.v] to JSON", _grow("[]", "[ns.v, ns.v]") + "{{ ns.v|tojson }}", STEPS),
    Hostile("doubling-nested-dict", "mappings, printed", _grow("{}", "{'a': ns.v, 'b': ns.v}") + "{{ ns.v }}", MEMORY),
    Hostile(
        "doubling-compared",
        "two nested lists compared",
        _grow("[]", "[ns.v, ns.v]") + "{% set a = ns.v %}" + _grow("[]", "[ns.v, ns.v]") + "{{ a == ns.v }}",
        STEPS,
    ),
    Hostile(
        "doubling-ordered",
        "two nested lists put in order",
        _grow("[]", "[ns.v, ns.v]") + "{% set a = ns.v %}" + _grow("[]", "[ns.v, ns.v]") + "{{ a < ns.v }}",
        STEPS,
    ),
    Hostile(
        "doubling-tuple-key", "a nested tuple as a key", _grow("()", "(ns.v, ns.v)") + "{{ {ns.v: 1}|length }}", STEPS
    ),
    Hostile(
        "escapes-json",
        "control characters, each six characters in JSON",
        "{{ ('\\x01' * 100000000)|tojson }}",
        MEMORY,
    ),
    Hostile(
        "zigzag",
        "text put around a text, 100,000 times",
        _grow("'-'", "'a' ~ ns.v ~ 'b'", 100000) + "{{ ns.v|length }}{{ ns.v ~ ns.v == 'x' }}",
        "renders",
        "200001False",
    ),
    Hostile(
        "zigzag-right",
        "text put before a text, 100,000 times",
        _grow("'-'", "'a' ~ (ns.v ~ ('b' ~ ns.w))", 100000).replace("v='-'", "v='-', w='c'") + "{{ ns.v|length }}",
        "renders",
        "300001",
    ),
    Hostile("doubling-json-text", "JSON text of JSON text", _grow("'\"'", "ns.v|tojson", 200), MEMORY),
    Hostile("doubling-repr", "repr of repr", _grow("['\\\\']", "[ns.v|string]", 200), MEMORY),
    Hostile("doubling-escape", "& escaped again and again", _grow("'&'", "ns.v|string|forceescape * 2", 200), MEMORY),
    Hostile(
        "doubling-set-block",
        "a set block that prints itself twice",
        "{% set v = 'lol' %}" + "{% set v %}{{ v }}{{ v }}{% endset %}" * 60,
        MEMORY,
    ),
    Hostile(
        "billion-laughs",
        "set blocks, each ten times the one before",
        "{% set a0 = messages[0].role %}"
        + "".join("{% set a" + str(i + 1) + " %}" + ("{{ a" + str(i) + " }}-") * 10 + "{% endset %}" for i in range(12))
        + "{{ a12 }}",
        MEMORY,
    ),
    Hostile(
        "billion-laughs-macros",
        "macros, each ten times the one before",
        "{% macro m0() %}lol{% endmacro %}"
        + "".join(
            "{% macro m" + str(i + 1) + "() %}" + ("{{ m" + str(i) + "() }}") * 10 + "{% endmacro %}" for i in range(12)
        )
        + "{{ m12() }}",
        MEMORY,
    ),
    Hostile("repeat-string", "'a' * 10**10", "{{ 'a' * 10**10 }}", MEMORY),
    Hostile(
        "repeat-string-just-under",
        "'a' * 10**8, kept ten times",
        "{% set x = ['a' * 10**8, 'b' * 10**8, 'c' * 10**8, 'd' * 10**8] %}",
        MEMORY,
    ),
    Hostile("repeat-big-int", "'a' * 10**30", "{{ 'a' * 10**30 }}", "CE010 OverflowError"),
    Hostile("repeat-list", "[1] * 10**10", "{{ [1] * 10**10 }}", MEMORY),
    Hostile("repeat-empty", "[] * 10**18", "{{ [] * 10**18 }}", "renders", "[]"),
    Hostile("indent", "indent(10**9)", "{{ 'a\\nb'|indent(10**9) }}", MEMORY),
    Hostile("indent-lines", "a million lines indented", "{{ ('\\n' * 1000000)|indent(1000, blank=true) }}", MEMORY),
    Hostile("center", "center(10**9)", "{{ 'a'|center(10**9) }}", MEMORY),
    Hostile("center-method", "center(2**62) with a wide character", "{{ 'a'.center(2**62, '😀') }}", MEMORY),
    Hostile("ljust", "ljust(10**9)", "{{ 'a'.ljust(10**9) }}", MEMORY),
    Hostile("rjust", "rjust(2**63 - 1)", "{{ 'a'.rjust(2**63 - 1) }}", MEMORY),
    Hostile("zfill", "zfill(10**9)", "{{ '1'.zfill(10**9) }}", MEMORY),
    Hostile("expandtabs", "tabs of 10**9", "{{ '\\t'.expandtabs(10**9) }}", MEMORY),
    Hostile("expandtabs-many", "100,000 tabs of 100,000", "{{ ('\\t' * 100000).expandtabs(100000) }}", MEMORY),
    Hostile("percent-width", "%1000000000d", "{{ '%1000000000d' % 1 }}", MEMORY),
    Hostile("percent-star", "a width from the arguments", "{{ '%*d' % (10**9, 1) }}", MEMORY),
    Hostile("percent-precision", "a precision of 10**9", "{{ '%.1000000000f' % 1.5 }}", MEMORY),
    Hostile("percent-many", "1,000 fields of a million", "{{ ('%1000000s' * 1000) % (('a',) * 1000) }}", MEMORY),
    Hostile("format-width", "{:1000000000}", "{{ '{:1000000000}'.format(1) }}", MEMORY),
    Hostile("format-precision", "a precision of 10**9", "{{ '{:.1000000000f}'.format(1.5) }}", MEMORY),
    Hostile("format-nested-width", "a width from the arguments", "{{ '{:{}}'.format(1, 10**9) }}", MEMORY),
    Hostile("format-many", "1,000 fields of a million", "{{ ('{0:1000000}' * 1000).format('a') }}", MEMORY),
    Hostile(
        "format-repr-many",
        "one long list written 100,000 times",
        "{{ ('{0!r}' * 100000).format([1] * 100000) }}",
        STEPS,
    ),
    Hostile("format-zero-width", "zero padding with commas", "{{ '{:0>1000000000,}'.format(1) }}", MEMORY),
    Hostile(
        "replace", "every character replaced by a long text", "{{ ('a' * 1000000)|replace('a', 'b' * 1000) }}", MEMORY
    ),
    Hostile(
        "replace-empty", "a long text between all characters", "{{ ('a' * 1000000).replace('', 'b' * 1000) }}", MEMORY
    ),
    Hostile("replace-chain", "replace in a loop", _grow("'a'", "ns.v|replace('a', 'aaaaaaaaaa')", 30), MEMORY),
    Hostile("join", "a long separator", "{{ range(100000)|join('x' * 100000) }}", MEMORY),
    Hostile("join-method", "join in a loop", _grow("'ab'", "ns.v.join(ns.v)", 30), MEMORY),
    Hostile("tojson-indent", "tojson(indent=10**8)", "{{ messages|tojson(indent=10**8) }}", MEMORY),
    Hostile(
        "tojson-indent-text", "an indent of long text", "{{ ([[[[1] * 1000]]])|tojson(indent='x' * 100000) }}", MEMORY
    ),
    Hostile(
        "tojson-separators", "long separators", "{{ ([1] * 100000)|tojson(separators=('x' * 100000, ':')) }}", MEMORY
    ),
    Hostile("batch-fill", "batch(10**9, fill)", "{{ [1]|batch(10**9, 'x')|list }}", MEMORY),
    Hostile("slice-fill", "slice(10**9, fill)", "{{ [1]|slice(10**9, 'x')|list }}", MEMORY),
    Hostile("slice-negative", "slice(-1)", "{{ [1]|slice(-1)|list }}", "renders", "[]"),
    Hostile("power", "9**(9**9)", "{{ 9**(9**9) }}", MEMORY),
    Hostile("power-grown", "squares of squares", _grow("3", "ns.v * ns.v"), MEMORY),
    Hostile("power-float", "a float power that overflows", "{{ 10.0 ** 1000 }}", "CE010 OverflowError"),
    Hostile("long-integer", "an integer of 15,000 digits, printed", "{{ 10 ** 15000 }}", "CE010 ValueError"),
    Hostile("long-integer-json", "the same to JSON", "{{ (10 ** 10000)|tojson }}", "CE010 ValueError"),
    Hostile("long-integer-format", "the same formatted", "{{ '%d' % (10 ** 10000) }}", "CE010 ValueError"),
    Hostile("long-integer-text", "100,000 digits as text", "{{ ('9' * 100000)|int }}", "renders", "0"),
    Hostile(
        "long-integers-kept",
        "long integers in a loop",
        "{% set x = 10 ** 10000 %}" + _LOOP + "{% set y = x + i %}" + _END,
        MEMORY,
    ),
    Hostile(
        "long-integers-divided",
        "long integers divided in a loop",
        "{% set x = 10 ** 15000 %}" + _LOOP + "{% set y = x // (10 ** 7000) %}" + _END,
        STEPS,
    ),
    Hostile(
        "round-places", "round to 10**9 places", "{{ 1.5|round(10**9) }}{{ 5|round(-(10**9)) }}", "renders", "1.50"
    ),
    Hostile("round-up-places", "round up to 10**9 places", "{{ 5|round(10**9, 'ceil') }}", MEMORY),
    Hostile(
        "round-up-loop",
        "round up to many places in a loop",
        _LOOP + "{% set x = 5|round(5000, 'ceil') %}" + _END,
        STEPS,
    ),
    Hostile("int-of-bits", "an integer of a million bits as text", "{{ ('1' * 1000000)|int(base=2) is odd }}", MEMORY),
    Hostile(
        "range-edge",
        "ranges at the edge of 64 bits",
        "{{ range(-2**63, 2**63 - 1, 2**62)[::4]|list }}",
        "renders",
        "[-9223372036854775808]",
    ),
    Hostile("macro-recursion", "a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", DEPTH),
    Hostile(
        "macro-tree",
        "a macro that calls itself twice",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        STEPS,
    ),
    Hostile(
        "mutual-recursion",
        "macros that call each other",
        "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
        DEPTH,
    ),
    Hostile(
        "call-block-recursion",
        "call blocks without end",
        "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
        DEPTH,
    ),
    Hostile(
        "caller-recursion",
        "a caller that calls itself",
        "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
        DEPTH,
    ),
    Hostile(
        "loop-recursion",
        "a recursive loop without end",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        DEPTH,
    ),
    Hostile("nested-list", "a list 100,000 deep, printed", _CHAIN + "{{ ns.v }}", DEPTH),
    Hostile("nested-list-json", "the same to JSON", _CHAIN + "{{ ns.v|tojson }}", DEPTH),
    Hostile(
        "nested-list-key",
        "a tuple 100,000 deep as a key",
        _grow("()", "(ns.v,)", 100000) + "{{ {ns.v: 1}|length }}",
        DEPTH,
    ),
    Hostile(
        "nested-list-order",
        "two lists 100,000 deep put in order",
        _CHAIN + "{% set a = ns.v %}" + _CHAIN + "{{ a < ns.v }}",
        DEPTH,
    ),
    Hostile(
        "nested-list-equal",
        "two lists 100,000 deep compared",
        _CHAIN + "{% set a = ns.v %}" + _CHAIN + "{{ a == ns.v }}",
        DEPTH,
    ),
    Hostile(
        "nested-generators",
        "map of map, 100,000 deep",
        _grow("'ab'", "ns.v|map('upper')", 100000) + "{{ ns.v|list }}",
        DEPTH,
    ),
    Hostile(
        "nested-filters",
        "select of select, 100,000 deep",
        _grow("'ab'", "ns.v|select", 100000) + "{{ ns.v|list }}",
        DEPTH,
    ),
    Hostile(
        "nested-loop-filters",
        "loops with a test inside each other",
        "{% macro f(x, n) %}{% for i in x if f([1], n + 1) %}{% endfor %}1{% endmacro %}{{ f([1], 0) }}",
        DEPTH,
    ),
    Hostile(
        "namespace-in-itself",
        "a namespace that holds itself",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
        DEPTH,
    ),
    Hostile(
        "namespace-in-itself-json",
        "the same to JSON",
        "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a|tojson }}",
        "CE010 TypeError",
    ),
    Hostile(
        "deep-parentheses",
        "source nested 100,000 deep",
        "{{ " + "(" * 100000 + "1" + ")" * 100000 + " }}",
        "CE005 TemplateSyntaxError",
    ),
    Hostile(
        "deep-lists",
        "list literals nested 100,000 deep",
        "{{ " + "[" * 100000 + "]" * 100000 + " }}",
        "CE005 TemplateSyntaxError",
    ),
    Hostile("deep-not", "100,000 times `not`", "{{ " + "not " * 100000 + "1 }}", "CE005 TemplateSyntaxError"),
    Hostile(
        "deep-attributes", "100,000 attributes in a row", "{{ a" + ".a" * 100000 + " }}", "CE005 TemplateSyntaxError"
    ),
    Hostile("deep-filters", "100,000 filters in a row", "{{ a" + "|e" * 100000 + " }}", "CE005 TemplateSyntaxError"),
    Hostile(
        "deep-blocks",
        "100,000 ifs inside each other",
        "{% if 1 %}" * 100000 + "{% endif %}" * 100000,
        "CE005 TemplateSyntaxError",
    ),
    Hostile("deep-sums", "a sum of 100,000 terms", "{{ 1" + "+1" * 100000 + " }}", "CE005 TemplateSyntaxError"),
    Hostile("long-concatenation", "~ between 100,000 terms", "{{ 1" + "~1" * 100000 + " }}", "renders"),
    Hostile("long-elif", "100,000 elifs", "{% if 0 %}" + "{% elif 0 %}" * 100000 + "{% endif %}", "renders", ""),
    Hostile("long-text", "5 MB of text", "x" * 5_000_000, "renders"),
    Hostile("long-braces", "5 MB of braces", "{" * 5_000_000, "CE005 TemplateSyntaxError"),
    Hostile("long-comments", "5 MB of comments", "{##}" * 1_250_000, "renders", ""),
    Hostile("long-unclosed-tags", "5 MB of unclosed tags", "{% raw %}" * 555_555, "CE003 TemplateSyntaxError"),
    Hostile("long-prints", "5 MB of prints", "{{ a }}" * 700_000, "renders", ""),
    Hostile(
        "long-names",
        "300,000 variables",
        "".join(f"{{% set v{i} = 0 %}}" for i in range(300_000)),
        "CE005 TemplateSyntaxError",
    ),
    Hostile(
        "long-arguments",
        "300 arguments",
        "{% macro m() %}{{ varargs|length }}{% endmacro %}{{ m(" + "1," * 300 + ") }}",
        "renders",
        "300",
    ),
    Hostile(
        "long-keywords",
        "70,000 calls with other keywords",
        "".join(f"{{{{ dict(k{i}=0)|length }}}}" for i in range(70_000)),
        "CE005 TemplateSyntaxError",
    ),
    Hostile("long-list", "a list of 1,000,000 numbers", "{% set x = [" + "1," * 1_000_000 + "] %}", "renders", ""),
    Hostile(
        "long-dict",
        "a mapping of 300,000 entries",
        "{% set x = {" + "".join(f"{i}:1," for i in range(300_000)) + "} %}",
        "renders",
        "",
    ),
    Hostile("long-string", "a string of 5 MB", "{{ '" + "\\n" * 2_500_000 + "'|length }}", "renders", "2500000"),
    Hostile(
        "many-branches",
        "50,000 ifs after 5,000 variables",
        "".join(f"{{% set v{i} = 0 %}}" for i in range(5_000)) + "{% if v1 %}{% endif %}" * 50_000,
        "CE005 TemplateSyntaxError",
    ),
    Hostile(
        "many-filter-arguments", "300 arguments of a filter", "{{ 1|list(" + "1," * 300 + ") }}", "CE010 TypeError"
    ),
    Hostile(
        "long-loop-nest",
        "150 loops inside each other",
        "{% for i in range(9) %}" * 150 + "x" + "{% endfor %}" * 150,
        MEMORY,
    ),
]

QUADRATIC = [
    Hostile("wordwrap", "a long text wrapped at 1", _BIG + "{{ big|wordwrap(1)|length }}", MEMORY),
    Hostile("wordwrap-100000", "100,000 words wrapped at 1", "{{ ('word ' * 100000)|wordwrap(1)|length }}", "renders"),
    Hostile("wordwrap-long-word", "one long word", "{{ ('a-' * 1000000)|wordwrap(1)|length }}", MEMORY),
    Hostile(
        "wordwrap-wrapstring",
        "a long text between the lines",
        _BIG + "{{ big|wordwrap(1, wrapstring='x' * 100000)|length }}",
        MEMORY,
    ),
    Hostile("truncate", "truncate in a loop", _BIG + _LOOP + "{{ big|truncate(4000000) is string }}" + _END, STEPS),
    Hostile("urlize", "a text full of addresses", "{{ ('www.a.org ' * 100000)|urlize|length }}", "renders"),
    Hostile(
        "urlize-brackets",
        "brackets around nothing",
        "{{ ('(' * 1000000 ~ 'www.a.org' ~ ')' * 1000000)|urlize|length }}",
        "renders",
    ),
    Hostile(
        "urlize-rel",
        "a long rel for every address",
        "{{ ('www.a.org ' * 10000)|urlize(rel='x' * 1000000)|length }}",
        MEMORY,
    ),
    Hostile(
        "urlize-schemes",
        "many schemes for every word",
        "{{ ('word ' * 100000)|urlize(extra_schemes=['tel:'] * 10000)|length }}",
        STEPS,
    ),
    Hostile("striptags", "a text full of tags", "{{ ('<' * 1000000)|striptags|length }}", "renders"),
    Hostile("striptags-comments", "a text full of comments", "{{ ('<!--' * 500000)|striptags|length }}", "renders"),
    Hostile(
        "unescape",
        "a text full of ampersands",
        "{{ ('&' * 1000000 ~ '&#x' * 100000)|safe.unescape()|length }}",
        "CE006 TemplateAssertionError",
    ),
    Hostile(
        "unescape-markup",
        "a text full of ampersands",
        "{{ (('&' * 1000000 ~ '&#x' * 100000)|safe).unescape()|length }}",
        "renders",
    ),
    Hostile("escape", "escape in a loop", _BIG + _LOOP + "{% set x = ('<' ~ big)|e %}" + _END, MEMORY),
    Hostile(
        "sort-loop",
        "sort in a loop",
        "{% set x = range(100000)|list %}" + _LOOP + "{% set y = x|sort %}" + _END,
        MEMORY,
    ),
    Hostile(
        "sort-long-strings",
        "sort of long equal strings",
        "{% set x = ['a' * 1000000] * 10000 %}{{ x|sort|length }}",
        MEMORY,
    ),
    Hostile(
        "sort-nested",
        "sort of nested lists",
        "{% set x = [[[[1] * 1000] * 100] * 10] * 1000 %}{{ x|sort|length }}",
        STEPS,
    ),
    Hostile("unique", "unique over 100,000 numbers", "{{ range(100000)|unique|list|length }}", STEPS),
    Hostile("unique-lists", "unique over tuples", "{{ range(100000)|batch(1)|map('join')|unique|list|length }}", STEPS),
    Hostile(
        "groupby", "groupby over 100,000 numbers", "{{ range(100000)|groupby('real')|length }}", "renders", "100000"
    ),
    Hostile("dictsort", "a large mapping", "{{ dict.fromkeys(range(100000))|dictsort|length }}", "renders", "100000"),
    Hostile(
        "dict-of-tuples",
        "a mapping keyed by tuples",
        "{{ dict(range(100000)|batch(2)|map('list'))|length }}",
        "renders",
        "50000",
    ),
    Hostile(
        "dict-of-floats",
        "a mapping keyed by floats",
        "{{ dict.fromkeys(range(100000)|map('float'))|length }}",
        "renders",
        "100000",
    ),
    Hostile(
        "dict-of-pairs",
        "a mapping keyed by tuples",
        "{{ dict.fromkeys({'a': 1}.items()|list * 50000)|length }}{{ dict.fromkeys(dict.fromkeys(range(100000)).items())|length }}",
        STEPS,
    ),
    Hostile(
        "dict-get",
        "look-ups by number",
        "{% set d = dict.fromkeys(range(100000)) %}" + _LOOP + "{% set x = d[i] %}" + _END,
        "renders",
        "",
    ),
    Hostile(
        "in-list",
        "`in` a long list",
        "{% set x = range(100000)|list %}" + _LOOP + "{% set y = -1 in x %}" + _END,
        STEPS,
    ),
    Hostile(
        "in-range",
        "`in` a long range",
        "{% set x = range(100000) %}" + _LOOP + "{% set y = 'a' in x %}" + _END,
        "renders",
        "",
    ),
    Hostile("in-string", "`in` a long string", _BIG + _LOOP + "{% set y = 'zz' in big %}" + _END, STEPS),
    Hostile(
        "in-values",
        "`in` the values of a mapping",
        "{% set d = dict.fromkeys(range(100000)) %}" + _LOOP + "{% set y = 1 in d.values() %}" + _END,
        STEPS,
    ),
    Hostile(
        "count-list",
        "count in a list",
        "{% set x = range(100000)|list %}" + _LOOP + "{% set y = x.count(-1) %}" + _END,
        STEPS,
    ),
    Hostile(
        "index-list",
        "index in a list",
        "{% set x = range(100000)|list %}" + _LOOP + "{% set y = x.index(99999) %}" + _END,
        STEPS,
    ),
    Hostile(
        "index-range",
        "index in a range",
        "{% set x = range(100000) %}" + _LOOP + "{% set y = x.index(99999) %}" + _END,
        "renders",
        "",
    ),
    Hostile(
        "slice-list",
        "x[::1] in a loop",
        "{% set x = range(100000)|list %}" + _LOOP + "{% set y = x[::1] %}" + _END,
        "renders",
        "",
    ),
    Hostile(
        "slice-list-step",
        "x[::-1] in a loop",
        "{% set x = range(100000)|list %}" + _LOOP + "{% set y = x[::-1] %}" + _END,
        MEMORY,
    ),
    Hostile(
        "slice-string",
        "characters of a long string",
        _BIG + "{% set wide = big ~ 'é' %}" + _LOOP + "{% set y = wide[4000000] %}" + _END,
        STEPS,
    ),
    Hostile(
        "slice-rope",
        "characters of a string in many pieces",
        _grow("''", "ns.v ~ messages[i % 2].role", 50000) + _LOOP + "{% set y = ns.v[200000] %}" + _END,
        STEPS,
    ),
    Hostile(
        "iterate-rope",
        "every character of a string in many pieces",
        _grow("''", "ns.v ~ messages[i % 2].role", 50000) + "{% for c in ns.v %}{% endfor %}",
        "renders",
        "",
    ),
    Hostile(
        "split-rope",
        "a string in many pieces split",
        _grow("''", "ns.v ~ messages[i % 2].role ~ ','", 50000) + "{{ ns.v.split(',')|length }}",
        "renders",
    ),
    Hostile(
        "strip-loop",
        "strip in a loop",
        "{% set big = ' ' * 5000000 %}" + _LOOP + "{% set y = big.strip() %}" + _END,
        STEPS,
    ),
    Hostile(
        "strip-chars", "strip with many characters", "{{ ('a' * 1000000).strip('b' * 1000000 ~ 'a')|length }}", STEPS
    ),
    Hostile("split-loop", "split in a loop", _BIG + _LOOP + "{% set y = big.split() %}" + _END, MEMORY),
    Hostile("case-loop", "upper in a loop", _BIG + _LOOP + "{% set y = big.upper() %}" + _END, MEMORY),
    Hostile(
        "find-worst",
        "find with a bad needle",
        "{% set h = 'a' * 1000000 %}{% set n = 'a' * 500000 ~ 'b' %}" + _LOOP + "{{ h.find(n) }}" + _END,
        STEPS,
    ),
    Hostile(
        "startswith-loop",
        "startswith in a loop",
        "{% set h = 'a' * 5000000 %}{% set n = 'a' * 4999999 %}" + _LOOP + "{% set x = h.startswith(n ~ '') %}" + _END,
        STEPS,
    ),
    Hostile(
        "startswith-tuple",
        "startswith with many prefixes",
        "{% set p = ('a' * 1000 ~ 'b',) * 100000 %}" + _LOOP + "{% set x = ('a' * 2000).startswith(p) %}" + _END,
        STEPS,
    ),
    Hostile(
        "equal-strings",
        "long equal strings compared",
        "{% set a = 'a' * 5000000 %}{% set b = 'a' * 5000000 %}" + _LOOP + "{% set x = a == b %}" + _END,
        STEPS,
    ),
    Hostile(
        "order-strings",
        "long equal strings put in order",
        "{% set a = 'a' * 5000000 %}{% set b = 'a' * 5000000 %}" + _LOOP + "{% set x = a < b %}" + _END,
        STEPS,
    ),
    Hostile(
        "loop-changed",
        "loop.changed with long lists",
        "{% set a = range(100000)|list %}" + _LOOP + "{% set x = loop.changed(a ~ '') %}" + _END,
        MEMORY,
    ),
    Hostile(
        "loop-changed-lists",
        "loop.changed with equal lists",
        "{% set a = range(100000)|list %}" + _LOOP + "{% set x = loop.changed(a) %}" + _END,
        STEPS,
    ),
    Hostile(
        "loop-length",
        "loop.length of a generator",
        _LOOP + "{% for j in range(100000)|map('string') %}{% set x = loop.length %}{% break %}{% endfor %}" + _END,
        MEMORY,
    ),
    Hostile("is-lower", "a test on a long string", _BIG + _LOOP + "{% set x = big is lower %}" + _END, STEPS),
    Hostile(
        "namespace-wide",
        "a namespace with 100,000 attributes",
        "{% set d = dict.fromkeys(range(100000)|map('string')) %}{% set ns = namespace(d) %}"
        + _LOOP
        + "{% set x = ns.zz %}"
        + _END,
        STEPS,
    ),
    Hostile(
        "map-chain",
        "a long chain of filters in a loop",
        _LOOP + "{% set x = range(100)" + "|map('string')" * 50 + "|list %}" + _END,
        STEPS,
    ),
    Hostile("sum-lists", "sum of lists", "{% set x = [[1] * 1000] * 1000 %}{{ x|sum(start=[])|length }}", MEMORY),
    Hostile(
        "first-of-sorted", "min in a loop", "{% set x = range(100000)|list %}" + _LOOP + "{{ x|min }}" + _END, STEPS
    ),
    Hostile("strftime", "a long time format", "{{ strftime_now('%c' * 1000000)|length }}", "renders"),
    Hostile(
        "raise-long", "a long message of an exception", "{{ raise_exception('x' * 100000000) }}", "CE010 TemplateError"
    ),
    Hostile("undefined-long", "an undefined value with a long name", "{{ messages['x' * 50000000].y }}", MEMORY),
    Hostile(
        "print-message-often", "one long message printed again and again", _BIG + _LOOP + "{{ big }}" + _END, MEMORY
    ),
]

CASES = [*ESCAPES, *MUTATIONS, *BOMBS, *QUADRATIC]
