"""The conformance data as rows: by every way in, the text of the tokens is what `transformers` renders."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from byte_tokenizers import byte_tokenizer, chat_format
from compare import CLOCK, TOKENS
from paths import NO_CONFORMANCE
from test_conformance import NAMES, _probes, _records, _source

pytestmark = pytest.mark.skipif(not NAMES, reason=NO_CONFORMANCE)

_OF_CALL = ("add_generation_prompt", "continue_final_message")


def _row(probe: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A probe as a row, and what the call has to say."""
    kwargs = dict(probe["kwargs"])
    call = {key: kwargs.pop(key) for key in _OF_CALL if key in kwargs}
    row = {"messages": probe["messages"]}
    row |= {key: kwargs.pop(key) for key in ("tools", "documents") if key in kwargs}
    return ({**row, "chat_template_kwargs": kwargs} if kwargs else row), call


def _as_arrow(row: dict[str, Any]) -> pa.Table | None:
    """The row as a table, where Arrow's types can hold it as it is."""
    try:
        table = pa.Table.from_pylist([row])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None

    def without_none(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_none(item) for key, item in value.items() if item is not None}
        return [without_none(item) for item in value] if isinstance(value, list) else value

    found = without_none(table.to_pylist()[0])
    # A struct has one order of fields for all rows, and null where one lacks a field.
    return table if json.dumps(found) == json.dumps(without_none(row)) else None


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_encoded_to_the_text_of_transformers(name: str) -> None:
    chat = chat_format(_source(name), byte_tokenizer(()), arguments=TOKENS, name=name)
    expected = {record["probe"]: record["out"] for record in _records("golden.jsonl")[name] if "out" in record}
    expected.pop("no_messages", None)  # `apply_chat_template` refuses it before it renders
    for probe_name, text in expected.items():
        row, call = _row(_probes()[probe_name])
        sources = {"dict": [row], "line": json.dumps(row).encode(), "array": json.dumps([row], indent=1).encode()}
        if (table := _as_arrow(row)) is not None:
            sources["arrow"] = table
        assert chat.render(row, now=CLOCK, **call).text == text, probe_name
        assert chat.encode(row, now=CLOCK, **call).text == text, probe_name
        for source, value in sources.items():
            batch = chat.encode_batch(value, now=CLOCK, threads=1, **call)
            assert chat.tokenizer.decode(batch[0].input_ids) == text, (probe_name, source)
