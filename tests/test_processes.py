"""Processes and threads: the same ids after `fork`, `spawn` and `pickle`, also when threads ran before; no deadlock."""

from __future__ import annotations

import multiprocessing as mp
import os
import pickle
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

import chattpl
from chattpl import ChatFormat, Tokenizer, vocabularies

TIMEOUT_SECONDS = 120
VOCABULARY = "qwen"
CHATS = [
    [
        {"role": "user", "content": f"Question {number}: how much is {number} + {number}? 日本語 🦆"},
        {"role": "assistant", "content": f"It is {2 * number}.\n\n" + "And so on. " * (number % 50)},
    ]
    for number in range(300)
]
TEXTS = [chat[1]["content"] for chat in CHATS]
CONTEXTS = [name for name in ("fork", "spawn", "forkserver") if name in mp.get_all_start_methods()]
linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

Ids = tuple[list[int], list[int], list[int]]


@pytest.fixture(scope="module")
def chat_format() -> ChatFormat:
    return chattpl.load("qwen3")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(VOCABULARY)


def encode_chats(chat_format: ChatFormat, threads: int = 2) -> Ids:
    batch = chat_format.encode_batch(CHATS, threads=threads)
    return batch.input_ids.tolist(), batch.loss_mask.tolist(), batch.message_index.tolist()


def encode_texts(tokenizer: Tokenizer, threads: int = 2) -> list[int]:
    ids: list[int] = tokenizer.encode_batch(TEXTS, threads=threads).input_ids.tolist()
    return ids


def encode_both(pair: tuple[ChatFormat, Tokenizer]) -> tuple[Ids, list[int], int]:
    chat_format, tokenizer = pair
    return encode_chats(chat_format), encode_texts(tokenizer), len(chat_format.encode(CHATS[0]))


def in_child(context: str, function: Callable[[Any], Any], argument: Any) -> Any:
    """Runs `function(argument)` in a process of its own; fails where it does not come back in time."""
    with warnings.catch_warnings():
        # Python 3.12 warns of any fork while there are threads, which is what is tried here.
        warnings.simplefilter("ignore", DeprecationWarning)
        ours, theirs = mp.Pipe(duplex=False)
        process = cast(Any, mp.get_context(context)).Process(target=_answer, args=(theirs, function, argument))
        process.start()
    theirs.close()
    try:
        if not ours.poll(TIMEOUT_SECONDS):
            pytest.fail(f"{context}: no answer in {TIMEOUT_SECONDS} s")
        return ours.recv()
    finally:
        ours.close()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()


def _answer(pipe: Any, function: Callable[[Any], Any], argument: Any) -> None:
    pipe.send(function(argument))
    pipe.close()


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_child_gives_the_same_ids_after_threads_have_run(
    context: str, chat_format: ChatFormat, tokenizer: Tokenizer
) -> None:
    here = encode_both((chat_format, tokenizer))
    assert in_child(context, encode_both, (chat_format, tokenizer)) == here
    assert encode_both((chat_format, tokenizer)) == here


@pytest.mark.skipif("fork" not in CONTEXTS, reason="no fork here")
def test_a_fork_while_other_threads_encode_does_not_hang(chat_format: ChatFormat, tokenizer: Tokenizer) -> None:
    here = encode_both((chat_format, tokenizer))
    stop = threading.Event()

    def keep_encoding() -> None:
        while not stop.is_set():
            encode_both((chat_format, tokenizer))

    threads = [threading.Thread(target=keep_encoding) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            assert in_child("fork", encode_both, (chat_format, tokenizer)) == here
    finally:
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS)


@pytest.mark.skipif("fork" not in CONTEXTS, reason="no fork here")
def test_a_grandchild_gives_the_same_ids(chat_format: ChatFormat, tokenizer: Tokenizer) -> None:
    here = encode_both((chat_format, tokenizer))
    assert in_child("fork", _in_grandchild, (chat_format, tokenizer)) == here


