"""How data files are opened: their kind by content, blocks of rows with their lines, and every way to be damaged."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chattpl import _core
from chattpl.arrays import array
from chattpl.errors import SourceError
from chattpl.sources import RowBlock, open_source

HELLO = {"messages": [{"role": "user", "content": 'a "quoted" {brace]\n'}, {"role": "assistant", "content": "é😀"}]}
TURNS = HELLO["messages"]
LINES = b"".join(json.dumps({"messages": TURNS, "id": n}).encode() + b"\n" for n in range(400))


def _zstd(data: bytes) -> bytes:
    packed: bytes = pytest.importorskip("zstandard").compress(data)
    return packed


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
}


def _texts(block: RowBlock) -> Iterator[tuple[int, bytes]]:
    """The rows of a block with their lines, as a reader in Rust takes them."""
    if block.spans is not None:
        for start, end, line in block.spans.tolist():
            yield line, block.data[start:end]
        return
    for line, text in enumerate(block.data.split(b"\n"), block.first_line):
        if text.strip():
            yield line, text


def _rows(source: Any, **options: Any) -> list[tuple[int, Any]]:
    """The rows of a source with their lines; checks what blocks say of themselves."""
    rows: list[tuple[int, Any]] = []
    with open_source(source, **options) as opened:
        for block in opened.blocks():
            assert block.first_row == len(rows)
            found = [(line, json.loads(text)) for line, text in _texts(block)]
            assert [block.line_of(index) for index in range(len(found))] == [line for line, _ in found]
            with pytest.raises(IndexError):
                block.line_of(len(found))
            rows += found
    return rows


def _refused(source: Any, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        _rows(source, **options)
    assert caught.value.location
    return caught.value


def _ways(data: bytes, path: Path) -> Iterator[Any]:
    """A file, an open file, memory, and a pipe where it can hold all."""
    path.write_bytes(data)
    yield from (path, str(path), io.BytesIO(data), bytearray(data), memoryview(data), data)
    if len(data) < 60_000:
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        with open(reading, "rb") as pipe:
            yield pipe


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("block_bytes", [1, 7, 100, 4 << 20])
def test_json_lines_keep_their_numbers(tmp_path: Path, bom: bytes, ending: bytes, block_bytes: int) -> None:
    lines = [b"", json.dumps(HELLO).encode(), b" \t", b'{"b": 2}', b"[1]", b"", b"{broken".replace(b"broken", b"}")]
    data = bom + ending.join(lines)
    expected = [(2, HELLO), (4, {"b": 2}), (5, [1]), (7, {})]
    for source in _ways(data, tmp_path / "x"):
        assert _rows(source, block_bytes=block_bytes) == expected
    for source in _ways(data + ending + ending, tmp_path / "x"):
        assert _rows(source, block_bytes=block_bytes) == expected


def test_json_lines_in_memory_are_not_copied() -> None:
    with open_source(LINES) as source:
        (block,) = source.blocks()
    assert block.data is LINES


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"[]", b" [ ]\n", b"[\n]"])
def test_an_empty_source_has_no_rows(tmp_path: Path, data: bytes) -> None:
    for source in _ways(data, tmp_path / "x"):
        assert _rows(source) == []
    for pack in PACKINGS.values():
        assert _rows(pack(data)) == []


DOCUMENTS: list[tuple[Any, list[Any]]] = [
    ([HELLO, HELLO, {"x": 1}], [HELLO, HELLO, {"x": 1}]),
    (TURNS, [TURNS]),
    ([TURNS, TURNS], [TURNS, TURNS]),
    ([{"from": "human", "value": "x"}], [[{"from": "human", "value": "x"}]]),
    ([{"prompt": "x", "role": 5}, 7, None, "s", [TURNS]], [{"prompt": "x", "role": 5}, 7, None, "s", [TURNS]]),
    ([{"role": "x", "messages": TURNS}], [{"role": "x", "messages": TURNS}]),
    ([[]], [[]]),
    (HELLO, [HELLO]),
]


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize(("document", "expected"), DOCUMENTS)
def test_documents_give_their_rows(tmp_path: Path, indent: Any, document: Any, expected: list[Any]) -> None:
    text = json.dumps(document, indent=indent)
    for data in (text.encode(), b"\n\xef\xbb\xbf"[1:] + b"\n" + text.replace("\n", "\r\n").encode() + b"\n"):
        for source in _ways(data, tmp_path / "x"):
            rows = _rows(source, block_bytes=11)
            assert [row for _, row in rows] == expected
            assert [line for line, _ in rows] == sorted(line for line, _ in rows)


def test_documents_one_after_another_are_rows() -> None:
    text = "\n".join(json.dumps(row, indent=1) for row in (HELLO, {"x": 1}, TURNS))
    lines = [1, 1 + json.dumps(HELLO, indent=1).count("\n") + 1]
    lines.append(lines[1] + 3)
    assert _rows(text.encode(), block_bytes=5) == list(zip(lines, [HELLO, {"x": 1}, TURNS], strict=True))


@pytest.mark.parametrize("first", ['{"a": "cut', "{bad", '{"a": tru', '{"a" 1', '[{"a": 1]', "[1] x", "{} {}", "{}, "])
def test_a_broken_first_line_of_json_lines_is_one_row(first: str) -> None:
    with open_source(f'{first}\n{{"x": 1}}\n'.encode()) as source:
        assert source.kind == "json_lines"
        rows = [text for block in source.blocks() for text in _texts(block)]
    assert rows == [(1, first.encode()), (2, b'{"x": 1}')]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[\n{"x": 1},\n{"y": 2\n', 3, "the text ends inside"),
        ('[\n{"x": 1},\n{"y": "2\n', 3, "string"),
        ('[\n{"x": 1}\n{"y": 2}]', 3, "expected `,` or `]`"),
        ('[\n{"x": [1}, {}]', 2, "expected `]`"),
        ("[\n1,\n", 3, "not closed"),
        ('[\n{"x": 1}\n]\nthanks', 4, "found `t`"),
        ('{\n"x": 1\n},\n{"y": 2}', 3, "found `,`"),
    ],
)
def test_documents_that_do_not_match_up_are_refused_with_their_line(text: str, line: int, message: str) -> None:
    for block_bytes in (1, 3, 1000):
        error = _refused(io.BytesIO(text.encode()), block_bytes=block_bytes)
        assert error.location == f"<file>:{line}"
        assert message in error.message
        assert error.hint


def test_rows_before_a_fault_are_given() -> None:
    blocks = open_source(b'[\n{"x": 1},\n{"x": 2},\n{"x": ]').blocks()
    assert [json.loads(text) for _, text in _texts(next(blocks))] == [{"x": 1}, {"x": 2}]
    with pytest.raises(SourceError, match="expected `}`"):
        next(blocks)


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_texts_of_trouble = st.sampled_from(['"', "\\", "]}", "{[", '\\\\"', "\n", "role", "\u2028", "😀"]).map("x".__add__)
_values = st.recursive(
    _scalars | _texts_of_trouble,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts_of_trouble | st.text(), inner, max_size=4),
    max_leaves=20,
)
_indents = st.sampled_from([None, 0, 1, "\t"])


@st.composite
def _cut(draw: st.DrawFn, text: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _split(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    splitter, rows = _core.JsonSplitter(), []
    for piece in pieces:
        if (found := splitter.push(piece)) is not None:
            data, spans, _ = found
            rows += [(line, data[start:end]) for start, end, line in array(spans, "int64").reshape(-1, 3).tolist()]
    splitter.finish()
    return rows


def _decoded(text: str) -> list[tuple[int, Any]]:
    """What Python's decoder finds: containers one after another, with their lines."""
    values: list[tuple[int, Any]] = []
    at = 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n"))
        if at == len(text):
            return values
        value, end = json.JSONDecoder().raw_decode(text, at)
        values.append((1 + text.count("\n", 0, at), value))
        at = end


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict) or any(isinstance(value.get(key), list) for key in ("messages", "conversations")):
        return False
    return isinstance(value.get("role"), str) or {"from", "value"} <= value.keys()


