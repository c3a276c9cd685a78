"""`chattpl encode`, and the tokens that `chattpl render` shows."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

import chattpl as library
from cli.command import chattpl

NAMES = ("input_ids", "loss_mask", "message_index", "origin")
GOOD: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": f"Zażółć {n}"}, {"role": "assistant", "content": "🦀" * n}]}
    for n in range(30)
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object"}}}]
BROKEN = ["{", '{"other": 1}', '[{"role": 1}', "[1]"]


def lines(rows: list[Any]) -> bytes:
    return b"".join((row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows)


def listed(batch: library.EncodedBatch) -> list[dict[str, Any]]:
    return [{name: getattr(row, name).tolist() for name in NAMES} for row in batch]


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    table = pyarrow.parquet.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def arrays(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of an output with nothing but their arrays."""
    return [{name: row[name] for name in NAMES} for row in rows]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    path.write_bytes(lines(GOOD))
    return path


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    return listed(library.load("qwen3").encode_batch(GOOD))


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather", ".jsonl"])
def test_outputs_hold_what_encode_batch_gives(
    suffix: str, data: Path, tmp_path: Path, expected: list[dict[str, Any]]
) -> None:
    out = tmp_path / f"out{suffix}"
    result = chattpl("encode", "--model", "qwen3", data, "-o", out)
    assert (result.code, result.out) == (0, "")
    assert re.search(r"30 rows, [\d,]+ tokens, \d+% of them trained on", result.err)
    assert arrays(read(out)) == expected
    assert [row["row"] for row in read(out)] == list(range(1, 31))
    assert list(tmp_path.iterdir()) == [out]


def test_without_output_lines_go_to_standard_output(data: Path, expected: list[dict[str, Any]]) -> None:
    result = chattpl("encode", "-m", "qwen3", data)
    assert result.code == 0
    assert arrays([json.loads(line) for line in result.out.splitlines()]) == expected


def test_standard_input_is_read(data: Path, expected: list[dict[str, Any]]) -> None:
    result = chattpl("encode", "-m", "qwen3", "-", stdin=data.read_bytes())
    assert arrays([json.loads(line) for line in result.out.splitlines()]) == expected


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_compressed_input_is_unpacked(suffix: str, data: Path, tmp_path: Path, expected: list[dict[str, Any]]) -> None:
    packers: dict[str, Any] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    pack = packers[suffix]
    path, out = tmp_path / f"train.jsonl{suffix}", tmp_path / "out.parquet"
    path.write_bytes(pack(data.read_bytes()))
    assert chattpl("encode", "-m", "qwen3", path, "-o", out).code == 0
    assert arrays(read(out)) == expected
    path.write_bytes(path.read_bytes()[:-20])
    damaged = chattpl("encode", "-m", "qwen3", path, "-o", tmp_path / "damaged.parquet")
    assert (damaged.code, (tmp_path / "damaged.parquet").exists()) == (2, False)
    assert "error[CE041]" in damaged.err


def test_options_are_those_of_encode_batch(data: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS))
    result = chattpl(
        *("encode", "-m", "qwen3", data, "--tools", tools, "--generation-prompt", "--set", "enable_thinking=false"),
        *("--special-tokens", "parity", "--train-turns", "last", "--train-parts", "content", "--threads", "1"),
    )
    train = library.Train(turns="last", parts=["content"])
    batch = library.load("qwen3").encode_batch(
        GOOD, tools=TOOLS, add_generation_prompt=True, enable_thinking=False, special_tokens="parity", train=train
    )
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert arrays(rows) == listed(batch)


def test_template_file_and_tokenizer_of_its_own(data: Path, tmp_path: Path) -> None:
    template = tmp_path / "t.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    result = chattpl("encode", "-t", template, "--tokenizer", "qwen", data)
    assert result.code == 0
    batch = library.load(template, tokenizer="qwen").encode_batch(GOOD)
    assert arrays([json.loads(line) for line in result.out.splitlines()]) == listed(batch)


