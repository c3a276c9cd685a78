"""Times encoding against gigatoken, fastokens, tiktoken, kitoken and tokenizers on the same documents.

Ids are compared with those of `tokenizers` before a figure is shown. Every library runs in fresh processes of its own,
on one thread, with NumPy arrays out; figures are megabytes of UTF-8 per CPU-second, medians over `--rounds` processes
that take turns. cold: the first half of the documents, first pass of the process; unseen: the second half after it;
hot: the second half again.

    python benches/bench_encode.py --conversations FOLDER --corpus FOLDER --oracles FOLDER [--vocabularies qwen3,llama2]
        [--sets mixed,en,code,ja+zh] [--libraries ...] [--parts throughput,latency,load,shipped,threads,scaling]

FOLDER of `--oracles` (default: the environment variable CHATTPL_ORACLES) holds NAME/tokenizer.json for each vocabulary.
A library that is missing or refuses a vocabulary is reported as such. `shipped` loads by name what chattpl carries, in
`SHIPPED_ROUNDS` processes each, and needs no oracle.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ONE_THREAD = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
HOT_PASSES = 3
CHATS = 300
CHAT_BYTES = 900
SHIPPED_ROUNDS = 10
SLOW = {"tokenizers": 6.0, "kitoken": 20.0, "tiktoken": 20.0}
"""Megabytes of documents for a slow library; its speed does not depend on how many there are."""
Result = dict[str, Any]


# ---- in the process of one library ---------------------------------------------------------------------------------


def cpu(run: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads of this process, and the result."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def throughput(library: str, path: Path, documents: list[str], threads: int, save_to: Path) -> Result:
    """Megabytes per CPU-second, cold, unseen and hot; saves the ids for the comparison."""
    import numpy as np
    from encode_documents import megabytes
    from encode_peers import load

    middle = len(documents) // 2
    first, second = documents[:middle], documents[middle:]
    encoder = load(library, path, threads)
    cold, ids_of_first = cpu(lambda: encoder.batch(first))
    unseen, ids_of_second = cpu(lambda: encoder.batch(second))
    hot = statistics.median(cpu(lambda: encoder.batch(second))[0] for _ in range(HOT_PASSES))
    halves = {"first": ids_of_first, "second": ids_of_second}
    for name, half in halves.items():
        np.savez(save_to / f"{name}.npz", ids=half.input_ids.astype(np.int64), offsets=half.offsets.astype(np.int64))
    return {
        "cold": megabytes(first) / cold,
        "unseen": megabytes(second) / unseen,
        "hot": megabytes(second) / hot,
        "tokens": len(ids_of_first.input_ids) + len(ids_of_second.input_ids),
    }


def latency(library: str, path: Path, documents: list[str]) -> Result:
    """Microseconds of wall time for a chat never seen: the very first, the next ones, and after a warm-up."""
    from encode_peers import load

    chats = list(_chats(documents))
    encoder = load(library, path)
    first, *fresh = [_wall(encoder.one, chat) for chat in chats[:CHATS]]
    half = documents[len(documents) // 2 :]
    encoder.batch(half[: 4000 if library not in SLOW else 200])
    warm = [_wall(encoder.one, chat) for chat in chats[CHATS : 2 * CHATS]]
    return {"first": first * 1e6, "fresh": statistics.median(fresh) * 1e6, "warm": statistics.median(warm) * 1e6}


def load_time(library: str, path: Path) -> Result:
    """Milliseconds of wall time to load, and megabytes that the import and then the load add to peak memory."""
    import encode_peers

    bare = _peak_kilobytes()
    _import(library)
    before = _peak_kilobytes()
    start = time.perf_counter()
    encoder = encode_peers.load(library, path)
    seconds = time.perf_counter() - start
    encoder.one("Hello, world")
    after = _peak_kilobytes()
    return {"load ms": seconds * 1e3, "import MB": (before - bare) / 1e3, "load MB": (after - before) / 1e3}


def shipped_load(name: str, chat: str) -> Result:
    """A shipped vocabulary, from `import chattpl` on: load, a first chat, and what both add to peak memory."""
    import numpy as np

    assert np.zeros(1).dtype
    import chattpl

    before = _peak_kilobytes()
    start, start_cpu = time.perf_counter(), time.process_time()
    tokenizer = chattpl.Tokenizer.load(name)
    loaded, loaded_cpu = time.perf_counter(), time.process_time()
    tokenizer.encode(chat)
    encoded = time.perf_counter()
    return {
        "load ms": (loaded - start) * 1e3,
        "of it CPU": (loaded_cpu - start_cpu) * 1e3,
        "first chat µs": (encoded - loaded) * 1e6,
        "peak MB": (_peak_kilobytes() - before) / 1e3,
    }


def threads_time(library: str, path: Path, documents: list[str], threads: int) -> Result:
    """Megabytes per second of wall time over documents that were seen once before."""
    from encode_documents import megabytes
    from encode_peers import load

    encoder = load(library, path, threads)
    encoder.batch(documents)
    seconds = statistics.median(_wall(encoder.batch, documents) for _ in range(HOT_PASSES))
    return {"wall": megabytes(documents) / seconds}


def scaling(library: str, path: Path, documents: list[str], size: float) -> Result:
    """Seconds of CPU time per megabyte for a batch of many documents and for one text, of `size` megabytes each."""
    from encode_documents import megabytes
    from encode_peers import load

    encoder = load(library, path)
    encoder.batch(documents)
    batch = list(_until(documents, size))
    one = "".join(batch)
    passes = 3 if size <= 100 else 2
    in_batch = min(cpu(lambda: encoder.batch(batch))[0] for _ in range(passes))
    as_one = min(cpu(lambda: encoder.one(one))[0] for _ in range(passes))
    total = megabytes(batch)
    return {"documents": in_batch / total * 1e3, "one text": as_one / total * 1e3}


def _chats(documents: list[str]) -> Iterator[str]:
    """Beginnings of documents, of 900 bytes or a little less, no two alike."""
    seen = set()
    for text in documents[: len(documents) // 2]:
        data = text.encode()
        chat = data[:CHAT_BYTES].decode("utf-8", "ignore")
        if len(data) >= CHAT_BYTES and chat not in seen:
            seen.add(chat)
            yield chat


def _until(documents: list[str], size: float) -> Iterator[str]:
    written = 0.0
    while written < size * 1e6:
        for text in documents:
            yield text
            written += len(text.encode())
            if written >= size * 1e6:
                return


def _wall(run: Callable[[Any], Any], argument: Any) -> float:
    start = time.perf_counter()
    run(argument)
    return time.perf_counter() - start


def _import(library: str) -> None:
    try:
        __import__(library)
    except ImportError:
        return


def _peak_kilobytes() -> int:
    """Peak resident memory since the start of this program; `ru_maxrss` would go on from the parent's."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def child(order: Result) -> Result:
    """Does one measurement in this process."""
    from encode_peers import Unavailable

    path = Path(order["path"])
    documents = json.loads(Path(order["documents"]).read_text("utf-8")) if order.get("documents") else []
    try:
        match order["part"]:
            case "throughput":
                save_to = Path(order["save_to"])
                return throughput(order["library"], path, documents, order["threads"], save_to)
            case "latency":
                return latency(order["library"], path, documents)
            case "load":
                return load_time(order["library"], path)
            case "shipped":
                return shipped_load(order["name"], order["chat"])
            case "threads":
                return threads_time(order["library"], path, documents, order["threads"])
            case "scaling":
                return scaling(order["library"], path, documents, order["size"])
            case other:
                raise AssertionError(other)
    except Unavailable as error:
        return {"unavailable": str(error)}


