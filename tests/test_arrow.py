"""Conversations in Arrow data are encoded as the same conversations in lists."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chattpl
from chattpl import EncodedBatch, InputError, RenderError
from paths import CONFORMANCE, NO_CONFORMANCE

CONVERSATIONS = CONFORMANCE.parent / "data" / "conversations"
CALL = {"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": 2.5, "z": None, "deep": {"a": None}}}}
ROWS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello, Zażółć 🦀!"}]},
    {"messages": [{"role": "user", "content": "f?"}, {"role": "assistant", "tool_calls": [CALL]}], "tools": None},
    {
        "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "sum"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    },
    {"messages": [{"role": "assistant", "content": "so", "reasoning_content": "because"}]},
]
# Prints every value with its type, and which keys are there.
MIRROR = """\
{%- macro show(v) -%}
{%- if v is mapping %}{{ '{' }}{% for k, x in v.items() %}{{ k }}={{ show(x) }};{% endfor %}{{ '}' }}
{%- elif v is string %}{{ v }}
{%- elif v is iterable %}[{% for x in v %}{{ show(x) }},{% endfor %}]
{%- else %}{{ v }}{% endif -%}
{%- endmacro -%}
{%- for m in messages %}<{{ show(m) }}{{ m.name is defined }}{{ m.name is none }}>{% endfor -%}
{{ show(tools) }}{{ show(documents) }}"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> chattpl.ChatFormat:
    path = tmp_path_factory.mktemp("mirror") / "mirror.jinja"
    path.write_text(MIRROR)
    return chattpl.load(path, tokenizer="qwen")


