"""The conformance data: golden renders of `transformers`, and where each character of them came from."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from chattpl import Origin, Rendered, Segment, Template
from compare import TOKENS, Outcome, difference, ours
from paths import CONFORMANCE, NO_CONFORMANCE

NAMES = sorted(path.name for path in (CONFORMANCE / "templates").glob("*.jinja"))
pytestmark = pytest.mark.skipif(not NAMES, reason=NO_CONFORMANCE)
by_template = pytest.mark.parametrize("name", NAMES)

RECORDED_MESSAGE_CHARACTERS = 300
"""The golden file keeps this much of an error's message; the live comparison in `differential/` sees all of it."""

ORIGIN_OF_ROOT = {
    "messages": Origin.MESSAGE,
    "tools": Origin.TOOLS,
    "documents": Origin.DOCUMENTS,
    "arguments": Origin.ARGUMENT,
}


@cache
def _probes() -> dict[str, dict[str, Any]]:
    return {probe["name"]: probe for probe in json.loads((CONFORMANCE / "probes.json").read_text("utf-8"))}


@cache
def _records(file: str) -> dict[str, list[dict[str, Any]]]:
    by_name = defaultdict(list)
    with open(CONFORMANCE / file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            by_name[record["template"]].append(record)
    return by_name


@cache
def _source(name: str) -> str:
    with open(CONFORMANCE / "templates" / name, encoding="utf-8", newline="") as file:
        return file.read()


@cache
def _render(name: str, probe_name: str) -> Outcome:
    probe = _probes()[probe_name]
    return ours(_template(name), probe["messages"], **{**TOKENS, **probe["kwargs"]})


@cache
def _template(name: str) -> Template:
    return Template(_source(name), name)


@by_template
def test_renders_are_those_of_transformers(name: str) -> None:
    different = {}
    for record in _records("golden.jsonl")[name]:
        expected = Outcome(record.get("out"), record.get("err"), record.get("msg"))
        found = _render(name, record["probe"])
        if found.message is not None:
            found = found._replace(message=found.message[:RECORDED_MESSAGE_CHARACTERS])
        if (how := difference(expected, found)) is not None:
            different[record["probe"]] = how
    assert not different


@by_template
def test_every_character_has_the_recorded_origin_path_and_message(name: str) -> None:
    wrong = {}
    for record in _records("provenance.jsonl")[name]:
        rendered = _render(name, record["probe"]).rendered
        assert rendered is not None
        if faults := list(_wrong_runs(rendered, record["runs"])):
            wrong[record["probe"]] = faults
    assert not wrong


@by_template
def test_segments_ascend_without_gaps_and_cover_the_text(name: str) -> None:
    for probe in _probes():
        rendered = _render(name, probe).rendered
        if rendered is None:
            continue
        ends = [0, *(segment.end for segment in rendered.segments)]
        assert [segment.start for segment in rendered.segments] == ends[:-1]
        assert ends[-1] == len(rendered.text)
        assert all(segment.start < segment.end for segment in rendered.segments)


@by_template
def test_generation_spans_are_those_of_transformers(name: str) -> None:
    if _generation_is_captured(_source(name)):
        pytest.skip("transformers counts wrongly inside macros and set blocks")
    for record in _records("golden.jsonl")[name]:
        if "gen" in record:
            rendered = _render(name, record["probe"]).rendered
            assert rendered is not None
            assert [list(span) for span in rendered.generation_spans] == record["gen"], record["probe"]


def _wrong_runs(rendered: Rendered, runs: list[Any]) -> Iterator[str]:
    """Compares segments with runs; both cover the text."""
    segments = iter(rendered.segments)
    segment = next(segments, None)
    start = 0
    for length, origin, message in runs:
        end = start + length
        while segment is not None and segment.start < end:
            if (fault := _fault(segment, origin, message)) is not None:
                text = rendered.text[max(start, segment.start) : min(end, segment.end)]
                yield f"{text!r} at {max(start, segment.start)}: {fault}"
            if segment.end > end:
                break
            segment = next(segments, None)
        start = end
    if start != len(rendered.text):
        yield f"the runs cover {start} of {len(rendered.text)} characters"


def _fault(segment: Segment, origin: str | list[str | int], message: int | None) -> str | None:
    if message is not None and segment.message != message:
        return f"message {segment.message}, not {message}"
    if isinstance(origin, list):
        wanted = ORIGIN_OF_ROOT[str(origin[0])]
        if segment.origin is not wanted or segment.path != tuple(origin):
            return f"{segment.origin} {segment.path}, not {wanted} {tuple(origin)}"
        return None
    agrees = {
        "template": segment.origin is Origin.TEMPLATE,
        "data": segment.origin is not Origin.TEMPLATE,
        "clock": segment.origin is Origin.CLOCK,
        "json": True,  # one opaque run here; test_origin.py looks inside
        "any": True,
    }
    return None if agrees[origin] else f"{segment.origin} {segment.path}, not {origin}"


def _generation_is_captured(source: str) -> bool:
    """Tells whether a `{% generation %}` stands inside a macro or a set block."""
    depth = 0
    for tag in re.findall(r"\{%[-+]?\s*(.*?)\s*[-+]?%\}", source, re.DOTALL):
        word = re.match(r"\w+", tag)
        keyword = word[0] if word else ""
        opens = keyword in ("macro", "call", "filter") or (keyword == "set" and "=" not in tag)
        depth += opens - (keyword in ("endmacro", "endset", "endcall", "endfilter"))
        if keyword == "generation" and depth:
            return True
    return False