# ---- in the process that compares and prints -----------------------------------------------------------------------


class Bench:
    """Vocabularies, documents and libraries of one run."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        from encode_documents import document_sets

        self.options = options
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.documents: dict[str, list[str]] = {}
        for name, documents in document_sets(options.conversations, options.corpus).items():
            self._write(name, documents)
            for library, size in SLOW.items():
                self._write(f"{name} {library}", list(_until(documents, size)))

    def _write(self, name: str, documents: list[str]) -> None:
        self.documents[name] = documents
        self.paths[name] = self.folder / f"{len(self.paths)}.json"
        self.paths[name].write_text(json.dumps(documents), "utf-8")

    def documents_for(self, name: str, library: str) -> str:
        """A slow library gets the set's first documents only."""
        short = f"{name} {library}"
        return short if short in self.documents and len(self.documents[short]) < len(self.documents[name]) else name

    def vocabulary(self, name: str) -> Path:
        return self.options.oracles / name / "tokenizer.json"

    def order(self, library: str, vocabulary: str, part: str, **more: Any) -> Result:
        """Has one measurement made in a fresh process."""
        order = {"library": library, "path": str(self.vocabulary(vocabulary)), "part": part, **more}
        threads = more.get("threads", 1)
        environment = {**os.environ, **(ONE_THREAD if threads == 1 else {"RAYON_NUM_THREADS": str(threads)})}
        # What is installed has its modules compiled; a checkout gets them in the first process.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, __file__, "--child", json.dumps(order)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"unavailable": f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}"}
        return json.loads(done.stdout.splitlines()[-1])

    def shipped(self) -> dict[str, Result]:
        """Medians of each shipped vocabulary, after a process that may have had to make its image."""
        from chattpl import vocabularies

        chat = next(_chats(self.documents["mixed"]))
        found: dict[str, list[Result]] = {}
        for name in vocabularies.names():
            runs = [self.order("chattpl", name, "shipped", name=name, chat=chat) for _ in range(1 + SHIPPED_ROUNDS)]
            found[name] = runs[1:]
        return {name: self._with_fastest(results) for name, results in found.items()}

    @staticmethod
    def _with_fastest(results: list[Result]) -> Result:
        """Medians, and the one that the machine's other work disturbed least."""
        median = _median(results)
        return median if "unavailable" in median else {**median, "fastest": min(run["load ms"] for run in results)}

    def rounds(self, libraries: list[str], run: Callable[[str], Result]) -> dict[str, Result]:
        """Medians of each figure; the libraries take turns."""
        found: dict[str, list[Result]] = {library: [] for library in libraries}
        for _ in range(self.options.rounds):
            for library in libraries:
                if not found[library] or "unavailable" not in found[library][0]:
                    found[library].append(run(library))
        return {library: _median(results) for library, results in found.items()}

    def throughput(self, vocabulary: str, set_name: str) -> dict[str, Result]:
        """One table: libraries by cold, unseen and hot, with the documents whose ids differ from tokenizers'."""
        ids: dict[str, Path] = {}

        def run(library: str) -> Result:
            ids[library] = self.folder / f"ids {library}"
            ids[library].mkdir(exist_ok=True)
            documents = str(self.paths[self.documents_for(set_name, library)])
            return self.order(
                library, vocabulary, "throughput", documents=documents, threads=1, save_to=str(ids[library])
            )

        results = self.rounds(self.options.libraries, run)
        for library, result in results.items():
            if "unavailable" not in result:
                name = self.documents_for(set_name, library)
                result["different"] = self._different(vocabulary, name, ids[library])
        return results

    def _different(self, vocabulary: str, name: str, saved: Path) -> int:
        """How many documents got other ids than from tokenizers."""
        import numpy as np

        expected = self._reference(vocabulary, name)
        rows: list[Any] = []
        for half in ("first", "second"):
            with np.load(saved / f"{half}.npz") as data:
                rows += np.split(data["ids"], data["offsets"][1:-1])
        if len(rows) != len(expected):
            raise SystemExit(f"{saved.name}: {len(rows)} documents came back for {len(expected)}")
        return sum(not np.array_equal(a, b) for a, b in zip(rows, expected, strict=True))

    def _reference(self, vocabulary: str, name: str) -> list[Any]:
        import numpy as np
        import tokenizers

        key = self.folder / f"reference {vocabulary} {name}.npz"
        if not key.exists():
            tokenizer = tokenizers.Tokenizer.from_file(str(self.vocabulary(vocabulary)))
            encodings = tokenizer.encode_batch_fast(self.documents[name], add_special_tokens=False)
            lengths = np.cumsum([0] + [len(encoding.ids) for encoding in encodings])
            np.savez(key, ids=np.concatenate([encoding.ids for encoding in encodings]), offsets=lengths)
        with np.load(key) as data:
            return np.split(data["ids"], data["offsets"][1:-1])