def _in_grandchild(pair: tuple[ChatFormat, Tokenizer]) -> Any:
    encode_both(pair)
    return in_child("fork", encode_both, pair)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_pool_of_processes_gives_the_same_ids(context: str, chat_format: ChatFormat) -> None:
    here = encode_chats(chat_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(2, mp.get_context(context)) as pool:
            for found in pool.map(encode_chats, [chat_format] * 4, [1, 2, 1, 2], timeout=TIMEOUT_SECONDS):
                assert found == here


def test_a_pickle_is_small_and_gives_the_same_ids(chat_format: ChatFormat, tokenizer: Tokenizer) -> None:
    here = encode_both((chat_format, tokenizer))
    data = pickle.dumps((chat_format, tokenizer))
    assert len(data) < 50_000  # names and templates, no vocabulary
    assert encode_both(pickle.loads(data)) == here


def test_threads_share_one_format(chat_format: ChatFormat, tokenizer: Tokenizer) -> None:
    here = encode_both((chat_format, tokenizer))
    rows = [chat_format.encode(chat).input_ids.tolist() for chat in CHATS]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(encode_both, [(chat_format, tokenizer)] * 16, timeout=TIMEOUT_SECONDS):
            assert found == here
        one_by_one = pool.map(lambda chat: chat_format.encode(chat).input_ids.tolist(), CHATS, timeout=TIMEOUT_SECONDS)
        assert list(one_by_one) == rows
        decoded = pool.map(lambda text: tokenizer.decode(tokenizer.encode(text)), TEXTS, timeout=TIMEOUT_SECONDS)
        assert list(decoded) == TEXTS


def test_ids_do_not_depend_on_the_number_of_threads(chat_format: ChatFormat, tokenizer: Tokenizer) -> None:
    found = [(encode_chats(chat_format, n), encode_texts(tokenizer, n)) for n in (1, 2, 3, 8)]
    assert all(each == found[0] for each in found)


@linux
def test_no_thread_is_left_behind(chat_format: ChatFormat) -> None:
    encode_chats(chat_format, 8)  # NumPy, which the first encoding imports, keeps threads of its own.
    before = set(os.listdir("/proc/self/task"))
    encode_chats(chat_format, 8)
    # A thread whose work is done is listed until the system has taken it down.
    until = time.monotonic() + TIMEOUT_SECONDS
    while (left := set(os.listdir("/proc/self/task")) - before) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left


# ---- memory ----------------------------------------------------------------------------------------------------------


def private_kilobytes() -> int:
    """Memory that this process alone has."""
    text = Path("/proc/self/smaps_rollup").read_text("utf-8")
    return sum(int(size) for size in re.findall(r"^Private_\w+:\s+(\d+) kB$", text, re.MULTILINE))


class Mapping(NamedTuple):
    """What `/proc/self/smaps` says of a file that is mapped, in kilobytes; private and dirty is what was written to."""

    path: str
    size: int
    resident: int
    private_dirty: int
    anonymous: int


def mapped_images() -> list[Mapping]:
    """The images that are mapped into this process."""
    found = []
    for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text("utf-8"), flags=re.MULTILINE):
        head, *lines = part.splitlines() or [""]
        if head.endswith(".image"):
            sizes = {key: int(value.split()[0]) for key, value in (line.split(":") for line in lines) if "kB" in value}
            said = (sizes[key] for key in ("Size", "Rss", "Private_Dirty", "Anonymous"))
            found.append(Mapping(head.split(maxsplit=5)[5], *said))
    return found


def _load_and_look(name: str) -> tuple[int, list[int], list[Mapping]]:
    before = private_kilobytes()
    tokenizer = Tokenizer.load(name)
    ids = encode_texts(tokenizer)
    assert tokenizer.vocab_size > 100_000
    return private_kilobytes() - before, ids, mapped_images()


