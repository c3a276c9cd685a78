"""The row reader: dialects, what is named instead of dropped, and the same result by every way in."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chattpl
from byte_tokenizers import byte_tokenizer
from row_dialects import ANSWER, CASES, REFUSED, USER, Case

IDS = [case.name for case in CASES]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> chattpl.ChatFormat:
    """A format that prints all it is given, in a vocabulary of bytes."""
    path = tmp_path_factory.mktemp("all") / "all.jinja"
    path.write_text(
        "{{ extra }}{{ tools | tojson if tools else '' }}"
        "{% for m in messages %}<{{ m.role }}>{{ m | tojson }}</{{ m.role }}>\n{% endfor %}"
    )
    return chattpl.load(path, tokenizer=byte_tokenizer(()))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_row_holds_its_conversation(case: Case) -> None:
    for row in (case.row, json.dumps(case.row).encode()):
        found = chattpl.read_row(row)
        assert found.messages == case.messages
        assert found.tools == case.tools
        assert found.arguments == (case.arguments or {})
        assert found.alternatives == case.alternatives
        assert found.unused == case.unused


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_row_is_encoded_as_the_conversation_that_it_holds(case: Case, chat: chattpl.ChatFormat) -> None:
    arguments = case.arguments or {}
    expected = chat.encode(case.messages, tools=case.tools, **arguments)
    assert expected.text == chat.render(case.messages, tools=case.tools, **arguments).text
    for encoded in (chat.encode(case.row), chat.encode_batch([case.row])[0]):
        assert encoded.input_ids.tolist() == expected.input_ids.tolist()
        assert encoded.loss_mask.tolist() == expected.loss_mask.tolist()
        assert encoded.message_index.tolist() == expected.message_index.tolist()
    assert chat.render(case.row).text == expected.text


def _files(rows: list[Any], folder: Path) -> dict[str, Any]:
    """The same rows as files and in memory."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    sources: dict[str, Any] = {
        "lines": lines,
        "lines with blanks and CRLF": b"\xef\xbb\xbf\r\n" + lines.replace(b"\n", b"\r\n\r\n"),
        "array": json.dumps(rows).encode(),
        "array over lines": json.dumps(rows, indent=2).encode(),
        "gzip": gzip.compress(lines),
        "bzip2": bz2.compress(lines),
        "xz": lzma.compress(json.dumps(rows).encode()),
    }
    paths = {}
    for name, data in sources.items():
        path = folder / f"{name.replace(' ', '_')}.dat"
        path.write_bytes(data)
        paths[f"file: {name}"] = path
    with suppress(pa.ArrowInvalid):  # the contents of some rows have no common type
        table = pa.Table.from_pylist(rows) if isinstance(rows[0], dict) else pa.table({"messages": rows})
        sources["table"] = table
        pq.write_table(table, folder / "rows.parquet")
        with pa.ipc.new_file(str(folder / "rows.arrow"), table.schema) as writer:
            writer.write_table(table)
        paths["parquet"], paths["arrow"] = folder / "rows.parquet", folder / "rows.arrow"
    return {**sources, **paths}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_source_gives_the_same(case: Case, chat: chattpl.ChatFormat, tmp_path: Path) -> None:
    rows = [case.row] * 3
    expected = chat.encode(case.row)
    for name, source in _files(rows, tmp_path).items():
        batch = chat.encode_batch(source, threads=2)
        assert len(batch) == 3, name
        assert batch.rows.tolist() == [1, 2, 3], name
        for encoded in batch:
            assert encoded.input_ids.tolist() == expected.input_ids.tolist(), name
            assert encoded.loss_mask.tolist() == expected.loss_mask.tolist(), name


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_contradicts_itself_is_refused_by_name(name: str, chat: chattpl.ChatFormat) -> None:
    row, words = REFUSED[name]
    with pytest.raises(chattpl.InputError) as caught:
        chattpl.read_row(row)
    assert caught.value.hint
    assert all(word in f"{caught.value.message} {caught.value.location}" for word in words)
    batch = chat.encode_batch([[USER], row, [USER]], errors="quarantine")
    assert ([row.row for row in batch.quarantine], len(batch)) == ([2], 2)
    lines = b"\n".join(json.dumps(each).encode() for each in ([USER], row))
    assert [row.row for row in chat.encode_batch(lines, errors="quarantine").quarantine] == [2]


ROLES = st.sampled_from(["system", "user", "assistant", "tool", "human", "x", "Assistant"])
TEXTS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": ROLES},
        optional={"content": VALUES, "name": TEXTS, "reasoning_content": TEXTS, "other": VALUES},
    ),
    min_size=1,
    max_size=4,
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"from": st.sampled_from(["human", "gpt", "system", "observation", "x"]), "value": TEXTS},
        optional={"weight": st.sampled_from([0, 1, 0.5])},
    ),
    min_size=1,
    max_size=4,
)
ROWS = st.one_of(
    MESSAGES,
    st.fixed_dictionaries(
        {"messages": MESSAGES},
        optional={"system": TEXTS, "chat_template_kwargs": st.dictionaries(st.just("extra"), TEXTS), "note": VALUES},
    ),
    st.fixed_dictionaries({"conversations": TURNS}, optional={"system": TEXTS, "note": VALUES}),
    st.fixed_dictionaries(
        {"prompt": TEXTS}, optional={"completion": TEXTS, "system": TEXTS, "input": TEXTS, "rejected": TEXTS}
    ),
    st.fixed_dictionaries(
        {"instruction": TEXTS}, optional={"input": TEXTS, "output": TEXTS, "history": st.just([["a", "b"]])}
    ),
)