@settings(max_examples=400, deadline=None)
@given(st.data(), st.lists(st.lists(_values, max_size=5) | st.dictionaries(st.text(), _values), max_size=4), _indents)
def test_the_splitter_finds_what_pythons_decoder_finds(data: st.DataObject, documents: list[Any], indent: Any) -> None:
    ascii_only = data.draw(st.booleans())
    dumped = [json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in documents]
    text = data.draw(st.sampled_from(["", "\n", " \r\n\t"])).join(dumped)
    expected: list[tuple[int, Any]] = []
    for line, value in _decoded(text):
        if isinstance(value, list) and not (value and _is_message(value[0])):
            expected += [(-1, element) for element in value]
        else:
            expected.append((line, value))
    rows = _split(data.draw(_cut(text.encode("utf-8", "surrogatepass"))))
    found = [(line, json.loads(row.decode("utf-8", "surrogatepass"))) for line, row in rows]
    assert [value for _, value in found] == [value for _, value in expected]
    assert all(line in (-1, place) for (place, _), (line, _) in zip(found, expected, strict=True))


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(_values, min_size=1, max_size=5), _indents)
def test_a_document_cut_short_is_never_taken_for_whole(data: st.DataObject, rows: list[Any], indent: Any) -> None:
    text = json.dumps(rows, indent=indent).encode()
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    with pytest.raises(ValueError, match=r"."):
        _split(data.draw(_cut(cut)))


