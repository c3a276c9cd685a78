"""Writes the Unicode and HTML tables of `pytext` from the running Python.

The tables must equal those of Python 3.11 (Unicode 14.0), so the script refuses
to run on another version:

    python3.11 make_unicode_tables.py ../src/pytext
"""

import html
import html.entities
import sys
import unicodedata
from pathlib import Path

CODE_POINTS = [cp for cp in range(0x110000) if not 0xD800 <= cp <= 0xDFFF]


def is_cased(c):
    return (c + "a").title()[-1] == "a"


def is_case_ignorable(c):
    after_letter = ("A" + c + "\u03a3").lower()[-1] == "\u03c2"
    after_digit = ("1" + c + "\u03a3").lower()[-1] == "\u03c2"
    return after_letter and not after_digit


PREDICATES = {
    "ALPHABETIC": (str.isalpha, "`str.isalpha` holds for the single character"),
    "NUMERIC": (str.isnumeric, "`str.isnumeric` holds for the single character"),
    "DIGIT": (str.isdigit, "`str.isdigit` holds for the single character"),
    "PRINTABLE": (str.isprintable, "`str.isprintable` holds for the single character"),
    "SPACE": (str.isspace, "`str.isspace` holds for the single character"),
    "UPPERCASE": (str.isupper, "the character has the property Uppercase"),
    "LOWERCASE": (str.islower, "the character has the property Lowercase"),
    "TITLECASE": (lambda c: unicodedata.category(c) == "Lt", "the category is Lt"),
    "CASED": (is_cased, "the character has the property Cased"),
    "CASE_IGNORABLE": (is_case_ignorable, "the character has the property Case_Ignorable"),
    "ID_START": (str.isidentifier, "the character may start an identifier"),
    "ID_CONTINUE": (lambda c: ("a" + c).isidentifier(), "the character may continue an identifier"),
}


def ranges_of(predicate):
    ranges = []
    for cp in CODE_POINTS:
        if not predicate(chr(cp)):
            continue
        if ranges and ranges[-1][1] == cp - 1:
            ranges[-1][1] = cp
        else:
            ranges.append([cp, cp])
    return ranges


def runs_of(pairs):
    """Joins `(source, target)` pairs into runs `[first, last, step, delta]`."""
    runs = []
    for source, target in pairs:
        delta = target - source
        if runs and runs[-1][3] == delta:
            first, last, step, _ = runs[-1]
            gap = source - last
            if (first == last and gap in (1, 2)) or gap == step:
                runs[-1][1:3] = [source, gap]
                continue
        runs.append([source, source, 1, delta])
    return runs


def mapping_of(convert, fallback=lambda c: c):
    """The single and the longer images where `convert` differs from `fallback`."""
    single, longer = [], []
    for cp in CODE_POINTS:
        image = convert(chr(cp))
        if image == fallback(chr(cp)):
            continue
        if len(image) == 1:
            single.append((cp, ord(image)))
        else:
            longer.append((cp, image))
    return single, longer


def packed(items, indent="    ", width=100):
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 1 > width:
            lines.append(line.rstrip())
            line = indent
        line += item + " "
    lines.append(line.rstrip())
    return "\n".join(lines)


def rust_string(text):
    return '"' + "".join(c if 32 < ord(c) < 127 and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def static(name, kind, doc, items):
    return f"/// {doc}.\n#[rustfmt::skip]\npub(super) static {name}: &[{kind}] = &[\n{packed(items)}\n];\n"


def unicode_tables():
    parts = [
        f"//! Character tables of Python 3.11 (Unicode {unicodedata.unidata_version}).\n//!\n"
        "//! Written by `scripts/make_unicode_tables.py`; not to be edited by hand.\n\n"
        "/// First and last code point, inclusive.\npub(super) type CharRange = (u32, u32);\n\n"
        "/// First and last code point, step between members, and what is added to each.\n"
        "pub(super) type CaseRun = (u32, u32, u32, i32);\n",
    ]
    for name, (predicate, doc) in PREDICATES.items():
        items = [f"({a}, {b})," for a, b in ranges_of(predicate)]
        parts.append(static(name, "CharRange", f"Where {doc}", items))
    zeros = [cp for cp in CODE_POINTS if unicodedata.decimal(chr(cp), None) == 0]
    for zero in zeros:
        assert [unicodedata.decimal(chr(zero + i)) for i in range(10)] == list(range(10))
    decimals = sum(chr(cp).isdecimal() for cp in CODE_POINTS)
    assert decimals == 10 * len(zeros)
    parts.append(
        static("DECIMAL_ZEROS", "u32", "Every decimal zero; nine more digits follow each", [f"{z}," for z in zeros])
    )
    for name, convert, fallback, doc in [
        ("UPPER", str.upper, lambda c: c, "`str.upper`"),
        ("LOWER", str.lower, lambda c: c, "`str.lower`"),
        ("TITLE", str.title, str.upper, "`str.title` where it differs from `str.upper`"),
        ("FOLD", str.casefold, str.lower, "`str.casefold` where it differs from `str.lower`"),
    ]:
        single, longer = mapping_of(convert, fallback)
        items = [f"({a}, {b}, {s}, {d})," for a, b, s, d in runs_of(single)]
        parts.append(static(f"{name}_RUNS", "CaseRun", f"Single-character images under {doc}", items))
        items = [f"({cp}, {rust_string(image)})," for cp, image in longer]
        parts.append(static(f"{name}_LONGER", "(u32, &str)", f"Longer images under {doc}", items))
    return "\n".join(parts)


def html_tables():
    named = sorted(html.entities.html5.items(), key=lambda item: item[0].encode())
    refs = sorted(html._invalid_charrefs.items())
    invalid = []
    for cp in sorted(html._invalid_codepoints):
        if invalid and invalid[-1][1] == cp - 1:
            invalid[-1][1] = cp
        else:
            invalid.append([cp, cp])
    return "\n".join(
        [
            "//! HTML character references of Python 3.11's `html` module.\n//!\n"
            "//! Written by `scripts/make_unicode_tables.py`; not to be edited by hand.\n",
            static(
                "NAMED",
                "(&str, &str)",
                "Reference names in byte order, with the text each stands for",
                [f"({rust_string(k)}, {rust_string(v)})," for k, v in named],
            ),
            static(
                "INVALID_REFERENCES",
                "(u32, &str)",
                "Numbers that stand for another character",
                [f"({k}, {rust_string(v)})," for k, v in refs],
            ),
            static(
                "INVALID_CODE_POINTS",
                "(u32, u32)",
                "Numbers that stand for nothing, first and last inclusive",
                [f"({a}, {b})," for a, b in invalid],
            ),
        ]
    )


def main():
    if sys.version_info[:2] != (3, 11):
        sys.exit("the tables are those of Python 3.11")
    for cp in CODE_POINTS:
        c = chr(cp)
        assert not c.isdecimal() or c.isdigit()
        assert not c.isdigit() or c.isnumeric()
        assert c.isalnum() == (c.isalpha() or c.isnumeric())
    folder = Path(sys.argv[1])
    (folder / "unicode_tables.rs").write_text(unicode_tables())
    (folder / "html_entities.rs").write_text(html_tables())


main()