def _median(results: list[Result]) -> Result:
    if "unavailable" in results[0]:
        return results[0]
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def table(title: str, results: dict[str, Result], columns: list[str], digits: int = 0) -> None:
    """Prints one table in Markdown."""
    print(f"\n**{title}**\n\n| library | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for library, result in results.items():
        if "unavailable" in result:
            print(f"| {library} | {result['unavailable'][:100]} |")
        else:
            print(f"| {library} | {' | '.join(_cell(result[column], digits) for column in columns)} |")
    sys.stdout.flush()


def _cell(value: float, digits: int) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.{digits if value >= 20 else max(digits, 1)}f}"


def report(bench: Bench, vocabulary: str) -> None:
    """Prints every part asked for, for one vocabulary."""
    options, libraries = bench.options, bench.options.libraries
    mixed = str(bench.paths["mixed"])
    for set_name in options.sets if "throughput" in options.parts else []:
        documents = bench.documents[set_name]
        size = f"{len(documents):,} documents, {sum(len(text.encode()) for text in documents) / 1e6:.1f} MB"
        title = f"{vocabulary}, {set_name} ({size}): MB per CPU-second; documents whose ids differ from tokenizers'"
        table(title, bench.throughput(vocabulary, set_name), ["cold", "unseen", "hot", "different"])
    if "latency" in options.parts:
        title = f"{vocabulary}: one chat of {CHAT_BYTES} bytes, never seen, microseconds"
        run = lambda library: bench.order(library, vocabulary, "latency", documents=mixed)  # noqa: E731
        table(title, bench.rounds(libraries, run), ["first", "fresh", "warm"])
    if "load" in options.parts:
        run = lambda library: bench.order(library, vocabulary, "load")  # noqa: E731
        title = (
            f"{vocabulary}: load of tokenizer.json, and what import and load add to peak memory (NumPy is there before)"
        )
        table(title, bench.rounds(libraries, run), ["load ms", "import MB", "load MB"])
    if "threads" in options.parts:
        fast = [library for library in libraries if library not in SLOW]
        one, two = (
            bench.rounds(
                fast, lambda library, n=n: bench.order(library, vocabulary, "threads", documents=mixed, threads=n)
            )
            for n in (1, 2)
        )
        for library, result in two.items():
            if "unavailable" not in result:
                result.update({"1 thread": one[library]["wall"], "2 threads": result["wall"]})
                result["ratio"] = result["2 threads"] / result["1 thread"]
        table(
            f"{vocabulary}, mixed, seen before: MB per second of wall time", two, ["1 thread", "2 threads", "ratio"], 2
        )
    if "scaling" in options.parts:
        for size in options.sizes:
            run = lambda library: bench.order(library, vocabulary, "scaling", documents=mixed, size=size)  # noqa: B023, E731
            fast = [library for library in libraries if library not in SLOW]
            title = f"{vocabulary}, {size:g} MB of mixed after warm-up: milliseconds of CPU time per MB"
            table(title, bench.rounds(fast, run), ["documents", "one text"], 2)