@settings(deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_a_batch_is_its_rows_by_every_way_in(chat: chattpl.ChatFormat, rows: list[Any]) -> None:
    expected: list[chattpl.Encoded | None] = []
    for row in rows:
        try:
            encoded = chat.encode(row)
            assert chat.render(row).text == encoded.text
            expected.append(encoded)
        except chattpl.ChatTemplateError:
            expected.append(None)
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode("utf-8", "surrogatepass")
    array = b"[" + lines.replace(b"\n", b",") + b"]" if not any(isinstance(row, list) for row in rows) else lines
    for source in (rows, lines, gzip.compress(lines), array):
        batch = chat.encode_batch(source, errors="quarantine", threads=1)
        assert [row.row for row in batch.quarantine] == [at for at, row in enumerate(expected, 1) if row is None]
        for one, other in zip(batch, [row for row in expected if row is not None], strict=True):
            assert one.input_ids.tolist() == other.input_ids.tolist()
            assert one.loss_mask.tolist() == other.loss_mask.tolist()


def _strings(value: Any, path: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, (*path, index))


TEMPLATES = [
    "{% for m in messages %}{{ m.content }}{% endfor %}",
    "{% for m in messages %}{{ m.role }}: {{ m.content | trim }}{% endfor %}",
    "{% for m in messages %}{% if m.role == 'user' %}{{ m.content[:2] }}{% endif %}{% endfor %}",
    "{{ messages | tojson }}",
    "{{ messages }}",
    "{% for m in messages %}{% for k in m %}{{ k }}{% endfor %}{% endfor %}",
    "{{ messages[-1].content ~ 'x' }}",
]


@settings(deadline=None)
@given(messages=MESSAGES, template=st.sampled_from(TEMPLATES))
def test_every_string_is_printed_or_reported(messages: list[dict[str, Any]], template: str) -> None:
    try:
        rendered = chattpl.Template(template).render(messages)
    except chattpl.ChatTemplateError:
        return
    printed = {segment.path for segment in rendered.segments if segment.path is not None}
    unprinted = set(rendered.unprinted)
    for path, text in _strings(messages, ("messages",)):
        if not any(char > " " for char in text):
            continue
        around = {path[:length] for length in range(1, len(path) + 1)}
        assert (path in unprinted) != bool(around & printed), path


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_a_template_prints_is_not_reported_as_lost(case: Case, chat: chattpl.ChatFormat) -> None:
    documents = [{"title": "t", "text": "x"}]
    for row, tools in ((case.row, None), (case.row, [{"type": "function", "function": {"name": "g"}}])):
        assert chat.encode(row, tools=tools).unprinted == ()
        assert chat.encode_batch(json.dumps(row).encode(), tools=tools).report.unprinted == ()
    if isinstance(case.row, dict):
        row = {**case.row, "documents": documents}
        assert chat.encode(row).unprinted == (("documents", 0, "title"), ("documents", 0, "text"))
        assert chat.encode(row, documents=[{"text": "y"}]).unprinted == (("documents", 0, "text"),)


def test_what_is_lost_is_warned_of_once_a_call() -> None:
    chat = chattpl.load("qwen3")
    row = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    path = ("messages", 0, "content", 0, "text")
    with pytest.warns(chattpl.UnprintedWarning, match=r"messages\[0\]\.content\[0\]\.text") as caught:
        assert path in chat.render(row).unprinted
    assert caught[0].filename == __file__
    with pytest.warns(chattpl.UnprintedWarning):
        assert path in (chat.encode(row).unprinted or ())
    with pytest.warns(chattpl.UnprintedWarning, match="200 rows") as caught:
        batch = chat.encode_batch([row] * 200)
    assert len(caught) == 1
    assert [(each.name, each.rows) for each in batch.report.unprinted] == [("messages[].content[].text", 200)]


def test_a_report_counts_what_rows_held() -> None:
    chat = chattpl.load("qwen3")
    rows = [
        {"messages": [USER, ANSWER], "note": "x", "id": 7},
        {"messages": [USER, {"role": "usr", "content": "x"}]},
        {"messages": [USER]},
        {"messages": [USER, {**ANSWER, "loss_mask": 0}]},
        {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]},
    ]
    with pytest.warns(chattpl.ChatTemplateWarning) as caught:
        batch = chat.encode_batch(rows)
    assert len(caught) == 1
    report = batch.report
    assert [(each.name, each.first_row) for each in report.unused] == [("note", 1)]
    assert [(each.name, each.first_row) for each in report.unknown_roles] == [("usr", 2)]
    assert [(each.name, each.first_row) for each in report.flag_like] == [("loss_mask", 4)]
    assert report.untrained is not None
    assert (report.untrained.rows, report.untrained.first_row) == (2, 2)
    assert [each.name for each in report.dialects] == ["sharegpt"]
    assert batch.columns == {"id": [7, None, None, None, None]}


