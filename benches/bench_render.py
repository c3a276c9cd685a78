"""Times rendering against `transformers` and minijinja on real conversations.

One process, one run, the same input for all; text is compared before anything is timed. Every figure is CPU time of
one whole pass over the conversations, the median of several passes that take turns.

    python benches/bench_render.py [--conversations FOLDER] [--trl FOLDER] [--rounds N]
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import minijinja
import transformers
from tokenizers import Tokenizer, models

import chattpl

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = {"Qwen3": "qwen3.jinja", "Llama 3.1": "llama3_1.jinja", "gpt-oss": "gptoss.jinja"}
Row = dict[str, Any]


def rows_with_messages(folder: Path) -> list[Row]:
    """Every row that has messages; keys whose value is None are dropped, as `apply_chat_template` drops them."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("messages"):
                messages = [{k: v for k, v in m.items() if v is not None} for m in row["messages"]]
                rows.append({"messages": messages, "tools": row.get("tools")})
    return rows


def source_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def transformers_renderer(source: str) -> Callable[[Row], str]:
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    tokenizer.chat_template = source

    def render(row: Row) -> str:
        return tokenizer.apply_chat_template(
            row["messages"], tools=row["tools"], tokenize=False, add_generation_prompt=True
        )

    return render


def minijinja_renderer(source: str) -> Callable[[Row], str]:
    def raise_exception(message: str) -> None:
        raise ValueError(message)

    def strftime_now(pattern: str) -> str:
        return datetime.now().strftime(pattern)

    env = minijinja.Environment(templates={"chat": source}, trim_blocks=True, lstrip_blocks=True, pycompat=True)
    env.add_global("raise_exception", raise_exception)
    env.add_global("strftime_now", strftime_now)

    def render(row: Row) -> str:
        return env.render_template(
            "chat", messages=row["messages"], tools=row["tools"], documents=None, add_generation_prompt=True
        )

    return render


def passes(renderers: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of one pass of each renderer."""
    seconds: dict[str, list[float]] = {name: [] for name in renderers}
    for _ in range(rounds):
        for name, run in renderers.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def text_or_none(render: Callable[[Row], str], row: Row) -> str | None:
    """The text; None where the renderer raises."""
    try:
        return render(row)
    except Exception:
        return None


def one_template(name: str, source: str, rows: list[Row], rounds: int) -> None:
    template = chattpl.Template(source, name)
    reference = transformers_renderer(source)
    peer = minijinja_renderer(source)

    def ours(row: Row) -> str:
        return template.render(row["messages"], tools=row["tools"], add_generation_prompt=True).text

    def from_json(row: Row) -> str:
        return template.render_json(row["json"], add_generation_prompt=True).text

    def loads_then_render(row: Row) -> str:
        data = json.loads(row["json"])
        return template.render(data["messages"], tools=data["tools"], add_generation_prompt=True).text

    texts = {id(row): text for row in rows if (text := text_or_none(reference, row)) is not None}
    usable = [row for row in rows if id(row) in texts]
    for label, render in {"chattpl": ours, "chattpl JSON": from_json}.items():
        wrong = sum(text_or_none(render, row) != texts.get(id(row)) for row in rows)
        if wrong:
            raise SystemExit(f"{label}: {wrong} of {len(rows)} renders differ from transformers")
    differing = sum(text_or_none(peer, row) != texts[id(row)] for row in usable)

    def over(render: Callable[[Row], str]) -> Callable[[], None]:
        def run() -> None:
            for row in usable:
                render(row)

        return run

    def caught() -> None:
        for row in usable:
            try:
                peer(row)
            except Exception:
                continue

    seconds = passes(
        {
            "transformers": over(reference),
            "minijinja-py": caught,
            "chattpl": over(ours),
            "chattpl JSON": over(from_json),
            "json.loads + chattpl": over(loads_then_render),
        },
        rounds,
    )
    characters = sum(len(texts[id(row)]) for row in usable)
    print(
        f"\n{name}: {len(usable)} conversations, {characters / 1e6:.1f}M characters; "
        f"minijinja-py differs from transformers on {differing}"
    )
    print("| renderer | µs per conversation | MB/s | x transformers | x minijinja-py |")
    print("|---|---|---|---|---|")
    for label, value in seconds.items():
        print(
            f"| {label} | {value / len(usable) * 1e6:.1f} | {characters / value / 1e6:.0f} "
            f"| {seconds['transformers'] / value:.1f} | {seconds['minijinja-py'] / value:.1f} |"
        )


def one_long_message(rounds: int) -> None:
    """What a message of a million characters adds, against copying it."""
    template = chattpl.load("qwen3").template
    long = "The quick brown fox jumps over the lazy dog. " * 22223
    messages = [{"role": "user", "content": long}]
    short = [{"role": "user", "content": "x"}]

    def repeated(run: Callable[[], object]) -> float:
        start = time.perf_counter()
        for _ in range(200):
            run()
        return (time.perf_counter() - start) / 200

    copies, added = [], []
    for _ in range(rounds):
        copies.append(repeated(lambda: long + "x"))
        added.append(repeated(lambda: template.render(messages).text) - repeated(lambda: template.render(short).text))
    copy, extra = statistics.median(copies), statistics.median(added)
    print(
        f"\nOne message of {len(long):,} characters adds {extra * 1e6:.0f} µs; "
        f"copying it takes {copy * 1e6:.0f} µs ({extra / copy:.2f}x)"
    )


def compile_times(folder: Path, rounds: int) -> None:
    """Median time to compile a template, over a folder of them."""
    sources = [source_of(path) for path in sorted(folder.glob("*.jinja"))]
    if not sources:
        return
    medians = []
    for source in sources:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            chattpl.Template(source)
            times.append(time.perf_counter() - start)
        medians.append(statistics.median(times))
    print(
        f"\nCompile, {len(sources)} templates: median {statistics.median(medians) * 1e6:.0f} µs, "
        f"slowest {max(medians) * 1e6:.0f} µs"
    )


def machine() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    shared = ROOT.parent / "shared"
    parser.add_argument("--conversations", type=Path, default=shared / "data" / "conversations")
    parser.add_argument("--conformance", type=Path, default=shared / "conformance" / "templates")
    parser.add_argument("--trl", type=Path, default=ROOT / ".cache" / "trl" / "trl" / "chat_templates")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = rows_with_messages(options.conversations)
    for row in rows:
        row["json"] = json.dumps({"messages": row["messages"], "tools": row["tools"]}, ensure_ascii=False).encode()
    versions = ", ".join(f"{name} {version(name)}" for name in ("transformers", "minijinja"))
    print(f"{datetime.now():%Y-%m-%d}, {machine()}, Python {platform.python_version()}, {versions}")
    for name, file in TEMPLATES.items():
        one_template(name, source_of(options.trl / file), rows, options.rounds)
    one_long_message(options.rounds)
    compile_times(options.conformance, options.rounds)


if __name__ == "__main__":
    main()