def report_shipped(bench: Bench) -> None:
    """Prints what loading by name costs."""
    title = f"load by name, after `import numpy, chattpl`, and one chat of {CHAT_BYTES} bytes; peak memory of both"
    table(title, bench.shipped(), ["load ms", "fastest", "of it CPU", "first chat µs", "peak MB"], 1)


def machine(options: argparse.Namespace) -> None:
    """Prints where and with what the figures were taken."""
    names = ["gigatoken", "fastokens", "tiktoken", "kitoken", "tokenizers", "numpy"]
    processor = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    print(f"{datetime.now():%Y-%m-%d %H:%M}, {processor}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(", ".join(f"{name} {_version(name)}" for name in names), f"; {options.rounds} rounds")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def arguments() -> argparse.Namespace:
    from encode_peers import LIBRARIES

    def names(value: str) -> list[str]:
        return value.split(",")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=Path, required=True)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--oracles", type=Path, default=os.environ.get("CHATTPL_ORACLES"))
    parser.add_argument("--vocabularies", type=names, default=["qwen3"])
    parser.add_argument("--sets", type=names, default=["mixed"])
    parser.add_argument("--libraries", type=names, default=list(LIBRARIES))
    parser.add_argument("--parts", type=names, default=["throughput", "latency", "load"])
    parser.add_argument(
        "--sizes", type=lambda value: [float(size) for size in value.split(",")], default=[1.0, 10.0, 100.0]
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.oracles is None and options.parts == ["shipped"]:
        options.oracles, options.vocabularies = "", []
    if options.oracles is None:
        parser.error("say where the vocabularies are: --oracles FOLDER, or set CHATTPL_ORACLES")
    options.oracles = Path(options.oracles)
    return options


def main() -> None:
    options = arguments()
    machine(options)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        if "shipped" in options.parts:
            report_shipped(bench)
        for vocabulary in options.vocabularies:
            if bench.vocabulary(vocabulary).is_file():
                report(bench, vocabulary)
            else:
                print(f"\n{vocabulary}: no {bench.vocabulary(vocabulary)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(json.loads(sys.argv[2]))))
    else:
        main()
