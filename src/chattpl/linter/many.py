"""Works on many things at once, in bounded memory, with results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results that may wait for an earlier one, for each thread.
_AHEAD = 8


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None) -> Iterator[Result]:
    """Applies a function in threads.

    Args:
        work: What to do; it runs in several threads at once.
        items: Taken one by one, in the caller's thread, not far ahead of the results.
        threads: How many; as many as this process may use processors by default.

    Yields:
        The results in the order of the items; after them, the error of `items` is raised if there is one.
    """
    count = threads or available_processors()
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(count)
    coming, failure = iter(items), None
    try:
        while True:
            try:
                item = next(coming)
            except StopIteration:
                break
            except Exception as error:  # what came before it is still of use
                failure = error
                break
            waiting.append(pool.submit(work, item))
            if len(waiting) >= count * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if failure:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)


def available_processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