def test_rows_that_fail_go_to_the_quarantine(tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / "out.parquet"
    rows = [GOOD[0], BROKEN[0], "", GOOD[1], *BROKEN[1:], GOOD[2]]
    path.write_bytes(lines(rows))
    result = chattpl("encode", "-m", "qwen3", path, "-o", out, "--errors", "quarantine")
    assert result.code == 1
    assert "4 rows could not be encoded" in result.err
    assert arrays(read(out)) == listed(library.load("qwen3").encode_batch(GOOD[:3]))
    assert [(row["row"], row["line"]) for row in read(out)] == [(1, 1), (3, 4), (7, 8)]
    left_out = [json.loads(line) for line in (tmp_path / "out.parquet.quarantine").read_text().splitlines()]
    assert [(row["row"], row["line"]) for row in left_out] == [(2, 2), (4, 5), (5, 6), (6, 7)]
    assert [row["data"] for row in left_out] == ["{", {"other": 1}, BROKEN[2], [1]]
    assert all(row["code"].startswith("CE03") and row["message"] for row in left_out)


def test_quarantine_of_an_earlier_run_does_not_stay(data: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(lines([GOOD[0], "{"]))
    assert chattpl("encode", "-m", "qwen3", path, "-o", out, "--errors", "quarantine").code == 1
    assert (tmp_path / "out.jsonl.quarantine").exists()
    assert chattpl("encode", "-m", "qwen3", data, "-o", out, "--errors", "quarantine").code == 0
    assert not (tmp_path / "out.jsonl.quarantine").exists()


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".jsonl"])
def test_row_that_fails_ends_the_run_and_leaves_the_output_alone(suffix: str, tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / f"out{suffix}"
    path.write_bytes(lines([GOOD[0], "", GOOD[1], "[1]"]))
    out.write_text("before")
    result = chattpl("encode", "-m", "qwen3", path, "-o", out)
    assert result.code == 2
    assert f"--> {path}:4 (row 3)" in result.err
    assert out.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == sorted([path, out])


def test_row_that_the_template_refuses_is_code_1(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(lines([[{"role": "user", "content": "x"}, {"role": "nobody", "content": "x"}]]))
    assert chattpl("encode", "-m", "mistral-v3", path).code == 1


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"{\n"], ids=["empty", "blank", "broken"])
def test_file_without_any_row_makes_a_valid_empty_output(suffix: str, content: bytes, tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / f"out{suffix}"
    path.write_bytes(content)
    result = chattpl("encode", "-m", "qwen3", path, "-o", out, "--errors", "quarantine")
    assert result.code == (1 if content == b"{\n" else 0)
    assert read(out) == []
    if suffix != ".jsonl":
        reader: Any = (
            pyarrow.parquet.read_table if suffix == ".parquet" else lambda path: pa.ipc.open_file(path).read_all()
        )
        # A file always has weights, so that all its blocks have one schema, and lines.
        names = [*NAMES, "loss_weight", "row", "line"]
        assert reader(out).schema.names == names[: len(reader(out).schema.names)]


def test_empty_output_with_weights_has_their_column(tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / "out.parquet"
    path.write_bytes(b"")
    assert chattpl("encode", "-m", "qwen3", path, "-o", out, "--train-parts", "content").code == 0
    assert "loss_weight" in pyarrow.parquet.read_table(out).schema.names


def test_an_output_says_how_it_was_made(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert chattpl("encode", "-m", "qwen3", data, "-o", out, "--train-turns", "last").code == 0
    made = json.loads(pyarrow.parquet.read_schema(out).metadata[b"chattpl"])
    chat = library.load("qwen3")
    assert (made["chattpl"], made["format"]) == (library.__version__, "qwen3")
    assert {key: made[key] for key in ("template", "tokenizer")} == chat.fingerprint()
    assert made["options"]["train_turns"] == "last"


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_fields_that_are_kept_travel_along(suffix: str, tmp_path: Path) -> None:
    path, out = tmp_path / "train.jsonl", tmp_path / f"out{suffix}"
    path.write_bytes(lines([{**row, "id": f"r{n}", "score": n, "note": "x"} for n, row in enumerate(GOOD)]))
    result = chattpl("encode", "-m", "qwen3", path, "-o", out, "--keep", "score")
    assert result.code == 0
    assert [(row["id"], row["score"]) for row in read(out)] == [(f"r{n}", n) for n in range(30)]
    assert "fields that were not used: `note` (30 rows, first row 1)" in result.err
    assert "`score`" not in result.err


def test_the_summary_counts_what_was_lost(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    parts = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "Assistant", "content": "x"}]
    path.write_bytes(lines([parts, {"conversations": [{"from": "human", "value": "x"}]}]))
    result = chattpl("encode", "-m", "qwen3", path, "-o", tmp_path / "out.jsonl")
    assert "`messages[].content[].text` (1 row, first row 1)" in result.err
    assert "--normalize brings messages" in result.err
    assert "roles that the format does not know: `Assistant` (1 row, first row 1)" in result.err
    assert "nothing to train: 2 rows, first row 1" in result.err
    assert "read as other dialects: `sharegpt` (1 row, first row 2)" in result.err
    normalized = chattpl("encode", "-m", "qwen3", path, "-o", tmp_path / "out.jsonl", "--normalize")
    assert "normalized: `content parts to text` (1 row, first row 1)" in normalized.err
    assert "nothing to train: 1 row, first row 2" in normalized.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-m", "qwen3"),
        ("DATA",),
        ("-m", "qwen3", "-t", "t.jinja", "DATA"),
        ("-m", "no-such-format", "DATA"),
        ("-m", "qwen3", "no-such-file.jsonl"),
        ("-m", "qwen3", "FOLDER"),
        ("-m", "qwen3", "DATA", "-o", "out.csv"),
        ("-m", "qwen3", "DATA", "-o", "no/such/folder/out.parquet"),
        ("-m", "qwen3", "DATA", "--threads", "0"),
        ("-m", "qwen3", "DATA", "--threads", "many"),
        ("-m", "qwen3", "DATA", "--special-tokens", "all"),
        ("-m", "qwen3", "DATA", "--train-parts", "words"),
        ("-m", "qwen3", "DATA", "--errors", "ignore"),
        ("-m", "qwen3", "DATA", "--tokenizer", "no-such-vocabulary"),
        ("-m", "qwen3", "DATA", "--tokenizer", "FOLDER"),
        ("-m", "qwen3", "DATA", "--set", "tools=1"),
    ],
    ids=lambda words: " ".join(words),
)
def test_bad_usage_is_code_2(words: tuple[str, ...], data: Path, tmp_path: Path) -> None:
    places = {"DATA": data, "FOLDER": tmp_path}
    result = chattpl("encode", *(places.get(word, word) for word in words))
    assert (result.code, result.out) == (2, "")
    assert result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("command", ["encode", "render"])