def test_the_template_of_a_row_is_that_for_its_tools(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    (tmp_path / "chat_template.jinja").write_text("plain")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    chat = chattpl.load(tmp_path, tokenizer=byte_tokenizer(()))
    rows = [{"messages": [USER]}, {"messages": [USER], "tools": [tool]}, {"messages": [USER], "tools": []}]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    columns = {"messages": [row["messages"] for row in rows], "tools": [row.get("tools") for row in rows]}
    for source in (rows, lines, pa.table(columns)):
        texts = [chat.tokenizer.decode(row.input_ids) for row in chat.encode_batch(source)]
        assert texts == ["plain", "tools", "tools"]
    assert [chat.encode(row).text for row in rows] == ["plain", "tools", "tools"]
    assert [chat.render(row).text for row in rows] == ["plain", "tools", "tools"]


def test_an_argument_of_a_row_makes_no_control_token() -> None:
    chat = chattpl.load("mistral-v3")
    bos = chat.tokenizer.token_to_id("<s>")
    row = {"messages": [USER], "chat_template_kwargs": {"bos_token": "<s>"}}
    for encoded in (chat.encode(row), chat.encode_batch([row])[0], chat.encode_batch(json.dumps(row).encode())[0]):
        assert encoded.input_ids[0] != bos
    of_call = chat.encode([USER], bos_token="</s>").input_ids.tolist()
    assert chat.encode(row, bos_token="</s>").input_ids.tolist() == of_call


@pytest.mark.parametrize("wrong", [[], ()])
def test_an_empty_conversation_is_refused_as_in_transformers(wrong: Any) -> None:
    message = "Cannot apply chat template to an empty conversation. Provide at least one message."
    for call in (chattpl.load("qwen3").render, chattpl.load("qwen3").encode):
        with pytest.raises(ValueError, match="Cannot apply") as caught:
            call(wrong)
        assert isinstance(caught.value, chattpl.ChatTemplateError)
        assert caught.value.message == message


def test_prompt_and_continuation_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="continue_final_message and add_generation_prompt are not compatible"):
        chattpl.load("qwen3").render([USER, ANSWER], add_generation_prompt=True, continue_final_message=True)


def test_an_argument_that_is_not_read_is_warned_of() -> None:
    chat = chattpl.load("qwen3")
    with pytest.warns(chattpl.ArgumentWarning, match="did you mean `enable_thinking`"):
        chat.render([USER], enable_thinkng=False)
    with pytest.warns(chattpl.ArgumentWarning, match="does not read"):
        chat.encode_batch([[USER]], quite_another=1)
    for call in (chat.render, chat.encode):
        with pytest.raises(TypeError, match="add_generation_prompt"):
            call([USER], add_generation_promt=True)


def _called(arguments: Any, **more: Any) -> list[dict[str, Any]]:
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    return [USER, {"role": "assistant", **more, "tool_calls": [call]}]


def _said(content: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


def _parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


NORMALIZED: list[tuple[str, Any, Any]] = [
    ("qwen3", _said(_parts("hi")), _said("hi")),
    ("llama3.1", _said(_parts("a", "b")), _said("a\nb")),
    ("qwen3", _said("hi", "human"), _said("hi")),
    ("qwen3", _said("hi", "User"), _said("hi")),
    ("llama3.1", _called('{"a": "b"}'), _called({"a": "b"})),
    ("qwen2.5", _called('{"a": "b"}', content=""), _called({"a": "b"}, content="")),
]


@pytest.mark.parametrize(("name", "given", "taken"), NORMALIZED)
def test_messages_are_brought_into_the_form_that_the_template_takes(name: str, given: Any, taken: Any) -> None:
    chat = chattpl.load(name)
    expected = chat.render(taken, now=None).text
    assert chat.render(given, normalize="auto").text == expected
    tokens: dict[str, Any] = dict(chat.token_arguments)
    assert chat.template.render(given, normalize="auto", **tokens).text == expected
    batch = chat.encode_batch([given], normalize="auto")
    assert batch[0].input_ids.tolist() == chat.encode(taken).input_ids.tolist()
    assert batch.report.changes
    assert chat.render(taken, normalize="auto").text == expected


@pytest.mark.parametrize("name", [info.name for info in chattpl.models()])
def test_normalizing_what_a_template_takes_changes_nothing(name: str) -> None:
    from chattpl.cli.sample import samples

    chat = chattpl.load(name)
    for row in samples(chat.info):
        try:
            expected = chat.render(row.messages, tools=row.tools).text
        except chattpl.RenderError:
            continue
        assert chat.render(row.messages, tools=row.tools, normalize="auto").text == expected