# Compression


@pytest.mark.parametrize("packing", PACKINGS)
def test_packed_files_are_read_whatever_their_name(tmp_path: Path, packing: str) -> None:
    pack = PACKINGS[packing]
    expected = _rows(LINES)
    half = LINES.index(b"\n", len(LINES) // 2) - 5
    for packed in (pack(LINES), pack(LINES[:half]) + pack(b"") + pack(LINES[half:])):
        for source in _ways(packed, tmp_path / "rows.txt"):
            assert _rows(source, block_bytes=1000) == expected
    with open_source(pack(json.dumps([HELLO] * 9, indent=1).encode())) as source:
        assert source.kind == "json"
        assert sum(len(list(_texts(block))) for block in source.blocks()) == 9


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_file_cut_anywhere_is_refused(packing: str) -> None:
    """At every length but those where a member ends, with one member and with several."""
    pack = PACKINGS[packing]
    chooser = random.Random(packing)
    members = [pack(LINES[start : start + 30_000]) for start in range(0, len(LINES), 30_000)]
    ends = [sum(map(len, members[:count])) for count in range(1, len(members) + 1)]
    for whole, borders in ((pack(LINES), set[int]()), (b"".join(members), set(ends))):
        cuts = {*range(4 if packing != "bzip2" else 10, 40), *range(len(whole) - 40, len(whole))}
        cuts |= set(chooser.sample(range(10, len(whole)), 80))
        cuts |= {end + extra for end in ends[:-1] for extra in range(1, 12) if end + extra < len(whole)}
        for cut in sorted(cuts - borders):
            if packing == "xz" and cut < 6:
                continue
            error = _refused(whole[:cut])
            assert "byte" in str(error.location) or "first bytes" in error.message, (cut, str(error))


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_packed_file_is_refused_or_gives_the_same_rows(packing: str) -> None:
    pack = PACKINGS[packing]
    chooser = random.Random(packing)
    whole = pack(LINES) if packing != "zstd" else _zstd_checked(LINES)
    expected = _rows(LINES)
    for _ in range(150):
        at, bit = chooser.randrange(len(whole)), 1 << chooser.randrange(8)
        damaged = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
        try:
            rows = _rows(damaged)
        except SourceError as error:
            assert error.location
        else:
            assert rows == expected, at


def _zstd_checked(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    packed: bytes = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    return packed


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("garbage", [b"x", b"garbage that follows", b"\n", b"{}\n" * 100_000])
def test_bytes_behind_packed_data_are_refused_with_their_offset(packing: str, garbage: bytes) -> None:
    packed = PACKINGS[packing](LINES)
    error = _refused(packed + garbage)
    assert error.location == f"<bytes>: byte {len(packed)}"
    assert "followed by bytes" in error.message


@pytest.mark.parametrize("padding", [4, 8, 512, 1 << 20])
def test_padding_with_zeros_behind_gzip_and_xz_is_no_damage(padding: int) -> None:
    expected = _rows(LINES)
    for pack in (gzip.compress, lzma.compress):
        assert _rows(pack(LINES) + bytes(padding)) == expected
        assert _rows(pack(LINES[:500]) + bytes(padding) + pack(LINES[500:])) == expected
    assert "padding" in _refused(lzma.compress(LINES) + bytes(padding + 1)).message


def test_skippable_frames_of_zstd_are_passed_over() -> None:
    skipped = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    packed = PACKINGS["zstd"](LINES)
    assert _rows(skipped + packed + skipped + packed) == _rows(LINES + LINES)


def test_damaged_deflate_data_names_the_byte(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(os.urandom(0) + LINES * 40, mtime=0))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "x.jsonl"
    path.write_bytes(packed)
    error = _refused(path)
    assert str(error.location).startswith(f"{path}: byte ")
    assert isinstance(error.__cause__, zlib.error) or "damaged" in error.message


def test_a_bomb_is_read_in_bounded_memory() -> None:
    """256 MiB of blank lines out of 256 KiB."""
    code = (
        "import sys; from pathlib import Path; from chattpl.sources import open_source\n"
        "assert sum(1 for _ in open_source(sys.stdin.buffer).blocks()) > 60\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc")
    packed = gzip.compress(b"{}\n" + b"\n" * (256 << 20))
    out = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True, check=True).stdout
    assert int(out) < 150_000  # KiB


# What is no data file


def test_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    kinds = {
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n": "Git LFS pointer",
        b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml": "spreadsheet",
        b"PK\x03\x04" + bytes(26) + b"rows.jsonl": "zip",
        b"SQLite format 3\x00" + bytes(90): "SQLite",
        b"%PDF-1.7\n": "PDF",
        b"\x89PNG\r\n\x1a\n": "PNG",
        '{"a": 1}\n'.encode("utf-16"): "UTF-16",
        '{"a": 1}\n'.encode("utf-16-be"): "UTF-16",
        '{"a": 1}\n'.encode("utf-16-le"): "UTF-16",
        '{"a": 1}\n'.encode("utf-32"): "UTF-32",
        '{"a": 1}\n'.encode("utf-32-be"): "UTF-32",
        b"id,text\n1,hello\n": "CSV",
        b'"id","text"\n1,hello\n': "CSV",
        b"id\ttext\n": "TSV",
        b"---\nmessages:\n": "YAML",
        b"messages:\n  - role: user\n": "YAML",
        b"- role: user\n": "YAML",
        b"<!DOCTYPE html><html>": "HTML",
        b"<rows/>": "XML",
        b"Hello there\n": "`Hello there`",
        b"\x00\x01\x02\x03": "00 01 02 03",
        b"\x80\x04\x95": "80 04 95",
        b"5\n{}\n": "`5`",
        bytes(257) + b"ustar\x0000": "tar",
        gzip.compress(gzip.compress(b"{}")): "gzip data inside gzip",
        gzip.compress(b"PAR1" + bytes(50)): "Parquet data inside gzip",
        gzip.compress(bytes(257) + b"ustar\x0000"): "tar archive inside gzip",
    }
    for data, named in kinds.items():
        for source in _ways(data, tmp_path / "rows.jsonl"):
            error = _refused(source)
            assert named in error.message
            assert error.hint


def test_refused_text_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\n\n hello")
    assert _refused(tmp_path / "x").location == f"{tmp_path / 'x'}:3"


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    assert "No such file" in _refused(tmp_path / "none").message
    assert _refused(tmp_path).hint
    assert "null" in _refused("a\0b").message
    assert "str, not bytes" in _refused(io.StringIO("{}")).message


def test_whatever_an_open_file_raises_is_a_source_error() -> None:
    cut = gzip.compress(LINES * 50)[:3000]
    for packed in (cut, cut[:900] + b"xx" * 900):
        with gzip.open(io.BytesIO(packed)) as file:
            _refused(file)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES * 100)
    with open_source(path, block_bytes=100_000) as source:
        blocks = source.blocks()
        next(blocks)
        os.truncate(path, 300_000)
        with pytest.raises(SourceError, match="shorter") as caught:
            list(blocks)
    assert caught.value.location == f"{path}: byte 300000"