def _encode_and_look(tokenizer: Tokenizer) -> tuple[int, list[int], list[Mapping]]:
    before = private_kilobytes()
    ids = encode_texts(tokenizer)
    # Not known to a forked child from before, so that it is looked up.
    assert len(tokenizer.encode("".join(TEXTS)[::-1]))
    return private_kilobytes() - before, ids, mapped_images()


def _growth_by_encoding(pair: tuple[ChatFormat, Tokenizer]) -> tuple[int, int]:
    before = private_kilobytes()
    encode_both(pair)
    return before, private_kilobytes() - before


def _fork_and_look(pair: tuple[ChatFormat, Tokenizer]) -> Any:
    encode_both(pair)
    return in_child("fork", _growth_by_encoding, pair)


def assert_all_is_shared(mapped: list[Mapping]) -> None:
    """The vocabulary is mapped, once or more often, and read from; neither it nor any other image is written to."""
    ours = [mapping for mapping in mapped if mapping.path == str(vocabularies.image_path(VOCABULARY))]
    assert any(mapping.resident for mapping in ours)
    assert all(mapping.size * 1024 >= Path(mapping.path).stat().st_size > 5_000_000 for mapping in ours)
    assert [mapping for mapping in mapped if mapping.private_dirty or mapping.anonymous] == []


@linux
@pytest.mark.skipif("fork" not in CONTEXTS, reason="no fork here")
def test_a_forked_child_has_no_copy_of_the_vocabulary(chat_format: ChatFormat, tokenizer: Tokenizer) -> None:
    # Of a process of its own: what other tests left in this one, a child would copy as it goes through its objects.
    own, growth = in_child("spawn", _fork_and_look, (chat_format, tokenizer))
    assert own + growth < 12_000, f"a child has {own} kB of its own, and {growth} more after it encoded"


@linux
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_vocabulary_that_came_with_the_process_is_mapped_and_shared(context: str, tokenizer: Tokenizer) -> None:
    here = encode_texts(tokenizer)
    growth, ids, mapped = in_child(context, _encode_and_look, tokenizer)
    assert ids == here
    assert growth < 12_000
    assert_all_is_shared(mapped)
    assert_all_is_shared(mapped_images())


@linux
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_loaded_vocabulary_costs_little_and_is_shared(context: str) -> None:
    Tokenizer.load(VOCABULARY)  # makes the image
    growth, _, mapped = in_child(context, _load_and_look, VOCABULARY)
    assert growth < 12_000
    assert_all_is_shared(mapped)


# ---- data loaders ----------------------------------------------------------------------------------------------------


class _Rows:
    """A data set for torch: ids of one conversation each."""

    def __init__(self, chat_format: ChatFormat) -> None:
        self.chat_format = chat_format

    def __len__(self) -> int:
        return len(CHATS)

    def __getitem__(self, index: int) -> list[int]:
        ids: list[int] = self.chat_format.encode(CHATS[index]).input_ids.tolist()
        return ids


def _first(rows: list[list[int]]) -> list[int]:
    return rows[0]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("context", [name for name in CONTEXTS if name != "forkserver"])
def test_workers_of_a_torch_data_loader_give_the_same_ids(context: str, chat_format: ChatFormat) -> None:
    from torch.utils.data import DataLoader

    encode_chats(chat_format)
    rows = _Rows(chat_format)
    loader: Any = DataLoader(
        rows,
        batch_size=1,
        num_workers=2,
        collate_fn=_first,
        multiprocessing_context=context,
        timeout=TIMEOUT_SECONDS,
    )
    assert list(loader) == [rows[index] for index in range(len(rows))]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        yield ray
        ray.shutdown()


@pytest.mark.slow
def test_workers_of_ray_give_the_same_ids(ray: Any, chat_format: ChatFormat) -> None:
    here = encode_chats(chat_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shared = ray.put(chat_format)
        remote = ray.remote(encode_chats)
        found = ray.get([remote.remote(shared, threads) for threads in (1, 2)], timeout=TIMEOUT_SECONDS)
    assert found == [here, here]
