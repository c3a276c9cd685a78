"""Times messages to ids, loss mask and message index (Qwen3) against rendering and encoding by hand.

    chattpl           `encode_batch` of a list of conversations (dicts)
    chattpl, JSONL    `encode_batch` of the same as lines of JSON
    by hand           minijinja renders, gigatoken encodes: ids alone, neither mask nor index
    gigatoken         encodes text that is rendered already: ids alone
    transformers      `apply_chat_template(tokenize=True)`: ids alone
    accelerated       the same after `chattpl.integrations.transformers.accelerate`

Ids are compared with those of `transformers` before a figure is shown. Every line runs in fresh processes of its own
that take turns; figures are megabytes of rendered text (UTF-8) per CPU-second, medians over `--rounds` processes.
cold: the first half of the conversations, first pass of the process, the generation prompts included; unseen: the
second half after it; hot: the second half again, by CPU time and by wall time.

    python benches/bench_messages.py --conversations FOLDER [--corpus FOLDER] --oracles FOLDER [--template FILE]

FOLDER of `--oracles` (default: the environment variable CHATTPL_ORACLES) holds qwen3/tokenizer.json. `--template` is
what the others render with: the published template; without it chattpl's own, less its `{% generation %}` marks. What
is not installed is reported as such.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FORMAT = "qwen3"
HOT_PASSES = 3
SLOW = {"transformers": 3.0, "accelerated": 12.0}
"""Megabytes of rendered text for a slow line; its speed does not depend on how many there are."""
LINES = [
    *(("chattpl", 1), ("chattpl", 2), ("chattpl, JSONL", 1), ("chattpl, JSONL", 2)),
    *(("by hand", 1), ("gigatoken", 1), ("transformers", 1), ("accelerated", 1)),
]
Row = dict[str, Any]
Encode = Callable[[Any], list[Any]]
"""What is timed: it gives arrays or lists of ids, of one or of all conversations."""


# ---- in the process of one line --------------------------------------------------------------------------------------


def make_chattpl(options: Row) -> tuple[Encode, Callable[[list[Row]], Any]]:
    import chattpl

    tokenizer = chattpl.Tokenizer.from_file(options["vocabulary"])
    chat_format = chattpl.load(FORMAT, tokenizer=tokenizer)
    threads = options["threads"]

    def encode(source: Any) -> list[Any]:
        batch = chat_format.encode_batch(source, threads=threads)
        assert len(batch.loss_mask) == len(batch.message_index) == len(batch.input_ids)
        return [batch.input_ids, batch.offsets]

    if options["line"] == "chattpl, JSONL":
        return encode, lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    return encode, lambda rows: rows


def make_by_hand(options: Row) -> tuple[Encode, Callable[[list[Row]], Any]]:
    import gigatoken
    import minijinja

    environment = minijinja.Environment(
        templates={"chat": options["template"]}, trim_blocks=True, lstrip_blocks=True, pycompat=True
    )
    environment.add_filter("tojson", lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent))
    tokenizer = gigatoken.Tokenizer(Path(options["vocabulary"]))

    def encode(rows: list[Row]) -> list[Any]:
        texts = [environment.render_template("chat", add_generation_prompt=False, **row) for row in rows]
        layout = tokenizer.encode_batch(texts, parallel=False).layout
        return [layout.content.data, layout.offsets.data]

    return encode, lambda rows: rows


def make_gigatoken(options: Row) -> tuple[Encode, Callable[[list[Row]], Any]]:
    import gigatoken

    import chattpl

    chat_format = chattpl.load(FORMAT)
    tokenizer = gigatoken.Tokenizer(Path(options["vocabulary"]))

    def encode(texts: list[str]) -> list[Any]:
        layout = tokenizer.encode_batch(texts, parallel=False).layout
        return [layout.content.data, layout.offsets.data]

    return encode, lambda rows: [chat_format.render(**row).text for row in rows]


def make_transformers(options: Row) -> tuple[Encode, Callable[[list[Row]], Any]]:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=options["vocabulary"], chat_template=options["template"])
    if options["line"] == "accelerated":
        from chattpl.integrations.transformers import accelerate

        accelerate(tokenizer)

    def encode(rows: list[Row]) -> list[Any]:
        return [tokenizer.apply_chat_template(row["messages"], tools=row["tools"], return_dict=False) for row in rows]

    return encode, lambda rows: rows


MAKERS = {
    "chattpl": make_chattpl,
    "chattpl, JSONL": make_chattpl,
    "by hand": make_by_hand,
    "gigatoken": make_gigatoken,
    "transformers": make_transformers,
    "accelerated": make_transformers,
}


def child(options: Row) -> Row:
    """Times one line in this process, and saves the ids."""
    import numpy as np

    data = json.loads(Path(options["rows"]).read_text("utf-8"))
    rows, sizes = data["rows"][: options["count"]], data["bytes"][: options["count"]]
    encode, prepare = MAKERS[options["line"]](options)
    middle = len(rows) // 2
    first, second = prepare(rows[:middle]), prepare(rows[middle:])
    megabytes = sum(sizes[:middle]) / 1e6, sum(sizes[middle:]) / 1e6
    cold, _, ids_of_first = timed(encode, first)
    unseen, _, ids_of_second = timed(encode, second)
    hot = [timed(encode, second) for _ in range(HOT_PASSES)]
    halves = [as_arrays(half, np) for half in (ids_of_first, ids_of_second)]
    lengths = np.concatenate([np.diff(offsets) for _, offsets in halves])
    np.savez(options["save_to"], ids=np.concatenate([ids for ids, _ in halves]), lengths=lengths)
    return {
        "cold": megabytes[0] / cold,
        "unseen": megabytes[1] / unseen,
        "hot": megabytes[1] / statistics.median(seconds for seconds, _, _ in hot),
        "hot, wall": megabytes[1] / statistics.median(seconds for _, seconds, _ in hot),
    }


def timed(encode: Encode, source: Any) -> tuple[float, float, list[Any]]:
    """CPU seconds of all threads, seconds of wall time, and the result."""
    wall, start = time.perf_counter(), time.process_time()
    result = encode(source)
    return time.process_time() - start, time.perf_counter() - wall, result


def as_arrays(result: list[Any], np: Any) -> tuple[Any, Any]:
    """Ids of all conversations and where each begins, of arrays as they are or of a list for each conversation."""
    if len(result) == 2 and hasattr(result[0], "dtype"):
        return result[0].astype(np.int64), result[1].astype(np.int64)
    return np.array([i for row in result for i in row], np.int64), np.cumsum([0, *map(len, result)])


# ---- all lines -------------------------------------------------------------------------------------------------------


def rows_of(folders: list[Path], template: str) -> tuple[list[Row], list[int], int]:
    """Conversations that the format takes, the size of their text in bytes, and how many it refuses."""
    import chattpl

    chat_format, theirs = chattpl.load(FORMAT), chattpl.Template(template)
    rows, refused = [], 0
    for path in sorted(path for folder in folders for path in folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            given = json.loads(line)
            messages = given.get("messages") or [*given.get("prompt", []), *given.get("chosen", [])]
            if not messages:
                continue
            messages = [{k: v for k, v in message.items() if v is not None} for message in messages]
            row = {"messages": messages, "tools": given.get("tools") or None}
            try:
                text = chat_format.render(**row).text
            except chattpl.ChatTemplateError:
                refused += 1
                continue
            if text != theirs.render(**row).text:
                raise SystemExit(f"{path.name}: `--template` writes another text than {FORMAT} of chattpl")
            rows.append((row, len(text.encode())))
    random.Random(0).shuffle(rows)
    return [row for row, _ in rows], [size for _, size in rows], refused


def count_for(line: str, sizes: list[int]) -> int:
    """How many conversations a line gets."""
    total, limit = 0, SLOW.get(line, float("inf")) * 1e6
    for count, size in enumerate(sizes):
        total += size
        if total > limit:
            return count
    return len(sizes)


def order(options: Row) -> Row:
    """Has one line timed in a fresh process."""
    threads = str(options["threads"])
    environment = {**os.environ, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, "--child", json.dumps(options)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"unavailable": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]}
    result: Row = json.loads(done.stdout.splitlines()[-1])
    return result


def different(saved: Path, reference: Path) -> str:
    """How many conversations got other ids than from `transformers`, of those that it had."""
    import numpy as np

    with np.load(saved) as found, np.load(reference) as expected:
        rows, wanted = (np.split(data["ids"], np.cumsum(data["lengths"])[:-1]) for data in (found, expected))
    count = min(len(rows), len(wanted))
    return f"{sum(not np.array_equal(rows[i], wanted[i]) for i in range(count))} of {count}"


def report(options: argparse.Namespace, folder: Path) -> None:
    """Times every line and prints the tables."""
    template = options.template.read_bytes().decode() if options.template else own_template()
    folders = [options.conversations, *([options.corpus] if options.corpus else [])]
    rows, sizes, refused = rows_of(folders, template)
    (folder / "rows.json").write_text(json.dumps({"rows": rows, "bytes": sizes}), "utf-8")
    print(f"{len(rows):,} conversations, {sum(sizes) / 1e6:.1f} MB of text; the format refuses {refused}\n")
    base = {
        "template": template,
        "vocabulary": str(options.oracles / FORMAT / "tokenizer.json"),
        "rows": str(folder / "rows.json"),
    }
    found: dict[tuple[str, int], list[Row]] = {line: [] for line in LINES}
    for _ in range(options.rounds):
        for line, threads in LINES:
            save_to = str(folder / f"{line} {threads}.npz")
            more = {"line": line, "threads": threads, "count": count_for(line, sizes), "save_to": save_to}
            found[line, threads].append(order({**base, **more}))
    print("| | threads | cold | unseen | hot | hot, wall time | other ids |\n|---|---|---|---|---|---|---|")
    medians: dict[tuple[str, int], Row] = {}
    reference = folder / "transformers 1.npz"
    for (line, threads), results in found.items():
        if "unavailable" in results[0]:
            print(f"| {line} | {threads} | {results[0]['unavailable'][:100]} |")
            continue
        median = {key: statistics.median(result[key] for result in results) for key in results[0]}
        medians[line, threads] = median
        wrong = different(folder / f"{line} {threads}.npz", reference) if reference.exists() else "not compared"
        figures = " | ".join(f"{value:.{1 if value < 100 else 0}f}" for value in median.values())
        print(f"| {line} | {threads} | {figures} | {wrong} |")
    ratios(medians)


def ratios(medians: dict[tuple[str, int], Row]) -> None:
    """Prints the ratios that somebody who chooses asks for."""
    pairs = [
        ("chattpl / by hand", ("chattpl", 1), ("by hand", 1)),
        ("chattpl / transformers", ("chattpl", 1), ("transformers", 1)),
        ("chattpl, JSONL / gigatoken on text", ("chattpl, JSONL", 1), ("gigatoken", 1)),
        ("accelerated / transformers", ("accelerated", 1), ("transformers", 1)),
    ]
    print("\n| ratio | cold | unseen | hot |\n|---|---|---|---|")
    for name, one, other in pairs:
        if one in medians and other in medians:
            cells = [f"{medians[one][key] / medians[other][key]:.2f}" for key in ("cold", "unseen", "hot")]
            print(f"| {name} | {' | '.join(cells)} |")
    for line in ("chattpl", "chattpl, JSONL"):
        if (line, 1) in medians and (line, 2) in medians:
            ratio = medians[line, 2]["hot, wall"] / medians[line, 1]["hot, wall"]
            print(f"| {line}: 2 threads / 1, wall time | | | {ratio:.2f} |")


def own_template() -> str:
    """Chattpl's template without the marks that only `transformers` knows."""
    import chattpl

    # An empty block takes the place of each mark, so that white space around it is trimmed as before.
    mark = r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}"
    return re.sub(mark, r"{%\1 set _ = 0 \2%}", chattpl.load(FORMAT).template.source)


def machine(rounds: int) -> None:
    """Prints where and with what the figures were taken."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown processor")
    print(f"{datetime.now():%Y-%m-%d %H:%M}, {processor}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    names = ["gigatoken", "minijinja", "transformers", "tokenizers", "numpy"]
    print(", ".join(f"{name} {_version(name)}" for name in names) + f"; {rounds} rounds\n")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=Path, required=True)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--oracles", type=Path, default=os.environ.get("CHATTPL_ORACLES"))
    parser.add_argument("--template", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.oracles is None:
        parser.error("say where the vocabulary is: --oracles FOLDER, or set CHATTPL_ORACLES")
    options.oracles = Path(options.oracles)
    machine(options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        report(options, Path(folder))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(json.loads(sys.argv[2]))))
    else:
        main()
