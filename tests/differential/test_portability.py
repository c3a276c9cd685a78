"""The tables of other engines, held against the engines themselves where they are installed.

Every template of a table renders under `transformers`; the engine fails on it, or prints another text, as its table
says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import NamedTuple

import pytest

from chattpl import _core, linter
from chattpl.linter.engines import engines
from compare import reference


class Gap(NamedTuple):
    """A line of a table."""

    engine: str
    version: str
    construct: str
    effect: str
    template: str | None


GAPS = [Gap(*facts) for facts in _core.lint_portability()]
NOW = "2026-11-23T12:00:00"
CODES = {"minijinja": "CT501", "llama.cpp": "CT502", "@huggingface/jinja": "CT503"}
NODE = """
const { Template } = require("@huggingface/jinja");
const outcome = (text) => {
  try {
    return ["renders", new Template(text).render({ messages: [] })];
  } catch (error) {
    return ["fails", String(error)];
  }
};
const { readFileSync } = require("fs");
const { dirname, join } = require("path");
const manifest = join(dirname(require.resolve("@huggingface/jinja")), "..", "package.json");
const templates = JSON.parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify([JSON.parse(readFileSync(manifest, "utf-8")).version, templates.map(outcome)]));
"""


def _of(engine: str) -> list[Gap]:
    return [gap for gap in GAPS if gap.engine == engine]


def _ids(gap: Gap) -> str:
    return gap.construct


@pytest.mark.parametrize("template", sorted({gap.template for gap in GAPS if gap.template}))
def test_templates_of_the_tables_render_under_transformers(template: str) -> None:
    assert reference(template, []).text is not None


@pytest.mark.parametrize("gap", _of("minijinja"), ids=_ids)
def test_minijinja_does_what_its_table_says(gap: Gap) -> None:
    found = engines()
    assert isinstance(found, list)
    assert gap.template is not None
    name, version, render = found[0]
    if version != gap.version:
        pytest.skip(f"the table is of {name} {gap.version}; installed is {version}")
    text, message, _ = render(gap.template, "{}", NOW)
    if gap.effect == "fails":
        assert text is None
        assert message
    else:
        assert text is not None
        assert text != reference(gap.template, []).text


def test_hugging_faces_engine_does_what_its_table_says() -> None:
    gaps = [gap for gap in _of("@huggingface/jinja") if gap.template is not None]
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    templates = json.dumps([gap.template for gap in gaps])
    done = subprocess.run([node, "-e", NODE], input=templates, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip("the npm package @huggingface/jinja cannot be loaded")
    version, outcomes = json.loads(done.stdout)
    if version != gaps[0].version:
        pytest.skip(f"the table is of {gaps[0].version}; installed is {version}")
    for gap, (outcome, text) in zip(gaps, outcomes, strict=True):
        assert (outcome == "fails") == (gap.effect == "fails"), gap
        assert outcome == "fails" or text != reference(str(gap.template), []).text, gap


@pytest.mark.parametrize("gap", [gap for gap in GAPS if gap.template], ids=_ids)
def test_the_rule_of_an_engine_names_the_gap(gap: Gap) -> None:
    assert gap.template is not None
    if gap.construct == "the test `iterable`":
        pytest.skip("null values bring it out: see the tests of the crate")
    messages = [fault.message for fault in linter.lint(gap.template + "{# #}", select=[CODES[gap.engine]])]
    assert any(message.startswith(gap.construct) for message in messages)


def test_minijinja_is_given_what_the_probes_hold() -> None:
    body = "{{ m.role }}{{ m.content or '' }}{{ m.reasoning_content or '' }}{{ m.thinking or '' }}"
    rest = "{{ bos_token }}{{ tools is defined }}{{ documents is none }}{{ strftime_now('%d') }}"
    source = "{% for m in messages if m.content is not mapping and (m.content is string or not m.content) %}" + body
    assert linter.lint(source + "{% endfor %}" + rest + "{{ add_generation_prompt }}", select=["CT504"]) == []