def test_an_open_file_is_left_open_and_a_path_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES)
    with open(path, "rb") as file:
        assert len(_rows(file)) == 400
        assert not file.closed
        file.seek(LINES.index(b"\n") + 1)
        assert len(_rows(file)) == 399


# Tables

pyarrow = pytest.importorskip("pyarrow")


def _table() -> Any:
    return pyarrow.table({"messages": [TURNS] * 500, "id": list(range(500))})


def _table_bytes(kind: str) -> bytes:
    import pyarrow.ipc
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    table = _table()
    if kind == "parquet":
        pyarrow.parquet.write_table(table, sink, row_group_size=100)
    else:
        make = pyarrow.ipc.new_file if kind == "file" else pyarrow.ipc.new_stream
        with make(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    data: bytes = sink.getvalue().to_pybytes()
    return data


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_tables_are_told_and_read(tmp_path: Path, kind: str) -> None:
    expected = _table().to_pylist()
    for source in _ways(_table_bytes(kind), tmp_path / "rows.jsonl"):
        with open_source(source) as opened:
            assert opened.kind == "arrow"
            batches = list(opened.table_batches())
        assert pyarrow.Table.from_batches(batches).to_pylist() == expected
    with open_source(_table_bytes("parquet")) as opened:
        assert next(opened.table_batches(batch_rows=64)).num_rows == 64


@pytest.mark.parametrize("kind", ["parquet", "file", "stream"])
def test_damaged_tables_are_refused(tmp_path: Path, kind: str) -> None:
    data = _table_bytes(kind)
    chooser = random.Random(kind)
    borders = 0
    for cut in [*range(8, 60), *chooser.sample(range(60, len(data)), 60)]:
        path = tmp_path / "x"
        path.write_bytes(data[:cut])
        try:
            with open_source(path) as source:
                rows = sum(batch.num_rows for batch in source.table_batches())
        except SourceError as error:
            assert str(path) in str(error.location)
        else:
            borders += 1
            assert kind == "stream", "only a stream has borders of messages at which it may end"
            assert rows % 100 == 0
    assert borders < 5


def test_offsets_outside_of_a_buffer_are_refused(tmp_path: Path) -> None:
    """A string column whose last offset is too large would be read past its end."""
    import pyarrow.ipc

    text = "0123456789" * 4
    offsets = pyarrow.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 40, 80)))
    good = pyarrow.StringArray.from_buffers(2, offsets, pyarrow.py_buffer(text.encode() * 2))
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, pyarrow.schema([("text", pyarrow.string())])) as writer:
        writer.write_batch(pyarrow.record_batch([good], names=["text"]))
    data = sink.getvalue().to_pybytes()
    wrong = data.replace(offsets.to_pybytes(), offsets.to_pybytes()[:8] + (120).to_bytes(4, "little"))
    assert wrong != data
    with pytest.raises(SourceError, match="Arrow stream"), open_source(wrong) as source:
        list(source.table_batches())


def test_the_wrong_way_to_read_is_refused() -> None:
    with open_source(b"{}") as source, pytest.raises(TypeError, match="blocks"):
        next(source.table_batches())
    with open_source(_table_bytes("file")) as source, pytest.raises(TypeError, match="table_batches"):
        next(source.blocks())