def test_missing_vocabulary_names_the_command(command: str, data: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'llama_models' else find(name, *rest)\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    words = [command, "-m", "llama3.1", data, *(["--ids"] if command == "render" else [])]
    result = chattpl(*words, PYTHONPATH=path, CHATTPL_CACHE=str(tmp_path / "cache"))
    assert result.code == 2
    assert "error[CE055]" in result.err
    assert 'pip install "chattpl[llama]"' in result.err


def test_reader_that_has_had_enough_is_no_error(data: Path) -> None:
    command = [sys.executable, "-m", "chattpl", "encode", "-m", "qwen3", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.write(data.read_bytes() * 200)
    process.stdin.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0


_MEASURE = """
import sys, resource
from chattpl.cli import main
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert main(["encode", "-m", "qwen3", sys.argv[1], "-o", sys.argv[3]]) == 0
before = peak()
assert main(["encode", "-m", "qwen3", sys.argv[2], "-o", sys.argv[3]]) == 0
print((peak() - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_memory_stays_flat(suffix: str, tmp_path: Path) -> None:
    text = "".join(f"{n} Zażółć gęślą jaźń, the quick brown fox. " for n in range(100))
    line = lines([{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]}])
    for name, size in (("small", 80), ("big", 200)):
        with open(tmp_path / f"{name}.jsonl", "wb") as file:
            for _ in range((size << 20) // (len(line) * 100)):
                file.write(line * 100)
    words = [tmp_path / "small.jsonl", tmp_path / "big.jsonl", tmp_path / f"out{suffix}"]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *map(str, words)], capture_output=True, text=True, check=True, timeout=300
    )
    assert int(done.stdout) < 60  # MiB; the ids, masks and origins of the file are more than 500


def test_ids_are_printed_with_their_origin_and_message(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([{"role": "user", "content": "Hi <|im_end|>"}]))
    result = chattpl("render", "-m", "chatml", "--tokenizer", "qwen", path, "--ids")
    assert result.code == 0
    rows = [line.split(None, 3) for line in result.out.splitlines()]
    encoded = library.load("chatml", tokenizer="qwen").encode([{"role": "user", "content": "Hi <|im_end|>"}])
    assert [int(row[0]) for row in rows] == encoded.input_ids.tolist()
    assert rows[0][1:] == ["template", "0", '"<|im_start|>"']
    assert {row[1] for row in rows} == {"template", "message"}
    assert "".join(json.loads(row[3]) for row in rows) == encoded.text


def test_mask_marks_what_is_learnt(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(GOOD[3]["messages"]))
    result = chattpl("render", "-m", "qwen3", path, "--mask")
    encoded = library.load("qwen3").encode(GOOD[3]["messages"])
    *rows, summary = result.out.splitlines()
    assert [row.startswith("x ") for row in rows] == [bool(flag) for flag in encoded.loss_mask]
    assert all(row.startswith(("x ", ". ")) for row in rows)
    assert summary == f"{int(encoded.loss_mask.sum())} of {len(encoded)} tokens are trained on"
    assert "<f0 9f>" in result.out or '"🦀' in result.out


def test_tokens_as_json_are_those_of_encode(data: Path) -> None:
    result = chattpl("render", "-m", "qwen3", data, "--ids", "--format", "json", "--generation-prompt")
    records = [json.loads(line) for line in result.out.splitlines()]
    chat = library.load("qwen3")
    assert [record["row"] for record in records] == list(range(1, len(GOOD) + 1))
    for record, row in zip(records, GOOD, strict=True):
        encoded = chat.encode(row["messages"], add_generation_prompt=True)
        assert record["text"] == encoded.text
        assert record["input_ids"] == encoded.input_ids.tolist()
        assert record["loss_mask"] == encoded.loss_mask.tolist()
        assert record["origin"][0] == "template"


def test_colours_show_control_tokens_and_what_is_learnt(data: Path) -> None:
    words = ("render", "-m", "qwen3", data, "--row", "3")
    plain = chattpl(*words, "--mask")
    assert "\x1b" not in plain.out
    for flag in ("--ids", "--mask"):
        coloured = chattpl(*words, flag, FORCE_COLOR="1").out
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == chattpl(*words, flag).out


def test_rows_of_tokens_say_which_row_they_are(data: Path) -> None:
    said = chattpl("render", "-m", "qwen3", data, "--ids").err
    assert said.count(" (row ") == len(GOOD)
    assert "--- row" not in chattpl("render", "-m", "qwen3", data, "--ids", "--row", "2").err