def without_none(value: Any) -> Any:
    """The same without keys whose value is None."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def assert_same(a: EncodedBatch, b: EncodedBatch) -> None:
    for name in ("input_ids", "loss_mask", "message_index", "origin", "offsets"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert a.quarantine == b.quarantine


def assert_as_lists(chat: chattpl.ChatFormat, table: pa.Table, **options: Any) -> EncodedBatch:
    batch = chat.encode_batch(table, **options)
    assert_same(batch, chat.encode_batch(without_none(table.to_pylist()), **options))
    return batch


def test_table_is_encoded_as_its_rows(mirror: chattpl.ChatFormat) -> None:
    for chat in (mirror, chattpl.load("qwen3")):
        batch = assert_as_lists(chat, pa.Table.from_pylist(ROWS))
        assert len(batch) == len(ROWS)


@pytest.mark.parametrize("name", ["record batch", "struct array", "stream", "chunked array", "list array", "large"])
def test_every_way_to_hand_over_arrow_gives_the_same(mirror: chattpl.ChatFormat, name: str) -> None:
    rows = [{"messages": row["messages"]} for row in ROWS]
    table = pa.Table.from_pylist(rows)
    whole = table.combine_chunks()
    column = whole.column("messages")
    kinds: dict[str, Any] = {
        "record batch": whole.to_batches()[0],
        "struct array": pa.array(rows, pa.struct(list(table.schema))),
        "stream": pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
        "chunked array": column,
        "list array": column.chunk(0),
        "large": column.cast(pa.large_list(column.type.value_type)),
    }
    assert_same(mirror.encode_batch(kinds[name]), mirror.encode_batch(without_none(table.to_pylist())))


def test_slices_and_chunks_have_the_rows_they_show(mirror: chattpl.ChatFormat) -> None:
    table = pa.concat_tables([pa.Table.from_pylist(ROWS * 3), pa.Table.from_pylist(ROWS)], promote_options="permissive")
    assert table.column("messages").num_chunks == 2
    for start in range(len(table)):
        for length in (0, 1, 2, 5, len(table)):
            assert_as_lists(mirror, table.slice(start, length))
    assert_as_lists(mirror, table.take([5, 0, 0, 14]))


def test_column_may_be_sliced_on_every_level(mirror: chattpl.ChatFormat) -> None:
    items = pa.array([{"role": f"r{i}", "content": f"c{i}"} for i in range(9)]).slice(1)
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3, 5, 8], pa.int32()).slice(1), items)
    assert_as_lists(mirror, pa.table({"messages": lists}))
    assert_as_lists(mirror, pa.table({"messages": lists.slice(1)}))
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(items.to_pylist()), 2).slice(1)
    assert_as_lists(mirror, pa.table({"messages": fixed}))
    inner = pa.array([{"a": {"b": i, "c": str(i)}} for i in range(6)]).slice(2)
    outer = pa.StructArray.from_arrays([inner, inner], ["x", "y"]).slice(1)
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3], pa.int32()), outer)
    assert_as_lists(mirror, pa.table({"messages": lists}))
    rows = pa.StructArray.from_arrays([lists, lists], ["messages", "tools"]).slice(1)
    assert_same(mirror.encode_batch(rows), mirror.encode_batch(rows.to_pylist()))


def test_every_type_of_value_is_read(mirror: chattpl.ChatFormat) -> None:
    fields = {
        "text": pa.array(["é", None, ""]),
        "large": pa.array(["L", "", None], pa.large_string()),
        "view": pa.array(["short", "longer than twelve bytes", None], pa.string_view()),
        "dictionary": pa.array(["one", "two", "one"]).dictionary_encode(),
        "flag": pa.array([True, False, None]),
        "null": pa.nulls(3),
        "i8": pa.array([-128, 0, 127], pa.int8()),
        "i16": pa.array([-(2**15), 0, 1], pa.int16()),
        "i32": pa.array([-(2**31), 0, 1], pa.int32()),
        "i64": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
        "u8": pa.array([255, 0, 1], pa.uint8()),
        "u16": pa.array([2**16 - 1, 0, 1], pa.uint16()),
        "u32": pa.array([2**32 - 1, 0, 1], pa.uint32()),
        "u64": pa.array([2**64 - 1, 0, 1], pa.uint64()),
        "f16": pa.array(np.array([0.5, -2, 65504], "float16")),
        "f32": pa.array([0.1, float("inf"), None], pa.float32()),
        "f64": pa.array([1e-7, 1e300, float("nan")]),
        "list": pa.array([[1, None], [], None]),
        "fixed": pa.array([["a", "b"], [None, "c"], ["d", "e"]], pa.list_(pa.string(), 2)),
        "struct": pa.array([{"a": 1, "b": None}, None, {"a": None, "b": {"c": None}}]),
        "parts": pa.array([[{"type": "text", "text": "x"}, None], [{"type": "image"}], []]),
        "nothing": pa.StructArray.from_arrays([], fields=[], mask=pa.array([True, True, False])),
        "bytes": pa.array([b"\xff", None, b""]),
    }
    messages = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), messages)
    rows = without_none(lists.to_pylist())
    for row in rows:
        for message in row:
            message.update({key: "<bytes>" for key in message if key == "bytes"})
    assert_same(mirror.encode_batch(pa.table({"messages": lists})), mirror.encode_batch(rows))


def test_map_is_a_mapping_with_all_its_keys(mirror: chattpl.ChatFormat) -> None:
    kind = pa.map_(pa.string(), pa.int64())
    message = pa.struct([("role", pa.string()), ("arguments", kind)])
    table = pa.table(
        {"messages": pa.array([[{"role": "user", "arguments": [("b", 1), ("a", None)]}]], pa.list_(message))}
    )
    expected = [[{"role": "user", "arguments": {"b": 1, "a": None}}]]
    assert_same(mirror.encode_batch(table), mirror.encode_batch(expected))


def test_null_field_is_a_key_that_is_not_there(mirror: chattpl.ChatFormat) -> None:
    table = pa.table({"messages": [[{"role": "user", "name": None, "sub": {"x": None, "y": 1}}]]})
    assert table.to_pylist()[0]["messages"][0]["name"] is None
    batch = mirror.encode_batch(table)
    assert mirror.tokenizer.decode(batch[0].input_ids) == "<{role=user;sub={y=1;};}FalseFalse>NoneNone"


def test_tools_and_documents_are_lists_or_json_text(mirror: chattpl.ChatFormat) -> None:
    messages = [ROWS[0]["messages"]] * 4
    tools = [[{"name": "f", "parameters": {"n": 1}}], [], None, [{"name": "g", "parameters": {"n": 2}}]]
    documents = [[{"title": "t", "text": str(n)}] for n in range(4)]
    lists = pa.table({"messages": messages, "tools": tools, "documents": documents})
    expected = assert_as_lists(mirror, lists)
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        texts = [None if tool is None else json.dumps(tool) for tool in tools]
        column = pa.array(texts).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(texts, kind)
        table = pa.table({"messages": messages, "tools": column, "documents": [json.dumps(d) for d in documents]})
        assert_same(mirror.encode_batch(table), expected)
    blank = pa.table({"messages": messages, "tools": ["", " ", "null", None]})
    assert_same(mirror.encode_batch(blank), mirror.encode_batch(messages))


def test_tools_of_the_call_come_before_those_of_the_row(mirror: chattpl.ChatFormat) -> None:
    table = pa.Table.from_pylist(ROWS)
    assert_as_lists(mirror, table, tools=[{"name": "ours"}], documents=[{"title": "t"}])


def test_options_are_those_of_lists() -> None:
    table = pa.table({"messages": [ROWS[0]["messages"][:1], ROWS[0]["messages"]]})
    chat = chattpl.load("qwen3")
    for options in (
        {"add_generation_prompt": True, "enable_thinking": False},
        {"continue_final_message": True},
        {"special_tokens": "strict", "train": chattpl.Train(parts={"content": 0.5})},
        {"threads": 1},
    ):
        assert_as_lists(chat, table, **options)


def test_result_does_not_depend_on_threads() -> None:
    table = pa.table({"messages": [[{"role": "user", "content": f"{n} " * (n % 50)}] for n in range(2000)]})
    chat = chattpl.load("qwen3")
    first = chat.encode_batch(table, threads=1)
    for threads in (2, 3, 7):
        assert_same(chat.encode_batch(table, threads=threads), first)


def test_empty_sources_give_no_rows(mirror: chattpl.ChatFormat) -> None:
    schema = pa.schema({"messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))})
    for empty in (
        schema.empty_table(),
        pa.RecordBatchReader.from_batches(schema, []),
        pa.chunked_array([], schema[0].type),
    ):
        assert len(mirror.encode_batch(empty)) == 0


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (pa.table({"messages": [1, 2]}), ["the column `messages`", "`int64`"]),
        (pa.table({"messages": [{"role": "a"}]}), ["the column `messages`", "`struct<role>`"]),
        (pa.table({"role": ["a"], "content": ["b"]}), ["no column `messages`", "`role`, `content`"]),
        (pa.array([1.5]), ["the array", "`double`"]),
        (pa.table({"messages": [[{"role": "a"}]], "tools": [1]}), ["`tools`", "`int64`"]),
        (pa.table({"messages": [[{"role": "a"}]], "documents": [{"a": 1}]}), ["`documents`", "`struct<a>`"]),
    ],
    ids=str,
)
def test_wrong_types_are_named_with_their_column(mirror: chattpl.ChatFormat, source: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        mirror.encode_batch(source, errors="quarantine")
    assert caught.value.code == "CE030"
    assert all(word in caught.value.message for word in words)
    assert caught.value.hint


@pytest.mark.parametrize(("messages", "code"), [("a", "CE033"), (["a"], "CE030"), ([], "CE030")])
def test_text_that_is_no_conversation_is_refused_row_by_row(
    mirror: chattpl.ChatFormat, messages: Any, code: str
) -> None:
    good = json.dumps([{"role": "user", "content": "x"}])
    rows = [good, json.dumps(messages) if isinstance(messages, list) else messages]
    batch = mirror.encode_batch(pa.table({"messages": rows}), errors="quarantine")
    assert [(row.row, row.code) for row in batch.quarantine] == [(2, code)]


def test_value_that_is_no_json_is_what_a_list_makes_of_it(mirror: chattpl.ChatFormat) -> None:
    when = pa.array([None, 0], pa.timestamp("s"))
    messages = pa.StructArray.from_arrays([pa.array(["user", "user"]), when], ["role", "when"])
    table = pa.table({"messages": pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), messages)})
    rows: list[dict[str, Any]] = [{"role": "user"}, {"role": "user", "when": datetime(1970, 1, 1)}]
    expected = [mirror.encode([row]).text for row in rows]
    batch = mirror.encode_batch(table)
    assert [mirror.tokenizer.decode(row.input_ids) for row in batch] == expected


def test_rows_that_fail_are_numbered_through_all_chunks() -> None:
    good, bad = {"role": "user", "content": "x"}, {"role": "nobody", "content": "x"}
    part = pa.table({"messages": pa.array([[good], None, [good, None], [bad, bad]])})
    table = pa.concat_tables([part, part.slice(1), part])
    chat = chattpl.load("mistral-v3")
    batch = chat.encode_batch(table, errors="quarantine")
    assert [row.row for row in batch.quarantine] == [2, 3, 4, 5, 6, 7, 9, 10, 11]
    assert len(batch) == 2
    with pytest.raises((InputError, RenderError)) as caught:
        chat.encode_batch(table)
    assert str(caught.value.location).startswith("row 2")


def test_text_that_is_not_utf8_is_refused(mirror: chattpl.ChatFormat) -> None:
    text = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 2], "int32")), pa.py_buffer(b"\xff\xfe"))
    messages = pa.StructArray.from_arrays([pa.array(["user"]), text], ["role", "content"])
    table = pa.table({"messages": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), messages)})
    with pytest.raises(InputError) as caught:
        mirror.encode_batch(table)
    assert (caught.value.code, caught.value.location) == ("CE032", "row 1: messages[0].content")


def test_offsets_that_lead_nowhere_are_refused(mirror: chattpl.ChatFormat) -> None:
    offsets = pa.py_buffer(np.array([0, 99, -5, 3], "int32"))
    text = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"abc"))
    messages = pa.StructArray.from_arrays([text], ["role"])
    table = pa.table({"messages": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), messages)})
    batch = mirror.encode_batch(table, errors="quarantine")
    assert [(row.row, row.code) for row in batch.quarantine] == [(1, "CE030"), (2, "CE030"), (3, "CE030")]


def test_stream_that_fails_says_why(mirror: chattpl.ChatFormat) -> None:
    schema = pa.Table.from_pylist(ROWS).schema

    def batches() -> Any:
        yield from pa.Table.from_pylist(ROWS).to_batches()
        raise ValueError("the disk is on fire")

    with pytest.raises(InputError, match="the disk is on fire"):
        mirror.encode_batch(pa.RecordBatchReader.from_batches(schema, batches()))


def test_stream_can_be_read_once(mirror: chattpl.ChatFormat) -> None:
    table = pa.Table.from_pylist(ROWS)
    capsule = table.__arrow_c_stream__()

    class Once:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return capsule

    assert len(mirror.encode_batch(Once())) == len(ROWS)
    with pytest.raises(InputError, match="consumed"):
        mirror.encode_batch(Once())


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.one_of(st.none(), TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats())


@st.composite
def typed_messages(draw: st.DrawFn) -> pa.Table:
    """A table whose messages have fields of drawn types, nested and null at random."""

    def column(depth: int) -> st.SearchStrategy[Any]:
        kind = draw(st.integers(0, 5 if depth else 3))
        if kind == 4:
            return st.one_of(st.none(), st.lists(column(depth - 1), max_size=3))
        if kind == 5:
            names = draw(st.lists(st.sampled_from(["name", "x", "é", "a b"]), min_size=1, max_size=3, unique=True))
            return st.one_of(st.none(), st.fixed_dictionaries({name: column(depth - 1) for name in names}))
        kinds = (TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats())
        return st.one_of(st.none(), kinds[kind])

    names = draw(st.lists(st.sampled_from(["role", "content", "name", "tool_calls"]), min_size=1, unique=True))
    message = st.fixed_dictionaries({name: column(3) for name in names})
    rows = draw(st.lists(st.lists(message, max_size=4), max_size=8))
    table = pa.table({"messages": pa.array(rows)}) if rows else pa.table({"messages": pa.nulls(0)})
    cut = draw(st.integers(0, len(rows)))
    parts = [table.slice(0, cut), table.slice(cut)]
    return pa.concat_tables(parts) if draw(st.booleans()) else table.slice(cut)


@settings(deadline=None, max_examples=150)
@given(table=typed_messages())
def test_any_table_is_encoded_as_its_rows(mirror: chattpl.ChatFormat, table: pa.Table) -> None:
    assert_as_lists(mirror, table, errors="quarantine")


@pytest.mark.slow
@pytest.mark.skipif(not CONVERSATIONS.is_dir(), reason=NO_CONFORMANCE)
def test_real_conversations_are_encoded_as_their_rows() -> None:
    chats = [chattpl.load(name) for name in ("qwen3", "gpt-oss")]
    read = 0
    for path in sorted(CONVERSATIONS.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        rows = [{key: row[key] for key in ("messages", "tools") if key in row} for row in rows if "messages" in row]
        try:
            table = pa.Table.from_pylist(rows)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            continue  # one column has values of several types
        if not rows:
            continue
        read += len(rows)
        for chat in chats:
            assert_as_lists(chat, table, errors="quarantine")
    assert read > 100


def test_dataset_is_read_as_its_table_in_its_order(mirror: chattpl.ChatFormat) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"messages": row["messages"], "other": n} for n, row in enumerate(ROWS)]
    dataset = datasets.Dataset.from_list(rows).select([3, 1, 1])
    expected = mirror.encode_batch([rows[n]["messages"] for n in (3, 1, 1)])
    assert expected.offsets[-1] > 0
    assert_same(mirror.encode_batch(dataset), mirror.encode_batch(without_none(dataset.to_list())))
    assert_same(mirror.encode_batch(dataset.data.table), mirror.encode_batch(pa.Table.from_pylist(rows)))


def test_polars_frames_and_series_are_read(mirror: chattpl.ChatFormat) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(pa.table({"messages": [row["messages"] for row in ROWS]}))
    expected = mirror.encode_batch(without_none(frame.to_dicts()))
    for source in (frame, frame["messages"], frame.lazy().collect()):
        assert_same(mirror.encode_batch(source), expected)


def test_json_text_of_the_extension_type_is_the_value_that_it_holds(mirror: chattpl.ChatFormat) -> None:
    """As the feature `Json` of `datasets` writes columns of tool data."""
    messages = [[{"role": "user", "content": "x", "a": {"b": [1, None]}}], [{"role": "tool", "content": {"c": "é"}}]]
    tools = [[{"type": "function", "function": {"name": "f", "parameters": {"x": None}}}], None]

    def texts(values: Any) -> Any:
        return None if values is None else [json.dumps(value) for value in values]

    as_json = pa.list_(pa.json_())
    columns = {name: pa.array(map(texts, values), pa.list_(pa.string())) for name, values in
               (("messages", messages), ("tools", tools))}  # fmt: skip
    table = pa.table({name: values.cast(as_json) for name, values in columns.items()})
    rows = [{"messages": m, "tools": t} for m, t in zip(messages, tools, strict=True)]
    assert_same(mirror.encode_batch(table), mirror.encode_batch(rows))
    plain = pa.table(columns)
    assert_same(mirror.encode_batch(plain), mirror.encode_batch(rows))
